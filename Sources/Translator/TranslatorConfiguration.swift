import SansIO
import Stratum
import Vardiff

/// One pool of a translator's list.
public struct TranslatorUpstream: Sendable, Hashable {
    /// Must be `stratum2+tcp`.
    public var url: PoolURL
    /// The account there; nil for ``TranslatorConfiguration/userIdentity``.
    public var userIdentity: String?

    public init(url: PoolURL, userIdentity: String? = nil) {
        self.url = url
        self.userIdentity = userIdentity
    }
}

/// What an operator decides about a translator. The reference implementation's names of the same settings stand in
/// parentheses.
public struct TranslatorConfiguration: Sendable {
    /// Pools in the order of preference (`upstreams`). The next one is tried when one refuses, cheats or is lost.
    public var upstreams: [TranslatorUpstream]
    public var clock: WallClock
    /// Feeds the handshakes' ephemeral keys and the session ids. Two machines must not share one.
    public var secretSeed: [UInt8]
    /// The account at the pool (`user_identity`). A miner's channel is opened as `identity.worker`; empty: as the
    /// miner calls itself.
    public var userIdentity = ""
    /// One channel for all miners instead of one for each (`aggregate_channels`).
    public var aggregatesChannels = false
    /// Own difficulty control of each miner (`enable_vardiff`); without it a miner works at its channel's target.
    /// Nil: only where the pool cannot do it, which is when ``aggregatesChannels``.
    public var enablesVardiff: Bool?
    /// Which control that is.
    public var vardiff = VardiffAlgorithm.lab
    /// Hashes per second announced for a miner that suggested no difficulty, and the least that difficulty control
    /// assumes (`min_individual_miner_hashrate`).
    public var nominalHashRate = 1e9
    /// Shares of one miner that difficulty control aims at, and with which a suggested difficulty is read
    /// (`shares_per_minute`).
    public var sharesPerMinute = 6.0
    /// Bytes of extranonce1, which tells miners apart: 1 to 8.
    public var extranonce1Size = 4
    /// Bytes that a miner rolls (`downstream_extranonce2_size`): 2 to 16; cgminer takes no more than 8.
    public var extranonce2Size = 4
    /// A miner that had nothing new for so long gets its job again under another name
    /// (`job_keepalive_interval_secs`); nil for never.
    public var keepAliveInterval: Interval? = .seconds(60)
    /// Difficulties above this are rounded down to a power of two; nil leaves them exact.
    public var roundsDifficultyAbove: Double?
    /// Leave a pool whose jobs do not pay the address in the identity (`verify_payout`).
    public var verifiesPayout = false
    /// Extensions to ask for (`supported_extensions`). Only 0x0002 is known: the worker's name on each share. Nil:
    /// that one when ``aggregatesChannels``, where the pool would not see workers otherwise.
    public var supportedExtensions: [UInt16]?
    /// Leave a pool without these (`required_extensions`).
    public var requiredExtensions: [UInt16] = []
    public var limits = TranslatorLimits()

    public init(upstreams: [TranslatorUpstream], clock: WallClock, secretSeed: [UInt8]) {
        precondition(!upstreams.isEmpty, "a translator needs a pool")
        self.upstreams = upstreams
        self.clock = clock
        self.secretSeed = secretSeed
    }

    public var isVardiffOn: Bool { enablesVardiff ?? aggregatesChannels }

    /// What RequestExtensions asks for.
    var askedExtensions: [UInt16] {
        let supported =
            supportedExtensions ?? (aggregatesChannels ? [V2Extension.workerHashrateTracking] : [])
        return (supported + requiredExtensions).filter { $0 == V2Extension.workerHashrateTracking }.prefix(1)
            .map { $0 }
    }
}

extension ListenerID {
    /// Stratum V1 miners.
    public static let stratumV1 = ListenerID(3)
    /// Stratum V1 miners behind TLS; to the machine there is no difference.
    public static let stratumV1TLS = ListenerID(4)
}

extension DialID {
    /// The translator's pool.
    public static let upstreamPool = DialID(2)

    /// A pool of more preference, by the number of the attempt: an answer to an earlier one is told apart.
    static func preferredPool(_ attempt: UInt32) -> DialID { DialID(attempt | 1 << 31) }
}

/// Settings that a running translator takes anew; nil leaves one as it is.
public struct TranslatorChange: Sendable, Equatable {
    /// What difficulty control aims at from its next look on.
    public var sharesPerMinute: Double?
    /// Of miners that come from here on, and the least that difficulty control assumes.
    public var nominalHashRate: Double?
    /// Seconds; 0 for never. From the next job on.
    public var keepAliveSeconds: UInt64?

    public init() {}
}

/// What an operator may ask of a running translator.
public enum TranslatorCommand: Sendable, Equatable {
    /// The operating system's clock stepped.
    case setClock(WallClock)
    /// Close a miner's connection, with a reason for the log.
    case disconnect(ConnectionID, String)
    /// Leave the pool and take the next one of the list.
    case nextUpstream
    /// A fixed difficulty for a miner, as `d=` in its password would set it; nil takes it back.
    case setDifficulty(ConnectionID, Double?)
    /// Other settings, without a restart.
    case change(TranslatorChange)
    /// Send every miner to another translator (`client.reconnect`); nil fields mean this one.
    case reconnectMiners(host: String?, port: UInt16?, wait: Int)
}
