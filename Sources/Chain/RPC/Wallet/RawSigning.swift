import Bitcoin
import JSONText

/// Signing of raw transactions: what came signed in part, is kept and completed.
struct RawSigning {
    var transaction: Transaction
    /// What each input spends, where it is known.
    var spent: [TransactionOutput?]
    var hashType: UInt8?

    /// Why inputs are not complete, by input.
    private(set) var errors: [(input: Int, message: String)] = []

    init(_ transaction: Transaction, spending spent: [TransactionOutput?], hashType: UInt8?) {
        self.transaction = transaction
        self.spent = spent
        self.hashType = hashType
    }

    var isComplete: Bool { errors.isEmpty }

    mutating func sign(knowing knowledge: SpendingKnowledge) {
        errors = []
        let filled = spent.map { $0 ?? TransactionOutput(value: 0, scriptPubKey: Script()) }
        let hasher = SignatureHasher(transaction, spending: filled)
        let knowsAllSpent = spent.allSatisfy { $0 != nil }
        var inputs = transaction.inputs
        for index in inputs.indices {
            guard let output = spent[index] else {
                errors.append((index, "Input not found or already spent"))
                continue
            }
            let data = Self.existing(inputs[index], output, hasher, index, knowsAllSpent: knowsAllSpent)
            if !data.isComplete {
                // SIGHASH_SINGLE signs only where there is an output for the input.
                let type = hashType ?? (output.scriptPubKey.kind == .witnessV1Taproot ? 0 : 1)
                var signer = ScriptSigner(
                    knowledge,
                    .real(
                        hasher, input: index, value: output.value, hashType: type,
                        knowsAllSpent: knowsAllSpent), starting: data)
                if type & 0x1f != 3 || index < transaction.outputs.count {
                    signer.sign(output.scriptPubKey)
                    inputs[index].scriptSig = signer.data.scriptSig
                    inputs[index].witness = signer.data.witness
                }
            }
            let error = SignedInput.error(
                scriptSig: inputs[index].scriptSig, witness: inputs[index].witness,
                scriptPubKey: output.scriptPubKey, value: output.value, hasher: hasher, input: index,
                knowsAllSpent: knowsAllSpent)
            if let error { errors.append((index, Self.message(error))) }
        }
        transaction = Transaction(
            version: transaction.version, inputs: inputs, outputs: transaction.outputs,
            lockTime: transaction.lockTime)
    }

    private static func message(_ error: ScriptError) -> String {
        switch error {
        case .invalidStackOperation:
            "Unable to sign input, invalid stack size (possibly missing key)"
        case .nullFail:
            "CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)"
        default: error.rawValue
        }
    }

    /// The scripts and signatures that an input already has.
    static func existing(
        _ input: TransactionInput, _ output: TransactionOutput, _ hasher: SignatureHasher, _ index: Int,
        knowsAllSpent: Bool
    ) -> SignatureData {
        var data = SignatureData()
        if input.scriptSig.isEmpty, input.witness.isEmpty { return data }
        data.isComplete = SignedInput.verifies(
            scriptSig: input.scriptSig, witness: input.witness, scriptPubKey: output.scriptPubKey,
            value: output.value, hasher: hasher, input: index, knowsAllSpent: knowsAllSpent)
        if data.isComplete { return data }
        var stack = input.scriptSig.instructions.compactMap { $0.data.map { Array($0) } }
        var script = output.scriptPubKey
        var version = SignatureVersion.base
        if script.kind == .scriptHash, let last = stack.popLast(), !last.isEmpty {
            script = Script(last)
            data.redeemScript = script
        }
        if script.kind == .witnessV0ScriptHash, let last = input.witness.last, !last.isEmpty {
            script = Script(last)
            data.witnessScript = script
            stack = Array(input.witness.dropLast())
            version = .witnessV0
        }
        guard let keys = script.multisig?.keys else { return data }
        let checker = SignatureChecker(hasher, input: index)
        for signature in stack where !signature.isEmpty {
            let owner = keys.first {
                data.signatures[hash160($0).bytes] == nil
                    && checker.ecdsa(signature, key: $0, scriptCode: script.bytes, version: version)
            }
            guard let owner else { continue }
            data.signatures[hash160(owner).bytes] = SignatureData.Partial(key: owner, signature: signature)
        }
        return data
    }

    /// As signrawtransactionwithkey and signrawtransactionwithwallet answer.
    var json: JSON {
        var object: JSONObject = [
            "hex": .string(transaction.bytes().hex), "complete": .bool(isComplete),
        ]
        if !errors.isEmpty {
            object.append(
                "errors",
                .array(
                    errors.map { index, message in
                        let input = transaction.inputs[index]
                        return [
                            "txid": .string(input.previousOutput.txid.displayHex),
                            "vout": .int(input.previousOutput.index),
                            "witness": .array(input.witness.map { .string($0.hex) }),
                            "scriptSig": .string(input.scriptSig.hex), "sequence": .int(input.sequence),
                            "error": .string(message),
                        ]
                    }))
        }
        return .object(object)
    }
}

extension NodeMachine {
    /// An output that nobody has spent, in the pool's transactions or in the chain.
    func unspentOutput(_ outPoint: OutPoint) -> TransactionOutput? {
        if let entry = mempool[outPoint.txid] {
            let outputs = entry.transaction.outputs
            return outputs.indices.contains(Int(outPoint.index)) ? outputs[Int(outPoint.index)] : nil
        }
        return chain.coins[outPoint].map { TransactionOutput(value: $0.value, scriptPubKey: $0.scriptPubKey) }
    }

    /// Outputs that a caller tells of (`prevtxs`), with their scripts.
    func previousOutputs(
        _ list: [JSON], into knowledge: inout SpendingKnowledge
    ) throws(RPCError) -> [OutPoint: TransactionOutput] {
        var found: [OutPoint: TransactionOutput] = [:]
        for entry in list {
            guard entry.objectValue != nil else {
                throw .decode("expected object with {\"txid'\",\"vout\",\"scriptPubKey\"}")
            }
            for name in ["txid", "vout", "scriptPubKey"] where entry[name] == nil {
                throw .type("Missing \(name)")
            }
            let outPoint = try TransactionDraft.outPoint(entry)
            guard let text = entry["scriptPubKey"]?.stringValue, let script = Script(hex: text) else {
                throw .parameter("scriptPubKey must be hexadecimal string")
            }
            if let known = unspentOutput(outPoint), known.scriptPubKey != script {
                throw .decode(
                    "Previous output scriptPubKey mismatch:\n"
                        + ScriptJSON.assembly(known.scriptPubKey.bytes, marksSignatures: false) + "\nvs:\n"
                        + ScriptJSON.assembly(script.bytes, marksSignatures: false))
            }
            var value = unspentOutput(outPoint)?.value
            if let amount = entry["amount"], !amount.isNull { value = try TransactionDraft.amount(amount) }
            try Self.addScripts(of: entry, script, into: &knowledge)
            // Legacy signatures do not commit to the value; others need it.
            let redeem = script.hash160.flatMap { knowledge.redeemScript($0) }
            if value == nil, script.witnessProgram ?? redeem?.witnessProgram != nil {
                throw .type(
                    "Missing amount for COutPoint(\(outPoint.txid.displayHex.prefix(10)), \(outPoint.index))")
            }
            found[outPoint] = TransactionOutput(value: value ?? 0, scriptPubKey: script)
        }
        return found
    }

    private static func addScripts(
        of entry: JSON, _ script: Script, into knowledge: inout SpendingKnowledge
    ) throws(RPCError) {
        guard script.kind == .scriptHash || script.kind == .witnessV0ScriptHash else { return }
        let redeem = entry["redeemScript"]?.stringValue
        let witness = entry["witnessScript"]?.stringValue
        guard redeem != nil || witness != nil else { throw .parameter("Missing redeemScript/witnessScript") }
        var scripts: [Script] = []
        for text in [redeem, witness] {
            guard let text else { continue }
            guard let given = Script(hex: text) else {
                throw .parameter("redeemScript/witnessScript must be hexadecimal string")
            }
            scripts.append(given)
        }
        if scripts.count == 2, scripts[0] != scripts[1], scripts[0] != .p2wsh(SHA256.hash(scripts[1].bytes)) {
            throw .parameter("redeemScript does not correspond to witnessScript")
        }
        for given in scripts {
            knowledge.add(redeemScript: given)
            knowledge.add(witnessScript: given)
            knowledge.add(redeemScript: .p2wsh(SHA256.hash(given.bytes)))
        }
        if let redeem, let witness, redeem != witness {
            guard Script(hex: redeem) == .p2wsh(SHA256.hash(scripts[1].bytes)) else {
                throw .parameter("redeemScript does not correspond to witnessScript")
            }
        }
        let fits = scripts.contains { given in
            let program = Script.p2wsh(SHA256.hash(given.bytes))
            return script == .p2sh(hash160(given.bytes)) || script == program
                || script == .p2sh(hash160(program.bytes))
        }
        guard fits else { throw .parameter("redeemScript/witnessScript does not match scriptPubKey") }
    }

    /// `{"desc": …, "range": …}` or a text, with all its scripts; at most a million.
    func expand(_ value: JSON) throws(RPCError) -> (scripts: [Script], knowledge: SpendingKnowledge) {
        var scripts: [Script] = []
        var knowledge = SpendingKnowledge()
        for (expander, range) in try expanders(value) {
            for index in range {
                guard let made = expander.expand(at: index) else { continue }
                scripts += made.scripts
                knowledge.merge(made.knowledge)
            }
        }
        return (scripts, knowledge)
    }

    private func expanders(_ value: JSON) throws(RPCError) -> [(DescriptorExpander, ClosedRange<UInt32>)] {
        let text: String
        var range: ClosedRange<UInt32> = 0...1_000
        if let given = value.stringValue {
            text = given
        } else if let object = value.objectValue {
            guard let given = object["desc"]?.stringValue else {
                throw .parameter("Descriptor needs to be provided in scan object")
            }
            text = given
            if let given = object["range"], !given.isNull { range = try Self.range(given) }
        } else {
            throw .parameter("Scan object needs to be either a string or an object")
        }
        let all = try descriptors(text)
        var found: [(DescriptorExpander, ClosedRange<UInt32>)] = []
        for one in all {
            guard let expander = DescriptorExpander(one) else {
                throw .notFound("Cannot derive script without private keys")
            }
            found.append((expander, one.isRanged ? range : 0...0))
        }
        return found
    }

    func descriptors(_ text: String, requiresChecksum: Bool = false) throws(RPCError) -> [OutputDescriptor] {
        do throws(DescriptorError) {
            return try OutputDescriptor.parse(
                text, network: configuration.network.addressNetwork, requiresChecksum: requiresChecksum)
        } catch {
            throw .notFound(error.message)
        }
    }

    /// An end, or `[begin, end]`, both included.
    static func range(_ value: JSON) throws(RPCError) -> ClosedRange<UInt32> {
        var low: Int64 = 0
        var high: Int64
        switch value {
        case .number:
            guard let end = value.int64, end >= 0 else { throw .parameter("End of range is too high") }
            high = end
        case .array(let list):
            guard list.count == 2, let first = list[0].int64, let last = list[1].int64 else {
                throw .parameter("Range must have exactly two elements")
            }
            (low, high) = (first, last)
        default: throw .parameter("Range must be specified as end or as [begin,end]")
        }
        if low > high, case .array = value {
            throw .parameter("Range specified as [begin,end] must not have begin after end")
        }
        guard low >= 0 else { throw .parameter("Range should be greater or equal than 0") }
        guard high >> 31 == 0 else { throw .parameter("End of range is too high") }
        guard high < low + Int64(ChainLimits.descriptorRange) else { throw .parameter("Range is too large") }
        return UInt32(low)...UInt32(high)
    }
}
