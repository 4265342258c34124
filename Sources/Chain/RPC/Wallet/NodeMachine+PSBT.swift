import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    /// Partially signed transactions, and raw ones that callers put together.
    static let partiallySigned: [RPCMethod] = [
        RPCMethod(
            "analyzepsbt", "psbt:str", in: "Rawtransactions",
            "What a PSBT lacks and who should have it next."
        ) { node, call, _ throws(RPCError) in PSBTAnalysis.json(try node.psbt(call, 0)) },
        RPCMethod(
            "combinepsbt", "txs:arr", in: "Rawtransactions",
            "Joins what several PSBTs of one transaction know."
        ) { node, call, _ throws(RPCError) in try node.combinePSBT(call) },
        RPCMethod(
            "converttopsbt", "hexstring:hex permitsigdata:bool? iswitness:bool? psbt_version:num?",
            in: "Rawtransactions", "Makes a PSBT of a transaction."
        ) { node, call, _ throws(RPCError) in try node.convertToPSBT(call) },
        RPCMethod(
            "createpsbt", "inputs:arr outputs locktime:num? replaceable:bool? version:num? psbt_version:num?",
            in: "Rawtransactions", "Makes a PSBT of inputs and outputs."
        ) { node, call, _ throws(RPCError) in
            let drafted = try node.draft(call)
            return .string(PSBT(drafted, version: try Self.psbtVersion(call, 5)).base64)
        },
        RPCMethod(
            "createrawtransaction", "inputs:arr outputs locktime:num? replaceable:bool? version:num?",
            in: "Rawtransactions", "Makes an unsigned transaction of inputs and outputs."
        ) { node, call, _ throws(RPCError) in .string(try node.draft(call).bytes().hex) },
        RPCMethod("decodepsbt", "psbt:str", in: "Rawtransactions", "A PSBT as an object.") {
            node, call, _ throws(RPCError) in
            PSBTJSON.object(try node.psbt(call, 0), network: node.configuration.network.addressNetwork)
        },
        RPCMethod(
            "descriptorprocesspsbt",
            "psbt:str descriptors:arr sighashtype:str? bip32derivs:bool? finalize:bool?",
            in: "Rawtransactions", "Updates and signs a PSBT with descriptors."
        ) { node, call, _ throws(RPCError) in try node.descriptorProcessPSBT(call) },
        RPCMethod(
            "finalizepsbt", "psbt:str extract:bool?", in: "Rawtransactions",
            "Makes final scripts of a PSBT's signatures."
        ) { node, call, _ throws(RPCError) in try node.finalizePSBT(call) },
        RPCMethod(
            "joinpsbts", "txs:arr", in: "Rawtransactions",
            "Joins PSBTs of different transactions to one with all their inputs and outputs."
        ) { node, call, _ throws(RPCError) in try node.joinPSBTs(call) },
        RPCMethod(
            "signrawtransactionwithkey", "hexstring:hex privkeys:arr prevtxs:arr? sighashtype:str?",
            in: "Rawtransactions", "Signs a transaction with given keys."
        ) { node, call, _ throws(RPCError) in try node.signRawWithKeys(call) },
        RPCMethod(
            "utxoupdatepsbt", "psbt:str descriptors:arr?", in: "Rawtransactions",
            "Adds to a PSBT what chain, pool and descriptors tell."
        ) { node, call, _ throws(RPCError) in
            var knowledge = SpendingKnowledge()
            for entry in try call.array(1) ?? [] { knowledge.merge(try node.expand(entry).knowledge) }
            let updated = try node.process(
                try node.psbt(call, 0), knowing: knowledge.withoutSecrets, hashType: nil, finalizes: false)
            return .string(updated.base64)
        },
    ]

    static func psbtVersion(_ call: RPCArguments, _ index: Int) throws(RPCError) -> UInt32 {
        let version = try call.optionalInt(index) ?? 2
        guard version == 0 || version == 2 else { throw .parameter("The PSBT version can only be 2 or 0") }
        return UInt32(version)
    }
}

extension NodeMachine {
    func psbt(_ call: RPCArguments, _ index: Int) throws(RPCError) -> PSBT {
        try psbt(try call.string(index))
    }

    func psbt(_ text: String) throws(RPCError) -> PSBT {
        do throws(PSBTError) { return try PSBT(base64: text) } catch {
            throw .decode("TX decode failed \(error.message)")
        }
    }

    fileprivate func draft(_ call: RPCArguments) throws(RPCError) -> Transaction {
        try TransactionDraft.transaction(
            inputs: call[0], outputs: call[1], lockTime: call[2], replaceable: try call.optionalBool(3),
            version: try call.optionalInt(4), network: configuration.network.addressNetwork)
    }

    fileprivate func psbts(_ call: RPCArguments) throws(RPCError) -> [PSBT] {
        var all: [PSBT] = []
        for entry in try call.array(0) ?? [] {
            guard let text = entry.stringValue else {
                throw .type("JSON value of type \(entry.typeName) is not of expected type string")
            }
            all.append(try psbt(text))
        }
        return all
    }

    fileprivate func combinePSBT(_ call: RPCArguments) throws(RPCError) -> JSON {
        let all = try psbts(call)
        guard var first = all.first else { throw .parameter("Parameter 'txs' cannot be empty") }
        for other in all.dropFirst() where !first.merge(other) {
            throw .parameter("PSBTs not compatible (different transactions)")
        }
        return .string(first.base64)
    }

    fileprivate func convertToPSBT(_ call: RPCArguments) throws(RPCError) -> JSON {
        let text = try call.string(0)
        let given: Transaction
        switch try call.optionalBool(2) {
        case nil: given = try transaction(text, or: "TX decode failed")
        case .some(let isWitness):
            guard let bytes = [UInt8](hex: text),
                let read = try? Transaction(bytes: bytes, witness: isWitness)
            else { throw .decode("TX decode failed") }
            given = read
        }
        let isSigned = given.inputs.contains { !$0.scriptSig.isEmpty || !$0.witness.isEmpty }
        if isSigned, try call.optionalBool(1) != true {
            throw .decode("Inputs must not have scriptSigs and scriptWitnesses")
        }
        return .string(PSBT(given, version: try RPCMethod.psbtVersion(call, 3)).base64)
    }

    fileprivate mutating func joinPSBTs(_ call: RPCArguments) throws(RPCError) -> JSON {
        guard try call.array(0)?.count ?? 0 > 1 else {
            throw .parameter("At least two PSBTs are required to join PSBTs.")
        }
        let all = try psbts(call)
        guard all.allSatisfy({ $0.version == 0 }) else {
            throw .parameter("joinpsbts only operates on version 0 PSBTs")
        }
        var joined = PSBT(
            version: 0, transactionVersion: all.map(\.transactionVersion).max() ?? 1,
            fallbackLockTime: all.map { $0.fallbackLockTime ?? 0 }.min())
        for one in all {
            for input in one.inputs {
                let outPoint = input.previousOutput
                guard !joined.inputs.contains(where: { $0.previousOutput == outPoint }) else {
                    throw .parameter(
                        "Input \(outPoint.txid.displayHex):\(outPoint.index) exists in multiple PSBTs")
                }
                var bare = input
                bare.signatures.removeAll()
                bare.finalScriptSig = Script()
                bare.finalWitness = []
                joined.inputs.append(bare)
            }
            joined.outputs += one.outputs
            joined.unknown.merge(one.unknown)
        }
        wallets.random.permute(&joined.inputs)
        wallets.random.permute(&joined.outputs)
        return .string(joined.base64)
    }

    fileprivate func finalizePSBT(_ call: RPCArguments) throws(RPCError) -> JSON {
        var one = try psbt(call, 0)
        let isComplete = one.finalize()
        if isComplete, try call.optionalBool(1) ?? true, let extracted = one.extracted {
            return ["hex": .string(extracted.bytes().hex), "complete": true]
        }
        return ["psbt": .string(one.base64), "complete": .bool(isComplete)]
    }

    fileprivate func descriptorProcessPSBT(_ call: RPCArguments) throws(RPCError) -> JSON {
        var knowledge = SpendingKnowledge()
        for entry in try call.array(1) ?? [] { knowledge.merge(try expand(entry).knowledge) }
        let type = try SighashName.parse(try call.optionalString(2))
        var done = try process(
            try psbt(call, 0), knowing: knowledge, hashType: type,
            finalizes: try call.optionalBool(4) ?? true)
        guard let unsigned = done.unsignedTransaction else { throw .invalidPSBT }
        let context = done.hasher(unsigned)
        let isComplete = done.inputs.indices.allSatisfy { done.isSigned($0, context) }
        var object: JSONObject = ["psbt": .string(done.base64), "complete": .bool(isComplete)]
        if isComplete, done.finalize(), let extracted = done.extracted {
            object.append("hex", .string(extracted.bytes().hex))
        }
        return .object(object)
    }

    /// Adds previous transactions, scripts and origins, and signs what it can.
    fileprivate func process(
        _ given: PSBT, knowing knowledge: SpendingKnowledge, hashType: UInt8?, finalizes: Bool
    ) throws(RPCError) -> PSBT {
        var one = given
        for index in one.inputs.indices where one.inputs[index].previousTransaction == nil {
            let outPoint = one.inputs[index].previousOutput
            if let known = knownTransaction(outPoint.txid) {
                one.inputs[index].previousTransaction = known
            } else if let output = unspentOutput(outPoint), isSegwit(output.scriptPubKey, knowledge) {
                one.inputs[index].witnessOutput = output
            }
        }
        guard let unsigned = one.unsignedTransaction else { throw .invalidPSBT }
        let context = one.hasher(unsigned)
        for index in one.inputs.indices where !one.inputs[index].isFinal {
            let outcome = one.sign(
                index, knowing: knowledge, context, hashType: hashType, finalizes: finalizes
            ).outcome
            if outcome == .hashTypeMismatch { throw .hashTypeMismatch }
        }
        for index in one.outputs.indices { one.update(output: index, knowing: knowledge) }
        one.dropNeedlessTransactions()
        return one
    }

    private func isSegwit(_ script: Script, _ knowledge: SpendingKnowledge) -> Bool {
        if script.witnessProgram != nil { return true }
        guard script.kind == .scriptHash, let hash = script.hash160 else { return false }
        return knowledge.redeemScript(hash)?.witnessProgram != nil
    }

    /// A transaction of the pool or, with an index of transactions, of the chain.
    func knownTransaction(_ txid: Hash256) -> Transaction? {
        if let entry = mempool[txid] { return entry.transaction }
        guard let place = chain.transactionIndex[txid], let block = chain.block(Int(place.block)) else {
            return nil
        }
        return block.transactions[Int(place.position)]
    }

    // MARK: Raw transactions

    fileprivate func signRawWithKeys(_ call: RPCArguments) throws(RPCError) -> JSON {
        let given = try transaction(
            try call.string(0), or: "TX decode failed. Make sure the tx has at least one input.")
        var knowledge = SpendingKnowledge()
        for entry in try call.array(1) ?? [] {
            guard let text = entry.stringValue,
                let (secret, isCompressed) = SecretKey.wif(
                    text, network: configuration.network.addressNetwork)
            else { throw .notFound("Invalid private key") }
            let key = DerivedKey(point: secret.publicKey, isCompressed: isCompressed, secret: secret)
            knowledge.add(key)
            // A key alone knows its own P2SH-P2WPKH and taproot outputs.
            if isCompressed { knowledge.add(redeemScript: .p2wpkh(key.identifier)) }
            if let spend = TaprootSpend(internalKey: secret.xOnlyPublicKey, merkleRoot: nil, leaves: []) {
                knowledge.add(spend)
            }
        }
        let told = try previousOutputs(try call.array(2) ?? [], into: &knowledge)
        let type = try SighashName.parse(try call.optionalString(3))
        var signing = RawSigning(
            given, spending: given.inputs.map { told[$0.previousOutput] ?? unspentOutput($0.previousOutput) },
            hashType: type)
        signing.sign(knowing: knowledge)
        return signing.json
    }
}

extension RPCError {
    static let invalidPSBT = RPCError.wallet("PSBT cannot be made into a valid transaction")
    static let hashTypeMismatch = RPCError.decode(
        "Specified sighash value does not match value stored in PSBT")
}
