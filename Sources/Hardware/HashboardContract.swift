/// What firmware tells the hardware. Addressed to all boards of the device; carried out in order, at once.
///
/// A layer with a chip family's byte protocol may stand between: each case says what the frames say together.
public enum HashboardCommand: Equatable, Sendable {
    /// Rails and reset. Off forgets work, frequency and enumeration.
    case setPower(Bool)
    /// Count the chips; answered by ``HashboardEvent/enumerated(chips:)``.
    case enumerate
    case setVoltage(Volts)
    case setFrequency(Megahertz)
    /// Chips' own clocks beside the device's; hold until power goes.
    case setChipClocks(ChipClocks)
    /// Answered by ``HashboardEvent/chipCounters(_:)``; hardware whose chips do not count never answers.
    case readChipCounters
    /// Replace the work of every chip.
    case load(MiningWork)
    /// Stop hashing and forget the work.
    case idle
    case setFan(FanDuty)
    /// Answered by ``HashboardEvent/telemetry(_:)``.
    case readTelemetry
}

/// What the hardware tells firmware.
public enum HashboardEvent: Equatable, Sendable {
    /// Chips that answered, over all boards.
    case enumerated(chips: Int)
    case nonce(NonceReport)
    /// All nonces and versions of this work were searched; the chips stand still until the next load.
    case exhausted(WorkID)
    case telemetry(BoardTelemetry)
    /// Since the last answer; the first holds nothing.
    case chipCounters(ChipCounters)
}

/// One reading of a device's sensors, noisy and quantised as sensors are.
public struct BoardTelemetry: Equatable, Sendable {
    /// The hottest board's chip temperature; nil when the sensor does not answer.
    public var chipTemperature: Celsius?
    /// The hottest voltage regulator; nil when the device has no such sensor.
    public var regulatorTemperature: Celsius?
    /// The slowest fan; nil when the device has no tachometer.
    public var fanSpeed: RPM?
    /// At the wall plug or at the input connector; nil where nothing measures it.
    public var inputPower: Watts?
    /// The supply's power-good line. Devices without one, as sticks on their host's power, always say true.
    public var isSupplyGood: Bool

    public init(
        chipTemperature: Celsius?, regulatorTemperature: Celsius?, fanSpeed: RPM?, inputPower: Watts?,
        isSupplyGood: Bool = true
    ) {
        self.chipTemperature = chipTemperature
        self.regulatorTemperature = regulatorTemperature
        self.fanSpeed = fanSpeed
        self.inputPower = inputPower
        self.isSupplyGood = isSupplyGood
    }
}
