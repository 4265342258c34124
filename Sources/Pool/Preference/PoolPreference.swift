import Bitcoin
import SansIO

/// The way back to the pools at the front of a client's list, for clients that work for one pool at a time: while a later
/// one serves, those before it are tried in their order now and then. This value says when and which; the client tries
/// and moves.
public struct PoolPreference: Sendable {
    /// Why a pool is left, which decides how soon somebody may return to it.
    public enum Leaving: Sendable {
        /// The connection ended or was never made: as soon as it is there again.
        case lost
        /// It took the connection and not the work, or broke a rule: not for ``PoolReturnLimits/shunned``.
        case fault
        /// An operator's, or for a better pool.
        case wish
    }

    public let limits: PoolReturnLimits
    /// Attempts to return since a pool last served steadily.
    private var attempts = 0
    private var servingSince: Instant?
    /// Pools that were left for a fault, and until when nobody returns to them; at most one entry for each.
    private var faulty: [(index: Int, until: Instant)] = []
    /// An operator chose the present pool: nobody returns from it.
    public private(set) var isChosen = false

    public init(_ limits: PoolReturnLimits) { self.limits = limits }

    /// The present pool serves from now on.
    public mutating func serves(at now: Instant) { servingSince = now }

    /// The present pool is left.
    public mutating func left(_ index: Int, _ why: Leaving, at now: Instant) {
        if let servingSince, now - servingSince >= limits.steady { attempts = 0 }
        servingSince = nil
        faulty.removeAll { $0.index == index }
        if why == .fault { faulty.append((index, now + limits.shunned)) }
        isChosen = why == .wish
    }

    /// The client moved to a pool that it had tried.
    public mutating func returned() { isChosen = false }

    /// Until the next attempt: it doubles with each and is spread by a quarter either way, so that a crowd of clients does
    /// not come back to a restarted pool at one moment.
    public mutating func pause(_ secrets: inout SecretGenerator) -> Interval {
        attempts += 1
        let doubled = limits.first * (UInt64(1) << UInt64(min(attempts - 1, 16)))
        let base = min(doubled, limits.longest).nanoseconds
        let draw = secrets.bytes(2)
        let share = UInt64(draw[0]) << 8 | UInt64(draw[1])
        return .nanoseconds(base / 4 * 3 + base / 2 / 65_536 * share)
    }

    /// The first pool from `first` on and before the present one that nobody has a reason to shun.
    public mutating func candidate(from first: Int, before present: Int, at now: Instant) -> Int? {
        faulty.removeAll { $0.until <= now }
        return (first..<max(first, present)).first { index in !faulty.contains { $0.index == index } }
    }
}

/// Bounds of the way back.
public struct PoolReturnLimits: Sendable, Hashable {
    /// First and longest pause before a pool of more preference is tried again while another one serves: soon enough
    /// that a restart costs little, seldom enough that a dead pool is not bothered.
    public var first = Interval.seconds(30)
    public var longest = Interval.minutes(10)
    /// How long nobody returns to a pool that took the connection and not the work; trying it costs devices a moment
    /// of work each time.
    public var shunned = Interval.minutes(10)
    /// A pool that served for so long clears the count of attempts to return; one that comes and goes does not, so a
    /// flapping pool is returned to less and less often.
    public var steady = Interval.minutes(10)

    public init() {}
}
