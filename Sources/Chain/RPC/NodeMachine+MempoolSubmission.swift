import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let mempoolSubmission: [RPCMethod] = [
        RPCMethod(
            "sendrawtransaction", "hexstring:hex maxfeerate:amount? maxburnamount:amount?",
            in: "Rawtransactions", "Submits a transaction to the memory pool and the network."
        ) { node, call, effects throws(RPCError) in try node.sendRaw(call, into: &effects) },
        RPCMethod(
            "testmempoolaccept", "rawtxs:arr maxfeerate:amount?", in: "Rawtransactions",
            "Whether transactions would be accepted; several are judged as a package."
        ) { node, call, _ throws(RPCError) in try node.testAcceptance(call) },
        RPCMethod(
            "submitpackage", "package:arr maxfeerate:amount? maxburnamount:amount?", in: "Rawtransactions",
            "Submits a child with its parents, which are judged by their common fee rate where they must be."
        ) { node, call, effects throws(RPCError) in try node.submitPackage(call, into: &effects) },
    ]
}

/// Transactions that callers hand in.
extension NodeMachine {
    fileprivate mutating func sendRaw(
        _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let burnLimit = call[2] == nil ? 0 : try call.amount(2)
        let sent = try transaction(
            try call.string(0), or: "TX decode failed. Make sure the tx has at least one input.")
        try checkBurn(sent, limit: burnLimit)
        let limit = Policy.fee(rate: try rateMax(call, 1), virtualSize: sent.virtualSize)
        if let held = mempool[sent.txid] {
            // Peers that came later hear of the one that is held, whatever witness was sent now.
            relay(held.transaction, at: call.now, into: &effects)
            return .string(sent.txid.displayHex)
        }
        for index in sent.outputs.indices
        where chain.coins[OutPoint(txid: sent.txid, index: UInt32(index))] != nil {
            throw RPCError(code: -27, message: "Transaction outputs already in utxo set")
        }
        do throws(Rejection) {
            if limit > 0 {
                let verdict = try mempool.examine(sent, chain: chain, time: unixTime(at: call.now))
                if verdict.fee > limit { throw Rejection(.policy, Self.feeExceeded) }
            }
            _ = try submit(sent, at: call.now, into: &effects)
        } catch {
            if error.reason == Self.feeExceeded {
                throw .verify("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
            }
            throw error.kind == .missingInputs ? .verify(error.reason) : .rejected(error.text)
        }
        return .string(sent.txid.displayHex)
    }

    private static var feeExceeded: String { "max-fee-exceeded" }

    private func checkBurn(_ transaction: Transaction, limit: Int64) throws(RPCError) {
        for output in transaction.outputs where output.value > limit {
            let script = output.scriptPubKey.bytes
            guard CoinSet.isUnspendable(script) || !Self.hasValidOperations(script) else { continue }
            throw .verify("Unspendable output exceeds maximum configured by user (maxburnamount)")
        }
    }

    /// Core's HasValidOps: every opcode exists and every push is whole and short enough.
    private static func hasValidOperations(_ script: [UInt8]) -> Bool {
        var reader = ScriptReader(script)
        while let (opcode, push) = reader.next() {
            if opcode > 0xba || push.count > ChainLimits.scriptElementSize { return false }
        }
        return !reader.isBroken
    }

    /// Satoshi per 1000 virtual bytes; 0 for any rate.
    private func rateMax(_ call: RPCArguments, _ index: Int) throws(RPCError) -> Int64 {
        guard call[index] != nil else { return ChainLimits.feeRateMax }
        let rate = try call.amount(index)
        if rate >= 100_000_000 {
            throw .parameter("Fee rates larger than or equal to 1BTC/kvB are not accepted")
        }
        return rate
    }

    private func transactions(_ call: RPCArguments) throws(RPCError) -> [Transaction] {
        let texts = try call.array(0) ?? []
        guard (1...ChainLimits.packageCount).contains(texts.count) else {
            throw .parameter("Array must contain between 1 and \(ChainLimits.packageCount) transactions.")
        }
        var list: [Transaction] = []
        for text in texts {
            guard let hex = text.stringValue else {
                throw .type("JSON value of type \(text.typeName) is not of expected type string")
            }
            list.append(
                try transaction(
                    hex, or: "TX decode failed: \(hex) Make sure the tx has at least one input."))
        }
        return list
    }

    fileprivate func testAcceptance(_ call: RPCArguments) throws(RPCError) -> JSON {
        let limit = try rateMax(call, 1)
        let package = try transactions(call)
        let verdict = mempool.test(package, chain: chain, time: unixTime(at: call.now))
        var answers: [JSON] = []
        var isOver = false
        for tested in package {
            var object: JSONObject = [
                "txid": .string(tested.txid.displayHex), "wtxid": .string(tested.wtxid.displayHex),
            ]
            if verdict.isPackageFault, let fault = verdict.fault {
                object.append("package-error", .string(fault.text))
            }
            switch isOver ? nil : verdict.results[tested.wtxid] {
            case .accepted(let found, let rate, let includes):
                let feeMax = Policy.fee(rate: limit, virtualSize: found.virtualSize)
                isOver = limit > 0 && found.fee > feeMax
                object.append("allowed", .bool(!isOver))
                if isOver {
                    object.append("reject-reason", .string(Self.feeExceeded))
                } else {
                    describe(tested, found.virtualSize, fee: found.fee, (rate, includes), into: &object)
                }
            case .rejected(let rejection):
                object.append("allowed", false)
                if rejection.kind == .missingInputs {
                    object.append("reject-reason", "missing-inputs")
                } else {
                    object.append("reject-reason", .string(rejection.reason))
                    object.append("reject-details", .string(rejection.text))
                }
            case .known, .otherWitness, nil: break
            }
            answers.append(.object(object))
        }
        return .array(answers)
    }

    private func describe(
        _ transaction: Transaction, _ virtualSize: Int, fee: Int64,
        _ effective: (rate: Int64, includes: [Hash256])?, into object: inout JSONObject
    ) {
        object.append("vsize_adjusted", .int(virtualSize))
        object.append("vsize", .int(virtualSize))
        object.append("vsize_bip141", .int(transaction.virtualSize))
        var fees: JSONObject = ["base": .amount(satoshi: fee)]
        if let effective {
            fees.append("effective-feerate", .amount(satoshi: effective.rate))
            fees.append("effective-includes", .array(effective.includes.map { .string($0.displayHex) }))
        }
        object.append("fees", .object(fees))
    }

    fileprivate mutating func submitPackage(
        _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let limit = try rateMax(call, 1)
        let burnLimit = call[2] == nil ? 0 : try call.amount(2)
        let package = try transactions(call)
        for sent in package { try checkBurn(sent, limit: burnLimit) }
        if package.count > 1, !Mempool.isChildWithParents(package, tree: true) {
            throw .verify(
                "package topology disallowed. not child-with-parents or parents depend on each other.")
        }
        let verdict = submit(
            package: package, rateMax: limit == 0 ? nil : limit, at: call.now, into: &effects)
        var results = JSONObject()
        for sent in package {
            if mempool[sent.txid] != nil { keepBroadcasting(sent.txid, at: peerTime(call.now)) }
            var object: JSONObject = ["txid": .string(sent.txid.displayHex)]
            switch verdict.results[sent.wtxid] {
            case .accepted(let found, let rate, let includes):
                describe(sent, found.virtualSize, fee: found.fee, (rate, includes), into: &object)
            case .known(let virtualSize, let fee):
                describe(sent, virtualSize, fee: fee, nil, into: &object)
            case .otherWitness(let wtxid): object.append("other-wtxid", .string(wtxid.displayHex))
            case .rejected(let rejection): object.append("error", .string(rejection.text))
            case nil: object.append("error", "package-not-validated")
            }
            results.append(sent.wtxid.displayHex, .object(object))
        }
        let replaced = verdict.replaced.map(\.txid).sorted { $0.precedes($1) }
        return [
            "package_msg": .string(verdict.fault?.text ?? "success"), "tx-results": .object(results),
            "replaced-transactions": .array(replaced.map { .string($0.displayHex) }),
        ]
    }
}

extension Rejection {
    /// Reason and detail as Core joins them.
    var text: String { detail.isEmpty ? reason : "\(reason), \(detail)" }
}
