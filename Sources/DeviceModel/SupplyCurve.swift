/// The power supply's losses over its load: a constant part, one that grows with the load and one with its square,
/// laid through the efficiencies at a fifth, at half and at the whole of the rated load.
public struct SupplyCurve: Equatable, Sendable {
    let constant: Double
    let linear: Double
    let square: Double

    /// The same efficiency at every load.
    public init(efficiency: Double) {
        constant = 0
        linear = 1 / efficiency - 1
        square = 0
    }

    /// Nil when no such losses exist: each part must be zero or more, so an efficiency at the ends may not be far above
    /// that in the middle.
    /// - Parameter ratedWatts: the output to which the three efficiencies refer.
    public init?(ratedWatts: Double, fifth: Double, half: Double, full: Double) {
        guard ratedWatts > 0, fifth > 0, half > 0, full > 0 else { return nil }
        // Losses at x = 1/5, 1/2, 1 of the rated load, in units of it.
        let a = (1 / fifth - 1) / 5
        let b = (1 / half - 1) / 2
        let c = 1 / full - 1
        let first = (b - a) / 0.3
        let second = (c - b) / 0.5
        let q = (second - first) / 0.8
        let l = first - q * 0.7
        let k = c - l - q
        guard q >= -1e-9, l >= -1e-9, k >= -1e-9 else { return nil }
        constant = max(0, k) * ratedWatts
        linear = max(0, l)
        square = max(0, q) / ratedWatts
    }

    /// Watts that become heat in the supply; zero without load, for standby is in the controller's watts.
    public func losses(at watts: Double) -> Double {
        watts > 0 ? constant + (linear + square * watts) * watts : 0
    }

    public func efficiency(at watts: Double) -> Double { watts > 0 ? watts / (watts + losses(at: watts)) : 0 }
}
