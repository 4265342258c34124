import Bitcoin
import SansIO
import Stratum

/// An extended channel at the pool: of one miner, or of all of them.
///
/// The full extranonce is the pool's prefix, a miner's extranonce1, its extranonce2, and zeros up to the size that
/// the pool granted. The prefix goes into `coinb1` and the zeros into `coinb2`; so extranonce1 is short, is known
/// before the pool is, and never changes, whatever prefix the pool sets.
struct UpstreamChannel: Sendable {
    let id: UInt32
    /// As the pool was told it.
    let identity: String
    /// The only miner of it; nil when it is everybody's.
    let owner: ConnectionID?
    var groupID: UInt32
    var extranoncePrefix: [UInt8]
    /// Bytes below the prefix.
    let rollableSize: Int
    /// For jobs that become active from here on.
    var target: Target
    var tip: UpstreamTip?
    /// The channel's own jobs that wait for their tip.
    var futures: [UpstreamJob] = []
    /// What became active on the present tip, oldest first.
    private(set) var jobs: [ActiveJob] = []
    /// Of the newest job that ever was active here.
    private(set) var lastSerial: UInt64 = 0
    /// What the pool was told of the miners' hash rate, and when it may be told again.
    var announced: Announcement
    /// What the pool credited, the sum of its difficulties, and what it refused.
    var sharesCredited: UInt64 = 0
    var workCredited: UInt64 = 0
    var sharesRejected: UInt64 = 0
    private var sequenceNumber: UInt32 = 0
    private var waiting = PendingShares()

    struct Announcement: Sendable, Equatable {
        var hashRate: Double
        var maximumTarget: Target
        var nextNotBefore: Instant
    }

    init(
        _ message: Mining.OpenExtendedMiningChannelSuccess, identity: String, owner: ConnectionID?,
        announced: Announcement
    ) {
        self.identity = identity
        id = message.channelID
        self.owner = owner
        groupID = message.groupChannelID
        extranoncePrefix = message.extranoncePrefix
        rollableSize = Int(message.extranonceSize)
        target = message.target
        self.announced = announced
    }

    /// Makes `job` the newest; nil before the first tip. A new tip ends all others.
    mutating func activate(
        _ job: UpstreamJob, serial: UInt64, newTip: UpstreamTip?, limit: Int
    ) -> ActiveJob? {
        if let newTip {
            tip = newTip
            jobs.removeAll()
        }
        guard let tip else { return nil }
        lastSerial = max(lastSerial, serial)
        let active = ActiveJob(
            serial: serial, job: job, tip: tip, extranoncePrefix: extranoncePrefix, target: target)
        jobs.append(active)
        if jobs.count > limit { jobs.removeFirst() }
        return active
    }

    func job(_ serial: UInt64) -> ActiveJob? { jobs.last { $0.serial == serial } }

    /// Whether the serial is one that this pool's session gave out: a share for it is late.
    func wasActive(_ serial: UInt64) -> Bool {
        serial >> 32 == lastSerial >> 32 && serial & 0xffff_ffff > 0 && serial <= lastSerial
    }

    /// Numbers a share and remembers whose it is.
    mutating func forward(_ miner: ConnectionID) -> UInt32 {
        sequenceNumber &+= 1
        waiting.append(sequenceNumber, miner)
        return sequenceNumber
    }

    /// Shares that the pool has neither credited nor refused.
    var unacknowledged: Int { waiting.count }

    /// Forgets what was acknowledged with `sequenceNumber` as the last.
    mutating func credited(through sequenceNumber: UInt32) { waiting.removeThrough(sequenceNumber) }

    /// Whose share was refused.
    mutating func refused(_ sequenceNumber: UInt32) -> ConnectionID? { waiting.remove(sequenceNumber) }

    mutating func appendFuture(_ job: UpstreamJob, limit: Int) {
        futures.append(job)
        if futures.count > limit { futures.removeFirst() }
    }
}

/// Shares on their way, oldest first. The machine leaves the pool before there are too many of them.
struct PendingShares: Sendable {
    private var entries: [(sequence: UInt32, miner: ConnectionID)] = []
    private var head = 0

    var count: Int { entries.count - head }

    mutating func append(_ sequence: UInt32, _ miner: ConnectionID) { entries.append((sequence, miner)) }

    mutating func removeThrough(_ sequence: UInt32) {
        // Wraps around like the counter itself.
        while head < entries.count, Int32(bitPattern: entries[head].sequence &- sequence) <= 0 { head += 1 }
        compact()
    }

    mutating func remove(_ sequence: UInt32) -> ConnectionID? {
        guard let index = entries[head...].firstIndex(where: { $0.sequence == sequence }) else { return nil }
        return entries.remove(at: index).miner
    }

    private mutating func compact() {
        if head == entries.count {
            entries.removeAll(keepingCapacity: entries.capacity <= 64)
            head = 0
        } else if head > 256, head * 2 > entries.count {
            entries.removeSubrange(..<head)
            head = 0
        }
    }
}
