import Bitcoin
import JSONText

/// Scripts the way Core prints them.
enum ScriptJSON {
    static func scriptPubKey(_ script: Script, network: AddressNetwork) -> JSON {
        let address = script.kind == .pubkey ? nil : Address(script: script, network: network)?.text
        var object = JSONObject()
        object.append("asm", .string(assembly(script.bytes, marksSignatures: false)))
        object.append("desc", .string(Descriptor.infer(script, address: address)))
        object.append("hex", .string(script.hex))
        if let address { object.append("address", .string(address)) }
        object.append("type", .string(type(script)))
        return .object(object)
    }

    /// Core's name of the standard form.
    static func type(_ script: Script) -> String {
        if script.bytes == Policy.payToAnchor { return "anchor" }
        return switch script.kind {
        case .pubkey: "pubkey"
        case .pubkeyHash: "pubkeyhash"
        case .scriptHash: "scripthash"
        case .multisig: "multisig"
        case .nullData: "nulldata"
        case .witnessV0KeyHash: "witness_v0_keyhash"
        case .witnessV0ScriptHash: "witness_v0_scripthash"
        case .witnessV1Taproot: "witness_v1_taproot"
        case .witnessUnknown: "witness_unknown"
        case .nonStandard: "nonstandard"
        }
    }

    /// Core's ScriptToAsmStr: pushes of up to four bytes are numbers; in inputs a signature's hash type gets
    /// a name.
    static func assembly(_ script: [UInt8], marksSignatures: Bool) -> String {
        var words: [String] = []
        var reader = ScriptReader(script)
        let isUnspendable = script.first == 0x6a
        while let (opcode, push) = reader.next() {
            if opcode <= 0x4e {
                words.append(pushed(Array(script[push]), marksSignatures: marksSignatures && !isUnspendable))
            } else if opcode == 0x4f {
                words.append("-1")
            } else if (0x51...0x60).contains(opcode) {
                words.append(String(opcode - 0x50))
            } else {
                words.append(Opcode(rawValue: opcode)?.name ?? "OP_UNKNOWN")
            }
        }
        if reader.isBroken { words.append("[error]") }
        return words.joined(separator: " ")
    }

    private static func pushed(_ data: [UInt8], marksSignatures: Bool) -> String {
        if data.count <= 4 {
            return ((try? ScriptNumber.decode(data, minimal: false)) ?? 0).description
        }
        if marksSignatures, SignatureEncoding.isStrictDER(data), let last = data.last {
            let base: String? =
                switch last & 0x7f {
                case 1: "ALL"
                case 2: "NONE"
                case 3: "SINGLE"
                default: nil
                }
            if let base {
                return Array(data.dropLast()).hex + "[\(base)\(last & 0x80 != 0 ? "|ANYONECANPAY" : "")]"
            }
        }
        return data.hex
    }
}

/// Output descriptors (BIP380): inferred from a script without any knowledge of keys, and their checksums.
enum Descriptor {
    static func infer(_ script: Script, address: String?) -> String {
        let body: String
        if script.kind == .witnessV1Taproot {
            let key = Array(script.bytes[2...])
            body = XOnlyPublicKey(bytes: key) == nil ? "addr(\(address ?? ""))" : "rawtr(\(key.hex))"
        } else if script.kind == .pubkey {
            body = "pk(\(Array(script.bytes[1..<script.bytes.count - 1]).hex))"
        } else if let (required, keys) = script.multisig {
            body = "multi(\(required),\(keys.map(\.hex).joined(separator: ",")))"
        } else if let address {
            body = "addr(\(address))"
        } else {
            body = "raw(\(script.hex))"
        }
        return "\(body)#\(checksum(body))"
    }

    /// The script of `addr(…)`, `raw(…)`, `pk(…)`, `wpkh(…)` or `pkh(…)` with plain keys; a checksum must
    /// fit.
    static func script(_ text: String, network: AddressNetwork) throws(RPCError) -> Script {
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        if parts.count == 2, checksum(parts[0]) != parts[1] {
            throw .notFound(
                "Provided checksum '\(parts[1])' does not match computed checksum '\(checksum(parts[0]))'")
        }
        let body = parts[0]
        guard let open = body.firstIndex(of: "("), body.hasSuffix(")") else {
            throw .notFound("'\(body)' is not a valid descriptor function")
        }
        let inner = String(body[body.index(after: open)...].dropLast())
        let script: Script? =
            switch body[..<open] {
            case "addr": Address(inner, network: network)?.scriptPubKey
            case "raw": Script(hex: inner)
            case "pk": PublicKey(hex: inner).map { Script.p2pk($0) }
            case "pkh": PublicKey(hex: inner).map { Script.p2pkh($0.hash160) }
            case "wpkh": PublicKey(hex: inner).map { Script.p2wpkh($0.hash160) }
            case "rawtr": XOnlyPublicKey(hex: inner).map { Script.p2tr($0) }
            default: nil
            }
        guard let script else { throw .notFound("'\(body)' is not a valid descriptor function") }
        return script
    }

    /// BIP380's eight characters.
    static func checksum(_ text: String) -> String {
        var state: UInt64 = 1
        var group: UInt64 = 0
        var count = 0
        for character in text.utf8 {
            guard let position = inputs.firstIndex(of: character) else { return "" }
            state = step(state, UInt64(position & 31))
            group = group * 3 + UInt64(position >> 5)
            count += 1
            if count == 3 {
                state = step(state, group)
                group = 0
                count = 0
            }
        }
        if count > 0 { state = step(state, group) }
        for _ in 0..<8 { state = step(state, 0) }
        state ^= 1
        return String(
            decoding: (0..<8).map { outputs[Int(state >> UInt64(5 * (7 - $0)) & 31)] }, as: UTF8.self)
    }

    private static func step(_ state: UInt64, _ value: UInt64) -> UInt64 {
        let top = state >> 35
        var next = (state & 0x7_ffff_ffff) << 5 ^ value
        for (bit, constant) in generator.enumerated() where top >> UInt64(bit) & 1 == 1 { next ^= constant }
        return next
    }

    private static let generator: [UInt64] = [
        0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd,
    ]
    private static let inputs = Array(
        ("0123456789()[],'/*abcdefgh@:$%{}" + "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
            + "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ").utf8)
    private static let outputs = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
}
