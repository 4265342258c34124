import Hardware

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
    public init() {}
}

/// How chips are put together.
public struct BoardParameters: Equatable, Sendable {
    public var count = 1
    public var chipsPerBoard = 1
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
    public init() {}
}

/// Between chips and wall plug.
public struct PowerParameters: Equatable, Sendable {
    /// Watts out of the supply and the regulators over watts in, 0...1.
    public var efficiency = 1.0
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
    /// `esp-miner`, `antminer` or `cpu-miner`: the strings it announces and its habits.
    public var personality = "cpu-miner"
    /// `v2` or `v1`: what it speaks when the pool's address does not decide it.
    public var protocolPreference = "v2"
    /// `standard` or `extended`: the V2 channel it opens.
    public var channel = "standard"
    /// From the arrival of a job to the chips' hashing it, seconds.
    public var workSwitchSeconds = 0.0
    /// Shortest and longest time between two sensor readings.
    public var telemetrySecondsMin = 1.0
    public var telemetrySecondsMax = 10.0
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
    public init() {}
}
