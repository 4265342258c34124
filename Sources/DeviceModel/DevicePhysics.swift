import Hardware
import SansIO

/// What a device's electricity, heat and air do: a resistor and a capacitor for each board, fans that follow their
/// duty slowly, a supply with losses. Advanced only when somebody looks or acts, in steps whose linear part is
/// exact, so that time between looks costs nothing.
///
/// Units: kelvin, watts, seconds, cubic metres. Constants marked [E] in the profiles are estimates calibrated on two
/// field tests; see the landing page.
public struct DevicePhysics: Sendable {
    /// What the firmware and the room have set.
    private var isPowered = false
    private var isHashing = false
    private var megahertz = 0.0
    private var volts: Double
    private var fanDuty = 0.0
    private var ambientCelsius: Double
    private var fansWork = true

    private var fanSpeedShare = 0.0
    private var boards: [Board]
    private var dcWatts = 0.0
    private var energy = 0.0
    /// The step for which the boards' decays were computed; most steps are alike, and exponentials are not free.
    private var decaySeconds = 0.0
    private var updated: Instant

    private let constants: Constants
    private var cooling: Cooling
    private var noise: PRNG

    private struct Board: Sendable {
        var celsius: Double
        /// This board's heat resistance and leakage over the average's.
        let spread: Double
        /// Electric power as of the last step.
        var watts = 0.0
        /// What a step of ``decaySeconds`` leaves of a difference in temperature.
        var decay = 0.0
    }

    /// Everything that only the fans' speed decides; recomputed when it changes.
    private struct Cooling: Sendable {
        var share = -1.0
        var airflow = 0.0
        var resistance = 0.0
    }

    public init(profile: DeviceProfile, ambient: Celsius, seed noise: PRNG, at now: Instant) {
        var noise = noise
        constants = Constants(profile)
        volts = profile.chip.nominalVolts
        ambientCelsius = ambient.degrees
        boards = (0..<profile.boards.count).map { _ in
            let spread = noise.normal(mean: 1, deviation: profile.errors.boardSpread)
            return Board(celsius: ambient.degrees, spread: max(0.5, spread))
        }
        cooling = Cooling()
        updated = now
        self.noise = noise
        cool()
        dcWatts = 0
    }

    // MARK: What is set

    public mutating func setPower(_ on: Bool, at now: Instant) {
        advance(to: now)
        isPowered = on
        if !on {
            megahertz = 0
            isHashing = false
        }
    }
    public mutating func setFrequency(_ frequency: Megahertz, at now: Instant) {
        advance(to: now)
        megahertz = max(0, frequency.megahertz)
    }
    public mutating func setVoltage(_ voltage: Volts, at now: Instant) {
        advance(to: now)
        volts = max(0, voltage.volts)
    }
    public mutating func setFan(_ duty: FanDuty, at now: Instant) {
        guard duty.fraction != fanDuty else { return }
        advance(to: now)
        fanDuty = duty.fraction
    }
    public mutating func setHashing(_ hashing: Bool, at now: Instant) {
        guard hashing != isHashing else { return }
        advance(to: now)
        isHashing = hashing
    }
    public mutating func setAmbient(_ ambient: Celsius, at now: Instant) {
        advance(to: now)
        ambientCelsius = ambient.degrees
    }
    /// Broken fans stop, whatever they are told.
    public mutating func setFansWork(_ work: Bool, at now: Instant) {
        advance(to: now)
        fansWork = work
    }

    // MARK: What is so

    public var isOn: Bool { isPowered }
    public var frequency: Megahertz { Megahertz(isPowered ? megahertz : 0) }
    public var ambient: Celsius { Celsius(ambientCelsius) }
    /// The hottest board as of the last advance.
    public var chipTemperature: Celsius {
        var hottest = boards[0].celsius
        for board in boards where board.celsius > hottest { hottest = board.celsius }
        return Celsius(hottest)
    }
    public var boardTemperatures: [Celsius] { boards.map { Celsius($0.celsius) } }
    public var fanSpeed: RPM { RPM(fanSpeedShare * constants.fanMaxRPM) }
    public var duty: FanDuty { FanDuty(fanDuty) }
    /// At the wall plug as of the last advance.
    public var inputPower: Watts { Watts(wallWatts) }
    /// Taken from the wall plug since the beginning.
    public var consumedEnergy: Joules { Joules(energy) }
    /// Frequency x units x chips of a powered device, before errors; zero when off.
    public var hashRate: HashRate { HashRate(isPowered ? megahertz * constants.hashesPerMegahertz : 0) }
    /// Share of nonces that are wrong under the present voltage, frequency and temperature.
    public var errorRate: Double {
        guard constants.errorNominal > 0 else { return 0 }
        let needed = constants.nominalVolts + constants.voltsPerMHz * (megahertz - constants.nominalMegahertz)
        let missing = needed - volts
        var rate = constants.errorNominal
        if missing != 0 { rate *= DeterministicMath.exp(missing / constants.voltsPerE) }
        let hot = chipTemperature.degrees - 85
        if hot > 0 { rate *= DeterministicMath.exp(hot * 0.069_314_718) }
        return min(rate, Limits.errorRateMax)
    }

    /// One noisy, quantised reading of everything the device can measure. Draws from the noise stream.
    public mutating func read(at now: Instant) -> BoardTelemetry {
        advance(to: now)
        let chip = measured(chipTemperature.degrees)
        var regulator: Celsius?
        if constants.regulatorResistance > 0 {
            let perBoard = dcWatts / Double(boards.count)
            regulator = measured(airCelsius() + perBoard * constants.regulatorResistance)
        }
        var rpm: RPM?
        if constants.fanCount > 0 {
            let jitter = noise.normal(mean: 1, deviation: constants.fanNoise)
            rpm = RPM(max(0, fanSpeed.revolutionsPerMinute * jitter))
        }
        return BoardTelemetry(
            chipTemperature: chip, regulatorTemperature: regulator, fanSpeed: rpm, inputPower: inputPower)
    }

    // MARK: Time

    /// Brings every state up to `now`. Going back is not possible and does nothing.
    public mutating func advance(to now: Instant) {
        guard now > updated else { return }
        var remaining = (now - updated).seconds
        updated = now
        guard constants.hasHeat else {
            if !isPowered { dcWatts = 0 } else { dcWatts = boardWatts(boards[0]) * Double(boards.count) }
            energy += wallWatts * remaining
            return
        }
        var steps = 0
        while remaining > 0 {
            steps += 1
            let step = steps < Limits.stepsPerAdvance ? min(remaining, Limits.stepSeconds) : remaining
            integrate(step)
            remaining -= step
        }
    }

    private mutating func integrate(_ seconds: Double) {
        let told = fansWork ? fanDuty : 0
        if fanSpeedShare != told {
            let decay = DeterministicMath.exp(-seconds / constants.fanResponse)
            fanSpeedShare = told + (fanSpeedShare - told) * decay
            if abs(fanSpeedShare - told) < 0.002 { fanSpeedShare = told }
            cool()
        }
        var total = 0.0
        for index in boards.indices {
            boards[index].watts = boardWatts(boards[index])
            total += boards[index].watts
        }
        dcWatts = total
        let air = airCelsius()
        let isSameStep = seconds == decaySeconds
        decaySeconds = seconds
        for index in boards.indices {
            let resistance = cooling.resistance * boards[index].spread
            if !isSameStep {
                boards[index].decay = DeterministicMath.exp(-seconds / (resistance * constants.boardCapacity))
            }
            let settled = air + boards[index].watts * resistance
            boards[index].celsius = settled + (boards[index].celsius - settled) * boards[index].decay
        }
        energy += wallWatts * seconds
    }

    /// Hardware facts, section 3.5: resistance falls with the 0.8th power of the air speed.
    private mutating func cool() {
        let share = max(fanSpeedShare, Limits.airflowShareMin)
        guard share != cooling.share else { return }
        let airflow = constants.airflowMax * share
        let factor = 0.35 + 0.65 * DeterministicMath.pow(share, -0.8)
        cooling = Cooling(share: share, airflow: airflow, resistance: constants.boardResistance * factor)
        decaySeconds = 0
    }

    private func boardWatts(_ board: Board) -> Double {
        guard isPowered else { return 0 }
        let activity = isHashing ? 1.0 : constants.idleShare
        let dynamic = constants.wattsPerVolt2MHz * volts * volts * megahertz * activity
        guard constants.boardLeakage > 0 else { return dynamic }
        let celsius = min(board.celsius, Limits.leakageCelsiusMax)
        let growth = DeterministicMath.exp((celsius - constants.leakageReference) / constants.leakageKelvin)
        return dynamic + constants.boardLeakage * board.spread * growth * (volts / constants.nominalVolts)
    }

    /// Mean air between the boards: half of the warming of the stream. 1168 J/(m³K) is air's density x heat.
    private func airCelsius() -> Double {
        ambientCelsius + 0.5 * dcWatts / (1_168 * max(cooling.airflow, 1e-6))
    }

    private var wallWatts: Double {
        let fans = constants.fanMaxWatts * fanSpeedShare * fanSpeedShare * fanSpeedShare
        return dcWatts / constants.efficiency + constants.controlWatts + fans
    }

    private mutating func measured(_ celsius: Double) -> Celsius {
        let noisy = constants.noise > 0 ? noise.normal(mean: celsius, deviation: constants.noise) : celsius
        let steps = noisy / constants.sensorStep
        // Rounded by conversion, which needs no library function; sensors read between -1000 and 1000 degrees.
        let bounded = min(max(steps, -1e9), 1e9)
        let whole = Int64(bounded < 0 ? bounded - 0.5 : bounded + 0.5)
        return Celsius(Double(whole) * constants.sensorStep)
    }
}

/// The profile's numbers as the equations want them.
private struct Constants: Sendable {
    let hashesPerMegahertz: Double
    let nominalVolts: Double
    let nominalMegahertz: Double
    let wattsPerVolt2MHz: Double
    let boardLeakage: Double
    let leakageReference: Double
    let leakageKelvin: Double
    let boardResistance: Double
    let boardCapacity: Double
    let airflowMax: Double
    let regulatorResistance: Double
    let efficiency: Double
    let controlWatts: Double
    let idleShare: Double
    let fanCount: Int
    let fanMaxRPM: Double
    let fanMaxWatts: Double
    let fanResponse: Double
    let fanNoise: Double
    let noise: Double
    let sensorStep: Double
    let errorNominal: Double
    let voltsPerMHz: Double
    let voltsPerE: Double

    var hasHeat: Bool { boardResistance > 0 }

    init(_ profile: DeviceProfile) {
        let chips = Double(profile.boards.chipsPerBoard)
        hashesPerMegahertz = 1e6 * profile.chip.units * Double(profile.chipCount)
        nominalVolts = profile.chip.nominalVolts
        nominalMegahertz = profile.chip.nominalMegahertz
        // nanofarad x volt² x megahertz is milliwatts.
        wattsPerVolt2MHz = chips * profile.chip.capacitanceNanofarad * 1e-3
        let dynamic = wattsPerVolt2MHz * nominalVolts * nominalVolts * nominalMegahertz
        boardLeakage = dynamic * profile.chip.leakageShare / (1 - profile.chip.leakageShare)
        leakageReference = profile.chip.leakageReferenceCelsius
        leakageKelvin = profile.chip.leakageKelvinPerE
        boardResistance = profile.thermal.chipResistanceKelvinPerWatt / chips
        boardCapacity = profile.thermal.boardCapacityJoulePerKelvin
        airflowMax = profile.thermal.airflowMaxCubicMetresPerSecond
        regulatorResistance = profile.thermal.regulatorKelvinPerWatt
        efficiency = profile.power.efficiency
        controlWatts = profile.power.controlWatts
        idleShare = profile.power.idleShare
        fanCount = profile.fan.count
        fanMaxRPM = profile.fan.maxRPM
        fanMaxWatts = profile.fan.maxWatts
        fanResponse = profile.fan.responseSeconds
        fanNoise = profile.sensors.fanNoiseShare
        noise = profile.sensors.temperatureNoiseKelvin
        sensorStep = profile.sensors.temperatureStepKelvin
        errorNominal = profile.errors.nominalRate
        voltsPerMHz = profile.errors.voltsPerMegahertz
        voltsPerE = profile.errors.undervoltVoltsPerE
    }
}
