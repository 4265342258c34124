import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let scripts: [RPCMethod] = [
        RPCMethod("decodescript", "hexstring:hex", in: "Rawtransactions", "A script as an object.") {
            node, call, _ throws(RPCError) in
            let text = try call.string(0)
            guard let bytes = [UInt8](hex: text) else {
                throw .parameter("argument must be hexadecimal string (not '\(text)')")
            }
            return node.decodedScript(Script(bytes: bytes))
        },
        RPCMethod(
            "combinerawtransaction", "txs:arr", in: "Rawtransactions",
            "Joins the signatures of partially signed versions of one transaction."
        ) { node, call, _ throws(RPCError) in try node.combine(call) },
    ]
}

extension NodeMachine {
    fileprivate func decodedScript(_ script: Script) -> JSON {
        let network = configuration.network.addressNetwork
        var object = JSONObject()
        for (key, value) in ScriptJSON.scriptPubKey(script, network: network).objectValue?.entries ?? []
        where key != "hex" {
            object.append(key, value)
        }
        guard ScriptWrapping.canWrap(script) else { return .object(object) }
        object.append(
            "p2sh", .string(Address(script: .p2sh(hash160(script.bytes)), network: network)?.text ?? ""))
        guard ScriptWrapping.canWrapInWitness(script) else { return .object(object) }
        let witness: Script
        switch script.kind {
        case .pubkey:
            let key = Array(script.bytes[1..<script.bytes.count - 1])
            witness = .p2wpkh(hash160(key))
        case .pubkeyHash: witness = script.hash160.map { .p2wpkh($0) } ?? script
        default: witness = .p2wsh(SHA256.hash(script.bytes))
        }
        var segwit = JSONObject()
        for (key, value) in ScriptJSON.scriptPubKey(witness, network: network).objectValue?.entries ?? [] {
            segwit.append(key, value)
        }
        if case .witnessV0ScriptHash = witness.kind {
            var knowledge = SpendingKnowledge()
            knowledge.add(witnessScript: script)
            let inferred = OutputDescriptor.infer(witness, knowing: knowledge, network: network).text
            segwit["desc"] = .string(inferred)
        }
        segwit.append(
            "p2sh-segwit",
            .string(Address(script: .p2sh(hash160(witness.bytes)), network: network)?.text ?? ""))
        object.append("segwit", .object(segwit))
        return .object(object)
    }

    fileprivate func combine(_ call: RPCArguments) throws(RPCError) -> JSON {
        let texts = try call.array(0) ?? []
        guard texts.count >= 2 else {
            throw .decode("Missing transactions. At least two transactions required.")
        }
        var variants: [Transaction] = []
        for (index, text) in texts.enumerated() {
            guard let text = text.stringValue,
                let parsed = try? transaction(text, or: "")
            else {
                throw .decode(
                    "TX decode failed for tx \(index). Make sure the tx has at least one input.")
            }
            variants.append(parsed)
        }
        let stripped = variants.map { variant in
            var bare = variant
            for index in bare.inputs.indices {
                bare.inputs[index].scriptSig = Script()
                bare.inputs[index].witness = []
            }
            return bare.txid
        }
        for (index, txid) in stripped.enumerated() where txid != stripped[0] {
            throw .parameter("Transaction number \(index + 1) not compatible with first transaction")
        }
        return try merged(variants)
    }
}

extension NodeMachine {
    /// Input by input, everything that the variants know put together.
    fileprivate func merged(_ variants: [Transaction]) throws(RPCError) -> JSON {
        var result = variants[0]
        var spent: [TransactionOutput] = []
        for input in result.inputs {
            guard let output = unspentOutput(input.previousOutput) else {
                throw .verify("Input not found or already spent")
            }
            spent.append(output)
        }
        let hasher = SignatureHasher(result, spending: spent)
        for index in result.inputs.indices {
            var data = SignatureData()
            for variant in variants where variant.inputs.indices.contains(index) && !data.isComplete {
                let input = variant.inputs[index]
                let known = RawSigning.existing(input, spent[index], hasher, index, knowsAllSpent: true)
                if known.isComplete {
                    data = known
                    (data.scriptSig, data.witness) = (input.scriptSig, input.witness)
                    break
                }
                data.redeemScript = data.redeemScript ?? known.redeemScript
                data.witnessScript = data.witnessScript ?? known.witnessScript
                for (key, signature) in known.signatures.entries { data.signatures[key] = signature }
            }
            if !data.isComplete {
                var knowledge = SpendingKnowledge()
                if let script = data.redeemScript { knowledge.add(redeemScript: script) }
                if let script = data.witnessScript { knowledge.add(witnessScript: script) }
                var signer = ScriptSigner(
                    knowledge,
                    .real(hasher, input: index, value: spent[index].value, hashType: 1, knowsAllSpent: true),
                    starting: data)
                signer.sign(spent[index].scriptPubKey)
                data = signer.data
            }
            result.inputs[index].scriptSig = data.scriptSig
            result.inputs[index].witness = data.witness
        }
        return .string(result.bytes().hex)
    }
}

/// Which scripts decodescript shows wrapped.
enum ScriptWrapping {
    static func canWrap(_ script: Script) -> Bool {
        switch script.kind {
        case .multisig, .nonStandard, .pubkey, .pubkeyHash, .witnessV0KeyHash, .witnessV0ScriptHash: break
        case .nullData, .scriptHash, .witnessUnknown, .witnessV1Taproot: return false
        }
        if script.bytes == Policy.payToAnchor || CoinSet.isUnspendable(script.bytes) { return false }
        var reader = ScriptReader(script.bytes)
        while let (opcode, push) = reader.next() {
            // Undefined opcodes, pushes that no stack takes, and what only tapscript knows.
            if opcode > 0xb9 || push.count > ChainLimits.scriptElementSize || isSuccess(opcode) {
                return false
            }
        }
        return !reader.isBroken
    }

    static func canWrapInWitness(_ script: Script) -> Bool {
        switch script.kind {
        case .multisig: script.multisig?.keys.allSatisfy { $0.count == 33 } ?? false
        case .pubkey: script.bytes.count == 35
        case .nonStandard, .pubkeyHash: true
        default: false
        }
    }

    /// BIP342's OP_SUCCESSx.
    private static func isSuccess(_ opcode: UInt8) -> Bool {
        opcode == 80 || opcode == 98 || (126...129).contains(opcode) || (131...134).contains(opcode)
            || (137...138).contains(opcode) || (141...142).contains(opcode) || (149...153).contains(opcode)
            || opcode >= 187
    }
}
