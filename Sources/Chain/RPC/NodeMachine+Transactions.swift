import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let rawTransactions: [RPCMethod] = [
        RPCMethod(
            "decoderawtransaction", "hexstring:hex iswitness:bool?", in: "Rawtransactions",
            "A serialized transaction as an object."
        ) { node, call, _ throws(RPCError) in
            let decoded = try node.transaction(try call.string(0), or: "TX decode failed")
            return .object(
                TransactionJSON.object(
                    decoded, network: node.configuration.network.addressNetwork, tellsHex: false))
        },
        RPCMethod(
            "getrawtransaction", "txid:hex verbosity|verbose:any? blockhash:hex?", in: "Rawtransactions",
            "A transaction: 0 as hex, 1 as an object, 2 with fee and spent outputs."
        ) { node, call, _ throws(RPCError) in try node.rawTransaction(call) },
        RPCMethod(
            "sendrawtransaction", "hexstring:hex maxfeerate:amount? maxburnamount:amount?",
            in: "Rawtransactions",
            "Submits a transaction to the memory pool and the network."
        ) { node, call, effects throws(RPCError) in try node.sendRaw(call, at: call.now, into: &effects) },
        RPCMethod(
            "testmempoolaccept", "rawtxs:arr maxfeerate:amount?", in: "Rawtransactions",
            "Whether transactions would be accepted."
        ) { node, call, _ throws(RPCError) in try node.testAcceptance(call) },
    ]
}

/// Raw transactions: looking them up, taking them in.
extension NodeMachine {
    fileprivate func rawTransaction(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        let txid = try hash(arguments, 0)
        let verbosity = try arguments.verbosity(1, default: 0)
        if txid == configuration.network.genesis.transactions[0].txid {
            throw .notFound(
                "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved"
            )
        }
        if let entry = mempool[txid], arguments[2] == nil {
            if verbosity <= 0 { return .string(entry.transaction.bytes().hex) }
            var object: JSONObject = ["vsize_adjusted": .int(entry.virtualSize)]
            let described = TransactionJSON.object(
                entry.transaction, network: configuration.network.addressNetwork)
            for (key, value) in described.entries { object.append(key, value) }
            return .object(object)
        }
        let (id, position, inGivenBlock) = try locate(txid, arguments)
        guard let block = chain.block(id) else { throw .notFound("Block not available") }
        let found = block.transactions[position]
        if verbosity <= 0 { return .string(found.bytes().hex) }
        var spent: [Coin]?
        if verbosity >= 2, !found.isCoinbase, chain.isActive(id) {
            let before = block.transactions[1..<position].reduce(0) { $0 + $1.inputs.count }
            spent = Array(chain.tree[id].undo[before..<before + found.inputs.count])
        }
        var object = JSONObject()
        if inGivenBlock { object.append("in_active_chain", .bool(chain.isActive(id))) }
        let described = TransactionJSON.object(
            found, network: configuration.network.addressNetwork, spent: spent, tellsPrevouts: true)
        for (key, value) in described.entries { object.append(key, value) }
        let entry = chain.tree[id]
        object.append("blockhash", .string(entry.hash.displayHex))
        if chain.isActive(id) {
            object.append("confirmations", .int(chain.height - entry.height + 1))
            object.append("time", .int(entry.header.time))
            object.append("blocktime", .int(entry.header.time))
        } else {
            object.append("confirmations", 0)
        }
        return .object(object)
    }

    private func locate(
        _ txid: Hash256, _ arguments: RPCArguments
    ) throws(RPCError) -> (id: BlockID, position: Int, inGivenBlock: Bool) {
        if arguments[2] != nil {
            guard let id = chain.tree.id(of: try hash(arguments, 2)) else {
                throw .notFound("Block hash not found")
            }
            guard let position = chain.block(id)?.transactions.firstIndex(where: { $0.txid == txid }) else {
                throw .notFound(
                    "No such transaction found in the provided block. "
                        + "Use gettransaction for wallet transactions."
                )
            }
            return (id, position, true)
        }
        guard let place = chain.transactionIndex[txid] else {
            throw .notFound(
                "No such mempool or blockchain transaction. Use gettransaction for wallet transactions.")
        }
        return (Int(place.block), Int(place.position), false)
    }

    fileprivate mutating func sendRaw(
        _ arguments: RPCArguments, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let sent = try transaction(
            try arguments.string(0), or: "TX decode failed. Make sure the tx has at least one input.")
        let burnLimit = arguments[2] == nil ? 0 : try arguments.amount(2)
        for output in sent.outputs
        where CoinSet.isUnspendable(output.scriptPubKey.bytes) && output.value > burnLimit {
            throw .verify("Unspendable output exceeds maximum configured by user (maxburnamount)")
        }
        if mempool[sent.txid] != nil { return .string(sent.txid.displayHex) }
        for index in sent.outputs.indices
        where chain.coins[OutPoint(txid: sent.txid, index: UInt32(index))] != nil {
            throw RPCError(code: -27, message: "Transaction outputs already in utxo set")
        }
        let limit = arguments[1] == nil ? ChainLimits.feeRateMax : try arguments.amount(1)
        do throws(Rejection) {
            let verdict = try mempool.examine(sent, chain: chain, time: unixTime(at: now))
            if limit > 0, verdict.fee > Policy.fee(rate: limit, virtualSize: verdict.virtualSize) {
                throw Rejection(.policy, "max-fee-exceeded")
            }
            _ = try submit(sent, at: now, into: &effects)
        } catch {
            if error.reason == "max-fee-exceeded" {
                throw .verify("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
            }
            if error.kind == .missingInputs { throw .verify(error.reason) }
            throw .rejected(error.detail.isEmpty ? error.reason : "\(error.reason), \(error.detail)")
        }
        return .string(sent.txid.displayHex)
    }

    /// Each transaction by itself; packages are for the full node to come.
    fileprivate func testAcceptance(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        let limit = arguments[1] == nil ? ChainLimits.feeRateMax : try arguments.amount(1)
        var results: [JSON] = []
        let texts = try arguments.array(0) ?? []
        guard texts.count == 1 else {
            throw .parameter("Array must contain exactly 1 transaction: packages are not tested yet.")
        }
        for text in texts {
            let tested = try transaction(
                text.stringValue ?? "",
                or: "TX decode failed: \(text.stringValue ?? "") Make sure the tx has at least one input.")
            var object: JSONObject = [
                "txid": .string(tested.txid.displayHex), "wtxid": .string(tested.wtxid.displayHex),
            ]
            do throws(Rejection) {
                let verdict = try mempool.examine(tested, chain: chain, time: unixTime(at: arguments.now))
                if limit > 0, verdict.fee > Policy.fee(rate: limit, virtualSize: verdict.virtualSize) {
                    object.append("allowed", false)
                    object.append("reject-reason", "max-fee-exceeded")
                } else {
                    object.append("allowed", true)
                    object.append("vsize_adjusted", .int(verdict.virtualSize))
                    object.append("vsize", .int(verdict.virtualSize))
                    object.append("vsize_bip141", .int(tested.virtualSize))
                    let rate = verdict.fee * 1000 / Int64(verdict.virtualSize)
                    object.append(
                        "fees",
                        [
                            "base": .amount(satoshi: verdict.fee),
                            "effective-feerate": .amount(satoshi: rate),
                            "effective-includes": [.string(tested.wtxid.displayHex)],
                        ])
                }
            } catch {
                object.append("allowed", false)
                if error.kind == .missingInputs {
                    object.append("reject-reason", "missing-inputs")
                } else {
                    object.append("reject-reason", .string(error.reason))
                    object.append(
                        "reject-details",
                        .string(error.detail.isEmpty ? error.reason : "\(error.reason), \(error.detail)"))
                }
            }
            results.append(.object(object))
        }
        return .array(results)
    }
}
