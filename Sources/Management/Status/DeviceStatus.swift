import Firmware
import Hardware
import SansIO

/// Everything that a device's own pages and its API show, at one moment. Filled by whoever runs the device; the
/// interfaces do not know whether that is a simulation.
public struct DeviceStatus: Sendable, Equatable {
    public var phase: MinerPhase
    /// Since power-on; zero when off.
    public var uptime: Interval
    /// Seconds since 1970.
    public var time: UInt32
    public var rates: HashRates
    public var boards: [BoardStatus]
    /// Each fan's speed.
    public var fans: [RPM]
    public var fanDuty: FanDuty
    /// Nil when the firmware drives the fans.
    public var manualFan: FanDuty?
    public var power: Watts
    public var ambient: Celsius
    public var regulatorTemperature: Celsius?
    /// The clock that runs, and the one the owner asked for.
    public var frequency: Megahertz
    public var configuredFrequency: Megahertz
    public var voltage: Volts
    public var targetTemperature: Celsius
    /// In order of preference.
    public var pools: [PoolStatus]
    /// The index of the pool that is mined on.
    public var activePool: Int?
    public var counters: MinerCounters
    public var bestDifficulty: Double
    /// Of the present work; zero without.
    public var jobDifficulty: Double
    public var reconnects: Int
    public var isIdentifying: Bool
    public var faults: [DeviceFault]
    /// Nil where chips are not tuned one by one.
    public var tuning: TuningStatus?

    public var isMining: Bool { phase == .mining || phase == .throttled }
    public var isAsleep: Bool { phase == .sleeping }
    public var chips: Int { boards.reduce(0) { $0 + $1.chips } }
    public var idealHashRate: HashRate {
        HashRate(boards.reduce(0) { $0 + $1.idealHashRate.hashesPerSecond })
    }
    /// Share of nonces that proved nothing, in percent.
    public var hardwareErrorPercent: Double {
        let all = Double(counters.found + counters.hardwareErrors)
        return all > 0 ? Double(counters.hardwareErrors) / all * 100 : 0
    }
    public var hottestChip: Celsius { boards.map(\.chipTemperature).max() ?? ambient }
    public var hottestBoard: Celsius { boards.map(\.boardTemperature).max() ?? ambient }
}

/// One hashboard.
public struct BoardStatus: Sendable, Equatable {
    public var serial: String
    public var rates: HashRates
    public var idealHashRate: HashRate
    /// Found by the last count.
    public var chips: Int
    public var expectedChips: Int
    /// At the air's entry and exit.
    public var inletTemperature: Celsius
    public var outletTemperature: Celsius
    public var boardTemperature: Celsius
    public var chipTemperature: Celsius
    public var frequency: Megahertz
    public var voltage: Volts
    public var hardwareErrors: UInt64

    public var hashRate: HashRate { rates.fiveSeconds }
}

/// One pool of the list.
public struct PoolStatus: Sendable, Equatable {
    public var account: PoolAccount
    public var counters: PoolCounters
    /// Seconds since 1970; zero before the first share.
    public var lastShareTime: UInt32
}

/// What keeps a device from mining well, as its pages and error lists say it.
public enum DeviceFault: Sendable, Hashable {
    case fanLost
    case supplyLost
    case overheated
    case chipsMissing(board: Int, found: Int, expected: Int)
    case sensorLost
    case noPool
}

/// Hash rates over the windows that interfaces show.
public struct HashRates: Sendable, Equatable {
    public var fiveSeconds = HashRate.zero
    public var minute = HashRate.zero
    public var fiveMinutes = HashRate.zero
    public var tenMinutes = HashRate.zero
    public var fifteenMinutes = HashRate.zero
    public var thirtyMinutes = HashRate.zero
    public var hour = HashRate.zero
    /// Since power-on or since the counters were set to zero.
    public var average = HashRate.zero
    /// Hashes since then.
    public var total = 0.0

    public init() {}

    /// Of several boards together.
    init(sum boards: [HashRates]) {
        let windows: [WritableKeyPath<HashRates, HashRate>] = [
            \.fiveSeconds, \.minute, \.fiveMinutes, \.tenMinutes, \.fifteenMinutes, \.thirtyMinutes, \.hour,
            \.average,
        ]
        for window in windows {
            self[keyPath: window] = HashRate(boards.reduce(0) { $0 + $1[keyPath: window].hashesPerSecond })
        }
        total = boards.reduce(0) { $0 + $1.total }
    }
}
