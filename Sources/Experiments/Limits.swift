/// The bounds of the files.
enum Limits {
    /// Generations of profiles that inherit from each other. Three are used; more than this is a mistake.
    static let inheritanceDepthMax = 8
    /// Unix seconds at the beginning of every virtual run: 2026-01-01.
    static let virtualCalendarStart: UInt32 = 1_767_225_600
    /// Hashes in the mean for a block that the node makes by the clock: so many times what the whole fleet tries in
    /// the whole run, so that its own shares hardly ever are blocks; within bounds, for the node has to find them.
    static let clockBlockShare = 10.0
    static let clockBlockHashes = 1e5...2e7
    /// Blocks whose coinbases a run with transactions spends, and coins that each is split into: more than the
    /// transactions of a few blocks.
    static let trafficBlocks = 20
    static let trafficCoinsPerBlock = 100
    /// Satoshi: of a transaction with 100 outputs, and the least of one with a single one; both above 1 sat/vB.
    static let trafficSplitFee: Int64 = 20_000
    static let trafficFeeMin = 200
    /// What a translator announces for a device before the device has shown its rate, in hashes a second.
    static let translatedHashRate = 100.0
    /// Templates and jobs of which a run remembers whether they are empty: those of several tips.
    static let templatesRemembered = 64
    /// Virtual seconds between looks at thresholds that abort.
    static let abortCheckSeconds = 10
    /// Steps of a change that takes time.
    static let actionSteps = 30
    /// Steps of one oscillation, and of all of them.
    static let oscillationSteps = 16
    static let oscillationStepsMax = 100_000
}
