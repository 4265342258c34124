extension OutputDescriptor {
    /// What a script is as a descriptor, as far as `knowledge` tells: with key origins where they are known,
    /// `addr(…)` or `raw(…)` where nothing is. As Core's InferDescriptor, checksum included.
    public static func infer(
        _ script: Script, knowing knowledge: SpendingKnowledge = SpendingKnowledge(),
        network: AddressNetwork
    ) -> (text: String, isSolvable: Bool) {
        let inference = DescriptorInference(knowledge: knowledge)
        if let body = inference.script(script, .top) { return (withChecksum(body), true) }
        if script.kind != .pubkey, let address = Address(script: script, network: network) {
            return (withChecksum("addr(\(address.text))"), false)
        }
        return (withChecksum("raw(\(script.hex))"), false)
    }
}

private struct DescriptorInference {
    enum Context {
        case top, scriptHash, witnessScriptHash
    }

    let knowledge: SpendingKnowledge

    func script(_ script: Script, _ context: Context) -> String? {
        if let found = standard(script, context) { return found }
        return context == .witnessScriptHash ? miniscript(script, .witnessScript) : nil
    }

    private func miniscript(_ script: Script, _ context: Miniscript.Context) -> String? {
        var keys: [[UInt8]] = []
        var texts: [String] = []
        func place(_ bytes: [UInt8], _ text: String?) -> Int? {
            guard let text else { return nil }
            keys.append(bytes)
            texts.append(text)
            return keys.count - 1
        }
        let found = Miniscript.infer(
            script, context,
            key: { bytes in
                guard context == .tapscript else { return place(bytes, key(bytes, .witnessScriptHash)) }
                return bytes.count == 32 ? place(bytes, key(x: bytes)) : nil
            },
            keyHash: { hash in
                if context == .tapscript {
                    return knowledge.tapscriptKey(hash).flatMap { place($0, key(x: $0)) }
                }
                return knowledge.key(hash).flatMap { place($0.bytes, key($0.bytes, .witnessScriptHash)) }
            })
        guard let found, found.isSane(keys) else { return nil }
        return found.text { texts[$0] }
    }

    private func standard(_ script: Script, _ context: Context) -> String? {
        switch script.kind {
        case .pubkey: return key(Array(script.bytes[1..<script.count - 1]), context).map { "pk(\($0))" }
        case .pubkeyHash:
            guard let known = script.hash160.flatMap({ knowledge.key($0) }) else { return nil }
            return key(known.bytes, context).map { "pkh(\($0))" }
        case .witnessV0KeyHash:
            guard context != .witnessScriptHash, let known = script.hash160.flatMap({ knowledge.key($0) })
            else { return nil }
            return key(known.bytes, .witnessScriptHash).map { "wpkh(\($0))" }
        case .multisig:
            guard let (required, keys) = script.multisig else { return nil }
            let texts = keys.compactMap { key($0, context) }
            guard texts.count == keys.count else { return nil }
            return "multi(\(required),\(texts.joined(separator: ",")))"
        case .scriptHash:
            guard context == .top, let inner = script.hash160.flatMap({ knowledge.redeemScript($0) }) else {
                return nil
            }
            return self.script(inner, .scriptHash).map { "sh(\($0))" }
        case .witnessV0ScriptHash:
            guard context != .witnessScriptHash, let hash = Hash256(bytes: Array(script.bytes[2...])),
                let inner = knowledge.witnessScript(hash)
            else { return nil }
            return self.script(inner, .witnessScriptHash).map { "wsh(\($0))" }
        case .witnessV1Taproot: return context == .top ? taproot(Array(script.bytes[2...])) : nil
        default: return nil
        }
    }

    private func taproot(_ output: [UInt8]) -> String? {
        if let spend = knowledge.taproot(output), spend.isComplete {
            var leaves = spend.leaves.map { (leaf($0), $0.depth) }[...]
            if leaves.isEmpty { return "tr(\(key(x: spend.internalKey.bytes)))" }
            if leaves.allSatisfy({ $0.0 != nil }), let tree = tree(&leaves, depth: 0) {
                return "tr(\(key(x: spend.internalKey.bytes)),\(tree))"
            }
        }
        guard XOnlyPublicKey(bytes: output) != nil else { return nil }
        return "rawtr(\(key(x: output)))"
    }

    private func tree(_ leaves: inout ArraySlice<(String?, Int)>, depth: Int) -> String? {
        guard let first = leaves.first else { return nil }
        if first.1 == depth {
            leaves.removeFirst()
            return first.0
        }
        guard let left = tree(&leaves, depth: depth + 1), let right = tree(&leaves, depth: depth + 1) else {
            return nil
        }
        return "{\(left),\(right)}"
    }

    private func leaf(_ leaf: TaprootSpend.Leaf) -> String? {
        guard leaf.version == 0xc0 else { return nil }
        let script = leaf.script
        if script.count == 34, script[0] == 32, script[33] == Opcode.checkSig.rawValue {
            return "pk(\(key(x: Array(script[1..<33]))))"
        }
        guard let (required, keys) = Script(script).tapscriptMultisig else {
            return miniscript(Script(script), .tapscript)
        }
        return "multi_a(\(required),\(keys.map { key(x: $0) }.joined(separator: ",")))"
    }

    private func key(_ bytes: [UInt8], _ context: Context) -> String? {
        guard let first = bytes.first, first == 2 || first == 3 || first == 4 else { return nil }
        if context == .witnessScriptHash, bytes.count != 33 { return nil }
        guard let known = knowledge.key(bytes: bytes) else { return bytes.hex }
        return "[\(known.origin.text())]\(bytes.hex)"
    }

    private func key(x: [UInt8]) -> String {
        guard let known = knowledge.key(x: x) else { return x.hex }
        return "[\(known.origin.text())]\(x.hex)"
    }
}
