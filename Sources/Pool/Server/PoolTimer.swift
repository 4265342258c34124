import SansIO

/// What a pool waits for.
enum PoolTimer: Hashable, Sendable {
    case dial
    /// The template provider did not get ready, or did not answer.
    case templateProvider
    /// Nothing came from the template provider for long.
    case templateProviderQuiet
    case refreshJob
    /// The first custom job on a tip that did not come.
    case heldCustomJobs
    /// The grace of a drain is over.
    case drained
    /// A connection's handshake, setup or first channel is overdue.
    case connection(ConnectionID)
    /// A channel's place in the table.
    case vardiff(Int)
}

/// Channels whose batch waits for its acknowledgement. Deadlines only grow, because every batch waits equally
/// long; they are rounded up to a quarter of a second so that one wake-up serves many channels.
struct AcknowledgementQueue: Sendable {
    private struct Entry: Sendable {
        var deadline: Instant
        var channel: Int
        var key: ChannelKey
    }

    private var entries: [Entry] = []
    private var head = 0

    private static let grid: UInt64 = 250_000_000

    var nextDeadline: Instant? { head < entries.count ? entries[head].deadline : nil }

    mutating func append(_ channel: Int, _ key: ChannelKey, due: Instant) {
        let rounded = (due.nanoseconds / AcknowledgementQueue.grid + 1) * AcknowledgementQueue.grid
        entries.append(Entry(deadline: Instant(nanoseconds: rounded), channel: channel, key: key))
    }

    /// The next channel that is due. The key tells whether the place still holds the same channel.
    mutating func popDue(at now: Instant) -> (channel: Int, key: ChannelKey)? {
        guard head < entries.count, entries[head].deadline <= now else { return nil }
        let entry = entries[head]
        head += 1
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
        } else if head > 1024, head * 2 > entries.count {
            entries.removeSubrange(..<head)
            head = 0
        }
        return (entry.channel, entry.key)
    }
}
