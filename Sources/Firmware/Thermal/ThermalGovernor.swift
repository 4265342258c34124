import Hardware
import SansIO

/// Decides from readings whether the chips run, run slower, or rest.
///
/// As ESP-Miner: over the limit, everything off and the fan at full until it is cool and at least thirty seconds
/// have passed, then a start with less voltage and clock. Before that stage, where a device has room between throttle
/// and shutdown, the clock is lowered by 5 % per reading and raised again by 2 % when it is 5 K below.
struct ThermalGovernor: Sendable {
    enum Verdict: Equatable, Sendable {
        case keep
        case run(at: Megahertz)
        case shutDown
        case restart(at: Megahertz, Volts)
    }

    private static let lowering = 0.95
    private static let raising = 1.02
    private static let hysteresisKelvin = 5.0

    private let settings: GovernorSettings
    /// What the owner configured, less what overheating has cost.
    private(set) var allowed: Megahertz
    private(set) var voltage: Volts
    private(set) var frequency: Megahertz

    init(settings: GovernorSettings, frequency: Megahertz, voltage: Volts) {
        self.settings = settings
        allowed = frequency
        self.voltage = voltage
        self.frequency = frequency
    }

    var isThrottled: Bool { frequency < allowed }

    /// The owner's new wish. A clock that heat has lowered rises only as it cools.
    mutating func allow(_ wish: Megahertz) {
        if !isThrottled || wish < frequency { frequency = wish }
        allowed = wish
    }

    mutating func allow(_ wish: Volts) { voltage = wish }

    /// Judges a reading of running chips. A sensor that does not answer is the worst reading; none at all says nothing.
    mutating func judge(chip: Celsius?, regulator: Celsius?) -> Verdict {
        guard let chip else { return settings.hasChipSensor ? .shutDown : .keep }
        if chip > settings.shutdown { return .shutDown }
        if let regulator, regulator > settings.regulatorShutdown { return .shutDown }
        guard settings.throttle < settings.shutdown else { return .keep }
        if chip > settings.throttle {
            let lower = max(settings.minimumFrequency.megahertz, frequency.megahertz * Self.lowering)
            return set(Megahertz(lower))
        }
        if isThrottled, chip.degrees < settings.throttle.degrees - Self.hysteresisKelvin {
            return set(Megahertz(min(allowed.megahertz, frequency.megahertz * Self.raising)))
        }
        return .keep
    }

    /// Judges a reading of resting chips.
    mutating func judgeRest(chip: Celsius?, rested: Interval) -> Verdict {
        guard rested >= settings.coolDown else { return .keep }
        if let chip, chip > settings.restart { return .keep }
        let lower = allowed.megahertz - settings.restartFrequencyStep.megahertz
        allowed = Megahertz(max(settings.minimumFrequency.megahertz, lower))
        frequency = allowed
        // Half of the voltage is where regulators stop; chips do not start there.
        voltage = Volts(max(voltage.volts / 2, voltage.volts - settings.restartVoltageStep.volts))
        return .restart(at: allowed, voltage)
    }

    private mutating func set(_ new: Megahertz) -> Verdict {
        guard new != frequency else { return .keep }
        frequency = new
        return .run(at: new)
    }
}
