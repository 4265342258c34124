import Bitcoin
import SansIO
import Stratum

/// Sums since the machine began.
public struct TranslatorTotals: Sendable, Hashable {
    public var sharesForwarded: UInt64 = 0
    /// Good for the miner's own difficulty, below what the pool counts.
    public var sharesCountedHere: UInt64 = 0
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
        public var session: String
        /// Nil while there is none.
        public var channel: UInt32?
        /// Of the channel, for the next job.
        public var target: Target?
        /// What `mining.set_difficulty` said last.
        public var difficulty: Double?
        /// Hashes per second that the miner is taken to have.
        public var hashRate: Double
        public var versionMask: UInt32
    }

    public var totals: TranslatorTotals
    public var isUpstreamReady: Bool
    public var upstream: Endpoint
    /// Channels open at the pool.
    public var channels: Int
    /// In the order of the machine's table.
    public var miners: [Miner]
}

extension TranslatorMachine {
    /// Everything visible. Costs time in proportion to the miners.
    public var snapshot: TranslatorSnapshot {
        TranslatorSnapshot(
            totals: totals, isUpstreamReady: upstream.isReady, upstream: upstream.endpoint,
            channels: upstream.slots.count,
            miners: miners.indices.compactMap { place in
                guard let miner = miners[place] else { return nil }
                let channel = miner.slot.flatMap { upstream.channels[$0] }
                return TranslatorSnapshot.Miner(
                    connection: miner.id, worker: miner.worker, userAgent: miner.userAgent,
                    session: miner.session.id, channel: channel?.id, target: channel?.target,
                    difficulty: miner.session.announcedDifficulty, hashRate: hashRate(of: place),
                    versionMask: miner.session.versionMask)
            })
    }
}
