public import SansIO

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

    /// What stands before the `@` of -whitelist and -whitebind.
    struct Written {
        var permissions: PeerPermissions = []
        var directions: Set<String> = []
    }

    /// - Throws: in Core's words, what is not understood.
    static func read(_ text: Substring, whole: String, allowsOut: Bool) throws(OptionError) -> Written {
        var written = Written()
        for word in text.split(separator: ",") {
            switch word {
            case "in": written.directions.insert("in")
            case "out":
                guard allowsOut else {
                    throw OptionError(
                        "whitebind may only be used for incoming connections (\"out\" was passed)")
                }
                written.directions.insert("out")
            case "all": written.permissions.formUnion(.all)
            case "bloom": written.permissions.formUnion(.bloomFilter)
            default:
                guard let named = names.first(where: { $0.0 == word }) else {
                    throw OptionError("Invalid P2P permission: '\(word)'")
                }
                written.permissions.formUnion(named.1)
            }
        }
        if !written.directions.isEmpty, written.permissions.isEmpty {
            throw OptionError("Only direction was set, no permissions: '\(whole)'")
        }
        return written
    }
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

    /// - Parameter implicit: what is given where the text names no permissions.
    /// - Throws: in Core's words, what is not understood.
    public init(_ text: String, implicit: PeerPermissions = .implicit) throws(OptionError) {
        var written = PeerPermissions.Written(permissions: implicit)
        var rest = text[...]
        if let at = text.firstIndex(of: "@") {
            written = try PeerPermissions.read(text[..<at], whole: text, allowsOut: true)
            rest = text[text.index(after: at)...]
        }
        guard let subnet = Subnet(String(rest)) else {
            throw OptionError("Invalid netmask specified in -whitelist: '\(rest)'")
        }
        self.init(permissions: written.permissions, subnet: subnet)
        isForOutbound = written.directions.contains("out")
        isForInbound = written.directions.isEmpty || written.directions.contains("in")
    }
}

/// One `-whitebind=[permissions@]address:port`: who comes in there may do this.
public struct PeerWhitebindEntry: Sendable, Hashable {
    public var permissions: PeerPermissions
    public var endpoint: Endpoint

    /// - Throws: in Core's words, what is not understood.
    public init(_ text: String, implicit: PeerPermissions = .implicit) throws(OptionError) {
        permissions = implicit
        var rest = text[...]
        if let at = text.firstIndex(of: "@") {
            permissions = try PeerPermissions.read(text[..<at], whole: text, allowsOut: false).permissions
            rest = text[text.index(after: at)...]
        }
        let host = Endpoint(String(rest)).map(\.host) ?? String(rest)
        guard NetworkAddress(host) != nil else {
            throw OptionError("Cannot resolve -whitebind address: '\(rest)'")
        }
        guard let endpoint = Endpoint(String(rest)), endpoint.port > 0 else {
            throw OptionError("Need to specify a port with -whitebind: '\(rest)'")
        }
        self.endpoint = endpoint
    }
}
