import Hardware
import SansIO

/// Where a device comes to rest: power and heat in the steady state of a room, solved and not stepped.
public struct OperatingPoint: Equatable, Sendable {
    public var hashRate: HashRate
    /// At the wall plug.
    public var inputPower: Watts
    /// Mean chip, as it is.
    public var chipTemperature: Celsius
    /// What the device's own sensor shows for it.
    public var shownTemperature: Celsius
    public var inletTemperature: Celsius
    public var outletTemperature: Celsius
    public var duty: FanDuty
    public var fanSpeed: RPM
    /// Leakage grows faster than the air can carry it away.
    public var isRunaway: Bool

    /// Joules per terahash; zero without hash rate.
    public var joulesPerTerahash: Double {
        hashRate > .zero ? inputPower.watts / hashRate.terahashes : 0
    }
}

extension DeviceProfile {
    /// The steady state with the fans at `duty`; nominal clock and voltage unless told otherwise.
    public func operatingPoint(
        ambient: Celsius, duty: FanDuty, frequency: Megahertz? = nil, voltage: Volts? = nil
    ) -> OperatingPoint {
        var profile = self
        profile.errors.boardSpread = 0
        profile.faults = []
        profile.room = RoomParameters()
        var physics = DevicePhysics(profile: profile, ambient: ambient, seed: PRNG(seed: 0), at: .start)
        physics.setPower(true, at: .start)
        physics.setFrequency(frequency ?? Megahertz(chip.nominalMegahertz), at: .start)
        physics.setVoltage(voltage ?? Volts(chip.nominalVolts), at: .start)
        physics.setFan(duty, at: .start)
        physics.setHashing(true, at: .start)
        return physics.settle(at: duty)
    }

    /// The steady state in which the fan controller holds its target, or runs at one of its ends.
    public func regulatedPoint(ambient: Celsius) -> OperatingPoint {
        guard fan.count > 0 else { return operatingPoint(ambient: ambient, duty: .full) }
        var low = limits.fanMinimumPercent / 100
        var high = 1.0
        let slowest = operatingPoint(ambient: ambient, duty: FanDuty(low))
        if !slowest.isRunaway, slowest.shownTemperature.degrees <= limits.targetCelsius { return slowest }
        let fastest = operatingPoint(ambient: ambient, duty: .full)
        if fastest.isRunaway || fastest.shownTemperature.degrees >= limits.targetCelsius { return fastest }
        for _ in 0..<30 {
            let middle = (low + high) / 2
            let point = operatingPoint(ambient: ambient, duty: FanDuty(middle))
            if point.isRunaway || point.shownTemperature.degrees > limits.targetCelsius {
                low = middle
            } else {
                high = middle
            }
        }
        return operatingPoint(ambient: ambient, duty: FanDuty(high))
    }
}

extension DevicePhysics {
    /// Sets the boards to the temperatures at which heat in is heat out.
    fileprivate mutating func settle(at duty: FanDuty) -> OperatingPoint {
        fanSpeedShare = toldFanShare
        cool()
        let room = roomDegrees(at: updated)
        var isRunaway = false
        if constants.hasHeat {
            // T ↦ T_room + P(T)·(R + n·k) rises in T: from the room upward it meets the lowest solution first.
            let resistance = cooling.resistance + cooling.air * Double(boards.count)
            var celsius = room
            for _ in 0..<400 {
                for index in boards.indices { boards[index].celsius = celsius }
                let next = room + chipWatts / Double(boards.count) * resistance
                if abs(next - celsius) < 1e-9 { break }
                celsius = next
            }
            for index in boards.indices { boards[index].celsius = celsius }
            isRunaway = celsius > Limits.leakageCelsiusMax
        }
        return OperatingPoint(
            hashRate: hashRate, inputPower: inputPower, chipTemperature: chipTemperature,
            shownTemperature: Celsius(shownChipDegrees), inletTemperature: inletTemperature,
            outletTemperature: outletTemperature, duty: duty, fanSpeed: fanSpeed, isRunaway: isRunaway)
    }
}
