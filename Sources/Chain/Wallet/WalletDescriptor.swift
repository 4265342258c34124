import Bitcoin

/// The four kinds of address that a wallet gives out.
enum AddressType: String, Sendable, CaseIterable {
    case legacy
    case p2shSegwit = "p2sh-segwit"
    case bech32
    case bech32m

    /// The first step of the type's derivation path: BIP44, BIP49, BIP84, BIP86.
    var purpose: UInt32 {
        switch self {
        case .legacy: 44
        case .p2shSegwit: 49
        case .bech32: 84
        case .bech32m: 86
        }
    }

    /// The type of what a descriptor makes; nil for forms without one type of address.
    init?(_ expression: ScriptExpression) {
        switch expression {
        case .publicKeyHash: self = .legacy
        case .witnessKeyHash, .witnessScriptHash: self = .bech32
        case .taproot, .outputKey: self = .bech32m
        case .scriptHash(let inner):
            switch inner {
            case .witnessKeyHash, .witnessScriptHash: self = .p2shSegwit
            default: self = .legacy
            }
        default: return nil
        }
    }

    /// The descriptor of one account's branch.
    func expression(_ key: KeyExpression) -> ScriptExpression {
        switch self {
        case .legacy: .publicKeyHash(key)
        case .p2shSegwit: .scriptHash(.witnessKeyHash(key))
        case .bech32: .witnessKeyHash(key)
        case .bech32m: .taproot(key, nil)
        }
    }
}

/// Where a script of a wallet comes from.
struct ScriptPlace: Sendable, Hashable {
    /// Which of the wallet's descriptors, by its number.
    var descriptor: Int
    var index: UInt32
}

/// A descriptor of a wallet and how far it has been used.
struct WalletDescriptor: Sendable {
    /// Private keys as they are kept.
    enum Secrets: Sendable {
        case none
        case plain(OutputDescriptor)
        /// Sealed under the wallet's key; open while the wallet is unlocked.
        case sealed([UInt8], open: OutputDescriptor?)
    }

    /// Public, with extended keys behind the last hardened step.
    let watch: OutputDescriptor
    var secrets: Secrets
    /// Unix seconds before which nothing paid to it.
    var timestamp: UInt32
    var isActive: Bool
    var isInternal: Bool
    var rangeStart: UInt32
    /// Scripts are known below this index.
    var rangeEnd: UInt32
    /// The next index that was not given out.
    var next: UInt32
    private(set) var expander: DescriptorExpander?
    /// Public forms of the extended keys that the private ones of a sealed descriptor have as roots.
    var roots: [ExtendedKey] = []

    init(
        watch: OutputDescriptor, secrets: Secrets, timestamp: UInt32, isActive: Bool = false,
        isInternal: Bool = false, range: Range<UInt32>, next: UInt32
    ) {
        self.watch = watch
        self.secrets = secrets
        self.timestamp = timestamp
        self.isActive = isActive
        self.isInternal = isInternal
        rangeStart = range.lowerBound
        rangeEnd = range.upperBound
        self.next = next
        prepare()
    }

    /// Scripts of a hardened range are made with the private key, when it is at hand.
    mutating func prepare() {
        expander = DescriptorExpander(watch) ?? privateDescriptor.flatMap { DescriptorExpander($0) }
    }

    var isRanged: Bool { watch.isRanged }
    var type: AddressType? { AddressType(watch.expression) }

    /// With private keys, where they are known now.
    var privateDescriptor: OutputDescriptor? {
        switch secrets {
        case .none: nil
        case .plain(let descriptor): descriptor
        case .sealed(_, let open): open
        }
    }

    var hasSecrets: Bool {
        if case .none = secrets { return false }
        return true
    }

    /// Extended keys that stand at the beginning of its key expressions, private where they are open.
    var masterKeys: [ExtendedKey] {
        guard let own = privateDescriptor else { return roots.isEmpty ? Self.roots(of: watch) : roots }
        return Self.roots(of: own)
    }

    static func roots(of descriptor: OutputDescriptor) -> [ExtendedKey] {
        descriptor.keys.compactMap {
            if case .extended(let key) = $0.root { return key }
            return nil
        }
    }

    func scripts(at index: UInt32) -> [Script] { expander?.expand(at: index)?.scripts ?? [] }

    /// What is needed to spend the script at an index, private keys included if asked for and open.
    func knowledge(at index: UInt32, withSecrets: Bool) -> SpendingKnowledge {
        let open = withSecrets ? privateDescriptor.flatMap { DescriptorExpander($0) } : nil
        var knowledge = (expander?.expand(at: index)?.knowledge ?? SpendingKnowledge()).withoutSecrets
        if let open, let more = open.expand(at: index)?.knowledge { knowledge.merge(more) }
        return knowledge
    }
}
