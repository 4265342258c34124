import SansIO
import Stratum

/// What an operator decides about a translator.
public struct TranslatorConfiguration: Sendable {
    /// Pools in the order of preference; all must be `stratum2+tcp`. The next one is tried when one refuses or
    /// is lost.
    public var upstreams: [PoolURL]
    public var clock: WallClock
    /// Feeds the handshakes' ephemeral keys. Two machines must not share one.
    public var secretSeed: [UInt8]
    /// The account at the pool. A miner's channel is opened as `identity.worker`; empty: as the miner calls itself.
    public var userIdentity = ""
    /// Hashes per second announced for a miner that suggested no difficulty. The pool's vardiff corrects it.
    public var nominalHashRate = 1e9
    /// Share rate that a suggested difficulty is read with, and that the pool is expected to aim at.
    public var sharesPerMinute = 6.0
    /// Bytes of extranonce1, which is the miner's number.
    public var extranonce1Size = 4
    /// Bytes that a miner rolls: 2 to 8, what cgminer takes.
    public var extranonce2Size = 4
    public var limits = TranslatorLimits()

    public init(upstreams: [PoolURL], clock: WallClock, secretSeed: [UInt8]) {
        precondition(!upstreams.isEmpty, "a translator needs a pool")
        self.upstreams = upstreams
        self.clock = clock
        self.secretSeed = secretSeed
    }
}

extension ListenerID {
    /// Stratum V1 miners.
    public static let stratumV1 = ListenerID(3)
}

extension DialID {
    /// The translator's pool.
    public static let upstreamPool = DialID(2)
}

/// What an operator may ask of a running translator.
public enum TranslatorCommand: Sendable, Equatable {
    /// The operating system's clock stepped.
    case setClock(WallClock)
    /// Close a miner's connection, with a reason for the log.
    case disconnect(ConnectionID, String)
    /// Leave the pool and take the next one of the list.
    case nextUpstream
}
