/// Whether a script keeps within the limits, and whether it means what it says.
extension Miniscript {
    /// Bytes of the longest script: a standard witness script, or a tapscript that a standard transaction
    /// can still reveal beside the largest witness.
    static func scriptSizeMax(_ context: Context) -> Int {
        guard context == .tapscript else { return Limits.witnessScriptBytesMax }
        // Version and lock time, one input and one output (each with its count), marker and flag.
        let body = (8 + 1 + 41 + 1 + 43) * 4 + 2
        let witness = 3 + 66 * Limits.stackElementsMax + 3 + 33 + 32 * Limits.taprootDepthMax
        return Limits.transactionWeightMax - body - witness - 5
    }

    /// Every fragment fits its children, and the script is not too long.
    public var isValid: Bool { isValid(root) }

    private func isValid(_ place: Int) -> Bool {
        !nodes[place].type.isEmpty && nodes[place].scriptSize <= Self.scriptSizeMax(context)
    }

    public var isValidTopLevel: Bool { isValid && type.contains(.B) }
    public var isNonmalleable: Bool { type.contains(.m) }
    public var needsSignature: Bool { type.contains(.s) }
    public var isUnmixed: Bool { type.contains(.k) }

    /// Some witness satisfies it.
    public var isSatisfiable: Bool { bounds.stackSize != nil }

    private func keepsLimits(_ bounds: MiniscriptBounds) -> Bool {
        if context == .tapscript { return bounds.executionStackSize ?? 0 <= Limits.stackElementsMax }
        return bounds.operations ?? 0 <= Limits.scriptOperationsMax
            && bounds.stackSize ?? 0 <= Limits.witnessScriptStackMax
    }

    /// A satisfaction that is found is valid: no limit stands against it.
    public var hasValidSatisfactions: Bool { isValid && keepsLimits(bounds) }

    /// Whether the same key stands twice below the root. `identities` tells keys apart, by their places.
    public func hasDuplicateKeys<Identity: Hashable>(_ identities: [Identity]) -> Bool {
        hasDuplicateKeys(below: root, identities)
    }

    private func hasDuplicateKeys<Identity: Hashable>(below place: Int, _ identities: [Identity]) -> Bool {
        var seen: Set<Identity> = []
        var pending = [place]
        while let next = pending.popLast() {
            for key in Self.keys(nodes[next].fragment) where !seen.insert(identities[key]).inserted {
                return true
            }
            pending += nodes[next].children
        }
        return false
    }

    /// Safe as a script of its own: it needs a signature, cannot be malleated, mixes no locks, repeats no
    /// key and exceeds no limit.
    public func isSane<Identity: Hashable>(_ identities: [Identity]) -> Bool {
        isValidTopLevel && hasValidSatisfactions && isNonmalleable && isUnmixed && needsSignature
            && !hasDuplicateKeys(identities)
    }

    /// What is wrong with a script that is not sane or cannot be satisfied, in Bitcoin Core's words: the
    /// first part that is wrong by itself, and why. Nil if all is well.
    func complaint<Identity: Hashable>(_ identities: [Identity], key: (Int) -> String) -> String? {
        let sane = isSane(identities)
        guard !sane || !isSatisfiable else { return nil }
        let all = allBounds(from: 0)
        let repeats = hasDuplicateKeys(identities)
        let culprit =
            nodes.indices.first { place in
                let type = nodes[place].type
                if !(isValid(place) && keepsLimits(all[place]) && type.contains(.m) && type.contains(.k)) {
                    return true
                }
                // A wrapper repeats no key that its child does not.
                return repeats && nodes[place].children.count != 1
                    && hasDuplicateKeys(below: place, identities)
            } ?? root
        let words = text(from: culprit, key: key)
        guard isValid(culprit) else { return words + " is invalid" }
        if sane { return words + " is not satisfiable" }
        let type = nodes[culprit].type
        let reason =
            if !type.contains(.m) {
                ": malleable witnesses exist"
            } else if culprit == root, !type.contains(.s) {
                ": witnesses without signature exist"
            } else if !type.contains(.k) {
                ": contains mixes of timelocks expressed in blocks and seconds"
            } else if hasDuplicateKeys(below: culprit, identities) {
                ": contains duplicate public keys"
            } else if !keepsLimits(all[culprit]) {
                ": needs witnesses that may exceed resource limits"
            } else {
                ""
            }
        return words + " is not sane" + reason
    }
}
