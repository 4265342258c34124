import SansIO

/// What a channel earned and lost: sums only, so that it costs the same for one share and for a billion.
struct ChannelAccount: Sendable {
    private(set) var accepted: UInt64 = 0
    /// By ``ShareRejection/rawValue``.
    private(set) var rejected: [UInt32] = []
    /// Sum of the accepted shares' difficulties.
    private(set) var difficulty = 0.0
    private(set) var blocks: UInt32 = 0
    /// Expected hashes in the running and in the last full period.
    private var workNow = 0.0
    private var workBefore = 0.0
    private var periodStart: Instant
    private var hasFullPeriod = false

    private static let period = Interval.minutes(5)

    init(at now: Instant) { periodStart = now }

    mutating func accept(difficulty: Double, work: Double, at now: Instant) {
        roll(to: now)
        accepted += 1
        self.difficulty += difficulty
        workNow += work
    }

    mutating func reject(_ reason: ShareRejection) {
        if rejected.isEmpty { rejected = Array(repeating: 0, count: ShareRejection.allCases.count) }
        rejected[Int(reason.rawValue)] &+= 1
    }

    mutating func countBlock() { blocks &+= 1 }

    /// Hashes per second over the last five to ten minutes, or since the channel was opened if that is shorter.
    func hashRate(at now: Instant) -> Double {
        let running = now - periodStart
        let isStale = running >= ChannelAccount.period * 2
        let before = hasFullPeriod && !isStale ? workBefore : 0
        let seconds = running.seconds + (hasFullPeriod && !isStale ? ChannelAccount.period.seconds : 0)
        return seconds > 0 ? (workNow + before) / seconds : 0
    }

    private mutating func roll(to now: Instant) {
        let running = now - periodStart
        guard running >= ChannelAccount.period else { return }
        workBefore = running < ChannelAccount.period * 2 ? workNow : 0
        workNow = 0
        hasFullPeriod = true
        let periods = running.nanoseconds / ChannelAccount.period.nanoseconds
        periodStart += ChannelAccount.period * periods
    }
}
