import Hardware
import SansIO

/// The dictionary of profile files: path, unit, range, meaning, and where the value goes.
extension DeviceProfile {
    /// Every key a device profile may have.
    public static let schema: [ProfileKey] =
        identityKeys + nameplateKeys + chipKeys + bodyKeys + limitKeys + bootKeys + firmwareKeys + errorKeys
        + ageingKeys + roomKeys

    private static let identityKeys: [ProfileKey] = [
        .text("name", "what tables and reports call the device") { $0.name = $1 },
        .text("maker", "who builds it") { $0.maker = $1 },
    ]

    private static let nameplateKeys: [ProfileKey] = [
        .number("nameplate.terahashes", "TH/s", 0...10_000, "what the data sheet promises; 0 for nothing") {
            $0.nameplate.terahashes = $1
        },
        .number(
            "nameplate.watts", "W", 0...100_000, "at the wall, or at the connector of a device without supply"
        ) {
            $0.nameplate.watts = $1
        },
        .number("nameplate.terahashes_tolerance", "", 0...1, "how far the model may be from it") {
            $0.nameplate.terahashesTolerance = $1
        },
        .number("nameplate.watts_tolerance", "", 0...1, "how far the model may be from it") {
            $0.nameplate.wattsTolerance = $1
        },
        .number("nameplate.normal_celsius_min", "°C", 0...150, "chips in a room of 25 °C") {
            $0.nameplate.normalCelsiusMin = $1
        },
        .number("nameplate.normal_celsius_max", "°C", 0...150, "chips in a room of 25 °C") {
            $0.nameplate.normalCelsiusMax = $1
        },
    ]

    private static let chipKeys: [ProfileKey] = [
        .choice("chip.family", ChipFamilyFacts.known.map(\.name), "the chip's own name", required: true) {
            $0.chip.family = $1
        },
        .number("chip.units", "", 0.000_001...1_000_000, "hashes per clock cycle of one chip", required: true)
        {
            $0.chip.units = $1
        },
        .number("chip.nominal_mhz", "MHz", 0.001...5_000, "clock", required: true) {
            $0.chip.nominalMegahertz = $1
        },
        .number("chip.nominal_volts", "V", 0.05...20, "supply of one chip", required: true) {
            $0.chip.nominalVolts = $1
        },
        .number(
            "chip.capacitance_nanofarad", "nF", 0...10_000, "switched capacitance of one chip", required: true
        ) {
            $0.chip.capacitanceNanofarad = $1
        },
        .number("chip.leakage_share", "", 0...0.9, "of a chip's power, at the reference temperature") {
            $0.chip.leakageShare = $1
        },
        .number("chip.leakage_reference_celsius", "°C", -50...150, "where the share holds") {
            $0.chip.leakageReferenceCelsius = $1
        },
        .number("chip.leakage_kelvin_per_e", "K", 1...1_000, "leakage grows e-fold over it") {
            $0.chip.leakageKelvinPerE = $1
        },
    ]

    private static let bodyKeys: [ProfileKey] = [
        .integer("boards.count", "", 1...16, "hashboards", required: true) { $0.boards.count = $1 },
        .integer("boards.chips_per_board", "", 1...1_024, "chips of one board", required: true) {
            $0.boards.chipsPerBoard = $1
        },
        .integer("boards.domains", "", 1...1_024, "voltage domains in series on a board") {
            $0.boards.domains = $1
        },
        .number("thermal.chip_resistance_kelvin_per_watt", "K/W", 0...100, "one chip to air at full fan") {
            $0.thermal.chipResistanceKelvinPerWatt = $1
        },
        .number("thermal.board_capacity_joule_per_kelvin", "J/K", 0.1...100_000, "one board with its sinks") {
            $0.thermal.boardCapacityJoulePerKelvin = $1
        },
        .number("thermal.airflow_max_cubic_metres_per_second", "m³/s", 0.000_1...10, "at full fan") {
            $0.thermal.airflowMaxCubicMetresPerSecond = $1
        },
        .number("thermal.regulator_kelvin_per_watt", "K/W", 0...100, "regulator over board air") {
            $0.thermal.regulatorKelvinPerWatt = $1
        },
        .number(
            "thermal.recirculation_share", "", 0...0.9, "of the outlet's warmth that comes back to the inlet"
        ) {
            $0.thermal.recirculationShare = $1
        },
        .number(
            "power.efficiency", "", 0.1...1, "supply and regulators, at the rated load where one is given"
        ) {
            $0.power.efficiency = $1
        },
        .number(
            "power.rated_watts", "W", 0...100_000, "output to which the efficiencies refer; 0: one for all"
        ) {
            $0.power.ratedWatts = $1
        },
        .number("power.efficiency_half", "", 0.1...1, "at half of the rated load") {
            $0.power.efficiencyHalf = $1
        },
        .number("power.efficiency_fifth", "", 0.1...1, "at a fifth of the rated load") {
            $0.power.efficiencyFifth = $1
        },
        .number("power.control_watts", "W", 0...1_000, "controller board and network") {
            $0.power.controlWatts = $1
        },
        .number("power.idle_share", "", 0...1, "of the dynamic power, drawn without work") {
            $0.power.idleShare = $1
        },
        .integer("fan.count", "", 0...16, "fans with a tachometer") { $0.fan.count = $1 },
        .number("fan.max_rpm", "rpm", 0...50_000, "at full duty") { $0.fan.maxRPM = $1 },
        .number("fan.min_rpm", "rpm", 0...50_000, "at the least duty above zero") { $0.fan.minRPM = $1 },
        .number("fan.max_watts", "W", 0...1_000, "all fans at full duty") { $0.fan.maxWatts = $1 },
        .number("fan.response_seconds", "s", 0.01...60, "time constant of the speed") {
            $0.fan.responseSeconds = $1
        },
        .number("sensors.temperature_noise_kelvin", "K", 0...10, "standard deviation") {
            $0.sensors.temperatureNoiseKelvin = $1
        },
        .number("sensors.temperature_step_kelvin", "K", 0.001...5, "resolution") {
            $0.sensors.temperatureStepKelvin = $1
        },
        .number("sensors.fan_noise_share", "", 0...0.5, "standard deviation of the tachometer") {
            $0.sensors.fanNoiseShare = $1
        },
        .choice("sensors.chip_source", ["die", "board"], "what stands for the chip's temperature") {
            $0.sensors.chipSource = $1
        },
        .number(
            "sensors.board_offset_kelvin", "K", 0...50, "added where the board's sensor stands for the chip"
        ) {
            $0.sensors.boardOffsetKelvin = $1
        },
    ]

    private static let limitKeys: [ProfileKey] = [
        .number("limits.target_celsius", "°C", 20...120, "the fan controller's set-point") {
            $0.limits.targetCelsius = $1
        },
        .number("limits.throttle_celsius", "°C", 20...150, "frequency is lowered above it") {
            $0.limits.throttleCelsius = $1
        },
        .number("limits.shutdown_celsius", "°C", 20...150, "chips are switched off above it") {
            $0.limits.shutdownCelsius = $1
        },
        .number("limits.regulator_celsius", "°C", 20...200, "regulator limit, same effect as shutdown") {
            $0.limits.regulatorCelsius = $1
        },
        .number("limits.restart_celsius", "°C", 0...120, "cool-down ends below it") {
            $0.limits.restartCelsius = $1
        },
        .number("limits.cool_down_seconds", "s", 0...3_600, "shortest cool-down") {
            $0.limits.coolDownSeconds = $1
        },
        .number("limits.restart_mhz_step", "MHz", 0...1_000, "taken off at a restart after overheating") {
            $0.limits.restartMegahertzStep = $1
        },
        .number("limits.restart_volts_step", "V", 0...2, "taken off at a restart after overheating") {
            $0.limits.restartVoltsStep = $1
        },
        .number("limits.minimum_mhz", "MHz", 0.001...5_000, "the governor's lower end") {
            $0.limits.minimumMegahertz = $1
        },
        .number("limits.fan_minimum_percent", "%", 0...100, "while chips run") {
            $0.limits.fanMinimumPercent = $1
        },
        .number("limits.fan_start_percent", "%", 0...100, "before the first reading") {
            $0.limits.fanStartPercent = $1
        },
        .number("limits.fan_idle_percent", "%", 0...100, "while there is no work") {
            $0.limits.fanIdlePercent = $1
        },
    ]

    private static let bootKeys: [ProfileKey] = [
        .number("boot.network_seconds", "s", 0...3_600, "until the network has an address") {
            $0.boot.networkSeconds = $1
        },
        .number("boot.power_up_seconds", "s", 0...3_600, "operating system, rails, reset") {
            $0.boot.powerUpSeconds = $1
        },
        .number("boot.enumerate_seconds", "s", 0...3_600, "counting and configuring chips") {
            $0.boot.enumerateSeconds = $1
        },
        .number("boot.ramp_start_mhz", "MHz", 0...5_000, "where the clock starts") {
            $0.boot.rampStartMegahertz = $1
        },
        .number("boot.ramp_mhz_per_second", "MHz/s", 0...100_000, "0 reaches the clock at once") {
            $0.boot.rampMegahertzPerSecond = $1
        },
    ]

    private static let firmwareKeys: [ProfileKey] = [
        .choice(
            "firmware.personality", FirmwareParameters.personalities.map(\.name),
            "announced strings and habits"
        ) {
            $0.firmware.personality = $1
        },
        .text("firmware.model", "what management interfaces call the device", required: false) {
            $0.firmware.model = $1
        },
        .text("firmware.version", "the firmware's version as it tells it", required: false) {
            $0.firmware.version = $1
        },
        .choice("firmware.protocol", ["v2", "v1"], "spoken when nothing else decides") {
            $0.firmware.protocolPreference = $1
        },
        .choice("firmware.channel", ["standard", "extended"], "the V2 channel it opens") {
            $0.firmware.channel = $1
        },
        .number("firmware.work_switch_seconds", "s", 0...60, "from a job's arrival to hashing it") {
            $0.firmware.workSwitchSeconds = $1
        },
        .number("firmware.telemetry_seconds_min", "s", 0.1...60, "between sensor readings when things change")
        {
            $0.firmware.telemetrySecondsMin = $1
        },
        .number(
            "firmware.telemetry_seconds_max", "s", 0.1...600, "between sensor readings when all is steady"
        ) {
            $0.firmware.telemetrySecondsMax = $1
        },
        .choice("firmware.enumeration", ["exact", "tolerant"], "whether a start needs every chip") {
            $0.firmware.enumeration = $1
        },
        .integer(
            "firmware.enumeration_tries", "", 1...100, "counts of the chips before the start is given up"
        ) {
            $0.firmware.enumerationTries = $1
        },
        .number("firmware.fan_lost_rpm", "rpm", 0...20_000, "a fan below it is lost; 0: fans are not watched")
        {
            $0.firmware.fanLostRPM = $1
        },
        .number("firmware.fan_lost_seconds", "s", 0...600, "of a lost fan until hashing stops") {
            $0.firmware.fanLostSeconds = $1
        },
        .integer("firmware.pool_retries", "", 1...100, "attempts at one pool before the next") {
            $0.firmware.poolRetries = $1
        },
        .number("firmware.failover_probe_seconds", "s", 1...3_600, "between looks for the first pool") {
            $0.firmware.failoverProbeSeconds = $1
        },
        .boolean("firmware.autotune", "chips are tuned one by one after the start") {
            $0.firmware.autotunes = $1
        },
    ]

    private static let errorKeys: [ProfileKey] = [
        .number("errors.nominal_rate", "", 0...0.5, "share of wrong nonces at nominal conditions") {
            $0.errors.nominalRate = $1
        },
        .number("errors.volts_per_mhz", "V/MHz", 0...0.1, "what one more MHz asks for") {
            $0.errors.voltsPerMegahertz = $1
        },
        .number("errors.undervolt_volts_per_e", "V", 0.000_1...1, "too little by it multiplies errors by e") {
            $0.errors.undervoltVoltsPerE = $1
        },
        .number("errors.board_spread", "", 0...0.2, "relative standard deviation between boards") {
            $0.errors.boardSpread = $1
        },
        .number(
            "errors.chip_spread", "", 0...0.2, "relative standard deviation of the voltage that chips need"
        ) {
            $0.errors.chipSpread = $1
        },
    ]

    private static let ageingKeys: [ProfileKey] = [
        .number("ageing.years", "a", 0...50, "the device's age") { $0.ageing.years = $1 },
        .number("ageing.resistance_per_year", "", 0...1, "growth of the heat resistance") {
            $0.ageing.resistancePerYear = $1
        },
        .number("ageing.voltage_per_year", "", 0...0.2, "growth of the voltage that chips need") {
            $0.ageing.voltagePerYear = $1
        },
        .number("ageing.fan_per_year", "", 0...0.5, "loss of the fans' full speed") {
            $0.ageing.fanPerYear = $1
        },
    ]

    private static let roomKeys: [ProfileKey] = [
        .number(
            "room.repeat_seconds", "s", 0...31_622_400,
            "room.ambient begins anew after it; 0: the last point holds"
        ) {
            $0.room.repeatSeconds = $1
        }
    ]
}
