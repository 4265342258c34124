/// The bounds of the physics.
enum Limits {
    /// Longest step while temperatures move: a seventh of the fastest time constant in the profiles (36 s), which keeps
    /// a step's error below a hundredth of a kelvin.
    static let stepSeconds = 5.0
    /// Shortest step while fans move; a fan takes seconds.
    static let stepSecondsMin = 0.05
    /// How much of their full speed fans may change within a step.
    static let fanShareStep = 0.04
    /// Longest step in a room whose temperature changes: rooms take minutes.
    static let stepSecondsMoving = 60.0
    /// A step in which no board moved further than this is followed by one to the end: the device has settled.
    static let calmKelvin = 0.000_000_2
    /// Steps of ordinary length in one advance. A device that nobody asked for an hour and still moves takes the rest in
    /// as many longer ones.
    static let stepsPerAdvance = 720
    /// Elements of a list in a profile file.
    static let listElementsMax = 64
    /// The leakage exponential is cut here; a chip that hot is off or dead (`reference` calibration).
    static let leakageCelsiusMax = 125.0
    /// Still air moves too: a stopped fan cools like one at this share of full speed.
    static let airflowShareMin = 0.05
    /// A chip with more wrong nonces than this does not hash at all.
    static let errorRateMax = 0.5
    /// Longer words are not compared further when a misspelt key is looked up.
    static let spellingLength = 64
}
