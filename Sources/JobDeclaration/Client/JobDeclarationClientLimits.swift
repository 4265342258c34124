import Pool
import SansIO

/// Every bound of the job declaration client towards pool, server and node, with its reason. Those towards devices are
/// ``Pool/PoolLimits``.
public struct JobDeclarationClientLimits: Sendable, Hashable {
    /// From the dial to channel and token; a handshake on a slow line takes two seconds.
    public var upstreamDeadline = Interval.seconds(10)
    /// From the dial of the template provider to its SetupConnection.Success.
    public var providerDeadline = Interval.seconds(10)
    /// Without a message for so long the template provider is asked for a template: a path that forgot the connection
    /// looks like a quiet network, and devices would mine on an old tip for ever.
    public var providerQuiet = Interval.seconds(120)
    /// From that question to any answer.
    public var providerAnswer = Interval.seconds(30)
    /// A token, a declaration or a custom job that is not answered in this time is a fault of the pool. A server
    /// that asks its node about a full block needs some seconds.
    public var answerDeadline = Interval.seconds(30)
    /// A refusal is believed when no new tip came in this time: DeclareMiningJob names no previous block, so pool and
    /// miner may honestly be on different tips for a moment.
    public var doubt = Interval.seconds(3)
    /// A server that calls our tip stale is asked again for so long; a slower node is no fault.
    public var stalePatience = Interval.seconds(60)
    /// Shares of an acknowledged job on the present tip that the pool may refuse in a row.
    public var refusedSharesInRow = 3
    /// First and longest pause after the whole list of pools failed.
    public var retryFirst = Interval.seconds(1)
    public var retryLongest = Interval.seconds(30)
    /// The way back to the pools at the front of the list.
    public var returns = PoolReturnLimits()
    /// Unused tokens kept, and asked for at once; the reference implementation's.
    public var tokens = 2
    /// Jobs on their way to the pool or there: as many as devices may work on, and future ones.
    public var declarations = 24
    /// Shares that wait for a job's acknowledgement. At six a minute and the deadline above three would do; a fleet
    /// whose channel started too easily finds many more.
    public var cachedSharesPerJob = 4_096
    /// Templates whose transactions are kept; a block's worth of bytes each.
    public var transactionSets = 3
    /// Messages of the template provider kept while it is not known whom to work for; a pair for each tip.
    public var shelvedTemplates = 8
    /// Solutions kept while the template provider is away.
    public var solutionsHeld = 8
    /// UpdateChannel at most so often.
    public var updateInterval = Interval.seconds(1)
    /// The smallest relative change of the fleet's hash rate that the pool is told.
    public var updateThreshold = 0.1
    /// A new target of the pool, if it is twice the old one or half of it, makes a new job after this time, so that
    /// it takes effect before the next template.
    public var retargetPause = Interval.seconds(1)
    /// Bytes and signature operations of a pool's outputs. A hundred payouts fit; a pool that wants more room could
    /// take the block from the miner, or the template provider.
    public var outputBytesMax: UInt32 = 4_400
    public var outputSigopsMax: UInt16 = 400
    /// The template provider is asked for a fresh template at most so often.
    public var demandInterval = Interval.seconds(5)
    /// Room that the template provider is asked to leave in the coinbase, in bytes: what its own least reserve of
    /// 2,000 weight units holds anyway. A pool with more outputs makes it ask again.
    public var outputBytes: UInt32 = 200
    /// Payload bytes of a frame from the template provider: a block of transactions and its excess data.
    public var frameFromProvider = 4_000_000 + 3 * 16_666 + 65_537 + 16
    /// The same from the job declaration server: positions of all of a block's transactions.
    public var frameFromServer = 70_000

    public init() {}
}
