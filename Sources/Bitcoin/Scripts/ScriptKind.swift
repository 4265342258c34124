/// The standard forms of a locking script, as Core's `Solver` names them.
public enum ScriptKind: String, Hashable, Sendable {
    case pubkey
    case pubkeyHash
    case scriptHash
    case witnessV0KeyHash
    case witnessV0ScriptHash
    case witnessV1Taproot
    case witnessUnknown
    case multisig
    case nullData
    case nonStandard
}

extension Script {
    public var kind: ScriptKind {
        if isPayToScriptHash { return .scriptHash }
        if let (version, program) = witnessProgram {
            if version == 0 && program.count == 20 { return .witnessV0KeyHash }
            if version == 0 && program.count == 32 { return .witnessV0ScriptHash }
            if version == 1 && program.count == 32 { return .witnessV1Taproot }
            return version == 0 ? .nonStandard : .witnessUnknown
        }
        if bytes.first == Opcode.return.rawValue && Script(Array(bytes[1...])).isPushOnly { return .nullData }
        if isPayToPublicKey { return .pubkey }
        if isPayToPublicKeyHash { return .pubkeyHash }
        return multisig == nil ? .nonStandard : .multisig
    }

    /// Version and program of a witness output (BIP141): one version opcode and one direct push of 2 to 40
    /// bytes.
    public var witnessProgram: (version: Int, program: ArraySlice<UInt8>)? {
        guard (4...42).contains(bytes.count), bytes[1] == UInt8(bytes.count - 2) else { return nil }
        switch bytes[0] {
        case Opcode.zero.rawValue: return (0, bytes[2...])
        case Opcode.one.rawValue...Opcode.sixteen.rawValue:
            return (Int(bytes[0] - Opcode.one.rawValue) + 1, bytes[2...])
        default: return nil
        }
    }

    /// BIP16 looks at the exact bytes, not at what they mean.
    public var isPayToScriptHash: Bool {
        bytes.count == 23 && bytes[0] == 0xa9 && bytes[1] == 0x14 && bytes[22] == 0x87
    }

    public var isPayToPublicKeyHash: Bool {
        bytes.count == 25 && bytes[0] == 0x76 && bytes[1] == 0xa9 && bytes[2] == 0x14 && bytes[23] == 0x88
            && bytes[24] == 0xac
    }

    public var isPayToPublicKey: Bool {
        switch (bytes.count, bytes.first) {
        case (35, 33): (bytes[1] == 2 || bytes[1] == 3) && bytes[34] == Opcode.checkSig.rawValue
        case (67, 65): [4, 6, 7].contains(bytes[1]) && bytes[66] == Opcode.checkSig.rawValue
        default: false
        }
    }

    /// The hash in a pay-to-public-key-hash or pay-to-script-hash script, or in a version 0 key program.
    public var hash160: Hash160? {
        if isPayToPublicKeyHash { return Hash160(bytes: Array(bytes[3..<23])) }
        if isPayToScriptHash { return Hash160(bytes: Array(bytes[2..<22])) }
        if bytes.count == 22 && bytes[0] == 0 && bytes[1] == 20 { return Hash160(bytes: Array(bytes[2...])) }
        return nil
    }

    /// Only pushes (and OP_RESERVED, which counts as one): what a script signature of a P2SH spend must be.
    public var isPushOnly: Bool {
        var instructions = self.instructions
        while let instruction = instructions.next() {
            if instruction.opcode > Opcode.sixteen.rawValue { return false }
        }
        return !instructions.isMalformed
    }

    /// A bare `m of n` with 1 ≤ m ≤ n ≤ 20 plain keys (Core: `MatchMultisig`).
    public var multisig: (required: Int, keys: [[UInt8]])? {
        guard bytes.last == Opcode.checkMultiSig.rawValue else { return nil }
        var instructions = self.instructions
        guard let first = instructions.next(), let required = first.smallNumber else { return nil }
        var keys: [[UInt8]] = []
        while let instruction = instructions.next() {
            if let data = instruction.data, isPublicKeySize(data) {
                keys.append(Array(data))
                continue
            }
            guard let count = instruction.smallNumber, count == keys.count, required <= count,
                instructions.offset + 1 == bytes.count
            else { return nil }
            return (required, keys)
        }
        return nil
    }
}

/// Whether the first byte announces a key of this length.
private func isPublicKeySize(_ data: ArraySlice<UInt8>) -> Bool {
    switch data.first {
    case 2, 3: data.count == 33
    case 4, 6, 7: data.count == 65
    default: false
    }
}
