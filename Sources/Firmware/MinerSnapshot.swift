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
    public var accounts: [PoolAccount]
    /// By place in ``accounts``.
    public var pools: [PoolCounters]
    /// What the last count said.
    public var chips: Int
    public var isIdentifying: Bool
    /// What the owner set the fan to; nil when the firmware drives it.
    public var manualFan: FanDuty?
    /// What the owner asked for; ``frequency`` is what heat and boot leave of it.
    public var configuredFrequency: Megahertz
    public var targetTemperature: Celsius
    /// What this firmware's status pages add to the board's sensor and call the chip's temperature.
    public var chipTemperatureOffset: Double
    /// Nil where chips are not tuned one by one.
    public var tuning: TuningStatus?
}

/// What a miner counts of one pool of its list.
public struct PoolCounters: Equatable, Sendable {
    public var accepted: UInt64 = 0
    public var rejected: UInt64 = 0
    public var stale: UInt64 = 0
    public var difficultyAccepted = 0.0
    public var difficultyRejected = 0.0
    public var failures: UInt64 = 0
    /// Nil before the first.
    public var lastShare: Instant?
    /// The last attempt stood.
    public var isAlive = true

    public init() {}
}

/// The last nonces that chips reported, to know a repetition by. Holds eight: a chip repeats itself at once or
/// after a whole sweep, which no window would catch.
struct RecentNonces: Equatable, Sendable {
    private var seen: [UInt64] = []
    private var next = 0

    /// False if it is there already.
    mutating func insert(_ report: NonceReport) -> Bool {
        let key = UInt64(report.nonce) << 32 | UInt64(report.version ^ report.work.raw &* 0x9e37_79b9)
        if seen.contains(key) { return false }
        if seen.count < Limits.recentNonces { seen.append(key) } else { seen[next] = key }
        next = (next + 1) % Limits.recentNonces
        return true
    }
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
