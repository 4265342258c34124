import SansIO

/// One channel's difficulty control: the reference implementation's classic ladder (sv2 `vardiff/classic.rs`).
///
/// It estimates the hash rate from the work of the accepted shares since the last change. A large deviation is
/// believed after a short window, a small one only after a long one. Two departures from the original: the
/// estimate sums each share's own work, so that shares on jobs with an older target count rightly; and a window
/// that found nothing to change for ``windowMax`` starts anew, so that a decline is seen in bounded time.
public struct Vardiff: Sendable, Hashable {
    /// No decision on a shorter window.
    static let windowMin = Interval.seconds(15)
    /// A longer window is started anew.
    static let windowMax = Interval.minutes(30)
    /// Pause between two looks, the reference implementation's tick.
    static let tick = Interval.seconds(60)
    /// Shares in a window younger than a tick that make a look worthwhile before it: a device announced far too low.
    static let flood: UInt32 = 60

    /// Hashes per second on which the channel's target rests.
    public private(set) var hashRate: Double
    /// When ``decide(at:minimumHashRate:)`` wants to be called.
    public private(set) var nextDeadline: Instant
    private var windowStart: Instant
    /// Expected hashes of the window's shares.
    private var work = 0.0
    private var shares: UInt32 = 0

    /// `hashRate` in hashes per second, positive and finite.
    public init(hashRate: Double, at now: Instant) {
        self.hashRate = hashRate
        windowStart = now
        nextDeadline = now + Vardiff.tick
    }

    /// Counts a share. `work` is the expected number of hashes behind it. True when the window is so full that
    /// a look ahead of ``nextDeadline`` pays.
    public mutating func shareAccepted(work: Double, at now: Instant) -> Bool {
        self.work += work
        shares &+= 1
        guard shares >= Vardiff.flood else { return false }
        let window = now - windowStart
        return window > Vardiff.windowMin && window < Vardiff.tick
    }

    /// Starts a new window on a rate that somebody else decided.
    public mutating func restart(hashRate: Double, at now: Instant) {
        self.hashRate = hashRate
        windowStart = now
        work = 0
        shares = 0
        nextDeadline = now + Vardiff.tick
    }

    /// The new hash rate if the evidence is good enough, else nil. `minimumHashRate` is the floor.
    public mutating func decide(at now: Instant, minimumHashRate: Double) -> Double? {
        nextDeadline = now + Vardiff.tick
        let window = now - windowStart
        guard window > Vardiff.windowMin else { return nil }
        let seconds = window.seconds
        let estimate = work / seconds
        let deviation = abs(estimate - hashRate) / hashRate
        guard Vardiff.isConvincing(deviation, after: seconds) else {
            if window >= Vardiff.windowMax { restart(hashRate: hashRate, at: now) }
            return nil
        }
        let decided = max(bounded(estimate, deviation: deviation, after: seconds), minimumHashRate)
        let changed = decided != hashRate
        restart(hashRate: decided, at: now)
        return changed ? decided : nil
    }

    private static func isConvincing(_ deviation: Double, after seconds: Double) -> Bool {
        if deviation >= 1 { return true }
        if deviation >= 0.60 { return seconds >= 60 }
        if deviation >= 0.50 { return seconds >= 120 }
        if deviation >= 0.45 { return seconds >= 180 }
        if deviation >= 0.30 { return seconds >= 240 }
        return deviation >= 0.15 && seconds >= 300
    }

    private func bounded(_ estimate: Double, deviation: Double, after seconds: Double) -> Double {
        if shares == 0 { return hashRate / (seconds <= 30 ? 1.5 : seconds < 60 ? 2 : 3) }
        if deviation > 10 { return hashRate * (seconds <= 30 ? 10 : seconds < 60 ? 5 : 3) }
        return estimate
    }
}
