import Bitcoin
import SansIO
import Stratum
import Vardiff

/// Standard channels mine headers, extended channels also roll the extranonce (SV2 section 5.2).
public enum ChannelKind: UInt8, Sendable, Hashable {
    case standard
    case extended
}

/// Names a channel of the whole server: channel ids count anew on each connection.
public struct ChannelKey: Hashable, Sendable {
    public var connection: ConnectionID
    public var channel: UInt32

    public init(connection: ConnectionID, channel: UInt32) {
        self.connection = connection
        self.channel = channel
    }
}

/// A share as either kind of channel submits it.
struct SubmittedShare: Sendable, Equatable {
    var channelID: UInt32
    var sequenceNumber: UInt32
    var jobID: UInt32
    var nonce: UInt32
    var nTime: UInt32
    var version: UInt32
    /// Empty on a standard channel.
    var extranonce: [UInt8]
    var kind: ChannelKind
    /// Who found it, where extension 0x0002 says so.
    var worker: String?
}

/// One channel: an id, a prefix, its targets and its seen shares. Jobs live in the ``JobStore``.
struct MiningChannel: Sendable {
    /// The extranonce of every coinbase of a pool: prefix and rolled bytes together. All members of a group need
    /// the same size, because the scriptSig's length is in the shared prefix.
    static let fullExtranonceSize = ExtranonceLayout.pool(serverID: 0).fullSize

    let key: ChannelKey
    /// The connection's place in the server's table.
    let connectionIndex: Int
    let kind: ChannelKind
    let identity: String
    /// For jobs that are made from now on; on a standard channel the whole extranonce: server, channel, zeros.
    private(set) var extranoncePrefix: [UInt8]
    /// What an extended channel rolls, in bytes.
    let rollableSize: Int
    /// The easiest target the client accepts.
    var maximumTarget: Target
    var targets: TargetHistory
    var vardiff: ChannelVardiff
    var account: ChannelAccount
    /// Jobs that the miner made; none unless its connection selects its work.
    var customJobs = CustomJobs()
    var batch = ShareBatch()
    var ledger = ChannelLedger()
    /// Who gets its blocks: a number of ``SoloRewards``, 0 for the pool.
    var reward = 0
    /// True while an entry for this channel waits in the queue of acknowledgements.
    var isAcknowledgementQueued = false
    private var seen = SeenShares()
    private var seenEpoch: UInt32 = 0
    /// The last two jobs' merkle roots of a standard channel, newest first; empty before its first share.
    private var roots: [JobRoot] = []
    /// Empty or one: what most channels never have takes no room in them.
    private var exceptions: [Exceptions] = []

    private struct JobRoot: Sendable {
        var job: UInt32
        var root: Hash256
    }

    private struct Exceptions: Sendable {
        /// The prefix of jobs with smaller ids than this one, which were sent with it (SV2 section 5.3.10).
        var olderPrefix: (bytes: [UInt8], below: UInt32)?
        var pinned: Target?
        var ceiling: Target?
    }

    init(
        key: ChannelKey, connectionIndex: Int, kind: ChannelKind, identity: String, extranoncePrefix: [UInt8],
        rollableSize: Int, maximumTarget: Target, targets: TargetHistory, vardiff: ChannelVardiff,
        at now: Instant
    ) {
        self.key = key
        self.connectionIndex = connectionIndex
        self.kind = kind
        self.identity = identity
        self.extranoncePrefix = extranoncePrefix
        self.rollableSize = rollableSize
        self.maximumTarget = maximumTarget
        self.targets = targets
        self.vardiff = vardiff
        account = ChannelAccount(at: now)
    }

    /// What an operator chose instead of vardiff.
    var pinned: Target? {
        get { exceptions.first?.pinned }
        set { setException(\.pinned, newValue) }
    }

    private var olderPrefix: (bytes: [UInt8], below: UInt32)? {
        get { exceptions.first?.olderPrefix }
        set { setException(\.olderPrefix, newValue) }
    }

    /// In force after ``seen`` was full: harder than the job's target until the next tip.
    private var ceiling: Target? {
        get { exceptions.first?.ceiling }
        set { setException(\.ceiling, newValue) }
    }

    private mutating func setException<T>(_ what: WritableKeyPath<Exceptions, T?>, _ value: T?) {
        if exceptions.isEmpty {
            guard value != nil else { return }
            exceptions.append(Exceptions())
        }
        exceptions[0][keyPath: what] = value
    }

    /// The prefix that a job was sent with.
    func extranoncePrefix(of job: Job) -> [UInt8] {
        if let olderPrefix, job.id < olderPrefix.below { return olderPrefix.bytes }
        return extranoncePrefix
    }

    /// False while jobs are held that went out with the prefix before the present one.
    func canChangePrefix(oldestJob: UInt32) -> Bool { olderPrefix.map { $0.below <= oldestJob } ?? true }

    /// The prefix before the present one, which nobody uses any more after this.
    mutating func takeOlderPrefix() -> [UInt8]? {
        defer { olderPrefix = nil }
        return olderPrefix?.bytes
    }

    /// Another prefix for jobs from this one on.
    mutating func setExtranoncePrefix(_ prefix: [UInt8], from job: UInt32) {
        olderPrefix = (extranoncePrefix, job)
        extranoncePrefix = prefix
    }

    /// The root of a standard channel's header for this job.
    mutating func merkleRoot(of job: Job) -> Hash256 {
        for known in roots where known.job == job.id { return known.root }
        let root = job.merkleRoot(extranoncePrefix(of: job), [], reward: reward)
        if let newest = roots.first {
            guard job.id > newest.job else { return root }
            if roots.count == 1 { roots.append(newest) } else { roots[1] = newest }
            roots[0] = JobRoot(job: job.id, root: root)
        } else {
            roots.append(JobRoot(job: job.id, root: root))
        }
        return root
    }

    /// A target harder than the jobs', if this channel's memory was full on this tip.
    func ceiling(epoch: UInt32) -> Target? { seenEpoch == epoch ? ceiling : nil }

    /// False if this channel was credited for the hash on this tip before.
    mutating func remember(_ hash: Hash256, epoch: UInt32, limit: Int) -> Bool {
        if seenEpoch != epoch {
            seen.removeAll()
            seenEpoch = epoch
            ceiling = nil
        }
        switch seen.insert(hash, limit: limit) {
        case .new: return true
        case .duplicate: return false
        case .full:
            let harder = Target((ceiling ?? targets.latest.target).value >> 1)
            ceiling = harder
            seen.removeAll(above: harder)
            if harder.isMet(by: hash) { _ = seen.insert(hash, limit: .max) }
            return true
        }
    }
}
