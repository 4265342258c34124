import Foundation

/// How the explorer proves itself to the node.
public enum RPCCredentials: Sendable, Equatable {
    case none
    case password(user: String, password: String)
    /// The file that a node writes at start (`<datadir>/regtest/.cookie`): `__cookie__:<64 hex>`. Read again
    /// whenever the node refuses, because a restarted node writes a new one.
    case cookie(path: String)
}

/// Where a bitcoind-compatible JSON-RPC server listens. Plain HTTP only, as Bitcoin Core offers no other.
public struct RPCEndpoint: Sendable, Equatable {
    public var host: String
    public var port: Int
    public var credentials: RPCCredentials
    /// The wallet that calls are for (`/wallet/<name>`); nil for the node's only one.
    public var wallet: String?

    public init(host: String = "127.0.0.1", port: Int, credentials: RPCCredentials = .none) {
        self.host = host
        self.port = port
        self.credentials = credentials
    }

    /// Reads `http://host:port`, `http://user:password@host:port` or `host:port`; nil when it is neither.
    /// Credentials inside the address win over the `credentials` argument.
    public init?(_ text: String, credentials: RPCCredentials = .none) {
        let full = text.contains("://") ? text : "http://" + text
        guard let parts = URLComponents(string: full), parts.scheme == "http", let host = parts.host,
            !host.isEmpty, let port = parts.port, (1...65_535).contains(port),
            parts.path.isEmpty || parts.path == "/", parts.query == nil
        else { return nil }
        // URLComponents keeps the brackets of an IPv6 literal.
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        self.port = port
        if let user = parts.user {
            self.credentials = .password(user: user, password: parts.password ?? "")
        } else {
            self.credentials = credentials
        }
    }

    /// The path of a request.
    var path: String {
        guard let wallet else { return "/" }
        return "/wallet/" + (wallet.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? wallet)
    }

    /// `host:port`, without secrets.
    public var name: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The value of the Authorization header, read now.
    func authorization() throws(RPCFailure) -> String? {
        let pair: String
        switch credentials {
        case .none: return nil
        case .password(let user, let password): pair = "\(user):\(password)"
        case .cookie(let path):
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw .cookieUnreadable(path: path)
            }
            pair = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        return "Basic " + Data(pair.utf8).base64EncodedString()
    }
}

/// Why a call got no answer at all.
public enum RPCFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case unreachable(node: String, reason: String)
    case timedOut(node: String, seconds: Int64)
    case refusedCredentials(node: String)
    case cookieUnreadable(path: String)
    case badReply(node: String, reason: String)
    case tooManyConnections(limit: Int)
    case cancelled

    public var description: String {
        switch self {
        case .unreachable(let node, let reason): "no connection to the node at \(node): \(reason)"
        case .timedOut(let node, let seconds): "the node at \(node) did not answer within \(seconds) s"
        case .refusedCredentials(let node):
            "the node at \(node) refuses these credentials (HTTP 401): check the RPC user and password, "
                + "or the cookie"
        case .cookieUnreadable(let path):
            "the cookie file \(path) cannot be read: is the node running, and does this user own its data "
                + "directory?"
        case .badReply(let node, let reason): "the node at \(node) gave an unreadable answer: \(reason)"
        case .tooManyConnections(let limit): "all \(limit) connections to the node are in use: try again"
        case .cancelled: "the explorer is stopping"
        }
    }
}
