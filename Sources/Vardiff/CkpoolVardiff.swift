import SansIO

/// ckpool's control (`stratifier.c`: `add_submit`, `decay_client`, `time_bias`; `libckpool.c`: `decay_time`).
///
/// A mean over five minutes with exponential forgetting is looked at by a share, at the earliest 240 s after the
/// last change or when as many shares came as those seconds should bring. Nothing happens while the share rate is
/// between a half and four thirds of the wish. It has no clock of its own: a miner that falls silent is never
/// looked at, and the first share after a pause does not count as evidence of a lower rate.
///
/// ckpool wishes 0.3 shares a second (18 a minute) and has the numbers 72 = 240 s x 0.3, 0.15 and 0.4 written out;
/// here they are multiples of the goal, so that it can be compared at other rates. Its rounding to whole
/// difficulties and its user-chosen floors are left to the caller.
public struct CkpoolVardiff: VardiffControl {
    /// Seconds of the forgetting mean.
    static let period = 300.0
    /// Seconds between changes when shares are few.
    static let lookSeconds = 240.0
    /// No change while the share rate divided by the goal is between these: 0.15 / 0.3 and 0.4 / 0.3.
    static let tolerated = (low: 0.5, high: 4.0 / 3)
    /// Shares closer than this are booked together.
    static let bookingSeconds = 0.05

    public private(set) var hashRate: Double
    /// Of the target sent last.
    private var work: Double
    /// Hashes per second, forgetting; to be divided by the bias of its youth.
    private var mean = 0.0
    /// Work of shares not yet in the mean.
    private var unbooked = 0.0
    private var bookedAt: Instant
    /// Nil before the first share.
    private var firstShare: Instant?
    private var changedAt: Instant
    private var shares: UInt32 = 0

    public init(hashRate: Double, work: Double, at now: Instant) {
        self.hashRate = hashRate
        self.work = work
        bookedAt = now
        changedAt = now
    }

    public var nextDeadline: Instant? { nil }
    public var awaitsTarget: Bool { false }

    public mutating func sharesAccepted(
        _ count: UInt32, work: Double, goal: VardiffGoal, at now: Instant
    ) -> Bool {
        if firstShare == nil {
            firstShare = now
            changedAt = now
        }
        book(work * Double(count), at: now)
        shares = shares.addingReportingOverflow(count).overflow ? .max : shares + count
        guard isDue(goal: goal, at: now) else { return false }
        guard work == self.work else {
            shares = 0
            return false
        }
        return true
    }

    private func isDue(goal: VardiffGoal, at now: Instant) -> Bool {
        Double(shares) >= CkpoolVardiff.lookSeconds * goal.sharesPerSecond
            || (now - changedAt).seconds >= CkpoolVardiff.lookSeconds
    }

    private mutating func book(_ work: Double, at now: Instant) {
        let seconds = max((now - bookedAt).seconds, 0.001)
        guard seconds >= CkpoolVardiff.bookingSeconds else {
            unbooked += work
            return
        }
        bookedAt = now
        let weight = CkpoolVardiff.weight(seconds)
        mean = (mean + (work + unbooked) / seconds * weight) / (1 + weight)
        unbooked = 0
    }

    /// The part of the mean that so many seconds make.
    private static func weight(_ seconds: Double) -> Double {
        1 - DeterministicMath.exp(-min(seconds / period, 36))
    }

    public mutating func decide(goal: VardiffGoal, at now: Instant) -> Double? {
        guard let firstShare, mean > 0, isDue(goal: goal, at: now) else { return nil }
        let rate = mean / CkpoolVardiff.weight(max((now - firstShare).seconds, 0.001))
        let ratio = rate / work / goal.sharesPerSecond
        guard ratio <= CkpoolVardiff.tolerated.low || ratio >= CkpoolVardiff.tolerated.high else {
            return nil
        }
        let decided = max(rate, goal.minimumHashRate)
        guard decided != hashRate, decided.isFinite else { return nil }
        if decided < hashRate, shares == 1 {
            changedAt = now
            return nil
        }
        hashRate = decided
        shares = 0
        changedAt = now
        return decided
    }

    public mutating func targetSent(work: Double) { self.work = work }
    public mutating func targetInForce(since instant: Instant) {}

    public mutating func restart(hashRate: Double, at now: Instant) {
        self = CkpoolVardiff(hashRate: hashRate, work: work, at: now)
    }
}
