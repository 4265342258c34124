import Hardware
import SansIO

/// What a device's electricity, heat and air do: a resistor and a capacitor for each board, a common stream of air,
/// fans that follow their duty slowly, a supply with losses, and the faults that its profile or an experiment gives
/// it. Advanced only when somebody looks or acts, so that time between looks costs nothing.
///
/// Units: kelvin, watts, seconds, cubic metres. Constants marked [E] in the profiles are estimates calibrated on two
/// field tests; see the landing page.
public struct DevicePhysics: Sendable {
    // What the firmware and the room have set.
    var isPowered = false
    var isHashing = false
    var megahertz = 0.0
    var volts: Double
    /// Errors over those at one clock for all chips.
    var errorFactor = 1.0
    var fanDuty = 0.0
    var workingFans: Int
    var ambientCurve: AmbientCurve

    var fanSpeedShare = 0.0
    var boards: [Board]
    var cooling = Cooling()
    var meters = EnergyMeters()
    /// The step for which the boards' decays were computed; most steps are alike, and exponentials are not free.
    var decaySeconds = 0.0
    var updated: Instant
    let begun: Instant

    let constants: PhysicsConstants
    var noise: PRNG
    /// How single chips differ; the engine draws bad ones by it.
    public let silicon: SiliconSpread

    var schedule: FaultSchedule
    var ageYears: Double
    var condition: Condition
    /// What the active faults do to chips.
    public internal(set) var chipFaults: ChipFaults
    /// Chips whose nonces arrive, of all; follows ``chipFaults``.
    var hashingShare = 1.0
    /// The last reading that was shown, for a sensor that is stuck.
    var lastReading: Celsius?

    struct Board: Sendable {
        var celsius: Double
        /// This board's heat resistance and leakage over the average's.
        let spread: Double
        /// Chips that draw power, of all.
        var poweredShare = 1.0
        /// Its chips' mean clock over the device's, in megahertz.
        var clockShift = 0.0
        /// Where the step under way began, and the leakage there.
        var start = 0.0
        var startLeakage = 0.0
        /// What half a step of ``decaySeconds`` and a whole one leave of a difference in temperature.
        var halfDecay = 0.0
        var decay = 0.0
    }

    /// Everything that only the fans' speed decides; recomputed when it changes.
    struct Cooling: Sendable {
        var share = -1.0
        /// One board of mean build to air, K/W.
        var resistance = 0.0
        /// Mean air over the room per watt of all boards together, K/W.
        var air = 0.0
    }

    /// What the active faults do apart from chips.
    struct Condition: Sendable, Equatable {
        var inletKelvin = 0.0
        /// Fans that stand still.
        var lostFans = 0
        var isSupplyDown = false
        /// What is left of the voltage that was set.
        var voltsShare = 1.0
        var sensor: DeviceFault.SensorFailure?
        /// Years beyond ``DevicePhysics/ageYears``.
        var extraYears = 0.0
    }

    /// - Parameter ambient: the room, unless the profile brings its own.
    public init(profile: DeviceProfile, ambient: Celsius, seed noise: PRNG, at now: Instant) {
        var noise = noise
        constants = PhysicsConstants(profile)
        volts = profile.chip.nominalVolts
        ambientCurve = profile.room.curve ?? AmbientCurve(ambient)
        let room = ambientCurve.degrees(after: .zero)
        boards = (0..<profile.boards.count).map { _ in
            let spread = noise.normal(mean: 1, deviation: profile.errors.boardSpread)
            return Board(celsius: room, spread: max(0.5, spread))
        }
        workingFans = profile.fan.count
        silicon = SiliconSpread(seed: noise.next(), deviation: profile.errors.chipSpread)
        schedule = FaultSchedule(profile.faults, seed: PRNG(seed: noise.next()), from: now)
        ageYears = profile.ageing.years
        condition = Condition()
        chipFaults = ChipFaults(
            boards: profile.boards.count, chipsPerBoard: profile.boards.chipsPerBoard,
            domains: profile.boards.domains)
        updated = now
        begun = now
        self.noise = noise
        cool()
        if schedule.advance(to: now) { applyFaults() }
    }

    // MARK: What is set

    /// Does nothing while the supply is down.
    public mutating func setPower(_ on: Bool, at now: Instant) {
        advance(to: now)
        isPowered = on && !condition.isSupplyDown
        if !isPowered { loseClock() }
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
        setAmbient(AmbientCurve(ambient), at: now)
    }
    /// The curve's times count from the device's plugging-in.
    public mutating func setAmbient(_ curve: AmbientCurve, at now: Instant) {
        advance(to: now)
        ambientCurve = curve
    }
    /// Broken fans stop, whatever they are told.
    public mutating func setFansWork(_ work: Bool, at now: Instant) {
        advance(to: now)
        workingFans = work ? constants.fanCount : 0
    }

    mutating func loseClock() {
        megahertz = 0
        isHashing = false
        errorFactor = 1
        for index in boards.indices { boards[index].clockShift = 0 }
    }

    // MARK: What is so

    public var isOn: Bool { isPowered }
    public var frequency: Megahertz { Megahertz(isPowered ? megahertz : 0) }
    /// The room as of the last advance, without what warms the inlet.
    public var ambient: Celsius { Celsius(ambientCurve.degrees(after: updated - begun)) }
    /// The hottest board as of the last advance.
    public var chipTemperature: Celsius {
        var hottest = boards[0].celsius
        for board in boards where board.celsius > hottest { hottest = board.celsius }
        return Celsius(hottest)
    }
    public var boardTemperatures: [Celsius] { boards.map { Celsius($0.celsius) } }
    /// The slowest fan's.
    public var fanSpeed: RPM {
        let isOneLost = lostFans > 0 && lostFans < constants.fanCount
        return RPM(isOneLost ? 0 : fanSpeedShare * constants.fanMaxRPM)
    }
    public var duty: FanDuty { FanDuty(fanDuty) }
    /// At the wall plug.
    public var inputPower: Watts { Watts(wallWatts(chips: chipWatts)) }
    /// Taken from the wall plug since the beginning.
    public var consumedEnergy: Joules { Joules(meters.supplied) }
    /// Supplied, expelled and stored since the beginning.
    public var energyBalance: EnergyBalance { meters.balance }
    /// Frequency x units x chips of a powered device whose nonces arrive, before errors; zero when off.
    public var hashRate: HashRate {
        HashRate(isPowered ? meanMegahertz * constants.hashesPerMegahertz * hashingShare : 0)
    }
    /// Share of nonces that are wrong under the present voltage, frequency and temperature.
    public var errorRate: Double {
        guard constants.errorNominal > 0 else { return 0 }
        let aged = constants.nominalVolts * constants.ageing.voltagePerYear * age
        let missing = constants.neededVolts(at: megahertz) + aged - volts * condition.voltsShare
        var rate = constants.errorNominal * errorFactor
        if missing != 0 { rate *= DeterministicMath.exp(missing / constants.voltsPerE) }
        let hot = chipTemperature.degrees - 85
        if hot > 0 { rate *= DeterministicMath.exp(hot * 0.069_314_718) }
        return min(rate, Limits.errorRateMax)
    }
    /// How many volts multiply a chip's errors by e; with ``silicon`` it says which chips are the bad ones.
    public var voltsPerE: Volts { Volts(constants.voltsPerE) }
}
