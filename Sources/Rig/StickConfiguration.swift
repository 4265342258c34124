import Firmware
import Hardware
import SansIO
import Stratum

/// A real stick, as its owner wants it to mine.
public struct StickConfiguration: Sendable {
    /// What it is, for pools and views.
    public var name: String
    /// By what it is told from others of its kind: serial number or port.
    public var label: String
    public var setup: ChainSetup
    public var clock: Megahertz
    public var clockRange: ClosedRange<Megahertz>
    public var voltage: Volts
    /// In order of preference, one to eight.
    public var pools: [PoolURL]
    public var userIdentity: String
    public var wallClock: WallClock
    /// 32 bytes from the operating system, for Noise keys and seeds.
    public var secretSeed: [UInt8]
    public var personality = Personality.cgminerGekko
    public var channel = ChannelKind.standard
    public var backoff = BackoffSettings()
    public var timeouts = LinkTimeouts()
    public var suggestedSharesPerMinute: Double? = 10

    public init(
        name: String, label: String, setup: ChainSetup, clock: Megahertz,
        clockRange: ClosedRange<Megahertz>, voltage: Volts, pools: [PoolURL], userIdentity: String,
        wallClock: WallClock, secretSeed: [UInt8]
    ) {
        self.name = name
        self.label = label
        self.setup = setup
        self.clock = clock
        self.clockRange = clockRange
        self.voltage = voltage
        self.pools = pools
        self.userIdentity = userIdentity
        self.wallClock = wallClock
        self.secretSeed = secretSeed
    }

    /// By the number of the chips' units.
    public var nominalHashRate: HashRate {
        let units = Double(setup.unitsPerChip * setup.chips)
        return HashRate(clock.megahertz * 1e6 * units)
    }

    var firmwareSettings: FirmwareSettings {
        var settings = FirmwareSettings(
            identity: DeviceIdentity(
                vendor: "lab", hardwareVersion: name, firmware: "mining-lab", deviceID: label),
            pools: pools, userIdentity: userIdentity, announcedHashRate: nominalHashRate,
            expectedChips: setup.chips, frequency: clock, voltage: voltage)
        settings.personality = personality
        settings.channel = channel
        settings.backoff = backoff
        settings.timeouts = timeouts
        settings.suggestedSharesPerMinute = suggestedSharesPerMinute
        settings.frequencyRange = clockRange
        // Most sticks have neither sensor nor fan that a computer could read or drive; what a Compac A1 measures is
        // shown, and nothing is governed by it.
        settings.governor.hasChipSensor = false
        settings.telemetryMin = .seconds(10)
        settings.telemetryMax = .seconds(30)
        return settings
    }
}

/// A real stick from outside. Nothing here is modelled: what cannot be measured is nil.
public struct StickSnapshot: Equatable, Sendable {
    public var name: String
    public var label: String
    /// A line to the device stands.
    public var isAttached: Bool
    /// Why the last line ended; nil while one stands or before the first.
    public var lastFault: String?
    /// The device's own status page.
    public var miner: MinerSnapshot
    public var chain: ChainStatistics
    public var chips: Int
    /// By the clock and the chips' units.
    public var nominalHashRate: HashRate
    /// By the valid nonces since the line stands; nil before a minute has passed.
    public var measuredHashRate: HashRate?
    public var chipTemperature: Celsius? { miner.telemetry?.chipTemperature }
    /// Measured by the stick itself.
    public var inputPower: Watts? { miner.telemetry?.inputPower }

    public var phase: MinerPhase { miner.phase }
    public var accepted: UInt64 { miner.counters.accepted }
    public var rejected: UInt64 { miner.counters.rejected }
}
