import Hardware
import SansIO

/// Chips with clocks of their own.
extension DevicePhysics {
    /// Single chips' clocks beside the device's; they hold until power goes.
    public mutating func setChipClocks(_ clocks: ChipClocks, at now: Instant) {
        advance(to: now)
        guard isPowered else { return }
        let base = Megahertz(megahertz)
        for index in boards.indices {
            let chips = index * constants.chipsPerBoard..<(index + 1) * constants.chipsPerBoard
            boards[index].clockShift = clocks.meanFrequency(of: chips, base: base).megahertz - megahertz
        }
        errorFactor = clocks.isUniform ? 1 : errorFactor(clocks, base)
    }

    /// How much a chip's errors grow for a step of its clock, as a natural logarithm: the volts that the step asks for
    /// around the nominal clock.
    public var errorExponentPerStep: Double {
        let step = ChipClocks.step.megahertz
        let (low, high) = (constants.nominalMegahertz - step, constants.nominalMegahertz + step)
        return (constants.neededVolts(at: high) - constants.neededVolts(at: low)) / 2 / constants.voltsPerE
    }

    /// Of all boards.
    var meanMegahertz: Double {
        guard megahertz > 0 else { return 0 }
        var sum = 0.0
        for board in boards { sum += board.clockShift }
        return max(0, megahertz + sum / Double(boards.count))
    }

    /// Errors with these clocks over those with one clock for all, both weighed by what the chips hash. The factor of
    /// the spread is in the nominal rate already.
    private func errorFactor(_ clocks: ChipClocks, _ base: Megahertz) -> Double {
        let perStep = errorExponentPerStep
        let count = constants.boards * constants.chipsPerBoard
        var uniform = 0.0
        var own = 0.0
        var clockSum = 0.0
        for chip in 0..<count {
            let weakness = silicon.weakness(ofChip: chip) * constants.nominalVolts / constants.voltsPerE
            let weight = DeterministicMath.exp(weakness)
            let clock = clocks.frequency(ofChip: chip, base: base).megahertz
            uniform += weight
            own += clock * weight * DeterministicMath.exp(Double(clocks.steps(ofChip: chip)) * perStep)
            clockSum += clock
        }
        guard clockSum > 0, uniform > 0 else { return 1 }
        return own / clockSum / (uniform / Double(count))
    }
}
