/// The bounds of the physics.
enum Limits {
    /// Longest single integration step. The linear part is exact, only leakage is frozen within a step; a quarter of
    /// the fastest time constant in the profiles (42 s) keeps that error below 0.2 K in a transient and at zero in
    /// the steady state.
    static let stepSeconds = 10.0
    /// Steps in one advance. A device that nobody asked for longer (an hour and more) has settled: the rest is
    /// one closed step.
    static let stepsPerAdvance = 360
    /// The leakage exponential is cut here; a chip that hot is off or dead (`reference` calibration).
    static let leakageCelsiusMax = 125.0
    /// Still air moves too: a stopped fan cools like one at this share of full speed.
    static let airflowShareMin = 0.05
    /// A chip with more wrong nonces than this does not hash at all.
    static let errorRateMax = 0.5
    /// Longer words are not compared further when a misspelt key is looked up.
    static let spellingLength = 64
}
