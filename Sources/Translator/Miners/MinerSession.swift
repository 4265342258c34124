import Bitcoin
import Pool
import SansIO
import Stratum
import Vardiff

/// What outlives a miner's connection: a miner that comes back and names its session goes on with the same
/// extranonce1, difficulty and, while the channel stands, the same jobs.
struct MinerSession: Sendable {
    /// As `mining.subscribe` told it; not to be guessed.
    let id: String
    /// Also what tells this miner's work from the others'.
    let extranonce1: [UInt8]
    /// Version bits that the miner asked for, and those that it may roll now.
    var wishedMask: UInt32 = 0
    var versionMask: UInt32 = 0
    /// Hashes per second, read from a suggested difficulty.
    var suggestedHashRate: Double?
    /// Set while own difficulty control is on and the miner is authorized.
    var control: ChannelVardiff?
    /// What `mining.set_difficulty` said last.
    var announcedDifficulty: Double?
    /// What the miner was given on the present tip, oldest first.
    private(set) var issued: [IssuedJob] = []
    /// Hashes of its good shares on the present tip.
    var seen = SeenShares()
    /// Which upstream session and channel the jobs belong to.
    private(set) var origin: Origin?

    struct Origin: Sendable, Equatable {
        var session: UInt32
        var channel: UInt32
    }

    init(id: String, extranonce1: [UInt8]) {
        self.id = id
        self.extranonce1 = extranonce1
    }

    /// Starts to work on a channel; jobs of another one are worthless.
    mutating func join(_ origin: Origin) {
        guard self.origin != origin else { return }
        self.origin = origin
        forgetJobs()
    }

    mutating func forgetJobs() {
        issued.removeAll()
        seen.removeAll()
    }

    /// Notes that the miner gets a job, and answers the name that it gets it by. A job that it has already gets
    /// the next number behind its name.
    mutating func issue(_ serial: UInt64, target: Target, limit: Int) -> IssuedJob {
        let before = issued.last { $0.serial == serial }
        let job = IssuedJob(
            serial: serial, repetition: before.map { $0.repetition &+ 1 } ?? 0, target: target)
        issued.append(job)
        if issued.count > limit { issued.removeFirst() }
        return job
    }

    func issued(_ name: JobName) -> IssuedJob? {
        issued.last { $0.serial == name.serial && $0.repetition == name.repetition }
    }
}

/// A job as one miner got it.
struct IssuedJob: Sendable, Equatable {
    let serial: UInt64
    /// How often the miner had got it before.
    let repetition: UInt32
    /// What the miner was asked for; never harder than what the pool credits unless the miner wanted that.
    let target: Target

    var name: String { JobName(serial: serial, repetition: repetition).text }
}

/// The id of a job on the V1 side: `serial`, or `serial#n` when it is repeated (the reference implementation's way).
struct JobName: Sendable, Equatable {
    var serial: UInt64
    var repetition: UInt32

    init(serial: UInt64, repetition: UInt32) {
        self.serial = serial
        self.repetition = repetition
    }

    init?(_ text: String) {
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard let serial = UInt64(parts[0], radix: 16) else { return nil }
        self.serial = serial
        repetition = 0
        guard parts.count == 2 else { return }
        guard let number = UInt32(parts[1]), number > 0 else { return nil }
        repetition = number
    }

    var text: String {
        let name = String(serial, radix: 16)
        return repetition == 0 ? name : "\(name)#\(repetition)"
    }
}

/// Sessions whose miners left, oldest first.
struct RestingSessions: Sendable {
    private var entries: [(session: MinerSession, until: Instant)] = []

    /// Takes a session in; answers those that are over and whose extranonce1 is free again.
    mutating func add(_ session: MinerSession, until: Instant, at now: Instant, limit: Int) -> [MinerSession]
    {
        var over: [MinerSession] = []
        entries.append((session, until))
        while let first = entries.first, first.until <= now || entries.count > limit {
            over.append(first.session)
            entries.removeFirst()
        }
        return over
    }

    mutating func take(_ id: String, at now: Instant) -> MinerSession? {
        guard let index = entries.firstIndex(where: { $0.session.id == id && $0.until > now }) else {
            return nil
        }
        return entries.remove(at: index).session
    }
}
