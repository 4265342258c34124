import Bitcoin

/// Puts together what unlocks an output: every standard form, to the depth of P2SH in P2WSH, miniscript in
/// P2WSH, and taproot by key and by script (miniscript leaves).
struct ScriptSigner {
    let knowledge: SpendingKnowledge
    let maker: SignatureMaker
    var data: SignatureData
    private var describesOnly = false

    private enum Version { case base, witnessV0 }

    private struct Step {
        var isSolved: Bool
        var stack: [[UInt8]] = []
        var kind: ScriptKind
    }

    init(
        _ knowledge: SpendingKnowledge, _ maker: SignatureMaker,
        starting data: SignatureData = SignatureData()
    ) {
        self.knowledge = knowledge
        self.maker = maker
        self.data = data
    }

    /// Fills `data`; true once the input is complete. A real input is judged by the interpreter.
    @discardableResult
    mutating func sign(_ scriptPubKey: Script) -> Bool {
        if data.isComplete { return true }
        var step = step(scriptPubKey, .base)
        var redeem: Script?
        if step.isSolved, step.kind == .scriptHash {
            let inner = Script(step.stack[0])
            redeem = inner
            data.redeemScript = inner
            step = self.step(inner, .base)
            if step.kind == .scriptHash { step.isSolved = false }
        }
        switch step.kind {
        case .witnessV0KeyHash where step.isSolved:
            let inner = self.step(Script.p2pkh(Hash160(bytes: step.stack[0]) ?? .zero), .witnessV0)
            data.witness = inner.stack
            data.isWitness = true
            step = Step(isSolved: inner.isSolved, kind: step.kind)
        case .witnessV0ScriptHash where step.isSolved:
            let script = Script(step.stack[0])
            data.witnessScript = script
            var inner = self.step(script, .witnessV0)
            if !inner.isSolved, inner.stack.isEmpty, let stack = miniscript(script) {
                inner.stack = stack
                inner.isSolved = true
            }
            let isNested = [.scriptHash, .witnessV0KeyHash, .witnessV0ScriptHash].contains(inner.kind)
            data.witness = inner.stack + [script.bytes]
            data.isWitness = true
            step = Step(isSolved: inner.isSolved && !isNested, kind: step.kind)
        case .witnessV1Taproot where redeem == nil:
            data.isWitness = true
            if step.isSolved { data.witness = step.stack }
            step.stack = []
        default: break
        }
        if !data.isWitness { data.witness = [] }
        if let redeem { step.stack.append(redeem.bytes) }
        data.scriptSig = Self.pushing(step.stack)
        data.isComplete = step.isSolved && verifies(scriptPubKey)
        return data.isComplete
    }

    /// Collects scripts, keys and origins without a signature, for outputs of a PSBT.
    mutating func describe(_ scriptPubKey: Script) {
        describesOnly = true
        sign(scriptPubKey)
    }

    private func verifies(_ scriptPubKey: Script) -> Bool {
        if describesOnly { return false }
        guard case .real(let hasher, let input, let value, _, let knowsAllSpent) = maker else { return true }
        return SignedInput.verifies(
            scriptSig: data.scriptSig, witness: data.witness, scriptPubKey: scriptPubKey, value: value,
            hasher: hasher, input: input, knowsAllSpent: knowsAllSpent)
    }

    /// Pushes as Core's PushAll: small numbers by their opcodes.
    private static func pushing(_ stack: [[UInt8]]) -> Script {
        var script = Script()
        for item in stack {
            if item.isEmpty {
                script.append(op: .zero)
            } else if item.count == 1, (1...16).contains(item[0]) {
                script.append(number: Int64(item[0]))
            } else if item == [0x81] {
                script.append(op: .negativeOne)
            } else {
                script.append(push: item)
            }
        }
        return script
    }

    // MARK: One script

    private mutating func step(_ script: Script, _ version: Version) -> Step {
        let kind = script.kind
        switch kind {
        case .pubkey:
            let signature = signature(Array(script.bytes[1..<script.count - 1]), script, version)
            return Step(isSolved: signature != nil, stack: signature.map { [$0] } ?? [], kind: kind)
        case .pubkeyHash:
            guard let identifier = script.hash160 else { return Step(isSolved: false, kind: kind) }
            guard let key = publicKey(identifier) else {
                data.missingKeys.append(identifier)
                return Step(isSolved: false, kind: kind)
            }
            guard let signature = signature(key, script, version) else {
                return Step(isSolved: false, kind: kind)
            }
            return Step(isSolved: true, stack: [signature, key], kind: kind)
        case .multisig: return multisig(script, version)
        case .scriptHash:
            guard let hash = script.hash160, let redeem = redeemScript(hash) else {
                data.missingRedeemScript = script.hash160
                return Step(isSolved: false, kind: kind)
            }
            return Step(isSolved: true, stack: [redeem.bytes], kind: kind)
        case .witnessV0KeyHash:
            return Step(isSolved: true, stack: [Array(script.bytes[2...])], kind: kind)
        case .witnessV0ScriptHash:
            guard let hash = Hash256(bytes: Array(script.bytes[2...])), let inner = witnessScript(hash) else {
                data.missingWitnessScript = Hash256(bytes: Array(script.bytes[2...]))
                return Step(isSolved: false, kind: kind)
            }
            return Step(isSolved: true, stack: [inner.bytes], kind: kind)
        case .witnessV1Taproot:
            let stack = taproot(Array(script.bytes[2...]))
            return Step(isSolved: stack != nil, stack: stack ?? [], kind: kind)
        default: return Step(isSolved: false, kind: kind)
        }
    }

    private mutating func multisig(_ script: Script, _ version: Version) -> Step {
        guard let (required, keys) = script.multisig else { return Step(isSolved: false, kind: .multisig) }
        // The element too many that OP_CHECKMULTISIG takes.
        var stack: [[UInt8]] = [[]]
        for key in keys {
            // Every key is asked for, so that the missing ones are known.
            guard let signature = signature(key, script, version), stack.count < required + 1 else {
                continue
            }
            stack.append(signature)
        }
        let isSolved = stack.count == required + 1
        while stack.count < required + 1 { stack.append([]) }
        return Step(isSolved: isSolved, stack: stack, kind: .multisig)
    }

    private func redeemScript(_ hash: Hash160) -> Script? {
        if let known = knowledge.redeemScript(hash) { return known }
        for script in [data.redeemScript, data.witnessScript] {
            if let script, hash160(script.bytes) == hash { return script }
        }
        return nil
    }

    private func witnessScript(_ hash: Hash256) -> Script? {
        if let known = knowledge.witnessScript(hash) { return known }
        for script in [data.redeemScript, data.witnessScript] {
            if let script, SHA256.hash(script.bytes) == hash { return script }
        }
        return nil
    }

    func publicKey(_ identifier: Hash160) -> [UInt8]? {
        if let known = data.signatures[identifier.bytes] { return known.key }
        if let known = data.origins.keys.first(where: { hash160($0) == identifier }) { return known }
        return knowledge.key(identifier)?.bytes
    }

    /// A signature of a key that is already there, or a fresh one.
    private mutating func signature(_ key: [UInt8], _ script: Script, _ version: Version) -> [UInt8]? {
        let identifier = hash160(key)
        if let known = data.signatures[identifier.bytes] { return known.signature }
        let known = knowledge.key(identifier)
        if let known { data.origins.insert(key, known.origin) }
        guard let made = maker.ecdsa(known, scriptCode: script.bytes, isWitness: version == .witnessV0) else {
            data.missingSignatures.append(identifier)
            return nil
        }
        data.signatures[identifier.bytes] = SignatureData.Partial(key: key, signature: made)
        return made
    }

    mutating func witnessSignature(_ key: [UInt8], _ script: Script) -> [UInt8]? {
        signature(key, script, .witnessV0)
    }

    // MARK: Taproot

    private mutating func taproot(_ output: [UInt8]) -> [[UInt8]]? {
        if let spend = knowledge.taproot(output) { data.add(spend) }
        for x in [data.tapInternalKey, output] where !x.isEmpty && data.tapOrigins[x] == nil {
            guard let key = knowledge.key(x: x) else { continue }
            data.tapOrigins[x] = SignatureData.TapOrigin(leaves: [], origin: key.origin)
        }
        if data.tapKeySignature.isEmpty {
            data.tapKeySignature =
                maker.schnorr(
                    knowledge.key(x: data.tapInternalKey), leaf: nil,
                    tweak: (data.tapMerkleRoot, isInternal: true)) ?? []
        }
        if data.tapKeySignature.isEmpty {
            data.tapKeySignature =
                maker.schnorr(knowledge.key(x: output), leaf: nil, tweak: (nil, isInternal: false)) ?? []
        }
        if !data.tapKeySignature.isEmpty { return [data.tapKeySignature] }
        var smallest: [[UInt8]]?
        for entry in data.tapScripts.values where entry.version == 0xc0 {
            guard var stack = tapscript(entry.script), let control = entry.controls.first else { continue }
            stack += [entry.script, control]
            if smallest.map({ Self.size($0) > Self.size(stack) }) ?? true { smallest = stack }
        }
        return smallest
    }

    mutating func signature(x: [UInt8], _ leaf: Hash256) -> [UInt8]? {
        let known = knowledge.key(x: x)
        if let known {
            var entry = data.tapOrigins[x] ?? SignatureData.TapOrigin(leaves: [], origin: known.origin)
            entry.add(leaf)
            data.tapOrigins[x] = entry
        }
        if let made = data.tapScriptSignatures[x + leaf.bytes] { return made }
        guard let made = maker.schnorr(known, leaf: leaf, tweak: (nil, isInternal: false)) else { return nil }
        data.tapScriptSignatures[x + leaf.bytes] = made
        return made
    }

    private static func size(_ stack: [[UInt8]]) -> Int { stack.reduce(stack.count) { $0 + $1.count } }
}

/// The last word on an input: the interpreter under standard flags.
enum SignedInput {
    static func verifies(
        scriptSig: Script, witness: [[UInt8]], scriptPubKey: Script, value: Int64, hasher: SignatureHasher,
        input: Int, knowsAllSpent: Bool
    ) -> Bool {
        error(
            scriptSig: scriptSig, witness: witness, scriptPubKey: scriptPubKey, value: value, hasher: hasher,
            input: input, knowsAllSpent: knowsAllSpent) == nil
    }

    static func error(
        scriptSig: Script, witness: [[UInt8]], scriptPubKey: Script, value: Int64, hasher: SignatureHasher,
        input: Int, knowsAllSpent: Bool
    ) -> ScriptError? {
        // The interpreter looks the value up in what the transaction spends.
        var spent = hasher.spentOutputs
        if spent.indices.contains(input) {
            spent[input] = TransactionOutput(value: value, scriptPubKey: scriptPubKey)
        }
        if !knowsAllSpent, scriptPubKey.kind == .witnessV1Taproot { return .evalFalse }
        let own = spent == hasher.spentOutputs ? hasher : SignatureHasher(hasher.transaction, spending: spent)
        do throws(ScriptError) {
            try ScriptVerifier.verify(
                scriptSig: scriptSig, scriptPubKey: scriptPubKey, witness: witness, flags: .standard,
                checker: SignatureChecker(own, input: input))
            return nil
        } catch {
            return error
        }
    }
}
