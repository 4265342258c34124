import Bitcoin
import SansIO

/// What happened in a pool. A share's observation names its channel by key only; the identity came with
/// ``channelOpened(_:identity:kind:nominalHashRate:target:)``.
public enum PoolObservation: Sendable, Equatable {
    case connectionOpened(ConnectionID, from: String)
    /// SetupConnection was accepted. `flags` are the client's.
    case connectionReady(ConnectionID, vendor: String, hardware: String, firmware: String, flags: UInt32)
    case connectionClosed(ConnectionID, reason: CloseReason)
    /// An address that may not connect, or not now.
    case connectionRefused(from: String, reason: String)
    /// Reconnect was sent to so many connections, and nobody new is let in.
    case draining(connections: Int)
    /// The last connection of a draining pool is gone.
    case drained
    /// A channel keeps its prefix: jobs with the one before are still out.
    case prefixKept(ChannelKey)
    /// What was agreed on about extensions is forgotten (ChannelEndpointChanged, from either side).
    case endpointChanged(ChannelKey)
    /// SetupConnection was refused with this code.
    case setupRefused(ConnectionID, code: String)
    /// `nominalHashRate` in hashes per second as announced.
    case channelOpened(
        ChannelKey, identity: String, kind: ChannelKind, nominalHashRate: Double, target: Target)
    case channelRefused(ConnectionID, code: String)
    case channelClosed(ChannelKey, reason: String)
    /// `difficulty` is what the channel is credited for.
    case shareAccepted(ChannelKey, difficulty: Double, hash: Hash256)
    case shareRejected(ChannelKey, ShareRejection)
    /// A share is a block. `isSubmitted` is false when enough solutions were sent for this tip.
    case blockFound(ChannelKey, hash: Hash256, height: UInt32?, isSubmitted: Bool)
    /// A job that a miner made counts from here on. `isDeclared`: a job declaration server has its transactions.
    case customJobAccepted(ChannelKey, job: UInt32, isDeclared: Bool)
    case customJobRefused(ChannelKey, code: String)
    /// A share on a declared job is a block. Whoever drives the pool gives it to the job declaration server.
    case customBlockFound(CustomSolution)
    /// A job was sent to `connections` connections.
    case jobIssued(UInt32, templateID: UInt64, cause: JobCause, connections: Int)
    case tipChanged(prevHash: Hash256, job: UInt32)
    /// Hash rate in hashes per second, as vardiff or the client sees it.
    case targetChanged(ChannelKey, target: Target, hashRate: Double)
    case templateProvider(TemplateProviderState)
}

/// Why a job was made.
public enum JobCause: UInt8, Sendable {
    /// A template that waits for its tip.
    case future
    /// A better template on the present tip.
    case update
    /// The same template once more, see ``PoolConfiguration/jobRefresh``.
    case refresh
}

/// How the pool stands with its template provider.
public enum TemplateProviderState: Sendable, Equatable {
    case dialing
    /// Constraints were sent; templates are coming.
    case ready
    /// Jobs that are out stay good; a new attempt follows by itself.
    case lost(CloseReason)
    /// It sent nothing for ``PoolLimits/templateProviderQuiet`` and was asked for a template.
    case quiet
    /// It sent a template of another height without its tip and was asked to begin anew.
    case tipLeftOut(height: UInt32)
    /// It named a template that it never sent, or one that makes no coinbase.
    case templateUnusable(UInt64, String)
}
