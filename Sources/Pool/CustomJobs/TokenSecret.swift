import Bitcoin

/// What a pool and its job declaration servers know together. Whoever has it can make tokens that the pool takes.
///
/// Every digest and every MAC of a token is HMAC-SHA-256 under it, cut to what the place needs: without the secret
/// nobody can look for two jobs with one digest, so half a hash is enough.
public struct TokenSecret: Sendable, Equatable {
    private let key: [UInt8]

    /// Any bytes that both sides were given; 32 random ones are best.
    public init(_ bytes: [UInt8]) { key = taggedHash("lab/mining-job-token", bytes).bytes }

    /// What follows from the pool's authority key when nothing else was agreed upon.
    public init(authority: SecretKey) { self.init(taggedHash("lab/token-secret", authority.bytes).bytes) }

    /// Sixteen bytes that stand for `bytes` in the place named `purpose`.
    public func digest(_ purpose: Purpose, _ bytes: [UInt8]) -> [UInt8] {
        Array(hmacSHA256(key: key, message: [purpose.rawValue] + bytes).bytes[..<16])
    }

    func seal(_ bytes: [UInt8]) -> [UInt8] {
        hmacSHA256(key: key, message: [Purpose.token.rawValue] + bytes).bytes
    }

    /// What a digest is about; two purposes never give one digest for the same bytes.
    public enum Purpose: UInt8, Sendable {
        case token = 0
        case identity = 1
        case poolOutputs = 2
        case scriptPrefix = 3
        case outputs = 4
        case merklePath = 5
    }
}
