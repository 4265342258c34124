import Hardware
import SansIO

/// What a device's own status page shows.
public struct MinerSnapshot: Equatable, Sendable {
    public var phase: MinerPhase
    /// The pool's index in the list, when connected.
    public var pool: Int?
    public var frequency: Megahertz
    public var voltage: Volts
    public var fanDuty: FanDuty
    public var telemetry: BoardTelemetry?
    public var counters: MinerCounters
    /// Of the work that is being mined; zero without work.
    public var jobDifficulty: Double
    public var bestDifficulty: Double
    /// The last power-on.
    public var bootedAt: Instant
    public var reconnects: Int
}

/// What a miner counts over its life.
public struct MinerCounters: Equatable, Sendable {
    public var found: UInt64 = 0
    public var submitted: UInt64 = 0
    public var accepted: UInt64 = 0
    public var rejected: UInt64 = 0
    /// Rejections by reason; the pool's other words are counted in `rejectedOther`.
    public var rejectedStale: UInt64 = 0
    public var rejectedDuplicate: UInt64 = 0
    public var rejectedLowDifficulty: UInt64 = 0
    public var rejectedUnknownJob: UInt64 = 0
    public var rejectedOther: UInt64 = 0
    /// Found for replaced work and not submitted.
    public var discarded: UInt64 = 0
    public var hardwareErrors: UInt64 = 0
    public var jobs: UInt64 = 0

    public init() {}

    mutating func count(_ reason: ShareRejection) {
        rejected += 1
        switch reason {
        case .stale: rejectedStale += 1
        case .duplicate: rejectedDuplicate += 1
        case .lowDifficulty: rejectedLowDifficulty += 1
        case .unknownJob: rejectedUnknownJob += 1
        case .badExtranonce, .badVersion, .unauthorized, .other: rejectedOther += 1
        }
    }
}
