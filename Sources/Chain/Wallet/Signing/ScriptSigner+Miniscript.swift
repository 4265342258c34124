import Bitcoin

extension ScriptSigner {
    /// What satisfies a witness script that has none of the classic forms; nil if it is no miniscript or
    /// something is missing.
    mutating func miniscript(_ script: Script) -> [[UInt8]]? {
        let read = Self.infer(
            script, .witnessScript, isKey: { PublicKey(bytes: $0) != nil }, key: { publicKey($0) })
        data.missingKeys += read.missing
        guard let found = read.found else { return nil }
        return satisfy(found, script, read.keys, leaf: nil)
    }

    /// What satisfies a leaf of a taproot output.
    mutating func tapscript(_ bytes: [UInt8]) -> [[UInt8]]? {
        let script = Script(bytes)
        let read = Self.infer(
            script, .tapscript, isKey: { $0.count == 32 },
            key: { hash in
                knowledge.tapscriptKey(hash) ?? data.tapOrigins.keys.first { hash160($0) == hash }
            })
        data.missingKeys += read.missing
        guard let found = read.found else { return nil }
        return satisfy(found, script, read.keys, leaf: TaprootSpend.Leaf(script: bytes).hash)
    }

    /// The miniscript that a script is, if it is one, the keys that it names in order, and the hashes of keys that
    /// nobody knows.
    private static func infer(
        _ script: Script, _ context: Miniscript.Context, isKey: ([UInt8]) -> Bool,
        key known: (Hash160) -> [UInt8]?
    ) -> (found: Miniscript?, keys: [[UInt8]], missing: [Hash160]) {
        var keys: [[UInt8]] = []
        var missing: [Hash160] = []
        func place(_ key: [UInt8]) -> Int {
            keys.append(key)
            return keys.count - 1
        }
        let found = Miniscript.infer(
            script, context, key: { isKey($0) ? place($0) : nil },
            keyHash: { hash in
                if let key = known(hash) { return place(key) }
                missing.append(hash)
                return nil
            })
        return (found, keys, missing)
    }

    private mutating func satisfy(
        _ found: Miniscript, _ script: Script, _ keys: [[UInt8]], leaf: Hash256?
    ) -> [[UInt8]]? {
        var satisfier = SigningSatisfier(signer: self, script: script, keys: keys, leaf: leaf)
        let stack = found.satisfy(&satisfier)
        data = satisfier.signer.data
        guard case .dummy = maker else { return stack }
        // Which conditions will be met is not known yet: the largest witness.
        return Self.filler(found.bounds) ?? stack
    }

    /// Elements of a witness's number and size.
    private static func filler(_ bounds: MiniscriptBounds) -> [[UInt8]]? {
        guard let count = bounds.stackSize, let size = bounds.witnessSize, count > 0, size >= count else {
            return nil
        }
        let (each, rest) = (size - count).quotientAndRemainder(dividingBy: count)
        return (0..<count).map { [UInt8](repeating: 0, count: each + ($0 < rest ? 1 : 0)) }
    }
}

/// A signer as miniscript sees it.
private struct SigningSatisfier: MiniscriptSatisfier {
    var signer: ScriptSigner
    let script: Script
    let keys: [[UInt8]]
    /// Nil in a witness script.
    let leaf: Hash256?

    mutating func signature(_ key: Int) -> [UInt8]? {
        if let leaf { return signer.signature(x: keys[key], leaf) }
        return signer.witnessSignature(keys[key], script)
    }

    func publicKey(_ key: Int) -> [UInt8] { keys[key] }

    func preimage(_ function: Miniscript.HashFunction, _ digest: [UInt8]) -> [UInt8]? {
        signer.data.preimages[SignatureData.place(of: function)][digest]
    }

    func isMet(older value: UInt32) -> Bool {
        guard case .real(let hasher, let input, _, _, _) = signer.maker,
            hasher.transaction.inputs.indices.contains(input)
        else { return signer.maker.isDummy }
        return SignatureChecker(hasher, input: input).isSequenceMet(Int64(value))
    }

    func isMet(after value: UInt32) -> Bool {
        guard case .real(let hasher, let input, _, _, _) = signer.maker,
            hasher.transaction.inputs.indices.contains(input)
        else { return signer.maker.isDummy }
        return SignatureChecker(hasher, input: input).isLockTimeMet(Int64(value))
    }
}
