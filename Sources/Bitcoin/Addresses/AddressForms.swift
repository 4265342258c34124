/// The forms of address that one public key has.
public enum AddressForm: String, CaseIterable, Sendable {
    case p2pkh
    case p2shP2wpkh = "p2sh-p2wpkh"
    case p2wpkh
    case p2tr

    /// The address of a key; taproot's has no scripts (BIP86). `uncompressed` only changes `p2pkh`, the one
    /// form that allows it.
    public func address(
        of key: PublicKey, network: AddressNetwork, uncompressed: Bool = false
    ) -> Address? {
        let script: Script
        switch self {
        case .p2pkh: script = .p2pkh(uncompressed ? Bitcoin.hash160(key.uncompressedBytes) : key.hash160)
        case .p2shP2wpkh: script = .p2sh(Bitcoin.hash160(Script.p2wpkh(key.hash160).bytes))
        case .p2wpkh: script = .p2wpkh(key.hash160)
        case .p2tr:
            guard let output = key.xOnly.taprootOutputKey() else { return nil }
            script = .p2tr(output.key)
        }
        return Address(script: script, network: network)
    }

    /// The descriptor of a key in this form.
    public func descriptor(of key: String) -> String {
        let body =
            switch self {
            case .p2pkh: "pkh(\(key))"
            case .p2shP2wpkh: "sh(wpkh(\(key)))"
            case .p2wpkh: "wpkh(\(key))"
            case .p2tr: "tr(\(key))"
            }
        return OutputDescriptor.withChecksum(body)
    }
}

/// What an address says, whatever its network.
public struct AddressDescription: Sendable, Equatable {
    /// The networks that read it: test networks share their Base58 prefixes.
    public let networks: [AddressNetwork]
    public let address: Address
    /// `p2pkh`, `p2sh`, `p2wpkh`, `p2wsh`, `p2tr`, or `witness_v<n>` for programs without a meaning yet.
    public let type: String
    public let witness: (version: Int, program: [UInt8])?

    public static func == (a: AddressDescription, b: AddressDescription) -> Bool {
        a.address == b.address && a.networks == b.networks
    }

    /// - Throws: with the reason why the text is no address.
    public init(_ text: String) throws(AddressFault) {
        networks = AddressNetwork.allCases.filter { Address(text, network: $0) != nil }
        guard let first = networks.first, let found = Address(text, network: first) else {
            throw AddressFault(text)
        }
        address = found
        let script = found.scriptPubKey
        witness = script.witnessProgram.map { ($0.version, Array($0.program)) }
        type =
            switch script.kind {
            case .pubkeyHash: "p2pkh"
            case .scriptHash: "p2sh"
            case .witnessV0KeyHash: "p2wpkh"
            case .witnessV0ScriptHash: "p2wsh"
            case .witnessV1Taproot: "p2tr"
            default: "witness_v\(script.witnessProgram?.version ?? 0)"
            }
    }
}

/// Why text is no address.
public struct AddressFault: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ text: String) {
        let lower = text.lowercased()
        let isBech32 = AddressNetwork.allCases.contains { lower.hasPrefix($0.bech32Prefix + "1") }
        if text.isEmpty {
            description = "an empty text is no address"
        } else if isBech32 {
            description = Self.bech32(text)
        } else if let payload = Base58Check.decode(text) {
            description =
                payload.count == 21
                ? "version byte \(payload[0]) is no address type of any network known here"
                : "\(payload.count) bytes instead of 21 in Base58"
        } else if let bytes = Base58.decode(text), bytes.count == 25 {
            description = "the checksum is wrong: a character was mistyped"
        } else if let separator = lower.lastIndex(of: "1"), Bech32.decode(text) != nil {
            description = "the prefix \(lower[..<separator]) belongs to no network known here (bc, tb, bcrt)"
        } else {
            description = "neither Base58 nor Bech32: wrong characters, length or checksum"
        }
    }

    private static func bech32(_ text: String) -> String {
        if text != text.lowercased(), text != text.uppercased() { return "upper and lower case are mixed" }
        guard let (_, data, variant) = Bech32.decode(text) else {
            return "the checksum is wrong: a character was mistyped, or the text is cut"
        }
        guard let version = data.first, version <= 16 else { return "a witness version above 16" }
        if variant != (version == 0 ? .bech32 : .bech32m) {
            return "witness version \(version) with the checksum of the other kind "
                + "(Bech32 is for version 0, Bech32m for later ones)"
        }
        return "a witness program of a length that version \(version) does not allow"
    }
}
