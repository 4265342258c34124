import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    private static let fundOptions = "obj(input_weights:arr," + sharedOptions
    private static let sharedOptions =
        "add_inputs:bool,include_unsafe:bool,minconf:num,maxconf:num,changeAddress:str,"
        + "changePosition:num,change_type:str,includeWatching:bool,lockUnspents:bool,fee_rate,feeRate,"
        + "subtractFeeFromOutputs:arr,max_tx_weight:num,conf_target:num,"
        + "estimate_mode:str,replaceable:bool,solving_data:obj)?"
    private static let sendOptions =
        "options:obj(add_inputs:bool,include_unsafe:bool,add_to_wallet:bool,change_address:str,"
        + "change_position:num,change_type:str,fee_rate,include_watching:bool,inputs:arr,locktime:num,"
        + "lock_unspents:bool,psbt:bool,subtract_fee_from_outputs:arr,solving_data:obj,max_tx_weight:num,"
        + "replaceable:bool,minconf:num,maxconf:num,conf_target:num,estimate_mode:str)?"

    static let walletSpending: [RPCMethod] = [
        RPCMethod(
            wallet: "bumpfee",
            "txid:hex options:obj(conf_target:num,fee_rate,replaceable:bool,"
                + "estimate_mode:str,outputs:arr,original_change_index:num)?",
            "Replaces a transaction of the pool by one that pays more."
        ) { node, wallet, call, effects throws(RPCError) in
            try node.bumpFee(wallet, call, asPSBT: false, into: &effects)
        },
        RPCMethod(
            wallet: "fundrawtransaction",
            "hexstring:hex options:\(fundOptions) iswitness:bool?",
            "Adds inputs to a transaction until they suffice, and change."
        ) { node, wallet, call, _ throws(RPCError) in try node.fundRaw(wallet, call) },
        RPCMethod(
            wallet: "psbtbumpfee",
            "txid:hex options:obj(conf_target:num,fee_rate,replaceable:bool,"
                + "estimate_mode:str,outputs:arr,original_change_index:num,psbt_version:num)?",
            "As bumpfee, to a PSBT."
        ) { node, wallet, call, effects throws(RPCError) in
            try node.bumpFee(wallet, call, asPSBT: true, into: &effects)
        },
        RPCMethod(
            wallet: "send",
            "outputs:any conf_target:num? estimate_mode:str? fee_rate:amount? \(sendOptions) version:num?",
            "Sends to outputs, or makes a PSBT that would."
        ) { node, wallet, call, effects throws(RPCError) in try node.send(wallet, call, into: &effects) },
        RPCMethod(
            wallet: "sendall",
            "recipients:arr conf_target:num? estimate_mode:str? fee_rate:amount? options:obj(add_to_wallet:bool,"
                + "fee_rate,include_watching:bool,inputs:arr,locktime:num,lock_unspents:bool,psbt:bool,"
                + "send_max:bool,minconf:num,maxconf:num,version:num,solving_data:obj,replaceable:bool,"
                + "conf_target:num,estimate_mode:str)?",
            "Sends all that the wallet has."
        ) { node, wallet, call, effects throws(RPCError) in try node.sendAll(wallet, call, into: &effects) },
        RPCMethod(
            wallet: "sendmany",
            "dummy:str? amounts:obj minconf:num? comment:str? subtractfeefrom:arr? replaceable:bool? "
                + "conf_target:num? estimate_mode:str? fee_rate:amount? verbose:bool?",
            "Sends to several addresses."
        ) { node, wallet, call, effects throws(RPCError) in try node.sendMany(wallet, call, into: &effects) },
        RPCMethod(
            wallet: "sendtoaddress",
            "address:str amount:amount comment:str? comment_to:str? subtractfeefromamount:bool? "
                + "replaceable:bool? conf_target:num? estimate_mode:str? avoid_reuse:bool? fee_rate:amount? "
                + "verbose:bool?", "Sends an amount to an address."
        ) { node, wallet, call, effects throws(RPCError) in
            try node.sendToAddress(wallet, call, into: &effects)
        },
        RPCMethod(
            wallet: "walletcreatefundedpsbt",
            "inputs:arr? outputs:any locktime:num? options:obj(\(sharedOptions) bip32derivs:bool? version:num? "
                + "psbt_version:num?",
            "Makes a PSBT of outputs and of inputs that suffice for them."
        ) { node, wallet, call, _ throws(RPCError) in try node.createFundedPSBT(wallet, call) },
    ]
}

// MARK: - Sending

extension NodeMachine {
    fileprivate mutating func sendToAddress(
        _ wallet: Int, _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let text = try call.string(0)
        let script = try address(text, or: "Invalid Bitcoin address: \(text)")
        let amount = try call.amount(1)
        let fee = try FeeChoice.rate(
            feeRate: call[9], target: call[6], mode: try call.optionalString(7),
            fallback: configuration.walletFeeRate, code: -6)
        var request = PaymentRequest(
            outputs: [TransactionOutput(value: amount, scriptPubKey: script)], feeRate: fee.rate)
        if try call.optionalBool(4) ?? false { request.feePayers = [0] }
        request.isReplaceable = try call.optionalBool(5) ?? true
        var notes: [(String, String)] = []
        if let note = try call.optionalString(2), !note.isEmpty { notes.append(("comment", note)) }
        if let note = try call.optionalString(3), !note.isEmpty { notes.append(("to", note)) }
        return try pay(
            wallet, request, notes: notes, isVerbose: try call.optionalBool(10) ?? false,
            isExplicit: fee.isExplicit, at: call.now, into: &effects)
    }

    fileprivate mutating func sendMany(
        _ wallet: Int, _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        if let dummy = try call.optionalString(0), !dummy.isEmpty {
            throw .parameter("Dummy value must be set to \"\"")
        }
        let network = configuration.network.addressNetwork
        let payments = try TransactionDraft.payments(call[1], network: network)
        let fee = try FeeChoice.rate(
            feeRate: call[8], target: call[6], mode: try call.optionalString(7),
            fallback: configuration.walletFeeRate, code: -6)
        var request = PaymentRequest(outputs: payments.map(\.output), feeRate: fee.rate)
        request.feePayers = try feePayers(call[4], payments)
        request.isReplaceable = try call.optionalBool(5) ?? true
        var notes: [(String, String)] = []
        if let note = try call.optionalString(3), !note.isEmpty { notes.append(("comment", note)) }
        return try pay(
            wallet, request, notes: notes, isVerbose: try call.optionalBool(9) ?? false,
            isExplicit: fee.isExplicit, at: call.now, into: &effects)
    }

    /// Outputs that pay the fee: addresses, or positions.
    private func feePayers(
        _ value: JSON?, _ payments: [TransactionDraft.Payment]
    ) throws(RPCError) -> [Int] {
        var indices: [Int] = []
        for entry in value?.arrayValue ?? [] {
            let index: Int
            if let text = entry.stringValue {
                guard let found = payments.firstIndex(where: { $0.address == text }) else {
                    throw .parameter(
                        "Invalid parameter 'subtract fee from output', destination \(text) not found in tx "
                            + "outputs")
                }
                index = found
            } else if let number = entry.int64 {
                guard number >= 0 else {
                    throw .parameter(
                        "Invalid parameter 'subtract fee from output', negative position: \(number)")
                }
                guard number < payments.count else {
                    throw .parameter(
                        "Invalid parameter 'subtract fee from output', position too large: \(number)")
                }
                index = Int(number)
            } else {
                throw .parameter(
                    "Invalid parameter 'subtract fee from output', invalid value type: \(entry.typeName)")
            }
            guard !indices.contains(index) else {
                throw .parameter(
                    "Invalid parameter 'subtract fee from output', duplicated position: \(index)")
            }
            indices.append(index)
        }
        return indices.sorted()
    }

    private mutating func pay(
        _ wallet: Int, _ request: PaymentRequest, notes: [(String, String)], isVerbose: Bool,
        isExplicit: Bool, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        try requirePrivateKeys(wallet)
        try requireUnlocked(wallet)
        var request = request
        if !hasRecentTip(at: now) { request.lockTime = 0 }
        let payment = try plan(wallet, request, code: -6)
        let signed = try signed(payment, wallet)
        try commit(signed, wallet, notes: notes, at: now, into: &effects)
        let txid = JSON.string(signed.txid.displayHex)
        guard isVerbose else { return txid }
        return ["txid": txid, "fee_reason": isExplicit ? "PayTxFee set" : "Fallback fee"]
    }

    mutating func plan(
        _ wallet: Int, _ request: PaymentRequest, code: Int
    ) throws(RPCError) -> Payment {
        let least = ChainLimits.relayFeeRate
        guard request.feeRate >= least else {
            throw RPCError(
                code: code,
                message: "Fee rate (\(Self.rateText(request.feeRate)) sat/vB) is lower than the minimum fee "
                    + "rate setting (\(Self.rateText(least)) sat/vB)")
        }
        do throws(PaymentError) { return try wallets.plan(wallet, request, walletView) } catch {
            throw RPCError(code: code, message: error.message)
        }
    }

    private static func rateText(_ rate: Int64) -> String {
        let digits = String(rate % 1_000)
        return "\(rate / 1_000).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
    }

    /// Whether the tip is of the last eight hours: on an older one a lock to its height would tell that the
    /// wallet lags behind.
    func hasRecentTip(at now: Instant) -> Bool {
        UInt64(chain.tip.header.time) + 8 * 3_600 >= UInt64(unixTime(at: now))
    }

    /// All that the wallet can sign of what a transaction spends.
    func signingKnowledge(_ wallet: Int, _ spent: [TransactionOutput?], withSecrets: Bool = true)
        -> SpendingKnowledge
    {
        var knowledge = SpendingKnowledge()
        for output in spent {
            guard let output,
                let own = wallets.wallets[wallet].knowledge(
                    of: output.scriptPubKey, withSecrets: withSecrets)
            else { continue }
            knowledge.merge(own)
        }
        return knowledge
    }

    func signed(_ payment: Payment, _ wallet: Int) throws(RPCError) -> Transaction {
        var signing = RawSigning(payment.transaction, spending: payment.spent, hashType: nil)
        signing.sign(knowing: signingKnowledge(wallet, payment.spent))
        guard signing.isComplete else { throw .wallet("Signing transaction failed") }
        return signing.transaction
    }

    /// Into the pool and into the wallet's books.
    mutating func commit(
        _ transaction: Transaction, _ wallet: Int, notes: [(String, String)], at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) {
        do throws(Rejection) { _ = try submit(transaction, at: now, into: &effects) } catch {
            if error.reason == "too-large-cluster" {
                guard !configuration.walletRejectsLongChains else {
                    throw .wallet("Transaction has too long of a mempool chain")
                }
                // It waits in the wallet until the pool takes it.
                var changes = Wallet.Changes()
                wallets.wallets[wallet].add(
                    transaction, .unconfirmed(isAbandoned: false), now: unixTime(at: now), gap: wallets.gap,
                    into: &changes)
                wallets.mark(changes, wallet)
                return
            }
            throw .wallet("Error: The transaction was rejected! Reason given: \(error.reason)")
        }
        guard !notes.isEmpty, let number = wallets.wallets[wallet].transactionIndex[transaction.txid] else {
            return
        }
        wallets.wallets[wallet].update(number) { entry in
            for (key, value) in notes { entry.setNote(key, String(value.prefix(ChainLimits.walletText))) }
        }
        wallets.markTransaction(wallet, number)
    }

    // MARK: - Options

    /// A request with what the options say of inputs, change and locks.
    private func request(
        _ wallet: Int, _ payments: [TransactionDraft.Payment], _ options: WalletOptions,
        inputs: [TransactionInput], feeRate: Int64
    ) throws(RPCError) -> PaymentRequest {
        var request = PaymentRequest(outputs: payments.map(\.output), feeRate: feeRate)
        request.knowledge = try solvingKnowledge(options["solving_data"])
        request.presets = try presets(wallet, inputs, options)
        request.addsInputs = try options.bool("add_inputs", default: request.presets.isEmpty)
        request.feePayers = try feePayers(
            options["subtract_fee_from_outputs", "subtractFeeFromOutputs"], payments)
        request.isReplaceable = try options.bool("replaceable", default: true)
        request.filter.includesUnsafe = try options.bool("include_unsafe", default: false)
        request.filter.minDepth = Int(clamping: try options.int("minconf") ?? 0)
        request.filter.maxDepth = Int(clamping: try options.int("maxconf") ?? 9_999_999)
        guard request.filter.minDepth >= 0 else { throw .parameter("Negative minconf") }
        guard request.filter.minDepth <= request.filter.maxDepth else {
            throw .parameter(
                "maxconf can't be lower than minconf: \(request.filter.maxDepth) < \(request.filter.minDepth)"
            )
        }
        if let weight = try options.int("max_tx_weight") {
            guard (260...400_000).contains(weight) else {
                throw .wallet("Maximum transaction weight must be between 260 and 400000")
            }
            request.maxWeight = Int(weight)
        }
        if let text = options["change_address", "changeAddress"]?.stringValue {
            if options["change_type"] != nil {
                throw .parameter("Cannot specify both change address and address type options")
            }
            request.changeScript = try address(text, or: "Change address must be a valid bitcoin address")
        }
        if let position = try options.int("change_position", "changePosition"), position >= 0 {
            guard position <= payments.count else { throw .parameter("changePosition out of bounds") }
            request.changePosition = Int(position)
        }
        if let name = options["change_type"]?.stringValue {
            guard let type = AddressType(rawValue: name) else {
                throw .notFound("Unknown change type '\(name)'")
            }
            request.changeType = type
        }
        return request
    }

    private func presets(
        _ wallet: Int, _ inputs: [TransactionInput], _ options: WalletOptions
    ) throws(RPCError) -> [PaymentRequest.Preset] {
        var weights: [OutPoint: Int] = [:]
        for entry in (options["input_weights"]?.arrayValue ?? []) + (options["inputs"]?.arrayValue ?? []) {
            guard let weight = entry["weight"]?.int64 else { continue }
            guard weight >= 165 else {
                throw .parameter(
                    "Invalid parameter, weight cannot be less than 165 (41 bytes (size of outpoint "
                        + "+ sequence + empty scriptSig) * 4 (witness scaling factor)) + 1 (empty witness)")
            }
            guard weight <= ChainLimits.standardWeight else {
                throw .parameter(
                    "Invalid parameter, weight cannot be greater than the maximum standard tx weight of 400000"
                )
            }
            weights[try TransactionDraft.outPoint(entry)] = Int(weight)
        }
        var presets: [PaymentRequest.Preset] = []
        for input in inputs {
            let outPoint = input.previousOutput
            let known = wallets.wallets[wallet].transaction(outPoint.txid)?.transaction.outputs
            let index = Int(outPoint.index)
            let own = known.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            guard let output = own ?? unspentOutput(outPoint) else {
                throw .wallet("Unable to find UTXO for external input")
            }
            presets.append(
                PaymentRequest.Preset(
                    outPoint: outPoint, output: output, sequence: input.sequence, weight: weights[outPoint]))
        }
        return presets
    }

    /// Keys, scripts and descriptors that a caller tells, so that foreign inputs can be measured.
    private func solvingKnowledge(_ value: JSON?) throws(RPCError) -> SpendingKnowledge {
        var knowledge = SpendingKnowledge()
        for entry in value?["pubkeys"]?.arrayValue ?? [] {
            let text = entry.stringValue ?? ""
            guard let bytes = [UInt8](hex: text), let point = PublicKey(bytes: bytes) else {
                throw .notFound("Pubkey \"\(text)\" must be cryptographically valid.")
            }
            let key = DerivedKey(point: point, isCompressed: bytes.count == 33)
            knowledge.add(key)
            knowledge.add(redeemScript: .p2wpkh(key.identifier))
        }
        for entry in value?["scripts"]?.arrayValue ?? [] {
            guard let script = Script(hex: entry.stringValue ?? "") else {
                throw .notFound("'\(entry.stringValue ?? "")' is not hex")
            }
            knowledge.add(redeemScript: script)
            knowledge.add(witnessScript: script)
        }
        for entry in value?["descriptors"]?.arrayValue ?? [] { knowledge.merge(try expand(entry).knowledge) }
        return knowledge
    }

    // MARK: - Funding

    fileprivate mutating func fundRaw(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let text = try call.string(0)
        guard let bytes = [UInt8](hex: text) else { throw .decode("TX decode failed") }
        // A transaction without inputs is read in the old form.
        let isWitness = try call.optionalBool(2)
        let readings = [
            isWitness == nil || isWitness == false ? try? Transaction(bytes: bytes, witness: false) : nil,
            isWitness == nil || isWitness == true ? try? Transaction(bytes: bytes) : nil,
        ]
        guard let given = readings.compactMap({ $0 }).first else { throw .decode("TX decode failed") }
        let (options, fee) = try WalletOptions.ofFunding(call[1], fallback: configuration.walletFeeRate)
        let payments = given.outputs.map { TransactionDraft.Payment(output: $0, address: nil) }
        var request = try request(wallet, payments, options, inputs: given.inputs, feeRate: fee.rate)
        request.addsInputs = try options.bool("add_inputs", default: true)
        request.lockTime = given.lockTime
        request.version = given.version
        let payment = try plan(wallet, request, code: -4)
        lockIfAsked(wallet, payment, options)
        // Scripts that came with the given inputs stay.
        var inputs = payment.transaction.inputs
        for index in given.inputs.indices where index < inputs.count {
            inputs[index].scriptSig = given.inputs[index].scriptSig
            inputs[index].witness = given.inputs[index].witness
        }
        let funded = Transaction(
            version: given.version, inputs: inputs, outputs: payment.transaction.outputs,
            lockTime: given.lockTime)
        return [
            "hex": .string(funded.bytes().hex), "fee": .amount(satoshi: payment.fee),
            "changepos": .int(payment.changePosition ?? -1),
        ]
    }

    fileprivate mutating func createFundedPSBT(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let (options, fee) = try WalletOptions.ofFunding(call[3], fallback: configuration.walletFeeRate)
        let payments = try TransactionDraft.payments(
            call[1], network: configuration.network.addressNetwork)
        let lock = try TransactionDraft.lockTime(call[2])
        let inputs = try TransactionDraft.inputs(
            try call.array(0) ?? [], lockTime: lock,
            replaceable: try options.bool("replaceable", default: true))
        var request = try request(wallet, payments, options, inputs: inputs, feeRate: fee.rate)
        request.lockTime = lock
        if let version = try call.optionalInt(5) {
            guard (1...3).contains(version) else {
                throw .parameter("Invalid parameter, version out of range(1~3)")
            }
            request.version = UInt32(version)
        }
        let psbtVersion = try RPCMethod.psbtVersion(call, 6)
        let payment = try plan(wallet, request, code: -4)
        lockIfAsked(wallet, payment, options)
        var psbt = PSBT(payment.transaction, version: psbtVersion)
        _ = fill(
            &psbt, wallet, signs: false, hashType: nil, derivations: try call.optionalBool(4) ?? true,
            finalizes: false)
        return [
            "psbt": .string(psbt.base64), "fee": .amount(satoshi: payment.fee),
            "changepos": .int(payment.changePosition ?? -1),
        ]
    }

    private mutating func lockIfAsked(_ wallet: Int, _ payment: Payment, _ options: WalletOptions) {
        guard options["lock_unspents", "lockUnspents"]?.boolValue ?? false else { return }
        for input in payment.transaction.inputs
        where !wallets.wallets[wallet].isLockedCoin(input.previousOutput) {
            wallets.wallets[wallet].lockedCoins.append(
                Wallet.LockedCoin(outPoint: input.previousOutput, isPersistent: false))
        }
    }

    // MARK: - send and sendall

    fileprivate mutating func send(
        _ wallet: Int, _ call: RPCArguments, into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let (options, fee) = try WalletOptions.ofSending(call, fallback: configuration.walletFeeRate)
        let payments = try TransactionDraft.payments(
            call[0], network: configuration.network.addressNetwork)
        let lock = try TransactionDraft.lockTime(options["locktime"])
        let inputs = try TransactionDraft.inputs(
            options["inputs"]?.arrayValue ?? [], lockTime: lock,
            replaceable: try options.bool("replaceable", default: true))
        var request = try request(wallet, payments, options, inputs: inputs, feeRate: fee.rate)
        if options["locktime"] != nil || !hasRecentTip(at: call.now) { request.lockTime = lock }
        if let version = try call.optionalInt(5) { request.version = UInt32(clamping: version) }
        let payment = try plan(wallet, request, code: -4)
        return try finish(payment, wallet, options, at: call.now, into: &effects)
    }

    /// Signs what can be signed, and sends it unless a PSBT is wanted or signatures are missing.
    mutating func finish(
        _ payment: Payment, _ wallet: Int, _ options: WalletOptions, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        lockIfAsked(wallet, payment, options)
        let hasKeys = wallets.wallets[wallet].hasPrivateKeys
        if hasKeys, options["psbt"]?.boolValue != true { try requireUnlocked(wallet) }
        var psbt = PSBT(payment.transaction)
        // A PSBT for others is filled without final scripts first, as Core does.
        let isComplete = fill(
            &psbt, wallet, signs: true, hashType: nil, derivations: true, finalizes: true)
        let wantsPSBT = try options.bool("psbt", default: false)
        let entersWallet = try options.bool("add_to_wallet", default: true)
        var object = JSONObject()
        if wantsPSBT || !isComplete || !entersWallet {
            var open = PSBT(payment.transaction)
            _ = fill(&open, wallet, signs: true, hashType: nil, derivations: true, finalizes: false)
            object.append("psbt", .string(open.base64))
        }
        if isComplete, let transaction = psbt.extracted {
            object.append("txid", .string(transaction.txid.displayHex))
            if wantsPSBT || !entersWallet {
                object.append("hex", .string(transaction.bytes().hex))
            } else {
                try commit(transaction, wallet, notes: [], at: now, into: &effects)
            }
        }
        object.append("complete", .bool(isComplete))
        return .object(object)
    }
}
