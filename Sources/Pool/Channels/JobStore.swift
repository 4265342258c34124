import Bitcoin
import SansIO
import Stratum

/// The server's jobs: few, bounded, ordered by id, and one copy for all channels.
struct JobStore: Sendable {
    /// Ascending by id: active jobs of the present tip and future jobs.
    private(set) var jobs: [Job] = []
    private(set) var tip: Tip?
    /// The job that a new channel starts with.
    private(set) var currentID: UInt32?
    /// How many times a job became active.
    private(set) var activations: UInt64 = 0
    /// The template of the current job, to make another job of it.
    private(set) var currentTemplate: TemplateDistribution.NewTemplate?
    private(set) var solutionsSent = 0
    private var lastID: UInt32 = 0
    /// Ids up to here that are not held were served once: they died with an older tip or left the window of
    /// past jobs. Shares for them are late, not invented.
    private var staleThrough: UInt32 = 0
    /// The job that the tip came with: older than the tip by its id, and yet not stale.
    private var tipJobID: UInt32 = 0
    private var futureTemplates: [TemplateDistribution.NewTemplate] = []

    enum Lookup: Equatable { case found(Int), stale, unknown }

    var isReady: Bool { tip != nil && currentID != nil }
    var current: Job? { currentID.flatMap { id in jobs.last { $0.id == id } } }
    var futures: [Job] { jobs.filter { $0.activation == 0 } }
    /// The smallest id of a job whose shares count; the next one where there is none.
    var oldestID: UInt32 { jobs.first { $0.activation > 0 }?.id ?? nextID }
    /// The oldest activation that a share may still refer to.
    var oldestActivation: UInt64 { jobs.first { $0.activation > 0 }?.activation ?? activations }

    /// When the first job of this activation or a later one became active, among those still held; nil when none
    /// is.
    func firstActive(since activation: UInt64) -> Instant? {
        guard activation <= activations else { return nil }
        return jobs.first { $0.activation >= activation && $0.activation > 0 }?.activatedAt
    }

    mutating func takeID() -> UInt32 {
        lastID &+= 1
        if lastID == 0 { lastID = 1 }
        return lastID
    }

    mutating func changeJobs(_ body: (inout Job) -> Void) {
        for index in jobs.indices { body(&jobs[index]) }
    }

    mutating func countSolution() { solutionsSent += 1 }

    /// A job of a single channel became active.
    mutating func countActivation() -> UInt64 {
        activations += 1
        return activations
    }

    /// Where an active job lies; shares are searched from the newest.
    func find(_ id: UInt32) -> Lookup {
        var index = jobs.count - 1
        while index >= 0 {
            if jobs[index].id == id { return jobs[index].activation > 0 ? .found(index) : .unknown }
            index -= 1
        }
        return id > 0 && id <= staleThrough && id != tipJobID ? .stale : .unknown
    }

    /// Keeps a future job until its SetNewPrevHash.
    mutating func addFuture(_ job: Job, of template: TemplateDistribution.NewTemplate, limit: Int) {
        jobs.append(job)
        futureTemplates.append(template)
        if futureTemplates.count > limit {
            let dropped = futureTemplates.removeFirst().templateID
            jobs.removeAll { $0.activation == 0 && $0.templateID == dropped }
        }
    }

    /// Makes a job current on the present tip.
    mutating func addActive(
        _ job: Job, of template: TemplateDistribution.NewTemplate, limit: Int, at now: Instant
    ) {
        var job = job
        activations += 1
        job.activation = activations
        job.activatedAt = now
        jobs.append(job)
        currentID = job.id
        currentTemplate = template
        retire(beyond: limit)
    }

    /// Ends the oldest active jobs of the tip, never the current one.
    mutating func retire(beyond limit: Int) {
        while jobs.count(where: { $0.activation > 0 }) > limit {
            guard let oldest = jobs.firstIndex(where: { $0.activation > 0 && $0.id != currentID }) else {
                break
            }
            let retired = jobs.remove(at: oldest).id
            staleThrough = max(staleThrough, retired)
            if retired == tipJobID { tipJobID = 0 }
        }
    }

    enum Activation: Equatable { case newTip(UInt32), sameTip(UInt32), unknownTemplate }

    /// Makes the future job of this template current on a tip. On another tip than before all other active
    /// jobs end; on the same one they stay good, because their blocks would still be blocks.
    mutating func activate(_ message: TemplateDistribution.SetNewPrevHash, at now: Instant) -> Activation {
        guard let place = futureTemplates.firstIndex(where: { $0.templateID == message.templateID }),
            let index = jobs.firstIndex(where: {
                $0.activation == 0 && $0.templateID == message.templateID
            })
        else { return .unknownTemplate }
        let template = futureTemplates.remove(at: place)
        let id = jobs[index].id
        let isNewTip = tip?.prevHash != message.prevHash
        activations += 1
        jobs[index].activation = activations
        jobs[index].activatedAt = now
        if isNewTip {
            jobs.removeAll { $0.activation > 0 && $0.id != id }
            staleThrough = lastID
            tipJobID = id
            solutionsSent = 0
        }
        // A block's earliest time depends on the block before it alone: what was good for this tip stays good.
        let leastNTime =
            isNewTip ? message.headerTimestamp : min(tip?.leastNTime ?? .max, message.headerTimestamp)
        tip = Tip(
            epoch: (tip?.epoch ?? 0) &+ (isNewTip ? 1 : 0), prevHash: message.prevHash,
            minNTime: message.headerTimestamp, leastNTime: leastNTime, bits: message.nBits,
            target: message.target,
            receivedAt: now)
        currentID = id
        currentTemplate = template
        return isNewTip ? .newTip(id) : .sameTip(id)
    }

    /// The id that the next job gets.
    var nextID: UInt32 { lastID == .max ? 1 : lastID + 1 }

    /// Future templates, which are to be made jobs anew.
    mutating func takeFutureTemplates() -> [TemplateDistribution.NewTemplate] {
        defer { dropFutures() }
        return futureTemplates
    }

    /// Ends every job though the tip stays; returns the current template to make a job of.
    mutating func restart() -> TemplateDistribution.NewTemplate? {
        jobs.removeAll()
        staleThrough = lastID
        tipJobID = 0
        currentID = nil
        tip?.epoch &+= 1
        return currentTemplate
    }

    /// Forgets future jobs: their provider is gone and will never name them again.
    mutating func dropFutures() {
        futureTemplates.removeAll()
        jobs.removeAll { $0.activation == 0 }
    }
}
