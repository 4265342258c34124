import Firmware
import Hardware
import SansIO

/// A rig from outside: what its firmware believes, and what physics knows. As of the last event, without noise.
public struct RigSnapshot: Equatable, Sendable {
    /// The device's own status page: phase, counters, difficulty, reconnects, last reading.
    public var miner: MinerSnapshot
    /// Modelled rate of true nonces at full scale; zero while nothing is mined.
    public var hashRate: HashRate
    /// What the pool should see: the modelled rate times the scale, or the hash engine's rate.
    public var provenHashRate: HashRate
    /// The hottest board's chips.
    public var chipTemperature: Celsius
    public var boardTemperatures: [Celsius]
    public var ambient: Celsius
    public var inputPower: Watts
    /// From the wall plug since the beginning.
    public var consumedEnergy: Joules
    public var fanDuty: FanDuty
    public var fanSpeed: RPM
    /// Headers really hashed by this process for this rig.
    public var hashes: UInt64

    public var phase: MinerPhase { miner.phase }
    public var accepted: UInt64 { miner.counters.accepted }
    public var rejected: UInt64 { miner.counters.rejected }
    public var difficulty: Double { miner.jobDifficulty }
    public var bestDifficulty: Double { miner.bestDifficulty }
    /// Since the plug went in; zero when off.
    public func uptime(at now: Instant) -> Interval { phase == .off ? .zero : now - miner.bootedAt }
}
