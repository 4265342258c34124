extension DeviceProfile {
    /// Fills a profile from a file's values, asked for by dotted path. Keys that are absent keep the default of
    /// their parameter group unless they are required.
    public init(values: (String) -> ProfileValue?) throws(ProfileError) {
        var profile = DeviceProfile.empty
        for key in DeviceProfile.schema {
            guard let value = values(key.path) else {
                if key.isRequired { throw .missing(key: key.path, expected: key.expectation) }
                continue
            }
            guard key.accepts(value) else {
                throw .wrong(key: key.path, expected: key.expectation, found: value.description)
            }
            key.assign(&profile, value)
        }
        try profile.checkConsistency()
        self = profile
    }

    /// Refuses a path that no key of the schema has, with the nearest spelling.
    public static func check(key: String) throws(ProfileError) {
        let paths = schema.map(\.path)
        guard !paths.contains(key) else { return }
        throw .unknown(key: key, nearest: Spelling.nearest(to: key, among: paths))
    }

    private func checkConsistency() throws(ProfileError) {
        guard limits.throttleCelsius <= limits.shutdownCelsius else {
            throw .contradiction(key: "limits.throttle_celsius", reason: "above limits.shutdown_celsius")
        }
        guard limits.restartCelsius < limits.shutdownCelsius else {
            throw .contradiction(
                key: "limits.restart_celsius",
                reason: "not below limits.shutdown_celsius, so it could never rest")
        }
        guard limits.minimumMegahertz <= chip.nominalMegahertz else {
            throw .contradiction(key: "limits.minimum_mhz", reason: "above chip.nominal_mhz")
        }
        guard firmware.telemetrySecondsMin <= firmware.telemetrySecondsMax else {
            throw .contradiction(
                key: "firmware.telemetry_seconds_min", reason: "above firmware.telemetry_seconds_max")
        }
    }

    static let empty = DeviceProfile(
        name: "", maker: "", chip: ChipParameters(), boards: BoardParameters(), thermal: ThermalParameters(),
        power: PowerParameters(), fan: FanParameters(), sensors: SensorParameters(),
        limits: LimitParameters(),
        boot: BootParameters(), firmware: FirmwareParameters(), errors: ErrorParameters())

    /// Every key a device profile may have.
    public static let schema: [ProfileKey] =
        identityKeys + chipKeys + bodyKeys + limitKeys + bootKeys + firmwareKeys + errorKeys

    private static let identityKeys: [ProfileKey] = [
        .text("name", "what tables and reports call the device") { $0.name = $1 },
        .text("maker", "who builds it") { $0.maker = $1 },
    ]

    private static let chipKeys: [ProfileKey] = [
        .text("chip.family", "the chip's own name") { $0.chip.family = $1 },
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
        .number("power.efficiency", "", 0.1...1, "supply and regulators") { $0.power.efficiency = $1 },
        .number("power.control_watts", "W", 0...1_000, "controller board and network") {
            $0.power.controlWatts = $1
        },
        .number("power.idle_share", "", 0...1, "of the dynamic power, drawn without work") {
            $0.power.idleShare = $1
        },
        .integer("fan.count", "", 0...16, "fans with a tachometer") { $0.fan.count = $1 },
        .number("fan.max_rpm", "rpm", 0...50_000, "at full duty") { $0.fan.maxRPM = $1 },
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
            "firmware.personality", ["esp-miner", "antminer", "cpu-miner"], "announced strings and habits"
        ) {
            $0.firmware.personality = $1
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
    ]
}

extension ProfileKey {
    fileprivate static func number(
        _ path: String, _ unit: String, _ range: ClosedRange<Double>, _ documentation: String,
        required: Bool = false, _ assign: @escaping @Sendable (inout DeviceProfile, Double) -> Void
    ) -> ProfileKey {
        ProfileKey(
            path: path, unit: unit, kind: .number(range), isRequired: required, documentation: documentation
        ) { profile, value in
            switch value {
            case .number(let number): assign(&profile, number)
            case .integer(let number): assign(&profile, Double(number))
            case .text, .boolean: break
            }
        }
    }

    fileprivate static func integer(
        _ path: String, _ unit: String, _ range: ClosedRange<Int>, _ documentation: String,
        required: Bool = false, _ assign: @escaping @Sendable (inout DeviceProfile, Int) -> Void
    ) -> ProfileKey {
        ProfileKey(
            path: path, unit: unit, kind: .integer(range), isRequired: required, documentation: documentation
        ) { profile, value in
            if case .integer(let number) = value { assign(&profile, Int(number)) }
        }
    }

    fileprivate static func text(
        _ path: String, _ documentation: String,
        _ assign: @escaping @Sendable (inout DeviceProfile, String) -> Void
    ) -> ProfileKey {
        ProfileKey(path: path, unit: "", kind: .text, isRequired: true, documentation: documentation) {
            if case .text(let text) = $1 { assign(&$0, text) }
        }
    }

    fileprivate static func choice(
        _ path: String, _ words: [String], _ documentation: String,
        _ assign: @escaping @Sendable (inout DeviceProfile, String) -> Void
    ) -> ProfileKey {
        ProfileKey(
            path: path, unit: "", kind: .choice(words), isRequired: false, documentation: documentation
        ) {
            if case .text(let text) = $1 { assign(&$0, text) }
        }
    }
}
