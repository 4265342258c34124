import Bitcoin
import Ledger
import SansIO
import Stratum
import Vardiff

/// What an operator decides about a pool.
public struct PoolConfiguration: Sendable {
    /// Signs the certificates; its public half is what miners put in the pool's address.
    public var authority: AuthoritySecretKey
    /// The server's own key of the Noise handshake.
    public var staticKey: SecretKey
    /// How long a certificate is good. A new one is issued when half of that is over.
    public var certificateValidity = Interval.hours(1)
    public var clock: WallClock
    /// Feeds the handshakes' ephemeral keys and tells jobs of one process from those of another. Two machines, and two
    /// lives of one, must not share it.
    public var secretSeed: [UInt8]

    public var work = WorkSource.templateProvider
    public var templateProvider: Endpoint
    /// Nil: the provider's certificate is not checked.
    public var templateProviderAuthority: AuthorityPublicKey?

    /// Where the block reward goes.
    public var payout: Script
    /// Text in the coinbase's scriptSig, at most 61 bytes of it.
    public var signature = "/lab/"
    /// First byte of every extranonce: two pools with different ids never give out the same work.
    public var serverID: UInt8 = 0

    /// Share rate of a channel whose target is right; SRI's default.
    public var sharesPerMinute = 6.0
    /// Shares in one acknowledgement; SRI's default.
    public var shareBatchSize: UInt32 = 10
    /// A share waits no longer for its acknowledgement, so that a slow miner hears from the pool in time.
    public var shareBatchAge = Interval.seconds(5)
    /// Hashes per second: the floor of vardiff, and what a channel that announces 0 starts with.
    public var minimumHashRate = 1.0
    /// The difficulty control that a channel starts with; ``PoolCommand/setVardiff(_:_:)`` gives one another.
    public var vardiff = VardiffAlgorithm.lab
    /// False: targets follow the announced hash rates only.
    public var isVardiffEnabled = true
    /// Without a new template a new job is made of the old one after this time, so that a header-only miner
    /// does not run out of work and a new target takes effect.
    public var jobRefresh = Interval.seconds(60)
    public var isVersionRollingAllowed = true
    /// Nil: miners cannot bring their own jobs.
    public var customJobs: CustomJobPolicy?
    public var admission = AdmissionRules()
    /// How rewards are divided; says which identities mine for their own address, see ``MinerIdentity``.
    public var payoutScheme = PayoutScheme.solo
    /// Whose addresses are taken in identities.
    public var network = AddressNetwork.regtest
    /// Where the ledger goes on; nil keeps no books.
    public var ledger: LedgerStart?
    public var limits = PoolLimits()

    public init(
        authority: AuthoritySecretKey, staticKey: SecretKey, clock: WallClock, secretSeed: [UInt8],
        templateProvider: Endpoint, payout: Script
    ) {
        self.authority = authority
        self.staticKey = staticKey
        self.clock = clock
        self.secretSeed = secretSeed
        self.templateProvider = templateProvider
        self.payout = payout
    }

    /// What every channel's difficulty control aims at.
    var vardiffGoal: VardiffGoal {
        VardiffGoal(sharesPerMinute: sharesPerMinute, minimumHashRate: minimumHashRate)
    }

    /// The signature as bytes of one push.
    var tag: [UInt8] { Array(signature.utf8.prefix(61)) }
}

extension ListenerID {
    /// Stratum V2 mining, for devices and proxies.
    public static let mining = ListenerID(1)
    /// The same without encryption (SV2 section 4.1 leaves that to local links). Whoever opens it binds it to loopback.
    public static let plainMining = ListenerID(6)
}

extension DialID {
    public static let templateProvider = DialID(1)
}

/// What an operator may ask of a running pool.
public enum PoolCommand: Sendable, Equatable {
    /// The operating system's clock stepped.
    case setClock(WallClock)
    /// Close a connection, with a reason for the log.
    case disconnect(ConnectionID, String)
    /// Make a new job of the current template now.
    case refreshJob
    /// A rolling restart: everybody is sent to another address (an empty host or port 0: the same) and nobody new
    /// is let in; who is still there after `grace` is closed.
    case drain(host: String, port: UInt16, grace: Interval)
    /// Let new connections in again.
    case resume
    /// Send one peer to another address.
    case reconnect(ConnectionID, host: String, port: UInt16)
    /// CloseChannel, with a reason code for the peer.
    case closeChannel(ChannelKey, reason: String)
    /// A fixed target for a channel; nil gives it back to vardiff.
    case setTarget(ChannelKey, Target?)
    /// Another extranonce prefix for a channel.
    case changePrefix(ChannelKey)
    /// Keep an address out for a time; what it has is closed.
    case ban(address: String, time: Interval)
    case liftBan(address: String)
    /// Give a channel another difficulty control. It begins with the rate that the old one had reached; a channel
    /// that is not there is passed over.
    case setVardiff(ChannelKey, VardiffAlgorithm)
    /// ChannelEndpointChanged (SV2 section 3.6.4): what the client agreed on about extensions is forgotten.
    case endpointChanged(ChannelKey)
    /// No custom job is set any more with tokens that this account was given until now.
    case revokeTokens(identity: String)
    /// Other settings, without a restart.
    case change(PoolChange)
    /// The ledger's book holds everything up to this record.
    case ledgerFolded(through: UInt64)
    /// Record and acknowledge everything that waits; the process ends.
    case settle
}
