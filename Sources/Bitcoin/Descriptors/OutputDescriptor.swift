/// Why text is no descriptor; the words are Bitcoin Core's.
public struct DescriptorError: Error, Equatable, Sendable {
    public var message: String

    init(_ message: String) { self.message = message }
}

/// An output descriptor (BIP380 to BIP386): a family of locking scripts, with what is needed to spend them.
public struct OutputDescriptor: Hashable, Sendable {
    public let expression: ScriptExpression
    public let network: AddressNetwork

    public init(_ expression: ScriptExpression, network: AddressNetwork) {
        self.expression = expression
        self.network = network
    }

    /// The descriptor with its checksum. `isPrivate` writes the private keys that are known.
    public func text(isPrivate: Bool = false) -> String {
        Self.withChecksum(expression.text(network: network, isPrivate: isPrivate))
    }

    /// With each extended key written behind its last hardened step; nil if a private key for that is
    /// missing.
    public var normalized: OutputDescriptor? {
        expression.mappingKeys { $0.normalized }.map { OutputDescriptor($0, network: network) }
    }

    /// Without the private keys.
    public var publicText: String { text() }

    public static func withChecksum(_ body: String) -> String {
        "\(body)#\(DescriptorChecksum.checksum(body) ?? "")"
    }

    public var keys: [KeyExpression] { expression.keys }
    public var isRanged: Bool { keys.contains(where: \.isRanged) }
    public var hasPrivateKeys: Bool { keys.contains(where: \.isPrivate) }
    /// Whether one script comes of each index; `combo` makes several.
    public var isSingleType: Bool {
        if case .combo = expression { return false }
        return true
    }
    /// Whether it says how its scripts are spent.
    public var isSolvable: Bool {
        switch expression {
        case .address, .raw: false
        default: true
        }
    }
    /// Whether every hardened step has its private key, or there is none.
    public var isDerivable: Bool { keys.allSatisfy { KeyDeriver($0) != nil } }
}

/// What a descriptor says, without its checksum.
public indirect enum ScriptExpression: Hashable, Sendable {
    case publicKey(KeyExpression)
    case publicKeyHash(KeyExpression)
    case witnessKeyHash(KeyExpression)
    case scriptHash(ScriptExpression)
    case witnessScriptHash(ScriptExpression)
    /// At most 20 keys. Taproot's `multi_a` (BIP387) at most 999.
    case multisig(required: Int, keys: [KeyExpression], isSorted: Bool)
    case tapscriptMultisig(required: Int, keys: [KeyExpression], isSorted: Bool)
    case taproot(KeyExpression, ScriptTree?)
    /// The key as `pk`, `pkh` and, if it is compressed, `wpkh` and `sh(wpkh)`.
    case combo(KeyExpression)
    case address(Address)
    case raw(Script)
    /// A taproot output key itself.
    case outputKey(KeyExpression)
    /// A script of conditions (BIP379), for witness scripts and taproot's leaves, over its keys by number.
    case miniscript(Miniscript, [KeyExpression])

    /// The scripts of a taproot output.
    public indirect enum ScriptTree: Hashable, Sendable {
        case leaf(ScriptExpression)
        case branch(ScriptTree, ScriptTree)
    }
}

extension ScriptExpression {
    func text(network: AddressNetwork, isPrivate: Bool) -> String {
        func key(_ key: KeyExpression) -> String { key.text(network: network, isPrivate: isPrivate) }
        func multi(_ name: String, _ required: Int, _ keys: [KeyExpression], _ isSorted: Bool) -> String {
            "\(isSorted ? "sorted" : "")\(name)(\(required),\(keys.map(key).joined(separator: ",")))"
        }
        switch self {
        case .publicKey(let one): return "pk(\(key(one)))"
        case .publicKeyHash(let one): return "pkh(\(key(one)))"
        case .witnessKeyHash(let one): return "wpkh(\(key(one)))"
        case .scriptHash(let inner): return "sh(\(inner.text(network: network, isPrivate: isPrivate)))"
        case .witnessScriptHash(let inner):
            return "wsh(\(inner.text(network: network, isPrivate: isPrivate)))"
        case .multisig(let required, let keys, let isSorted):
            return multi("multi", required, keys, isSorted)
        case .tapscriptMultisig(let required, let keys, let isSorted):
            return multi("multi_a", required, keys, isSorted)
        case .taproot(let one, let tree):
            let scripts = tree.map { ",\($0.text(network: network, isPrivate: isPrivate))" } ?? ""
            return "tr(\(key(one))\(scripts))"
        case .combo(let one): return "combo(\(key(one)))"
        case .address(let address): return "addr(\(address.text))"
        case .raw(let script): return "raw(\(script.hex))"
        case .outputKey(let one): return "rawtr(\(key(one)))"
        case .miniscript(let script, let keys): return script.text { key(keys[$0]) }
        }
    }

    /// Every key, in the order of the text.
    public var keys: [KeyExpression] {
        switch self {
        case .publicKey(let key), .publicKeyHash(let key), .witnessKeyHash(let key), .combo(let key),
            .outputKey(let key):
            [key]
        case .scriptHash(let inner), .witnessScriptHash(let inner): inner.keys
        case .multisig(_, let keys, _), .tapscriptMultisig(_, let keys, _), .miniscript(_, let keys): keys
        case .taproot(let key, let tree): [key] + (tree?.leaves.flatMap(\.script.keys) ?? [])
        case .address, .raw: []
        }
    }

    /// The same expression with other keys; nil if any has none.
    func mappingKeys(_ body: (KeyExpression) -> KeyExpression?) -> ScriptExpression? {
        func all(_ keys: [KeyExpression]) -> [KeyExpression]? {
            let mapped = keys.compactMap(body)
            return mapped.count == keys.count ? mapped : nil
        }
        switch self {
        case .publicKey(let key): return body(key).map { .publicKey($0) }
        case .publicKeyHash(let key): return body(key).map { .publicKeyHash($0) }
        case .witnessKeyHash(let key): return body(key).map { .witnessKeyHash($0) }
        case .combo(let key): return body(key).map { .combo($0) }
        case .outputKey(let key): return body(key).map { .outputKey($0) }
        case .scriptHash(let inner): return inner.mappingKeys(body).map { .scriptHash($0) }
        case .witnessScriptHash(let inner): return inner.mappingKeys(body).map { .witnessScriptHash($0) }
        case .multisig(let required, let keys, let isSorted):
            return all(keys).map { .multisig(required: required, keys: $0, isSorted: isSorted) }
        case .tapscriptMultisig(let required, let keys, let isSorted):
            return all(keys).map { .tapscriptMultisig(required: required, keys: $0, isSorted: isSorted) }
        case .miniscript(let script, let keys): return all(keys).map { .miniscript(script, $0) }
        case .taproot(let key, let tree):
            guard let key = body(key) else { return nil }
            guard let tree else { return .taproot(key, nil) }
            return tree.mappingKeys(body).map { .taproot(key, $0) }
        case .address, .raw: return self
        }
    }
}

extension ScriptExpression.ScriptTree {
    func text(network: AddressNetwork, isPrivate: Bool) -> String {
        switch self {
        case .leaf(let script): script.text(network: network, isPrivate: isPrivate)
        case .branch(let left, let right):
            "{\(left.text(network: network, isPrivate: isPrivate)),"
                + "\(right.text(network: network, isPrivate: isPrivate))}"
        }
    }

    /// Scripts from left to right, each with its depth.
    public var leaves: [(script: ScriptExpression, depth: Int)] {
        switch self {
        case .leaf(let script): [(script, 0)]
        case .branch(let left, let right):
            (left.leaves + right.leaves).map { ($0.script, $0.depth + 1) }
        }
    }

    func mappingKeys(_ body: (KeyExpression) -> KeyExpression?) -> Self? {
        switch self {
        case .leaf(let script): return script.mappingKeys(body).map { .leaf($0) }
        case .branch(let left, let right):
            guard let left = left.mappingKeys(body), let right = right.mappingKeys(body) else { return nil }
            return .branch(left, right)
        }
    }
}
