import SansIO

/// Every bound of the translator, with its reason.
public struct TranslatorLimits: Sendable, Hashable {
    /// Miners of one translator; each costs a channel upstream, of which our own pool grants 4,096 to a
    /// connection.
    public var miners = 4_096
    /// From accept to `mining.authorize`. cpuminer and firmware take well below a second; a person with telnet
    /// may take longer.
    public var authorizeDeadline = Interval.seconds(60)
    /// Lines that are no message, before a connection is closed: a miner makes none, a port scanner many.
    public var malformedLines = 4
    /// Legal but pointless calls (unknown methods, refused shares in a row) before a connection is closed.
    public var toleratedOddities = 1_024
    /// Jobs of one miner that a late share may still name.
    public var jobsPerMiner = 8
    /// Future jobs of one channel or group that wait for their tip.
    public var futureJobs = 8
    /// Groups that one upstream may make.
    public var groups = 64
    /// Hashes remembered for each miner and tip, against duplicates. Beyond it the pool alone decides.
    public var seenSharesPerMiner = 4_096
    /// From dialling a pool to its SetupConnection.Success.
    public var upstreamDeadline = Interval.seconds(10)
    /// First and longest pause between two attempts to reach a pool.
    public var retryFirst = Interval.seconds(1)
    public var retryLongest = Interval.seconds(30)
    /// How long miners are kept without a pool. Afterwards they are let go, so that they try their own next pool.
    public var holdWithoutPool = Interval.seconds(60)
    /// Seconds by which a share's time may be ahead of what the tip and the clock allow.
    public var nTimeAhead: UInt32 = 7_200

    public init() {}
}
