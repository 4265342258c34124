/// How far each chip's clock lies from the device's, in steps. Chips are numbered through all boards. Without any step
/// listed all run at the device's clock.
public struct ChipClocks: Equatable, Sendable {
    /// The step of the drivers' PLL tables.
    public static let step = Megahertz(6.25)
    /// All at the device's clock.
    public static let uniform = ChipClocks(steps: [])

    public var steps: [Int8]

    public init(steps: [Int8]) { self.steps = steps }

    public var isUniform: Bool { steps.isEmpty }

    /// Steps of one chip from the device's clock; zero for one that is not listed.
    public func steps(ofChip chip: Int) -> Int { steps.indices.contains(chip) ? Int(steps[chip]) : 0 }

    /// The clock of one chip where the device's is `base`.
    public func frequency(ofChip chip: Int, base: Megahertz) -> Megahertz {
        Megahertz(max(0, base.megahertz + Double(steps(ofChip: chip)) * Self.step.megahertz))
    }

    /// The mean clock of these chips where the device's is `base`.
    public func meanFrequency(of chips: Range<Int>, base: Megahertz) -> Megahertz {
        guard !chips.isEmpty else { return base }
        let sum = chips.reduce(0.0) { $0 + frequency(ofChip: $1, base: base).megahertz }
        return Megahertz(sum / Double(chips.count))
    }
}

/// What chips counted since they were last asked, each for itself: nonces of difficulty 1, as the counters of BM1366
/// and later (8C total, 4C errors) advance. Chips are numbered through all boards.
public struct ChipCounters: Equatable, Sendable {
    public var good: [UInt32]
    public var wrong: [UInt32]

    public init(good: [UInt32], wrong: [UInt32]) {
        self.good = good
        self.wrong = wrong
    }
}
