import Bitcoin
import Ledger

/// A channel's targets. A target belongs to the job: SetTarget applies to jobs that become active after it and
/// never to one that is being mined (SV2 section 5.3.21), so the history is keyed by the server's count of job
/// activations and not by time.
struct TargetHistory: Sendable {
    /// A target with what is derived from it, so that a share costs no division.
    struct Entry: Sendable, Equatable {
        let target: Target
        let difficulty: Double
        let expectedHashes: Double
        /// The exact work of a share, for the ledger.
        let shareWork: UInt128
        /// The first activation it applies to.
        let since: UInt64

        init(_ target: Target, since: UInt64) {
            self.target = target
            self.since = since
            difficulty = target.difficulty
            expectedHashes = target.expectedHashes
            shareWork = target.shareWork
        }
    }

    /// What SetTarget said last.
    private(set) var latest: Entry
    /// Older entries that a job still held may need, oldest first.
    private var older: [Entry] = []

    init(_ target: Target, since activation: UInt64) { latest = Entry(target, since: activation) }

    /// A new target for activations from `activation` on. `oldestHeld` is the oldest activation still mined on.
    mutating func set(_ target: Target, since activation: UInt64, oldestHeld: UInt64) {
        if latest.since < activation { older.append(latest) }
        latest = Entry(target, since: activation)
        while older.count > 1, older[1].since <= oldestHeld { older.removeFirst() }
        if older.count == 1, latest.since <= oldestHeld { older.removeAll() }
    }

    /// The target of the job that became active as `activation`.
    func entry(at activation: UInt64) -> Entry {
        if activation >= latest.since { return latest }
        return older.last { $0.since <= activation } ?? older.first ?? latest
    }
}
