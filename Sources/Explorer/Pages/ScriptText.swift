import Bitcoin

extension Script {
    /// Assembly as Core prints it: opcode names, pushes in hex (numbers up to four bytes as numbers),
    /// `[error]` where a push reaches beyond the end.
    var assembly: String {
        var words: [String] = []
        var length = 0
        var steps = instructions
        while let step = steps.next() {
            let word = Self.word(step)
            length += word.utf8.count + 1
            if length > Limits.shownHex {
                words.append("… (cut)")
                return words.joined(separator: " ")
            }
            words.append(word)
        }
        if steps.isMalformed { words.append("[error]") }
        return words.joined(separator: " ")
    }

    private static func word(_ step: ScriptInstruction) -> String {
        guard let data = step.data, step.opcode != 0 else {
            return step.named?.name ?? "OP_UNKNOWN"
        }
        guard data.count <= 4 else { return data.hex }
        var value: Int64 = 0
        for (offset, byte) in data.enumerated() { value |= Int64(byte) << (8 * offset) }
        if let last = data.last, last & 0x80 != 0 {
            value = -(value & ~(Int64(0x80) << (8 * (data.count - 1))))
        }
        return String(value)
    }

    func address(on network: AddressNetwork) -> String? { Address(script: self, network: network)?.text }

    /// Printable text of the data pushed after OP_RETURN; nil for scripts of another kind.
    var dataText: String? {
        guard bytes.first == Opcode.return.rawValue else { return nil }
        var data: [UInt8] = []
        for step in Script(Array(bytes.dropFirst())).instructions { data += step.data ?? [] }
        return Characters.cut(Characters.visible(data), to: 400)
    }
}

extension ScriptKind {
    /// The name in Core's RPC.
    var rpcName: String {
        switch self {
        case .pubkey: "pubkey"
        case .pubkeyHash: "pubkeyhash"
        case .scriptHash: "scripthash"
        case .witnessV0KeyHash: "witness_v0_keyhash"
        case .witnessV0ScriptHash: "witness_v0_scripthash"
        case .witnessV1Taproot: "witness_v1_taproot"
        case .witnessUnknown: "witness_unknown"
        case .multisig: "multisig"
        case .nullData: "nulldata"
        case .nonStandard: "nonstandard"
        }
    }

    /// The name that people use.
    var shortName: String {
        switch self {
        case .pubkey: "P2PK"
        case .pubkeyHash: "P2PKH"
        case .scriptHash: "P2SH"
        case .witnessV0KeyHash: "P2WPKH"
        case .witnessV0ScriptHash: "P2WSH"
        case .witnessV1Taproot: "P2TR"
        case .witnessUnknown: "witness, unknown version"
        case .multisig: "bare multisig"
        case .nullData: "OP_RETURN"
        case .nonStandard: "non-standard"
        }
    }
}
