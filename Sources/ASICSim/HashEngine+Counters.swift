import Hardware
import SansIO

/// What chips count for themselves, and clocks of their own.
extension HashEngine {
    /// The single chips' clocks. A step multiplies a chip's errors by e to the power `exponentPerStep`; `base` is what
    /// steps are counted from.
    public mutating func set(clocks: ChipClocks, base: Megahertz, exponentPerStep: Double) {
        self.clocks = clocks
        self.exponentPerStep = exponentPerStep
        baseSteps = max(1, base.megahertz / ChipClocks.step.megahertz)
        worstExcess = nil
        guard !clocks.isUniform else { return }
        worstExcess = (0..<chipCount).map { excess(ofChip: $0) }.max()
    }

    /// The logarithm of a chip's errors over the mean chip's.
    func excess(ofChip chip: Int) -> Double {
        (silicon?.weakness(ofChip: chip) ?? 0) / spreadPerE
            + Double(clocks.steps(ofChip: chip)) * exponentPerStep
    }

    /// Adds what was hashed since the last call. Nothing before the first ``readCounters(at:)``.
    public mutating func count(to now: Instant) {
        guard let since = countedTo, now > since else { return }
        if isHashing { exposure += hashesPerSecond * (now - since).seconds }
        countedTo = now
    }

    /// Every chip's counters since the last call, drawn from their law; the first call starts them.
    public mutating func readCounters(at now: Instant) -> ChipCounters {
        count(to: now)
        countedTo = now
        defer { exposure = 0 }
        var counters = ChipCounters(
            good: [UInt32](repeating: 0, count: chipCount), wrong: [UInt32](repeating: 0, count: chipCount))
        guard exposure > 0 else { return counters }
        var clockSum = 0.0
        var errorSum = 0.0
        var weights: [Double] = []
        weights.reserveCapacity(chipCount)
        for chip in 0..<chipCount {
            let weight = DeterministicMath.exp(excess(ofChip: chip))
            weights.append(weight)
            clockSum += clock(ofChip: chip)
            errorSum += clock(ofChip: chip) * weight
        }
        for chip in 0..<chipCount where hears(chip) {
            let counts = exposure / 0x1p32 * clock(ofChip: chip) / clockSum
            let wrong = min(Limits.chipErrorsMax, meanErrors * weights[chip] * clockSum / errorSum)
            counters.good[chip] = poisson(counts * (1 - wrong))
            counters.wrong[chip] = poisson(counts * wrong)
        }
        return counters
    }

    /// In steps.
    func clock(ofChip chip: Int) -> Double { max(0, baseSteps + Double(clocks.steps(ofChip: chip))) }

    /// Exact below a mean of 30; above it the normal law is as good.
    private mutating func poisson(_ mean: Double) -> UInt32 {
        guard mean > 0 else { return 0 }
        guard mean < 30 else {
            let drawn = draw { $0.normal(mean: mean, deviation: mean.squareRoot()) }
            return UInt32(min(max(0, drawn + 0.5), 4e9))
        }
        let limit = DeterministicMath.exp(-mean)
        var product = draw { $0.uniform() }
        var count: UInt32 = 0
        while product > limit {
            product *= draw { $0.uniform() }
            count += 1
        }
        return count
    }
}
