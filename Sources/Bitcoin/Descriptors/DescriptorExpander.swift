/// Makes the scripts of one descriptor, index by index.
public struct DescriptorExpander: Sendable {
    private let expression: ScriptExpression
    private let derivers: [KeyDeriver]

    /// Nil if a hardened step needs a private key that the descriptor lacks.
    public init?(_ descriptor: OutputDescriptor) {
        expression = descriptor.expression
        let keys = expression.keys
        derivers = keys.compactMap { KeyDeriver($0) }
        guard derivers.count == keys.count else { return nil }
    }

    /// The scripts at an index (one, but for `combo`) and what is known about spending them. Nil with
    /// negligible probability.
    public func expand(at index: UInt32) -> (scripts: [Script], knowledge: SpendingKnowledge)? {
        let keys = derivers.compactMap { $0.key(at: index) }
        guard keys.count == derivers.count else { return nil }
        var knowledge = SpendingKnowledge()
        for key in keys { knowledge.add(key) }
        var rest = keys[...]
        guard let scripts = build(expression, &rest, &knowledge) else { return nil }
        return (scripts, knowledge)
    }

    private func build(
        _ expression: ScriptExpression, _ keys: inout ArraySlice<DerivedKey>,
        _ knowledge: inout SpendingKnowledge
    ) -> [Script]? {
        switch expression {
        case .publicKey: return [pay(to: keys.removeFirst())]
        case .publicKeyHash: return [.p2pkh(keys.removeFirst().identifier)]
        case .witnessKeyHash: return [.p2wpkh(keys.removeFirst().identifier)]
        case .scriptHash(let inner):
            guard let redeem = build(inner, &keys, &knowledge)?.first else { return nil }
            knowledge.add(redeemScript: redeem)
            return [.p2sh(hash160(redeem.bytes))]
        case .witnessScriptHash(let inner):
            guard let script = build(inner, &keys, &knowledge)?.first else { return nil }
            knowledge.add(witnessScript: script)
            return [.p2wsh(SHA256.hash(script.bytes))]
        case .multisig(let required, let expressions, let isSorted):
            var all = keys.prefix(expressions.count).map(\.bytes)
            keys.removeFirst(expressions.count)
            if isSorted { all.sort { $0.lexicographicallyPrecedes($1) } }
            return [.multisig(required: required, keys: all)]
        case .combo: return combo(keys.removeFirst(), &knowledge)
        case .address(let address): return [address.scriptPubKey]
        case .raw(let script): return [script]
        case .outputKey: return [.p2tr(keys.removeFirst().point.xOnly)]
        case .taproot(_, let tree): return taproot(tree, &keys, &knowledge)
        case .tapscriptMultisig: return leaf(expression, &keys, &knowledge).map { [Script($0)] }
        case .miniscript(let script, let expressions):
            let own = keys.prefix(expressions.count)
            keys.removeFirst(expressions.count)
            return [script.script(keys: own.map(\.bytes))]
        }
    }

    private func pay(to key: DerivedKey) -> Script {
        var script = Script()
        script.append(push: key.bytes)
        script.append(op: .checkSig)
        return script
    }

    private func combo(_ key: DerivedKey, _ knowledge: inout SpendingKnowledge) -> [Script] {
        var scripts = [pay(to: key), .p2pkh(key.identifier)]
        guard key.isCompressed else { return scripts }
        let witness = Script.p2wpkh(key.identifier)
        knowledge.add(redeemScript: witness)
        scripts += [witness, .p2sh(hash160(witness.bytes))]
        return scripts
    }

    private func taproot(
        _ tree: ScriptExpression.ScriptTree?, _ keys: inout ArraySlice<DerivedKey>,
        _ knowledge: inout SpendingKnowledge
    ) -> [Script]? {
        let internalKey = keys.removeFirst().point.xOnly
        var leaves: [(script: [UInt8], version: UInt8, depth: Int)] = []
        for (script, depth) in tree?.leaves ?? [] {
            guard let bytes = leaf(script, &keys, &knowledge) else { return nil }
            leaves.append((bytes, 0xc0, depth))
        }
        guard let spend = TaprootSpend(internalKey: internalKey, tree: leaves) else { return nil }
        knowledge.add(spend)
        return [.p2tr(spend.outputKey)]
    }

    private func leaf(
        _ expression: ScriptExpression, _ keys: inout ArraySlice<DerivedKey>,
        _ knowledge: inout SpendingKnowledge
    ) -> [UInt8]? {
        switch expression {
        case .publicKey:
            var script = Script()
            script.append(push: keys.removeFirst().point.xOnly.bytes)
            script.append(op: .checkSig)
            return script.bytes
        case .tapscriptMultisig(let required, let expressions, let isSorted):
            var all = keys.prefix(expressions.count).map(\.point.xOnly.bytes)
            keys.removeFirst(expressions.count)
            if isSorted { all.sort { $0.lexicographicallyPrecedes($1) } }
            return Script.tapscriptMultisig(required: required, keys: all).bytes
        case .miniscript(let script, let expressions):
            let own = keys.prefix(expressions.count)
            keys.removeFirst(expressions.count)
            for key in own { knowledge.add(tapscriptKey: key) }
            return script.script(keys: own.map(\.point.xOnly.bytes)).bytes
        default: return nil
        }
    }
}

extension Script {
    /// `m <keys> n OP_CHECKMULTISIG`.
    public static func multisig(required: Int, keys: [[UInt8]]) -> Script {
        var script = Script()
        script.append(number: Int64(required))
        for key in keys { script.append(push: key) }
        script.append(number: Int64(keys.count))
        script.append(op: .checkMultiSig)
        return script
    }

    /// BIP387's `multi_a`.
    public static func tapscriptMultisig(required: Int, keys: [[UInt8]]) -> Script {
        var script = Script()
        for (index, key) in keys.enumerated() {
            script.append(push: key)
            script.append(op: index == 0 ? .checkSig : .checkSigAdd)
        }
        script.append(number: Int64(required))
        script.append(op: .numEqual)
        return script
    }

    /// The threshold and keys of a `multi_a` leaf (BIP387).
    public var tapscriptMultisig: (required: Int, keys: [[UInt8]])? {
        var instructions = self.instructions
        var keys: [[UInt8]] = []
        while let instruction = instructions.next() {
            guard let data = instruction.data, data.count == 32 else {
                guard !keys.isEmpty, let required = instruction.number, required >= 1,
                    required <= keys.count, instructions.next()?.opcode == Opcode.numEqual.rawValue,
                    instructions.next() == nil, !instructions.isMalformed
                else { return nil }
                return (required, keys)
            }
            let expected: Opcode = keys.isEmpty ? .checkSig : .checkSigAdd
            guard instructions.next()?.opcode == expected.rawValue else { return nil }
            keys.append(Array(data))
        }
        return nil
    }
}

extension ScriptInstruction {
    /// A small positive number, pushed the shortest way.
    fileprivate var number: Int? {
        if (Opcode.one.rawValue...Opcode.sixteen.rawValue).contains(opcode) {
            return Int(opcode - Opcode.one.rawValue) + 1
        }
        guard let data, (1...2).contains(data.count), opcode == UInt8(data.count) else { return nil }
        let value = data.reversed().reduce(0) { $0 << 8 | Int($1) }
        return value > 16 && Script.numberBytes(Int64(value)) == Array(data) ? value : nil
    }
}
