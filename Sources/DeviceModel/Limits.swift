/// The bounds of the physics.
enum Limits {
    /// Longest single integration step: a tenth of the fastest thermal time constant in the profiles (about 40 s
    /// for a board at full fan) keeps the frozen leakage's error below 0.1 K.
    static let stepSeconds = 5.0
    /// Steps in one advance. A device that nobody asked for longer (an hour and more) has settled: the rest is
    /// one closed step.
    static let stepsPerAdvance = 720
    /// The leakage exponential is cut here; a chip that hot is off or dead (`reference` calibration).
    static let leakageCelsiusMax = 125.0
    /// Still air moves too: a stopped fan cools like one at this share of full speed.
    static let airflowShareMin = 0.05
    /// A chip with more wrong nonces than this does not hash at all.
    static let errorRateMax = 0.5
    /// Longer words are not compared further when a misspelt key is looked up.
    static let spellingLength = 64
}
