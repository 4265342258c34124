/// The bounds of the files.
enum Limits {
    /// Generations of profiles that inherit from each other. Three are used; more than this is a mistake.
    static let inheritanceDepthMax = 8
    /// Unix seconds at the beginning of every virtual run: 2026-01-01.
    static let virtualCalendarStart: UInt32 = 1_767_225_600
    /// Hashes in the mean for a block that the node makes by the clock: found at once, and seldom enough by a share
    /// of hundreds of hashes that the clock's blocks are nearly all.
    static let clockBlockHashes = 1e7
    /// What a translator announces for a device before the device has shown its rate, in hashes a second.
    static let translatedHashRate = 100.0
    /// Virtual seconds between looks at thresholds that abort.
    static let abortCheckSeconds = 10
    /// Steps of a change that takes time.
    static let actionSteps = 30
    /// Steps of one oscillation, and of all of them.
    static let oscillationSteps = 16
    static let oscillationStepsMax = 100_000
}
