import Bitcoin
import SansIO

/// Sums since the machine began.
public struct TranslatorTotals: Sendable, Hashable {
    public var sharesForwarded: UInt64 = 0
    public var sharesRefused: UInt64 = 0
    public var sharesCredited: UInt64 = 0
    public var sharesRejectedUpstream: UInt64 = 0
}

/// A translator at one moment, for tests, traces and the explorer.
public struct TranslatorSnapshot: Sendable, Equatable {
    public struct Miner: Sendable, Equatable {
        public var connection: ConnectionID
        public var worker: String
        public var userAgent: String
        /// Nil while there is none.
        public var channel: UInt32?
        /// Of the channel, for the next job.
        public var target: Target?
        public var versionMask: UInt32
    }

    public var totals: TranslatorTotals
    public var isUpstreamReady: Bool
    public var upstream: Endpoint
    /// In the order of the machine's table.
    public var miners: [Miner]
}

extension TranslatorMachine {
    /// Everything visible. Costs time in proportion to the miners.
    public var snapshot: TranslatorSnapshot {
        TranslatorSnapshot(
            totals: totals, isUpstreamReady: upstream.isReady, upstream: upstreamEndpoint,
            miners: miners.indices.compactMap { place in
                guard let miner = miners[place] else { return nil }
                return TranslatorSnapshot.Miner(
                    connection: miner.id, worker: miner.worker, userAgent: miner.userAgent,
                    channel: miner.channel?.id, target: miner.channel?.target, versionMask: miner.versionMask)
            })
    }
}
