import Hardware
import SansIO

extension DevicePhysics {
    /// One noisy, quantised reading of everything the device can measure. Draws from the noise stream.
    public mutating func read(at now: Instant) -> BoardTelemetry {
        advance(to: now)
        var regulator: Celsius?
        if constants.regulatorResistance > 0 {
            let perBoard = chipWatts / Double(boards.count)
            let air = airDegrees(room: roomDegrees(at: updated))
            regulator = measured(air + perBoard * constants.regulatorResistance)
        }
        var rpm: RPM?
        if constants.fanCount > 0 {
            let jitter = noise.normal(mean: 1, deviation: constants.fanNoise)
            rpm = RPM(max(0, fanSpeed.revolutionsPerMinute * jitter))
        }
        return BoardTelemetry(
            chipTemperature: readChip(), regulatorTemperature: regulator, fanSpeed: rpm,
            inputPower: inputPower, isSupplyGood: !condition.isSupplyDown)
    }

    /// What the sensor says that stands for the chips, without noise.
    var shownChipDegrees: Double {
        guard let offset = constants.boardOffset else { return chipTemperature.degrees }
        return boardDegrees + offset
    }

    private mutating func readChip() -> Celsius? {
        switch condition.sensor {
        case .silent: return nil
        case .reads255: return Celsius(255)
        case .stuck where lastReading != nil: return lastReading
        case .stuck, nil:
            let reading = measured(shownChipDegrees)
            lastReading = reading
            return reading
        }
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
