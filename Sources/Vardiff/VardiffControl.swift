import SansIO

/// What an operator wants of a channel's difficulty. It is passed in with every call, because it is the same for
/// all channels of a role and a channel's memory is counted.
public struct VardiffGoal: Sendable, Hashable {
    /// Shares per minute of a channel whose target is right; positive and finite.
    public var sharesPerMinute: Double
    /// Hashes per second: no decision goes below it; positive and finite.
    public var minimumHashRate: Double

    public init(sharesPerMinute: Double, minimumHashRate: Double) {
        self.sharesPerMinute = sharesPerMinute
        self.minimumHashRate = minimumHashRate
    }

    public var sharesPerSecond: Double { sharesPerMinute / 60 }
}

/// One channel's difficulty control: it hears of shares and of time and says on which hash rate the channel's
/// target should rest.
///
/// The caller's part, in this order:
/// 1. It makes a control with the announced hash rate and the work of the target it granted.
/// 2. Each share that counted: ``sharesAccepted(_:work:goal:at:)`` with the work of the target *of that share's
///    job*. When that answers true it asks ``decide(goal:at:)`` soon.
/// 3. At ``nextDeadline``: ``decide(goal:at:)``. A new hash rate is made a target, which is sent, which is told to
///    ``targetSent(work:)``: the target may be another than was asked for, as a client can set a bound.
/// 4. SetTarget holds for jobs that become active after it (SV2 section 5.3.21), set_difficulty for the next
///    notify. When such a job went out: ``targetInForce(since:)``. Until then the miner is held to the old target.
///
/// `work` is the expected number of hashes behind one share, positive and finite.
public protocol VardiffControl: Sendable, Hashable {
    /// `hashRate` in hashes per second, positive and finite.
    init(hashRate: Double, work: Double, at now: Instant)

    /// Hashes per second on which the channel's target should rest.
    var hashRate: Double { get }
    /// When ``decide(goal:at:)`` wants to be called; nil for not before a share asks for it.
    var nextDeadline: Instant? { get }

    /// Counts shares of one target. True when a look at once pays.
    mutating func sharesAccepted(
        _ count: UInt32, work: Double, goal: VardiffGoal, at now: Instant
    ) -> Bool

    /// The new hash rate if the evidence is good enough, else nil.
    mutating func decide(goal: VardiffGoal, at now: Instant) -> Double?

    /// True while a target was sent that is not in force yet, so that ``targetInForce(since:)`` is worth a look.
    var awaitsTarget: Bool { get }

    /// A target of this work was sent to the miner and waits for a job.
    mutating func targetSent(work: Double)

    /// The first job under the target sent last became active at `instant`.
    mutating func targetInForce(since instant: Instant)

    /// Starts anew on a rate that somebody else decided.
    mutating func restart(hashRate: Double, at now: Instant)
}
