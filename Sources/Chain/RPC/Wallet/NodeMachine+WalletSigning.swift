import Bitcoin
import HTTPText
import JSONText
import SansIO

extension RPCMethod {
    static let walletSigning: [RPCMethod] = [
        RPCMethod(
            wallet: "signmessage", "address:str message:str", "Signs a message with the key of an address."
        ) { node, wallet, call, _ throws(RPCError) in
            try node.requireUnlocked(wallet)
            let script = try node.address(try call.string(0), or: "Invalid address")
            guard script.kind == .pubkeyHash, let hash = script.hash160 else {
                throw .type("Address does not refer to key")
            }
            let knowledge = node.wallets.wallets[wallet].knowledge(of: script, withSecrets: true)
            guard let key = knowledge?.key(hash), let secret = key.secret else {
                throw .notFound("Private key not available")
            }
            return .string(
                Base64.encode(
                    SignedMessage.sign(try call.string(1), secret, isCompressed: key.isCompressed)))
        },
        RPCMethod(
            wallet: "signrawtransactionwithwallet", "hexstring:hex prevtxs:arr? sighashtype:str?",
            "Signs a transaction with the wallet's keys."
        ) { node, wallet, call, _ throws(RPCError) in try node.signRawWithWallet(wallet, call) },
        RPCMethod(
            wallet: "simulaterawtransaction", "rawtxs:arr? options:obj(include_watchonly:bool)?",
            "What transactions would do to the wallet's balance."
        ) { node, wallet, call, _ throws(RPCError) in try node.simulate(wallet, call) },
        RPCMethod(
            wallet: "walletprocesspsbt",
            "psbt:str sign:bool? sighashtype:str? bip32derivs:bool? finalize:bool?",
            "Updates and signs a PSBT with the wallet."
        ) { node, wallet, call, _ throws(RPCError) in try node.processPSBT(wallet, call) },
    ]
}

extension NodeMachine {
    fileprivate func signRawWithWallet(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let given = try transaction(
            try call.string(0), or: "TX decode failed. Make sure the tx has at least one input.")
        try requireUnlocked(wallet)
        var told = SpendingKnowledge()
        let previous = try previousOutputs(try call.array(1) ?? [], into: &told)
        let type = try SighashName.parse(try call.optionalString(2))
        let own = wallets.wallets[wallet]
        let spent = given.inputs.map { input -> TransactionOutput? in
            let outPoint = input.previousOutput
            if let output = previous[outPoint] ?? unspentOutput(outPoint) { return output }
            return own.output(outPoint).map {
                TransactionOutput(value: $0.value, scriptPubKey: $0.script)
            }
        }
        var knowledge = signingKnowledge(wallet, spent)
        knowledge.merge(told)
        addKeys(of: told, spent, wallet, to: &knowledge)
        var signing = RawSigning(given, spending: spent, hashType: type)
        signing.sign(knowing: knowledge)
        return signing.json
    }

    /// The wallet's keys in scripts that callers tell: a multisig of which the wallet has a part.
    private func addKeys(
        of told: SpendingKnowledge, _ spent: [TransactionOutput?], _ wallet: Int,
        to knowledge: inout SpendingKnowledge
    ) {
        for output in spent {
            guard var script = output?.scriptPubKey else { continue }
            if script.kind == .scriptHash, let inner = script.hash160.flatMap({ told.redeemScript($0) }) {
                script = inner
            }
            if script.kind == .witnessV0ScriptHash,
                let inner = Hash256(bytes: Array(script.bytes[2...])).flatMap({ told.witnessScript($0) })
            {
                script = inner
            }
            for key in script.multisig?.keys ?? [] { addKey(key, wallet, to: &knowledge) }
        }
    }

    /// The secret of a public key, if one of the wallet's addresses belongs to it.
    private func addKey(_ bytes: [UInt8], _ wallet: Int, to knowledge: inout SpendingKnowledge) {
        let own = wallets.wallets[wallet]
        guard let point = PublicKey(bytes: bytes) else { return }
        let hash = hash160(bytes)
        let witness = Script.p2wpkh(hash)
        var candidates = [Script.p2pkh(hash), witness, .p2sh(hash160(witness.bytes)), .p2tr(point.xOnly)]
        if let output = point.xOnly.taprootOutputKey()?.key { candidates.append(.p2tr(output)) }
        for script in candidates {
            guard let more = own.knowledge(of: script, withSecrets: true) else { continue }
            knowledge.merge(more)
        }
    }

    fileprivate func simulate(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        let own = wallets.wallets[wallet]
        let view = walletView
        var change: Int64 = 0
        var made: [OutPoint: Int64] = [:]
        var spent: Set<OutPoint> = []
        for entry in try call.array(0) ?? [] {
            let one = try transaction(
                entry.stringValue ?? "", or: "Transaction hex string decoding failure.")
            for input in one.inputs {
                let outPoint = input.previousOutput
                guard spent.insert(outPoint).inserted else {
                    throw .parameter(
                        "Transaction(s) are spending the same output more than once")
                }
                if let value = made[outPoint] {
                    change -= value
                } else if let output = own.output(outPoint) {
                    guard own.spent(outPoint, view) == .no else {
                        throw .parameter(
                            "One or more transaction inputs are missing or have been spent already")
                    }
                    change -= output.value
                } else if unspentOutput(outPoint) == nil {
                    throw .parameter("One or more transaction inputs are missing or have been spent already")
                }
            }
            for (index, output) in one.outputs.enumerated() {
                let value = own.isMine(output.scriptPubKey) ? output.value : 0
                made[OutPoint(txid: one.txid, index: UInt32(index))] = value
                change += value
            }
        }
        return ["balance_change": .amount(satoshi: change)]
    }

    // MARK: PSBT

    fileprivate func processPSBT(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        var psbt = try psbt(call, 0)
        let signs = try call.optionalBool(1) ?? true
        let type = try SighashName.parse(try call.optionalString(2))
        if signs { try requireUnlocked(wallet) }
        guard psbt.unsignedTransaction != nil else { throw .invalidPSBT }
        let outcome = fillChecked(
            &psbt, wallet, signs: signs, hashType: type, derivations: try call.optionalBool(3) ?? true,
            finalizes: try call.optionalBool(4) ?? true)
        if outcome.mismatch { throw .hashTypeMismatch }
        var object: JSONObject = [
            "psbt": .string(psbt.base64), "complete": .bool(outcome.isComplete),
        ]
        if outcome.isComplete, let transaction = psbt.extracted {
            object.append("hex", .string(transaction.bytes().hex))
        }
        return .object(object)
    }

    /// Adds what the wallet knows, and signs if asked to; true if every input has its final scripts.
    func fill(
        _ psbt: inout PSBT, _ wallet: Int, signs: Bool, hashType: UInt8?, derivations: Bool, finalizes: Bool
    ) -> Bool {
        fillChecked(
            &psbt, wallet, signs: signs, hashType: hashType, derivations: derivations, finalizes: finalizes
        ).isComplete
    }

    private func fillChecked(
        _ psbt: inout PSBT, _ wallet: Int, signs: Bool, hashType: UInt8?, derivations: Bool, finalizes: Bool
    ) -> (isComplete: Bool, mismatch: Bool) {
        let own = wallets.wallets[wallet]
        for index in psbt.inputs.indices
        where !psbt.inputs[index].isFinal && psbt.inputs[index].previousTransaction == nil {
            psbt.inputs[index].previousTransaction =
                own.transaction(psbt.inputs[index].previousOutput.txid)?.transaction
        }
        guard let unsigned = psbt.unsignedTransaction else { return (false, false) }
        let context = psbt.hasher(unsigned)
        for index in psbt.inputs.indices where !psbt.inputs[index].isFinal {
            guard let spent = psbt.inputs[index].spent else { continue }
            var knowledge = own.knowledge(of: spent.scriptPubKey, withSecrets: signs) ?? SpendingKnowledge()
            if own.place(of: spent.scriptPubKey) == nil {
                // A script of others in which the PSBT says a key of ours stands.
                for key in psbt.inputs[index].origins.keys where signs {
                    addKey(key, wallet, to: &knowledge)
                }
            }
            let before = psbt.inputs[index]
            let outcome = psbt.sign(
                index, knowing: knowledge, context, hashType: hashType, finalizes: finalizes
            ).outcome
            if outcome == .hashTypeMismatch { return (false, true) }
            if !derivations {
                psbt.inputs[index].origins = before.origins
                psbt.inputs[index].tapOrigins = before.tapOrigins
            }
        }
        for index in psbt.outputs.indices {
            guard let knowledge = own.knowledge(of: psbt.outputs[index].script, withSecrets: false) else {
                continue
            }
            let before = psbt.outputs[index]
            psbt.update(output: index, knowing: knowledge)
            if !derivations {
                psbt.outputs[index].origins = before.origins
                psbt.outputs[index].tapOrigins = before.tapOrigins
            }
        }
        psbt.dropNeedlessTransactions()
        let isComplete = psbt.inputs.indices.allSatisfy { psbt.isSigned($0, context) }
        return (isComplete, false)
    }
}
