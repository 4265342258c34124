import Bitcoin
public import SansIO

/// Who may call, from where, and what else the RPC port serves.
public struct RPCSettings: Sendable {
    /// One `-rpcauth` user: HMAC-SHA256 of the password, keyed with the salt's text, in hex.
    public struct User: Sendable, Equatable {
        public var name: String
        public var salt: String
        public var hash: String

        public init(name: String, salt: String, hash: String) {
            self.name = name
            self.salt = salt
            self.hash = hash
        }

        /// Reads `user:salt$hash`.
        public init?(_ text: String) {
            let halves = text.split(separator: ":", omittingEmptySubsequences: false)
            guard halves.count == 2 else { return nil }
            let secret = halves[1].split(separator: "$", omittingEmptySubsequences: false)
            guard secret.count == 2 else { return nil }
            self.init(name: String(halves[0]), salt: String(secret[0]), hash: String(secret[1]))
        }

        /// Whether `password` is this user's; takes the same time for every wrong one.
        func accepts(_ password: String) -> Bool {
            let made = hmacSHA256(key: Array(salt.utf8), message: Array(password.utf8)).bytes.hex
            return ConstantTime.equal(Array(made.utf8), Array(hash.utf8))
        }
    }

    public var users: [User] = []
    /// What a user may call (`-rpcwhitelist`); users without an entry may call everything unless
    /// ``refusesUnlisted``.
    public var whitelists: [(user: String, methods: [String])] = []
    public var refusesUnlisted = false
    /// Beside loopback, which always may connect.
    public var allowed: [Subnet] = []
    /// Whether `/rest/` answers.
    public var servesREST = false
    /// Whether the driver hands in files that calls name (importmempool).
    public var readsFiles = false
    /// What the ZMQ listeners publish, by listener.
    public var publishers: [PublisherSettings] = []
    /// Connections without a request for this long are closed (-rpcservertimeout); nil for never.
    public var serverTimeout: Interval?
    /// Calls that may be held open at the same time: those that -rpcthreads would wait in, and those that
    /// -rpcworkqueue would hold behind them. One more is refused with 503.
    public var callsHeldMax = ChainLimits.longPolls
    /// What getrpcinfo calls the log.
    public var logPath = ""
    /// Answers of old that are still given (-deprecatedrpc).
    public var deprecated: [String] = []
    /// The categories that `logging` starts with.
    public var logCategories: [String] = []

    public init() {}

    /// Adds a `-rpcwhitelist` value, `user:method,method`; a user named twice may call what both allow.
    public mutating func addWhitelist(_ text: String) {
        let colon = text.firstIndex(of: ":")
        let user = String(colon.map { text[..<$0] } ?? text[...])
        var methods: [String] = []
        if let colon {
            methods = text[text.index(after: colon)...].split { $0 == "," || $0 == " " }.map(String.init)
        }
        if let index = whitelists.firstIndex(where: { $0.user == user }) {
            if colon != nil { whitelists[index].methods.removeAll { !methods.contains($0) } }
        } else {
            whitelists.append((user, methods))
        }
    }

    /// Nil when the user may call everything, else the list.
    func whitelist(of user: String) -> [String]? {
        if let found = whitelists.first(where: { $0.user == user }) { return found.methods }
        return refusesUnlisted ? [] : nil
    }

    func allows(_ address: String) -> Bool {
        guard let parsed = NetworkAddress(address) else { return allowed.isEmpty }
        return parsed.isLoopback || allowed.contains { $0.contains(parsed) }
    }
}

/// Comparing secrets: every byte is looked at, so that time tells nothing.
enum ConstantTime {
    static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
