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
        public var address: String
        public var isAuthorized: Bool
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
        /// Good shares of this connection, whoever counted them, and those that were refused here.
        public var sharesAccepted: UInt64
        public var sharesRefused: UInt64
    }

    /// A channel at the pool.
    public struct Channel: Sendable, Equatable {
        public var id: UInt32
        public var group: UInt32
        public var identity: String
        /// Nil for the channel of all miners.
        public var owner: ConnectionID?
        /// For the next job.
        public var target: Target
        public var extranoncePrefix: [UInt8]
        public var rollableExtranonceSize: Int
        /// Hashes per second that the pool was told.
        public var nominalHashRate: Double
        public var sharesCredited: UInt64
        /// Sum of the difficulties that the pool credited.
        public var workCredited: UInt64
        public var sharesRejected: UInt64
        /// Sent and not answered yet.
        public var sharesWaiting: Int
    }

    public var totals: TranslatorTotals
    public var isUpstreamReady: Bool
    public var upstream: Endpoint
    /// Channels open at the pool.
    public var channels: Int
    /// The same one by one, in the order of the machine's table.
    public var upstreamChannels: [Channel]
    /// Extension 0x0002 was agreed on.
    public var namesWorkers: Bool
    /// In the order of the machine's table.
    public var miners: [Miner]
}

extension TranslatorMachine {
    /// Everything visible. Costs time in proportion to the miners.
    public var snapshot: TranslatorSnapshot {
        TranslatorSnapshot(
            totals: totals, isUpstreamReady: upstream.isReady, upstream: upstream.endpoint,
            channels: upstream.slots.count,
            upstreamChannels: upstream.channels.compactMap { channel in
                guard let channel else { return nil }
                return TranslatorSnapshot.Channel(
                    id: channel.id, group: channel.groupID, identity: channel.identity, owner: channel.owner,
                    target: channel.target, extranoncePrefix: channel.extranoncePrefix,
                    rollableExtranonceSize: channel.rollableSize,
                    nominalHashRate: channel.announced.hashRate, sharesCredited: channel.sharesCredited,
                    workCredited: channel.workCredited, sharesRejected: channel.sharesRejected,
                    sharesWaiting: channel.unacknowledged)
            }, namesWorkers: upstream.namesWorkers,
            miners: miners.indices.compactMap { place in
                guard let miner = miners[place] else { return nil }
                let channel = miner.slot.flatMap { upstream.channels[$0] }
                return TranslatorSnapshot.Miner(
                    connection: miner.id, address: miner.address, isAuthorized: miner.isAuthorized,
                    worker: miner.worker, userAgent: miner.userAgent,
                    session: miner.session.id, channel: channel?.id, target: channel?.target,
                    difficulty: miner.session.announcedDifficulty, hashRate: hashRate(of: place),
                    versionMask: miner.session.versionMask, sharesAccepted: miner.sharesAccepted,
                    sharesRefused: miner.sharesRefused)
            })
    }
}
