import HTTPText
import SansIO

/// HTTP digest authentication with MD5 (RFC 2617), as lighttpd on a miner's controller does it: a fresh nonce with each
/// refusal, `qop=auth`, nonces that grow old and are then called stale, and no counter used twice.
struct DigestAuthentication: Sendable {
    enum Verdict: Equatable {
        case granted
        /// The value of WWW-Authenticate.
        case denied(String)
    }

    private struct Nonce: Sendable {
        var text: String
        var since: Instant
        /// The highest counter that was used with it.
        var counter: UInt32 = 0
    }

    private let realm: String
    private let credentials: WebCredentials
    private var chance: PRNG
    private var nonces: [Nonce] = []

    init(realm: String, credentials: WebCredentials, seed: PRNG) {
        self.realm = realm
        self.credentials = credentials
        chance = seed
    }

    mutating func judge(_ request: HTTPRequest, at now: Instant) -> Verdict {
        guard let header = request.authorization, let fields = Self.fields(header) else {
            return .denied(challenge(isStale: false, at: now))
        }
        guard isRight(fields, request) else { return .denied(challenge(isStale: false, at: now)) }
        guard let index = nonces.firstIndex(where: { $0.text == fields["nonce"] }),
            now - nonces[index].since <= Limits.nonceLifetime
        else { return .denied(challenge(isStale: true, at: now)) }
        if fields["qop"] != nil {
            guard let counter = fields["nc"].flatMap({ UInt32($0, radix: 16) }),
                counter > nonces[index].counter
            else {
                return .denied(challenge(isStale: true, at: now))
            }
            nonces[index].counter = counter
        }
        return .granted
    }

    /// Whether the answer proves the password for this method and target.
    private func isRight(_ fields: [String: String], _ request: HTTPRequest) -> Bool {
        guard fields["username"] == credentials.user, fields["realm"] == realm, let nonce = fields["nonce"],
            let uri = fields["uri"], uri == request.path, let response = fields["response"],
            fields["algorithm"].map({ $0.uppercased() == "MD5" }) ?? true
        else { return false }
        var quality: (String, String, String)?
        if let qop = fields["qop"] {
            guard qop == "auth", let counter = fields["nc"], let client = fields["cnonce"] else {
                return false
            }
            quality = (qop, counter, client)
        }
        let right = Self.response(
            credentials, realm: realm, method: request.method, uri: uri, nonce: nonce, quality: quality)
        return response.lowercased() == right
    }

    /// The proof of RFC 2617 section 3.2.2.1; quality is `qop`, `nc` and `cnonce`, nil for RFC 2069's form.
    static func response(
        _ credentials: WebCredentials, realm: String, method: String, uri: String, nonce: String,
        quality: (String, String, String)?
    ) -> String {
        let first = MessageDigest.md5Text("\(credentials.user):\(realm):\(credentials.password)")
        let second = MessageDigest.md5Text("\(method):\(uri)")
        guard let (qop, counter, client) = quality else {
            return MessageDigest.md5Text("\(first):\(nonce):\(second)")
        }
        return MessageDigest.md5Text("\(first):\(nonce):\(counter):\(client):\(qop):\(second)")
    }

    private mutating func challenge(isStale: Bool, at now: Instant) -> String {
        nonces.removeAll { now - $0.since > Limits.nonceLifetime }
        if nonces.count >= Limits.nonces { nonces.removeFirst() }
        let text = MessageDigest.md5Text("\(chance.next()):\(now.nanoseconds):\(chance.next())")
        nonces.append(Nonce(text: text, since: now))
        return "Digest realm=\"\(realm)\", charset=\"UTF-8\", algorithm=MD5, nonce=\"\(text)\", qop=\"auth\""
            + (isStale ? ", stale=true" : "")
    }

    /// `Digest a="b", c=d`; nil when it is nothing of the kind. A field that comes twice counts as it came first.
    static func fields(_ header: String) -> [String: String]? {
        guard header.lowercased().hasPrefix("digest ") else { return nil }
        var fields: [String: String] = [:]
        var rest = header.dropFirst(7)[...]
        while !rest.isEmpty {
            rest = rest.drop { $0 == " " || $0 == "," || $0 == "\t" }
            guard let equals = rest.firstIndex(of: "=") else { break }
            let name = rest[..<equals].lowercased()
            rest = rest[rest.index(after: equals)...]
            let value: String
            if rest.first == "\"" {
                rest = rest.dropFirst()
                guard let end = rest.firstIndex(of: "\"") else { return nil }
                value = String(rest[..<end])
                rest = rest[rest.index(after: end)...]
            } else {
                let end = rest.firstIndex(of: ",") ?? rest.endIndex
                value = String(rest[..<end]).trimmed
                rest = rest[end...]
            }
            if fields[name] == nil { fields[name] = value }
        }
        return fields
    }
}

extension String {
    /// Without blanks at both ends.
    var trimmed: String {
        var text = self[...]
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return String(text.drop { $0 == " " || $0 == "\t" })
    }
}
