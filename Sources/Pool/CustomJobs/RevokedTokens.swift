/// Accounts whose tokens an operator took back. A token says when it expires, and all live equally long, so what was given
/// out before the call is what expires by then plus a life; the entry goes when all of it has expired.
struct RevokedTokens: Sendable {
    private struct Entry: Sendable {
        var identity: [UInt8]
        var expiresBy: UInt32
    }

    private var entries: [Entry] = []
    /// For all accounts: when the list is full the oldest entry is widened to everybody rather than forgotten.
    private var everybody: UInt32 = 0

    /// - Parameters:
    ///   - identity: as tokens carry it.
    ///   - expiresBy: Unix seconds; tokens of the account that expire by then are void. Those given out in the second of
    ///     the call are among them.
    mutating func insert(_ identity: [UInt8], expiresBy: UInt32, unixTime: UInt32, limit: Int) {
        entries.removeAll { $0.expiresBy < unixTime || $0.identity == identity }
        if entries.count >= limit { everybody = max(everybody, entries.removeFirst().expiresBy) }
        entries.append(Entry(identity: identity, expiresBy: expiresBy))
    }

    func contains(_ token: MiningJobToken) -> Bool {
        token.expires <= everybody
            || entries.contains { $0.identity == token.identity && token.expires <= $0.expiresBy }
    }
}
