import ASICSim
import Bitcoin
import DeviceModel
import Firmware
import Hardware
import SansIO
import Stratum

/// One simulated miner, as an experiment describes it.
public struct RigConfiguration: Sendable {
    public var profile: DeviceProfile
    /// In order of preference, one to eight. The scheme of each decides between V1 and V2.
    public var pools: [PoolURL]
    public var userIdentity: String
    /// The V2 channel; the profile's unless set.
    public var channel: ChannelKind
    /// Ask V2 pools for NewMiningJob only.
    public var requiresStandardJobs = false
    /// The world's seed and this rig's number in it: each rig has its own streams.
    public var seed: UInt64
    public var stream: UInt64
    /// Noise keys: 32 bytes from the operating system in the live world; nil derives them from seed and stream.
    public var secretSeed: [UInt8]?
    /// Multiplies the modelled hash rate and what is announced, in (0, 1].
    public var hashrateScale = 1.0
    public var engine = Engine.model
    public var ambient = Celsius(25)
    public var wallClock: WallClock
    /// Skip every boot stage and switch on with the clock at its nominal frequency.
    public var instantBoot = false
    /// Wait before the plug goes in, so that a fleet need not start in one wave.
    public var startDelay = Interval.zero
    /// Unlike the profile: sensors are read at most so often when all is steady.
    public var telemetryMax: Interval?
    public var backoff = BackoffSettings()
    public var timeouts = LinkTimeouts()
    /// V1: the difficulty suggested to the pool is for so many shares per minute; nil suggests nothing.
    public var suggestedSharesPerMinute: Double? = 10

    /// Who is paid by blocks mined on a node's templates; needed where a pool's address is a node's.
    public var payout: Script?

    /// How shares come about.
    public enum Engine: Hashable, Sendable {
        /// Drawn from the exponential law at the modelled rate times the scale, then proven by search.
        case model
        /// Every nonce is hashed, at most so many per second. Nil hashes as fast as the driver calls, which only
        /// makes sense in real time: a virtual world would hardly move.
        case hash(maxRate: HashRate?)
    }

    public init(
        profile: DeviceProfile, pools: [PoolURL], userIdentity: String, seed: UInt64, stream: UInt64,
        wallClock: WallClock
    ) {
        self.profile = profile
        self.pools = pools
        self.userIdentity = userIdentity
        self.seed = seed
        self.stream = stream
        self.wallClock = wallClock
        channel = ChannelKind(rawValue: profile.firmware.channel) ?? .standard
    }

    /// What the rig tells V2 pools: the model's nominal rate times the scale, or the hash engine's own rate.
    public var announcedHashRate: HashRate {
        let modelled = HashRate(profile.nominalHashRate.hashesPerSecond * hashrateScale)
        return switch engine {
        case .model: modelled
        case .hash(let maxRate): maxRate ?? modelled
        }
    }
}

extension RigConfiguration {
    var engineMode: HashEngine.Mode {
        switch engine {
        case .model: .model
        case .hash(let maxRate): .hash(maxRate: maxRate)
        }
    }

    var firmwareSettings: FirmwareSettings {
        var settings = FirmwareSettings(
            identity: identity, pools: pools, userIdentity: userIdentity,
            announcedHashRate: announcedHashRate, expectedChips: profile.chipCount,
            frequency: Megahertz(profile.chip.nominalMegahertz), voltage: Volts(profile.chip.nominalVolts))
        settings.personality = personality
        settings.departures = departures
        settings.payout = payout
        settings.channel = channel
        settings.requiresStandardJobs = requiresStandardJobs
        settings.backoff = backoff
        settings.timeouts = timeouts
        settings.suggestedSharesPerMinute = suggestedSharesPerMinute
        settings.isScaled = hashrateScale < 1
        settings.telemetryMin = Interval(seconds: profile.firmware.telemetrySecondsMin)
        settings.telemetryMax = telemetryMax ?? Interval(seconds: profile.firmware.telemetrySecondsMax)
        if settings.telemetryMax < settings.telemetryMin { settings.telemetryMin = settings.telemetryMax }
        settings.governor = governorSettings
        if profile.firmware.autotunes ?? personality.habits.autotunes {
            settings.tuning = TuningSettings(powerTarget: powerTarget)
        }
        if !instantBoot { settings.boot = bootTimings }
        return settings
    }

    /// Profiles from outside may name what this build does not know: that is a program on a computer.
    public var personality: Personality { Personality(rawValue: profile.firmware.personality) ?? .cpuMiner }

    /// Strings of SetupConnection. Makers' own firmwares speak no V2 yet; theirs follow BraiinsOS: maker, model,
    /// the firmware's name.
    private var identity: DeviceIdentity {
        let number = String(stream, radix: 16)
        let (vendor, hardware, firmware, prefix): (String, String, String, String) =
            switch personality {
            case .espMiner: ("bitaxe", profile.chip.family, "esp-miner (lab)", "bitaxe-")
            case .antminer: (profile.maker, profile.name, "bmminer (lab)", "antminer-")
            case .braiins: ("Braiins", profile.name, "Braiins OS (lab)", "braiins-")
            case .whatsminer: (profile.maker, profile.name, "btminer (lab)", "whatsminer-")
            case .avalon: (profile.maker, profile.name, "cgminer avalon (lab)", "avalon-")
            case .cgminerGekko: (profile.maker, profile.name, "cgminer gekko (lab)", "gekko-")
            case .cpuMiner: (profile.maker, profile.name, "mining-lab", "cpu-")
            }
        let version = profile.firmware.version
        return DeviceIdentity(
            vendor: vendor, hardwareVersion: hardware, firmware: version.isEmpty ? firmware : version,
            deviceID: prefix + number)
    }

    /// What the data sheet promises; else what the nominal clock takes in a room of 25 °C.
    private var powerTarget: Watts {
        guard profile.nameplate.watts <= 0 else { return Watts(profile.nameplate.watts) }
        return profile.regulatedPoint(ambient: Celsius(25)).inputPower
    }

    private var departures: HabitDepartures {
        let firmware = profile.firmware
        var departures = HabitDepartures()
        departures.connectAttempts = firmware.poolRetries
        departures.returnsToPreferredPool = firmware.failoverProbeSeconds.map { Interval(seconds: $0) }
        departures.enumerationAttempts = firmware.enumerationTries
        departures.needsAllChips = firmware.enumeration.map { $0 == "exact" }
        departures.fanLostBelow = firmware.fanLostRPM.map { RPM($0) }
        departures.fanLossPatience = firmware.fanLostSeconds.map { Interval(seconds: $0) }
        return departures
    }

    private var governorSettings: GovernorSettings {
        let limits = profile.limits
        var settings = GovernorSettings()
        settings.target = Celsius(limits.targetCelsius)
        settings.throttle = Celsius(limits.throttleCelsius)
        settings.shutdown = Celsius(limits.shutdownCelsius)
        settings.regulatorShutdown = Celsius(limits.regulatorCelsius)
        settings.restart = Celsius(limits.restartCelsius)
        settings.coolDown = Interval(seconds: limits.coolDownSeconds)
        settings.restartFrequencyStep = Megahertz(limits.restartMegahertzStep)
        settings.restartVoltageStep = Volts(limits.restartVoltsStep)
        settings.minimumFrequency = Megahertz(limits.minimumMegahertz)
        settings.fanMinimum = FanDuty(limits.fanMinimumPercent / 100)
        settings.fanStart = FanDuty(limits.fanStartPercent / 100)
        settings.fanIdle = FanDuty(limits.fanIdlePercent / 100)
        return settings
    }

    private var bootTimings: BootTimings {
        var timings = BootTimings()
        timings.network = Interval(seconds: profile.boot.networkSeconds)
        timings.powerUp = Interval(seconds: profile.boot.powerUpSeconds)
        timings.enumerate = Interval(seconds: profile.boot.enumerateSeconds)
        timings.rampStart = Megahertz(profile.boot.rampStartMegahertz)
        timings.rampMegahertzPerSecond = profile.boot.rampMegahertzPerSecond
        return timings
    }

    /// Noise keys for this rig alone.
    var secrets: SecretGenerator {
        var text = secretSeed ?? Array("rig".utf8)
        withUnsafeBytes(of: seed.littleEndian) { text.append(contentsOf: $0) }
        withUnsafeBytes(of: stream.littleEndian) { text.append(contentsOf: $0) }
        return SecretGenerator(seed: text)
    }
}
