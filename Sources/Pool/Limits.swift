import SansIO
import Stratum

/// Every bound of the pool server, with its reason. A test or an operator may tighten them.
public struct PoolLimits: Sendable, Hashable {
    /// Live connections of one machine; the next one is closed at once. 20,000 is what one process may hold
    /// as file descriptors on a stock machine.
    public var connections = 20_000
    /// A proxy opens one channel for each miner behind it; a farm has hundreds on one site.
    public var channelsPerConnection = 4_096
    /// All channels together; keeps a fleet of greedy proxies from filling the memory.
    public var channels = 100_000
    /// Channel requests that wait for the first template, for each connection.
    public var heldOpensPerConnection = 64
    /// Payload bytes of a frame before SetupConnection was answered. The longest SetupConnection has 1,289.
    public var frameBeforeSetup = 2_048
    /// Payload bytes of a frame afterwards. Nothing but a custom job comes near it.
    public var frameAfterSetup = 16_384
    /// The same on a connection that selects its work: the longest SetCustomMiningJob, see ``V2Limits``.
    public var frameWithCustomJobs = V2Limits.payloadFromMiningClientMax
    /// Used tokens remembered until they expire. A token lives for half an hour, so this is 36 jobs a second.
    public var spentTokens = 65_536
    /// Accounts whose tokens were taken back, each until the last of them has expired; it is an operator who calls. Beyond
    /// it everybody's tokens of the oldest call's time are void.
    public var revokedAccounts = 1_024
    /// How long SetCustomMiningJob on a tip that the pool has not heard of waits for it; 0 for not at all.
    /// Nodes of one network are within a second of each other most of the time.
    public var customJobHold = Interval.seconds(2)
    /// Custom jobs that wait so, together and for each connection.
    public var heldCustomJobs = 1_024
    public var heldCustomJobsPerConnection = 4
    /// Tips that are over and known as such.
    public var pastTips = 16
    /// Seconds by which a coinbase-only job's time may be before the tip's as the pool was told it: two nodes have
    /// two clocks.
    public var customJobTimeBehind: UInt32 = 600
    /// Siblings in a custom job's path: a block has fewer than 2^15 transactions.
    public var merklePath = 15
    /// Payload bytes of a frame from the template provider: a template's outputs and path, not transactions.
    public var frameFromTemplateProvider = 128 * 1024
    /// Active jobs kept on one tip, so that late shares on past jobs still count. SRI's default.
    public var pastJobs = 16
    /// Future jobs kept; a provider sends one, rarely two, ahead of a tip.
    public var futureJobs = 4
    /// Hashes remembered for each channel and tip. When full the channel's accepted target is halved and what
    /// no longer meets it is forgotten, so that the answer stays exact.
    public var seenSharesPerChannel = 16_384
    /// Workers that extension 0x0002 may name on one channel: a proxy's site. Shares of further ones count for the
    /// channel's own worker.
    public var namedWorkersPerChannel = 4_096
    /// Different coinbases that open channels may ask for. Each costs some hundred bytes in each job held, and a
    /// hash at each template.
    public var soloRewards = 1_024
    /// Bytes after which the ledger's journal goes on in its other segment, if that is free: what a restart reads
    /// at most twice.
    public var ledgerSegmentBytes = 8 << 20
    /// Bytes of a user identity; the wire's own bound.
    public var identityBytes = 255
    /// Solutions kept while the template provider is away.
    public var solutionsHeld = 8
    /// Solutions sent for one tip. On a network whose every share is a block the rest would only compete
    /// with the first.
    public var solutionsPerTip = 16
    /// Frames of unknown type and refused requests that one connection may send before it is closed.
    public var toleratedOddities = 1_024
    /// From accept to the end of the Noise handshake; a microcontroller needs about a second.
    public var handshakeDeadline = Interval.seconds(10)
    /// From the handshake to SetupConnection.
    public var setupDeadline = Interval.seconds(10)
    /// From SetupConnection to the first channel; also for a connection that closed its last one.
    public var openChannelDeadline = Interval.seconds(60)
    /// From dialling the template provider to its SetupConnection.Success.
    public var templateProviderDeadline = Interval.seconds(10)
    /// From constraints to the tip that answers them. A provider answers at once unless it lost its node or its
    /// node is still in initial block download.
    public var templateProviderAnswer = Interval.seconds(30)
    /// Without a message for so long the provider is asked for a template. Fees alone bring one every few seconds
    /// on a live network; sv2-tp stays connected and says nothing more when its node is gone.
    public var templateProviderQuiet = Interval.seconds(120)
    /// First and longest pause between two attempts to reach the template provider.
    public var retryFirst = Interval.seconds(1)
    public var retryLongest = Interval.seconds(30)
    /// Seconds by which a header may be ahead of the wall clock: Bitcoin's MAX_FUTURE_BLOCK_TIME.
    public var nTimeAhead: UInt32 = 7_200
    /// The largest coinbase scriptSig that consensus allows.
    public var scriptSigBytes = 100

    public init() {}
}
