import Bitcoin
import SansIO
import Stratum

/// A job that a miner made, as one channel works on it.
struct CustomJob: Sendable {
    var job: Job
    /// The earliest time of a share.
    var minNTime: UInt32
    /// Of ``Tip/epoch``: with another tip it is stale.
    var epoch: UInt32
    /// Of the token that it was set with.
    var serial: [UInt8]
    /// Whether a job declaration server holds its transactions.
    var isDeclared: Bool
}

/// The custom jobs of one channel: those of one tip, the newest last, bounded.
struct CustomJobs: Sendable {
    /// The connection brings its own work: no other job counts on this channel.
    var isUsed = false
    private(set) var jobs: [CustomJob] = []
    /// Ids up to here that are not held were this channel's once.
    private var staleThrough: UInt32 = 0

    enum Lookup { case found(CustomJob), stale, unknown }

    /// The oldest activation that a share may still refer to.
    var oldestActivation: UInt64? { jobs.first?.job.activation }

    /// See ``JobStore/firstActive(since:)``.
    func firstActive(since activation: UInt64) -> Instant? {
        jobs.first { $0.job.activation >= activation }?.job.activatedAt
    }

    mutating func add(_ job: CustomJob, limit: Int) {
        if let last = jobs.last, last.epoch != job.epoch {
            staleThrough = last.job.id
            jobs.removeAll()
        }
        jobs.append(job)
        if jobs.count > limit { staleThrough = max(staleThrough, jobs.removeFirst().job.id) }
    }

    func find(_ id: UInt32, epoch: UInt32) -> Lookup {
        if let job = jobs.last(where: { $0.job.id == id }) {
            return job.epoch == epoch ? .found(job) : .stale
        }
        return id > 0 && id <= staleThrough ? .stale : .unknown
    }
}

/// What the pool remembers of custom jobs besides the jobs themselves.
struct CustomJobDesk: Sendable {
    /// SetCustomMiningJob on a tip that the pool has not heard of yet: a miner's node is often faster.
    struct Held: Sendable {
        var connection: ConnectionID
        var message: Mining.SetCustomMiningJob
        var deadline: Instant
    }

    var spent = SpentTokens()
    var revoked = RevokedTokens()
    /// In the order of their deadlines, because all wait equally long.
    var held: [Held] = []
    /// Previous hashes of tips that are over, the newest last.
    var pastTips: [Hash256] = []
}

extension Coinbase {
    /// The coinbase of a job that a miner made, without witness data.
    init(_ message: Mining.SetCustomMiningJob, extranonceSize: Int) {
        var writer = ByteWriter(capacity: 64 + message.coinbasePrefix.count)
        writer.write(u32: message.coinbaseTxVersion)
        writer.write(compactSize: 1)
        OutPoint.null.encode(into: &writer)
        writer.write(compactSize: UInt64(message.coinbasePrefix.count + extranonceSize))
        writer.write(message.coinbasePrefix)
        let prefix = writer.bytes
        writer.removeAll()
        writer.write(u32: message.coinbaseTxInputNSequence)
        writer.write(message.coinbaseTxOutputs)
        writer.write(u32: message.coinbaseTxLocktime)
        self.init(
            prefix: prefix, suffix: writer.bytes, scriptPrefixSize: message.coinbasePrefix.count)
    }
}

extension Job {
    /// A job that a miner made. It is sent to nobody.
    init(
        id: UInt32, custom message: Mining.SetCustomMiningJob, activation: UInt64,
        extranonceSize: Int, isVersionRollingAllowed: Bool
    ) {
        self.id = id
        templateID = 0
        session = 0
        version = message.version
        self.isVersionRollingAllowed = isVersionRollingAllowed
        merklePath = message.merklePath
        coinbase = Coinbase(message, extranonceSize: extranonceSize)
        futureFrame = []
        self.activation = activation
    }
}
