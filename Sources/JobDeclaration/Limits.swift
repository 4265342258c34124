import Pool
import SansIO

/// Every bound of the job declaration server, with its reason. A test or an operator may tighten them.
public struct JobDeclarationServerLimits: Sendable, Hashable {
    /// Live connections. Each is a pool's customer with a node of its own; a thousand of those is a large pool.
    public var connections = 1_024
    /// Payload bytes of a frame before SetupConnection was answered. The longest SetupConnection has 1,289.
    public var frameBeforeSetup = 2_048
    /// Payload bytes of a frame afterwards. The longest is DeclareMiningJob: 32 bytes for each of
    /// ``transactionsPerJob``, two coinbase halves and the excess data of 64 KiB each, the rest below 600.
    public var frameAfterSetup = 32 * 16_666 + 3 * 65_537 + 600
    /// The same while transactions were asked for: a block of them, three bytes of length for each.
    public var frameWithTransactions = 4_000_000 + 3 * 16_666 + 6
    /// Transactions of one declared job. A block's weight allows no more of the smallest there are (240 units).
    public var transactionsPerJob = 16_666
    /// Tokens that one connection holds unused; the oldest makes room. SRI's client keeps two.
    public var tokensPerConnection = 16
    /// Allocations that one connection may make in a minute; more is no mining.
    public var allocationsPerMinute = 600
    /// How long a token is good. A template lives for a block or for a minute of fees.
    public var tokenLifetime = MiningJobToken.lifetime
    /// Declarations of one connection that wait for transactions or for the node.
    public var pendingPerConnection = 4
    /// How long a declaration on a block that the node has not heard of yet waits for it: a miner's node is often
    /// faster.
    public var tipHold = Interval.seconds(3)
    /// Declared jobs of one connection that a solution can still name. The specification promises the last one only.
    public var jobsPerConnection = 4
    /// Declared jobs of all connections.
    public var jobs = 1_024
    /// Bytes of transactions that declared and pending jobs hold. Transactions that several of them share are counted
    /// for each, so that the bound is safe without a second table.
    public var jobBytes = 512 * 1024 * 1024
    /// Transactions and bytes of the mempool's mirror. The oldest make room.
    public var mirrorTransactions = 200_000
    public var mirrorBytes = 256 * 1024 * 1024
    /// Looks through the mempool for which a transaction that a client provided stays without being there: ten
    /// minutes, so that the client's next declarations need not bring it again.
    public var looksForProvided: UInt64 = 120
    /// Transactions asked of the node in one call; keeps an answer below a megabyte in the common case.
    public var transactionsPerCall = 250
    /// Calls that wait for the node; further declarations end in `internal-error`.
    public var nodeCalls = 256
    /// Bytes of an answer of the node: a template of a full block in hexadecimal and the words around it.
    public var nodeAnswer = 64 * 1024 * 1024
    /// From accept to the end of the Noise handshake, and from there to SetupConnection.
    public var handshakeDeadline = Interval.seconds(10)
    public var setupDeadline = Interval.seconds(10)
    /// A connection without a word is closed after this time; a client asks for a token with every template.
    public var idleDeadline = Interval.hours(1)
    /// From ProvideMissingTransactions to its answer. Four megabytes through a slow line.
    public var transactionsDeadline = Interval.seconds(60)
    /// From a call to the node to its answer. A long poll is answered after a minute at the latest.
    public var nodeDeadline = Interval.seconds(150)
    /// First and longest pause between two attempts to reach the node.
    public var retryFirst = Interval.seconds(1)
    public var retryLongest = Interval.seconds(30)
    /// Frames of unknown type and refused requests that one connection may send in a minute before it is closed.
    public var toleratedOddities = 256
    /// Hashes of submitted blocks remembered, so that pool and miner telling of one block make one submission.
    public var submittedBlocks = 64
    /// Attempts to submit a block to a node that cannot be reached.
    public var submitAttempts = 10
    /// Shortest pause between two long polls, should a node answer them at once.
    public var pollPause = Interval.milliseconds(100)
    /// Solutions of one connection that are submitted for one tip. On a network whose every share is a block the
    /// rest would only compete with the first.
    public var solutionsPerTip = 16

    public init() {}
}
