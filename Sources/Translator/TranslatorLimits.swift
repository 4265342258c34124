import Pool
import SansIO

/// Every bound of the translator, with its reason.
public struct TranslatorLimits: Sendable, Hashable {
    /// Miners with a channel of their own; each costs one upstream, of which our own pool grants 4,096 to a
    /// connection.
    public var miners = 4_096
    /// Miners on one channel; 20,000 is what one process may hold as file descriptors on a stock machine.
    public var minersAggregated = 20_000
    /// From accept to `mining.authorize`. cpuminer and firmware take well below a second; a person with telnet
    /// may take longer.
    public var authorizeDeadline = Interval.seconds(60)
    /// Lines that are no message, before a connection is closed: a miner makes none, a port scanner many.
    public var malformedLines = 4
    /// Legal but pointless calls (unknown methods, refused shares in a row) before a connection is closed.
    public var toleratedOddities = 1_024
    /// Names that one connection may authorize; proxies of proxies have dozens.
    public var workersPerConnection = 64
    /// Jobs of one miner that a late share may still name, repeated ones included.
    public var jobsPerMiner = 16
    /// Jobs kept of one channel and tip.
    public var jobsPerChannel = 16
    /// Future jobs of one channel or group that wait for their tip.
    public var futureJobs = 8
    /// Groups that one upstream may make.
    public var groups = 64
    /// Hashes remembered for each miner and tip, against duplicates. Beyond it the pool alone decides.
    public var seenSharesPerMiner = 4_096
    /// Sessions of miners that left, which they may take up again.
    public var restingSessions = 1_024
    /// For how long: a reboot takes a minute or two.
    public var sessionRest = Interval.minutes(10)
    /// From dialling a pool to its SetupConnection.Success.
    public var upstreamDeadline = Interval.seconds(10)
    /// How long an answer to RequestExtensions is awaited; servers without extension 0x0001 stay silent.
    public var negotiationDeadline = Interval.seconds(1)
    /// First and longest pause between two attempts to reach a pool.
    public var retryFirst = Interval.seconds(1)
    public var retryLongest = Interval.seconds(30)
    /// The way back to the pools at the front of the list.
    public var returns = PoolReturnLimits()
    /// How long miners are kept without a pool. Afterwards they are let go, so that they try their own next pool.
    public var holdWithoutPool = Interval.seconds(60)
    /// Shares that the pool has neither credited nor refused. The reference implementation acknowledges ten at a
    /// time; a pool that leaves so many open is not working.
    public var unacknowledgedShares = 16_384
    /// A pool that was sent shares and says nothing at all for so long is gone: it would have sent jobs.
    public var silenceDeadline = Interval.minutes(3)
    /// Hashes per second that are believed of a miner: a thousand times all of Bitcoin's. The field of the wire is a
    /// 32-bit float, and a suggested target of nothing means infinitely many.
    public var hashRateMax = 1e24
    /// Pause between two UpdateChannel of one channel (SV2 section 5.3.7 allows a second and more).
    public var updatePause = Interval.seconds(2)
    /// Seconds by which a share's time may be ahead of what the tip and the clock allow.
    public var nTimeAhead: UInt32 = 7_200

    public init() {}
}
