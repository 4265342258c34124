import Bitcoin
import Pool
import SansIO
import Stratum

/// Sums since the machine began.
public struct JobDeclarationClientTotals: Sendable, Hashable {
    /// Jobs declared to a server, and jobs that a pool took.
    public var declared: UInt64 = 0
    public var acknowledged: UInt64 = 0
    public var refused: UInt64 = 0
    /// Shares sent to a pool, and what became of them.
    public var sharesRelayed: UInt64 = 0
    public var sharesCredited: UInt64 = 0
    public var sharesRefused: UInt64 = 0
    /// Shares that waited for their job's acknowledgement, and those that waited in vain.
    public var sharesCached: UInt64 = 0
    public var sharesLost: UInt64 = 0
    public var solutions: UInt64 = 0
}

/// A job declaration client at one moment, for tests, traces and the explorer.
public struct JobDeclarationClientSnapshot: Sendable, Equatable {
    public var totals: JobDeclarationClientTotals
    public var devices: PoolSnapshot
    public var isTemplateProviderReady: Bool
    /// The pool that devices work for; nil in solo mining and before.
    public var pool: Endpoint?
    public var isSolo: Bool
    /// The pool's id and target of the one channel.
    public var channelID: UInt32?
    /// Its account, and its place in the list of pools.
    public var identity: String?
    public var choice: Int?
    /// Hashes per second that the pool was told.
    public var nominalHashRate: Double?
    public var extranoncePrefix: [UInt8]
    public var extranonceSize: Int
    public var target: Target?
    public var tokens: Int
    public var declarations: Int
    public var transactionSets: Int
}

extension JobDeclarationClientMachine {
    /// Everything visible, at `now`. Costs time in proportion to the channels.
    public func snapshot(at now: Instant) -> JobDeclarationClientSnapshot {
        JobDeclarationClientSnapshot(
            totals: totals, devices: devices.snapshot(at: now), isTemplateProviderReady: provider.isReady,
            pool: footing == .pool ? poolEndpoint : nil, isSolo: footing == .solo,
            channelID: upstream?.channel?.id, identity: upstream?.terms.userIdentity,
            choice: upstream?.choice, nominalHashRate: upstream?.channel?.announced,
            extranoncePrefix: upstream?.channel?.extranoncePrefix ?? [],
            extranonceSize: upstream?.channel?.extranonceSize ?? 0, target: upstream?.channel?.target,
            tokens: upstream?.tokens.count ?? 0, declarations: declarations.count,
            transactionSets: transactions.count)
    }
}
