import SansIO

/// The reference implementation's control (SRI, `sv2/channels-sv2/src/vardiff/classic.rs`), for comparison and for
/// those who want to behave like it.
///
/// Once a minute it divides the shares since its last change by the time. A large deviation is believed after a
/// short window, a small one only after a long one; a window that shows nothing grows for ever. It counts shares,
/// not their work: those on jobs with an older target are taken for ones of the present target. Rates are `Double`
/// where the original has `f32`; its guard against a clock that steps back is not needed, because ``Instant``
/// never does.
public struct ClassicLadder: VardiffControl {
    /// The reference's roles look once a minute.
    static let tick = Interval.seconds(60)
    /// No decision on a window of so many seconds or less.
    static let windowMin: UInt64 = 15

    public private(set) var hashRate: Double
    private var nextLook: Instant
    private var windowStart: Instant
    /// Of the target sent last.
    private var work: Double
    private var shares: UInt32 = 0

    public init(hashRate: Double, work: Double, at now: Instant) {
        self.hashRate = hashRate
        self.work = work
        windowStart = now
        nextLook = now + ClassicLadder.tick
    }

    public var nextDeadline: Instant? { nextLook }
    public var awaitsTarget: Bool { false }

    public mutating func sharesAccepted(
        _ count: UInt32, work: Double, goal: VardiffGoal, at now: Instant
    ) -> Bool {
        shares = shares.addingReportingOverflow(count).overflow ? .max : shares + count
        return false
    }

    public mutating func targetSent(work: Double) { self.work = work }
    public mutating func targetInForce(since instant: Instant) {}

    public mutating func restart(hashRate: Double, at now: Instant) {
        self.hashRate = hashRate
        windowStart = now
        shares = 0
        nextLook = now + ClassicLadder.tick
    }

    public mutating func decide(goal: VardiffGoal, at now: Instant) -> Double? {
        nextLook = now + ClassicLadder.tick
        let seconds = (now - windowStart).nanoseconds / 1_000_000_000
        guard seconds > ClassicLadder.windowMin else { return nil }
        let base = max(hashRate, goal.minimumHashRate)
        let estimate = work * Double(shares) / Double(seconds)
        let deviation = abs(estimate - base) / base
        guard ClassicLadder.isConvincing(deviation, after: seconds) else { return nil }
        let decided = max(
            bounded(estimate, base: base, deviation: deviation, after: seconds), goal.minimumHashRate)
        let isChange = decided != hashRate
        restart(hashRate: decided, at: now)
        return isChange ? decided : nil
    }

    private static func isConvincing(_ deviation: Double, after seconds: UInt64) -> Bool {
        if deviation >= 1 { return true }
        if deviation >= 0.60, seconds >= 60 { return true }
        if deviation >= 0.50, seconds >= 120 { return true }
        if deviation >= 0.45, seconds >= 180 { return true }
        if deviation >= 0.30, seconds >= 240 { return true }
        return deviation >= 0.15 && seconds >= 300
    }

    private func bounded(
        _ estimate: Double, base: Double, deviation: Double, after seconds: UInt64
    ) -> Double {
        if shares == 0 { return base / (seconds <= 30 ? 1.5 : seconds < 60 ? 2 : 3) }
        if deviation > 10 { return base * (seconds <= 30 ? 10 : seconds < 60 ? 5 : 3) }
        return estimate
    }
}
