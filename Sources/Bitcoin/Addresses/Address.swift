/// Which prefixes addresses and keys carry. The lab's own network uses regtest's.
public enum AddressNetwork: String, Hashable, Sendable, CaseIterable {
    case mainnet
    /// Also testnet4 and signet.
    case testnet
    case regtest

    /// First byte of a P2PKH address.
    public var publicKeyHashPrefix: UInt8 { self == .mainnet ? 0 : 111 }
    /// First byte of a P2SH address.
    public var scriptHashPrefix: UInt8 { self == .mainnet ? 5 : 196 }
    /// First byte of a private key in WIF.
    public var secretKeyPrefix: UInt8 { self == .mainnet ? 128 : 239 }
    /// Human-readable part of a Bech32 address.
    public var bech32Prefix: String {
        switch self {
        case .mainnet: "bc"
        case .testnet: "tb"
        case .regtest: "bcrt"
        }
    }
}

/// A locking script in the form that people pass on.
public struct Address: Hashable, Sendable {
    public let scriptPubKey: Script
    public let network: AddressNetwork
    /// The canonical text (Bech32 in lower case).
    public let text: String

    /// Nil for text that is no address of this network.
    public init?(_ text: String, network: AddressNetwork) {
        guard let script = Self.base58Script(text, network) ?? Self.witnessScript(text, network) else {
            return nil
        }
        self.init(script: script, network: network)
    }

    /// The address of a script; nil for forms that have none (bare keys, multisig, data).
    public init?(script: Script, network: AddressNetwork) {
        if let (version, program) = script.witnessProgram {
            guard version != 0 || program.count == 20 || program.count == 32 else { return nil }
            text = Bech32.encodeProgram(
                prefix: network.bech32Prefix, version: version, program: Array(program))
        } else if script.isPayToPublicKeyHash || script.isPayToScriptHash, let hash = script.hash160 {
            let prefix = script.isPayToScriptHash ? network.scriptHashPrefix : network.publicKeyHashPrefix
            text = Base58Check.encode([prefix] + hash.bytes)
        } else {
            return nil
        }
        scriptPubKey = script
        self.network = network
    }

    private static func base58Script(_ text: String, _ network: AddressNetwork) -> Script? {
        guard let payload = Base58Check.decode(text), let hash = Hash160(bytes: Array(payload.dropFirst()))
        else {
            return nil
        }
        switch payload[0] {
        case network.publicKeyHashPrefix: return .p2pkh(hash)
        case network.scriptHashPrefix: return .p2sh(hash)
        default: return nil
        }
    }

    private static func witnessScript(_ text: String, _ network: AddressNetwork) -> Script? {
        guard let (version, program) = Bech32.decodeProgram(text, prefix: network.bech32Prefix) else {
            return nil
        }
        return .witness(version: version, program: program)
    }
}

extension Address: CustomStringConvertible {
    public var description: String { text }
}

extension SecretKey {
    /// Wallet import format. `compressed` says which form of the public key the key's outputs commit to.
    public func wif(network: AddressNetwork, compressed: Bool = true) -> String {
        Base58Check.encode([network.secretKeyPrefix] + bytes + (compressed ? [1] : []))
    }

    /// Nil for text that is no private key of this network.
    public static func wif(
        _ text: String, network: AddressNetwork
    ) -> (key: SecretKey, compressed: Bool)? {
        guard let payload = Base58Check.decode(text), payload.first == network.secretKeyPrefix,
            payload.count == 33 || (payload.count == 34 && payload[33] == 1),
            let key = SecretKey(bytes: Array(payload[1..<33]))
        else { return nil }
        return (key, payload.count == 34)
    }
}
