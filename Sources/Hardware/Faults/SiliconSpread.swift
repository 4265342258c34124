import SansIO

/// How chips of one kind differ: some need more voltage than others. A function of seed and chip number, so that a
/// device of three hundred chips costs no memory for it.
public struct SiliconSpread: Equatable, Sendable {
    public let seed: UInt64
    /// Relative standard deviation from chip to chip.
    public let deviation: Double

    public init(seed: UInt64, deviation: Double) {
        self.seed = seed
        self.deviation = deviation
    }

    /// 0 for the mean chip, positive for worse ones; in units of 1: a chip at 0.02 needs 2 % more voltage.
    /// At most three standard deviations: worse chips do not leave the factory.
    public func weakness(ofChip chip: Int) -> Double {
        guard deviation > 0 else { return 0 }
        var random = PRNG(seed: seed, stream: UInt64(truncatingIfNeeded: chip))
        return min(3, max(-3, random.normal(mean: 0, deviation: 1))) * deviation
    }
}
