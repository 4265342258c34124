import Hardware
import SansIO

/// Everything about one kind of mining device that the physics and the firmware need: plain numbers, the unit in
/// each name. Files under `Profiles/devices` fill it through ``init(values:)``; ``schema`` is their dictionary.
public struct DeviceProfile: Equatable, Sendable {
    public var name: String
    public var maker: String
    public var chip: ChipParameters
    public var boards: BoardParameters
    public var thermal: ThermalParameters
    public var power: PowerParameters
    public var fan: FanParameters
    public var sensors: SensorParameters
    public var limits: LimitParameters
    public var boot: BootParameters
    public var firmware: FirmwareParameters
    public var errors: ErrorParameters
    public var nameplate = NameplateParameters()
    public var ageing = AgeingParameters()
    public var room = RoomParameters()
    /// What goes wrong with every device of this profile.
    public var faults: [DeviceFault] = []

    public init(
        name: String, maker: String, chip: ChipParameters, boards: BoardParameters,
        thermal: ThermalParameters,
        power: PowerParameters, fan: FanParameters, sensors: SensorParameters, limits: LimitParameters,
        boot: BootParameters, firmware: FirmwareParameters, errors: ErrorParameters
    ) {
        self.name = name
        self.maker = maker
        self.chip = chip
        self.boards = boards
        self.thermal = thermal
        self.power = power
        self.fan = fan
        self.sensors = sensors
        self.limits = limits
        self.boot = boot
        self.firmware = firmware
        self.errors = errors
    }

    /// Chips in the whole device.
    public var chipCount: Int { boards.count * boards.chipsPerBoard }

    /// Frequency x units x chips, before errors.
    public func hashRate(at frequency: Megahertz) -> HashRate {
        HashRate(frequency.megahertz * 1e6 * chip.units * Double(chipCount))
    }

    /// What the maker's data sheet promises.
    public var nominalHashRate: HashRate { hashRate(at: Megahertz(chip.nominalMegahertz)) }
}

/// One kind of hashing chip.
public struct ChipParameters: Equatable, Sendable {
    /// The chip's own name: `BM1370`, `BM1362`.
    public var family = "none"
    /// Hashes per clock cycle: small cores, dead ones taken off.
    public var units = 1.0
    public var nominalMegahertz = 1.0
    public var nominalVolts = 1.0
    /// Switched capacitance of one chip in nanofarad: dynamic watts = C x V^2 x f.
    public var capacitanceNanofarad = 0.0
    /// Leakage's share of the chip's power at ``leakageReferenceCelsius``, nominal voltage and frequency.
    public var leakageShare = 0.0
    public var leakageReferenceCelsius = 60.0
    /// Leakage grows e-fold over so many kelvin.
    public var leakageKelvinPerE = 40.0
    /// The voltage that a clock asks for. Its shape counts: it is moved so that it goes through the nominal point.
    /// Nil takes the family's curve, or else the slope in ``ErrorParameters/voltsPerMegahertz``.
    public var voltageCurve: VoltageCurve?
    public init() {}
}

/// How chips are put together.
public struct BoardParameters: Equatable, Sendable {
    public var count = 1
    public var chipsPerBoard = 1
    /// Voltage domains in series on one board, alike in size.
    public var domains = 1
    public init() {}
}

/// One board's heat path from chips through heat sink into the air stream.
public struct ThermalParameters: Equatable, Sendable {
    /// One chip to air at full fan, kelvin per watt; a board of N chips has 1/N of it.
    public var chipResistanceKelvinPerWatt = 0.0
    /// Chips, heat sinks and board together, joule per kelvin.
    public var boardCapacityJoulePerKelvin = 1.0
    /// Air through the device at full fan, cubic metres per second.
    public var airflowMaxCubicMetresPerSecond = 0.01
    /// How much hotter the voltage regulator is than the air around the chips, kelvin per watt of the board.
    public var regulatorKelvinPerWatt = 0.0
    /// How much of the outlet's warmth comes back to the inlet, 0 in a duct, 0.25 in a small room.
    public var recirculationShare = 0.0
    public init() {}
}

/// Between chips and wall plug.
public struct PowerParameters: Equatable, Sendable {
    /// Watts out of the supply and the regulators over watts in, 0...1; at ``ratedWatts`` where that is given.
    public var efficiency = 1.0
    /// The output to which the efficiencies refer; zero: one efficiency for every load.
    public var ratedWatts = 0.0
    /// At half and at a fifth of ``ratedWatts``.
    public var efficiencyHalf = 0.0
    public var efficiencyFifth = 0.0
    /// Controller board, network, display.
    public var controlWatts = 0.0
    /// Share of the dynamic power that powered chips draw without work.
    public var idleShare = 0.05
    public init() {}
}

/// The fans, all driven alike.
public struct FanParameters: Equatable, Sendable {
    public var count = 0
    public var maxRPM = 0.0
    /// What a fan turns at the least duty above zero; from there the speed rises straight to ``maxRPM``.
    public var minRPM = 0.0
    /// All fans together at full speed.
    public var maxWatts = 0.0
    /// Time constant of the speed's approach to a new duty.
    public var responseSeconds = 2.0
    public init() {}
}

/// What the device's own sensors add to the truth.
public struct SensorParameters: Equatable, Sendable {
    public var temperatureNoiseKelvin = 0.3
    public var temperatureStepKelvin = 0.125
    /// Relative standard deviation of the tachometer.
    public var fanNoiseShare = 0.015
    /// `die`: the chip is measured. `board`: a sensor on the board plus ``boardOffsetKelvin`` stands for the chip.
    public var chipSource = "die"
    public var boardOffsetKelvin = 15.0
    public init() {}
}

/// Where the firmware's thermal governor steps in.
public struct LimitParameters: Equatable, Sendable {
    /// The fan controller's set-point.
    public var targetCelsius = 60.0
    /// Above it the frequency is lowered step by step. Equal to ``shutdownCelsius``: no such stage.
    public var throttleCelsius = 90.0
    /// Above it the chips are switched off to cool down.
    public var shutdownCelsius = 105.0
    /// Regulator temperature with the same effect as ``shutdownCelsius``.
    public var regulatorCelsius = 105.0
    /// Cool-down ends below it, but not before ``coolDownSeconds``.
    public var restartCelsius = 45.0
    public var coolDownSeconds = 30.0
    /// Taken off the frequency at each restart after overheating.
    public var restartMegahertzStep = 0.0
    /// Taken off the voltage at each restart after overheating.
    public var restartVoltsStep = 0.0
    /// The governor never goes below it.
    public var minimumMegahertz = 1.0
    /// The fan controller never goes below it while chips run.
    public var fanMinimumPercent = 25.0
    /// Fan duty before the first reading.
    public var fanStartPercent = 70.0
    /// Fan duty while no work is at hand.
    public var fanIdlePercent = 30.0
    public init() {}
}

/// How long the stages of a start take.
public struct BootParameters: Equatable, Sendable {
    /// Until the network has an address.
    public var networkSeconds = 0.0
    /// Operating system, rails, reset.
    public var powerUpSeconds = 0.0
    /// Counting and configuring chips.
    public var enumerateSeconds = 0.0
    public var rampStartMegahertz = 50.0
    /// Zero reaches the frequency at once.
    public var rampMegahertzPerSecond = 0.0
    public init() {}
}

/// How the device's firmware behaves.
public struct FirmwareParameters: Equatable, Sendable {
    /// Whose habits and announced strings it has; see ``personalities``.
    public var personality = "cpu-miner"
    /// What management interfaces call the device: a fleet tool finds its own class by it. Empty: the profile's name.
    public var model = ""
    /// The firmware's version as it tells it. Empty: the personality's own.
    public var version = ""
    /// `v2` or `v1`: what it speaks when the pool's address does not decide it.
    public var protocolPreference = "v2"
    /// `standard` or `extended`: the V2 channel it opens.
    public var channel = "standard"
    /// From the arrival of a job to the chips' hashing it, seconds.
    public var workSwitchSeconds = 0.0
    /// Shortest and longest time between two sensor readings.
    public var telemetrySecondsMin = 1.0
    public var telemetrySecondsMax = 10.0
    // Of what follows, nil leaves it to the personality.
    /// `exact`: another number of chips than expected ends the start. `tolerant`: after half of the tries fewer do.
    public var enumeration: String?
    public var enumerationTries: Int?
    /// A fan below it counts as lost; zero: fans are not watched.
    public var fanLostRPM: Double?
    /// How long a fan must be lost before hashing stops.
    public var fanLostSeconds: Double?
    /// Attempts at one pool before the next one's turn.
    public var poolRetries: Int?
    /// How often a device on a fallback looks for its first pool.
    public var failoverProbeSeconds: Double?
    /// Chips are tuned one by one after the start.
    public var autotunes: Bool?

    /// With the most boards that the family's controller drives.
    public static let personalities: [(name: String, boardsMax: Int)] = [
        ("antminer", 4), ("braiins", 4), ("whatsminer", 4), ("avalon", 4), ("esp-miner", 1),
        ("cgminer-gekko", 1), ("cpu-miner", 16),
    ]
    public init() {}
}

/// What goes wrong in chips.
public struct ErrorParameters: Equatable, Sendable {
    /// Share of nonces that are wrong at nominal voltage, frequency and temperature.
    public var nominalRate = 0.0
    /// Volts that one more megahertz asks for.
    public var voltsPerMegahertz = 0.0
    /// So many volts too few multiply errors by e.
    public var undervoltVoltsPerE = 0.008
    /// Relative standard deviation from board to board.
    public var boardSpread = 0.02
    /// Relative standard deviation of the voltage that single chips need.
    public var chipSpread = 0.01
    public init() {}
}

/// What the maker's data sheet says; the model must come out there.
public struct NameplateParameters: Equatable, Sendable {
    /// Zero: nothing is promised.
    public var terahashes = 0.0
    /// At the wall plug, or at the device's own connector where it has no supply of its own.
    public var watts = 0.0
    public var terahashesTolerance = 0.03
    public var wattsTolerance = 0.05
    /// The chips' temperatures in a room of 25 °C.
    public var normalCelsiusMin = 0.0
    public var normalCelsiusMax = 150.0
    /// Joules per terahash; zero where nothing is promised.
    public var joulesPerTerahash: Double { terahashes > 0 ? watts / terahashes : 0 }
    public init() {}
}

/// What years do.
public struct AgeingParameters: Equatable, Sendable {
    public var years = 0.0
    /// Dust and dried paste: relative growth of the heat resistance.
    public var resistancePerYear = 0.03
    /// Relative growth of the voltage that the chips need.
    public var voltagePerYear = 0.002
    /// Relative loss of the fans' full speed.
    public var fanPerYear = 0.01
    public init() {}
}

/// The room that the device stands in, where the profile says it; otherwise whoever runs the device does.
public struct RoomParameters: Equatable, Sendable {
    /// Zero: the last point holds.
    public var repeatSeconds = 0.0
    public var points: [AmbientCurve.Point] = []
    public var curve: AmbientCurve? {
        AmbientCurve(points: points, period: Interval(seconds: repeatSeconds))
    }
    public init() {}
}
