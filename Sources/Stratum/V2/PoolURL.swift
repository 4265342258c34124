import SansIO

/// Where a pool listens and how it speaks, as operators write it: `stratum2+tcp://host:port/AUTHORITYKEY`
/// (SV2 section 4.7), `stratum+tcp://host:port`, or `http://user:password@host:port` for a node's getblocktemplate
/// (BIP22). Bitaxe's `stratum+sv2://` and plain `host:port` are read as well.
public struct PoolURL: Hashable, Sendable {
    public enum Scheme: Hashable, Sendable {
        case stratumV1
        /// The key against which the server's certificate is checked; nil trusts any server.
        case stratumV2(authority: AuthorityPublicKey?)
        /// JSON-RPC over HTTP. The credentials are `user:password` as they are, no longer percent-encoded; nil leaves
        /// them to the account. The path begins with a slash.
        case getBlockTemplate(credentials: String?, path: String)
    }

    public var scheme: Scheme
    public var endpoint: Endpoint

    public init(scheme: Scheme, endpoint: Endpoint) {
        self.scheme = scheme
        self.endpoint = endpoint
    }

    /// Nil when the scheme is unknown, the port is missing, or the key is no authority key. A text without a
    /// scheme is a V1 address, as in miners' settings.
    public init?(_ text: String) {
        let (name, rest): (Substring, Substring)
        if let range = Self.schemeEnd(in: text) {
            (name, rest) = (text[..<range.lowerBound], text[range.upperBound...])
        } else {
            (name, rest) = ("stratum+tcp", text[...])
        }
        if name == "http" {
            guard let node = PoolURL(afterHTTP: rest) else { return nil }
            self = node
            return
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let endpoint = Endpoint(String(rest[..<slash])), endpoint.port != 0 else { return nil }
        let path = slash == rest.endIndex ? "" : String(rest[rest.index(after: slash)...])
        self.endpoint = endpoint
        switch name {
        case "stratum+tcp", "stratum", "tcp":
            guard path.isEmpty else { return nil }
            scheme = .stratumV1
        case "stratum2+tcp", "stratum+sv2", "stratum2":
            if path.isEmpty {
                scheme = .stratumV2(authority: nil)
            } else {
                guard let key = AuthorityPublicKey(path) else { return nil }
                scheme = .stratumV2(authority: key)
            }
        default: return nil
        }
    }

    private init?(afterHTTP rest: Substring) {
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        var credentials: String?
        if let at = authority.lastIndex(of: "@") {
            guard let text = Self.percentDecoded(authority[..<at]) else { return nil }
            credentials = text.contains(":") ? text : text + ":"
            authority = authority[authority.index(after: at)...]
        }
        guard let endpoint = Endpoint(String(authority)), endpoint.port != 0,
            !rest[slash...].contains(where: { $0.isWhitespace || $0.isNewline })
        else { return nil }
        let path = slash == rest.endIndex ? "/" : String(rest[slash...])
        self.init(scheme: .getBlockTemplate(credentials: credentials, path: path), endpoint: endpoint)
    }

    private static func percentDecoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func schemeEnd(in text: String) -> Range<String.Index>? {
        var index = text.startIndex
        while let colon = text[index...].firstIndex(of: ":") {
            let after = text[text.index(after: colon)...]
            if after.hasPrefix("//") { return colon..<text.index(colon, offsetBy: 3) }
            index = text.index(after: colon)
        }
        return nil
    }

    public var isV2: Bool {
        if case .stratumV2 = scheme { true } else { false }
    }

    public var isGetBlockTemplate: Bool {
        if case .getBlockTemplate = scheme { true } else { false }
    }

    public var authority: AuthorityPublicKey? {
        if case .stratumV2(let key) = scheme { key } else { nil }
    }
}

extension PoolURL: CustomStringConvertible {
    public var description: String {
        switch scheme {
        case .stratumV1: "stratum+tcp://\(endpoint)"
        case .stratumV2(nil): "stratum2+tcp://\(endpoint)"
        case .stratumV2(let key?): "stratum2+tcp://\(endpoint)/\(key)"
        // Without the password: this text goes to logs.
        case .getBlockTemplate(_, let path): "http://\(endpoint)\(path)"
        }
    }
}
