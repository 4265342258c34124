import Bitcoin
import Hardware
import SansIO
import Stratum

/// Everything that the firmware knows of its device and its owner's wishes. Filled by whoever builds the device; the
/// firmware does not know whether that is a simulation.
public struct FirmwareSettings: Sendable, Equatable {
    /// What the device says it is.
    public var identity: DeviceIdentity
    /// In order of preference; at least one. The scheme of each address decides its protocol.
    public var accounts: [PoolAccount]
    public var personality = Personality.cpuMiner
    /// Where this model differs from its personality.
    public var departures = HabitDepartures()
    /// What is opened at V2 pools.
    public var channel = ChannelKind.standard
    /// Set SetupConnection's REQUIRES_STANDARD_JOBS: the pool must then send NewMiningJob only.
    public var requiresStandardJobs = false
    /// Version bits that the chips roll (BIP320's sixteen; BIP323 pools accept them as well).
    public var versionMask: UInt32 = 0x1fff_e000
    /// What the device announces to V2 pools, in hashes per second.
    public var announcedHashRate: HashRate
    /// V1 has no announcement; the device suggests a difficulty for so many shares per minute. Nil: no suggestion.
    public var suggestedSharesPerMinute: Double? = 10
    /// The device suggests even where its firmware's real model does not: at a fraction of its hash rate it would
    /// never find a share of the pool's first difficulty.
    public var isScaled = false

    /// Who is paid by blocks that are mined on a node's templates. Needed for such accounts only.
    public var payout: Script?
    /// The miner's own bytes in the coinbase of such blocks; shortened to what a script may hold.
    public var coinbaseSignature: [UInt8] = []

    public var expectedChips: Int
    public var frequency: Megahertz
    public var voltage: Volts
    /// What the owner may set.
    public var frequencyRange = Megahertz(1)...Megahertz(10_000)
    public var voltageRange = Volts(0.01)...Volts(100)
    /// The owner drives the fan by hand; heat still stops the chips.
    public var manualFan: FanDuty?
    /// Nil: all chips run at one clock.
    public var tuning: TuningSettings?
    public var boot = BootTimings()
    public var governor = GovernorSettings()
    public var backoff = BackoffSettings()
    public var timeouts = LinkTimeouts()
    /// Shortest and longest time between two sensor readings; it grows while nothing changes.
    public var telemetryMin = Interval.seconds(1)
    public var telemetryMax = Interval.seconds(10)

    public init(
        identity: DeviceIdentity, pools: [PoolURL], userIdentity: String, announcedHashRate: HashRate,
        expectedChips: Int, frequency: Megahertz, voltage: Volts
    ) {
        self.identity = identity
        accounts = pools.map { PoolAccount(url: $0, user: userIdentity) }
        self.announcedHashRate = announcedHashRate
        self.expectedChips = expectedChips
        self.frequency = frequency
        self.voltage = voltage
    }
}

/// Which V2 mining channel a device opens.
public enum ChannelKind: String, Sendable, Hashable {
    case standard
    case extended
}

/// The strings of SetupConnection and mining.subscribe.
public struct DeviceIdentity: Sendable, Equatable {
    public var vendor: String
    public var hardwareVersion: String
    public var firmware: String
    public var deviceID: String
    public init(vendor: String, hardwareVersion: String, firmware: String, deviceID: String) {
        self.vendor = vendor
        self.hardwareVersion = hardwareVersion
        self.firmware = firmware
        self.deviceID = deviceID
    }
}

/// How long the stages of a start take.
public struct BootTimings: Sendable, Equatable {
    public var network = Interval.zero
    public var powerUp = Interval.zero
    public var enumerate = Interval.zero
    public var rampStart = Megahertz(50)
    /// Zero reaches the frequency at once.
    public var rampMegahertzPerSecond = 0.0
    public init() {}
}

/// When and how the thermal governor steps in. Temperatures in degrees Celsius.
public struct GovernorSettings: Sendable, Equatable {
    /// False on devices that cannot measure their chips, as most USB sticks: heat is then their owner's business.
    public var hasChipSensor = true
    public var target = Celsius(60)
    /// Lower the clock above it; no such stage when not below ``shutdown``.
    public var throttle = Celsius(90)
    /// Switch off above it.
    public var shutdown = Celsius(105)
    public var regulatorShutdown = Celsius(105)
    /// Cool-down ends below it.
    public var restart = Celsius(45)
    public var coolDown = Interval.seconds(30)
    public var restartFrequencyStep = Megahertz(0)
    public var restartVoltageStep = Volts(0)
    public var minimumFrequency = Megahertz(1)
    public var fanMinimum = FanDuty(0.25)
    public var fanStart = FanDuty(0.7)
    public var fanIdle = FanDuty(0.3)
    public init() {}
}

/// Waiting between attempts to reach a pool: doubled for each failed round through the list.
public struct BackoffSettings: Sendable, Equatable {
    public var initial = Interval.seconds(1)
    public var maximum = Interval.seconds(60)
    /// Each wait is drawn evenly from `(1 - jitter) ... (1 + jitter)` of its length, so that a fleet does not
    /// come back in one wave.
    public var jitter = 0.5
    /// Mining at least so long forgets earlier failures.
    public var settled = Interval.seconds(60)
    public init() {}
}

/// Bounds of waiting for a pool.
public struct LinkTimeouts: Sendable, Equatable {
    public var dial = Interval.seconds(10)
    /// From the connection to the first open channel; ESP-Miner waits 10 s for Noise alone.
    public var handshake = Interval.seconds(30)
    /// Without any byte from the pool; ESP-Miner: 180 s.
    public var silence = Interval.seconds(180)
    public init() {}
}
