import SansIO

/// What a peer on the operator's whitelist may do (Core's net_permissions).
public struct PeerPermissions: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let bloomFilter = PeerPermissions(rawValue: 1)
    /// Transactions are taken from it even with -blocksonly.
    public static let relay = PeerPermissions(rawValue: 2)
    /// Its transactions are relayed even if they are in the pool already; implies `relay`.
    public static let forceRelay = PeerPermissions(rawValue: 4 | 2)
    /// It may fetch old blocks beyond any upload limit.
    public static let download = PeerPermissions(rawValue: 8)
    /// It is not banned or evicted for what it does, and hears of transactions at once; implies `download`.
    public static let noBan = PeerPermissions(rawValue: 16 | 8)
    public static let mempool = PeerPermissions(rawValue: 32)
    /// It gets fresh and unlimited answers to getaddr.
    public static let address = PeerPermissions(rawValue: 64)

    /// What `-whitelist=` without a list of permissions gives.
    public static let implicit: PeerPermissions = [.relay, .download, .noBan, .mempool]
    public static let all: PeerPermissions = [
        .bloomFilter, .forceRelay, .relay, .noBan, .mempool, .download, .address,
    ]

    static let names: [(String, PeerPermissions)] = [
        ("bloomfilter", .bloomFilter), ("noban", .noBan), ("forcerelay", .forceRelay), ("relay", .relay),
        ("mempool", .mempool), ("download", .download), ("addr", .address),
    ]

    /// As getpeerinfo lists them.
    var list: [String] { Self.names.filter { contains($0.1) }.map(\.0) }
}

/// One `-whitelist=[permissions@]address[/bits]`.
public struct PeerWhitelistEntry: Sendable, Hashable {
    public var permissions: PeerPermissions
    public var subnet: Subnet
    /// Whether it holds for incoming connections (the default), and for outgoing ones (`out`).
    public var isForInbound = true
    public var isForOutbound = false

    public init(permissions: PeerPermissions, subnet: Subnet) {
        self.permissions = permissions
        self.subnet = subnet
    }

    /// Nil when a permission or the address is not understood.
    public init?(_ text: String) {
        var permissions = PeerPermissions.implicit
        var rest = text[...]
        var directions: [String] = []
        if let at = text.lastIndex(of: "@") {
            permissions = []
            for word in text[..<at].split(separator: ",") {
                if word == "in" || word == "out" {
                    directions.append(String(word))
                } else if word == "all" {
                    permissions.formUnion(.all)
                } else if word == "bloom" {
                    permissions.formUnion(.bloomFilter)
                } else if let named = PeerPermissions.names.first(where: { $0.0 == word }) {
                    permissions.formUnion(named.1)
                } else {
                    return nil
                }
            }
            rest = text[text.index(after: at)...]
        }
        guard let subnet = Subnet(String(rest)) else { return nil }
        self.init(permissions: permissions, subnet: subnet)
        isForOutbound = directions.contains("out")
        isForInbound = directions.isEmpty || directions.contains("in")
    }
}
