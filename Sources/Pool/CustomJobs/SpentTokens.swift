/// Serials of tokens that were used, until they expire: exact and bounded.
struct SpentTokens: Sendable {
    private struct Entry: Sendable {
        var serial: [UInt8]
        var expires: UInt32
    }

    /// Looked up, never walked.
    private var serials: Set<[UInt8]> = []
    /// In the order of their use.
    private var entries: [Entry] = []

    func contains(_ serial: [UInt8]) -> Bool { serials.contains(serial) }

    /// False when `limit` unexpired tokens are remembered: to forget one would let it be used again.
    mutating func insert(_ serial: [UInt8], expires: UInt32, unixTime: UInt32, limit: Int) -> Bool {
        if entries.count >= limit { dropExpired(unixTime) }
        guard entries.count < limit else { return false }
        serials.insert(serial)
        entries.append(Entry(serial: serial, expires: expires))
        return true
    }

    private mutating func dropExpired(_ unixTime: UInt32) {
        for entry in entries where entry.expires < unixTime { serials.remove(entry.serial) }
        entries.removeAll { $0.expires < unixTime }
    }
}
