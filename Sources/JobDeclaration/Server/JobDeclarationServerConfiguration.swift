import Bitcoin
import Pool
import SansIO
import Stratum

/// What an operator decides about a job declaration server.
public struct JobDeclarationServerConfiguration: Sendable {
    /// Which clients are served; both unless an operator wants it otherwise.
    public struct Modes: OptionSet, Sendable {
        public var rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Clients with DECLARE_TX_DATA. Needs a node.
        public static let fullTemplate = Modes(rawValue: 1)
        /// Clients without it: the pool learns no transactions, and the miner alone publishes its blocks.
        public static let coinbaseOnly = Modes(rawValue: 2)
        public static let both: Modes = [.fullTemplate, .coinbaseOnly]
    }

    /// The node whose mempool is mirrored, which judges declared blocks and takes solutions. Bitcoin Core or ours.
    public struct Node: Sendable, Equatable {
        public var endpoint: Endpoint
        /// `user:password`, or the content of a cookie file.
        public var credentials: String
        /// How often the list of the mempool is looked through.
        public var mempoolInterval = Interval.seconds(5)

        public init(endpoint: Endpoint, credentials: String) {
            self.endpoint = endpoint
            self.credentials = credentials
        }
    }

    /// Signs the certificates; the pool's own when the server stands in the pool.
    public var authority: AuthoritySecretKey
    public var staticKey: SecretKey
    /// How long a certificate is good. A new one is issued when half of that is over.
    public var certificateValidity = Interval.hours(1)
    public var clock: WallClock
    /// Feeds ephemeral keys and the tokens' serials. Two machines must not share one.
    public var secretSeed: [UInt8]
    /// What makes the pool believe the tokens.
    public var tokenSecret: TokenSecret
    public var payout: CoinbasePayout
    public var modes = Modes.both
    /// Nil: only coinbase-only clients can be served.
    public var node: Node?
    public var limits = JobDeclarationServerLimits()

    public init(
        authority: AuthoritySecretKey, staticKey: SecretKey, clock: WallClock, secretSeed: [UInt8],
        tokenSecret: TokenSecret, payout: CoinbasePayout, node: Node?
    ) {
        self.authority = authority
        self.staticKey = staticKey
        self.clock = clock
        self.secretSeed = secretSeed
        self.tokenSecret = tokenSecret
        self.payout = payout
        self.node = node
    }

    /// The modes that can be served.
    var servedModes: Modes { node == nil ? modes.subtracting(.fullTemplate) : modes }
}

extension ListenerID {
    /// Stratum V2 job declaration, for the machine's only listener.
    public static let jobDeclarationServer = ListenerID(5)
}

/// What may be asked of a running server.
public enum JobDeclarationServerCommand: Sendable, Equatable {
    /// The operating system's clock stepped.
    case setClock(WallClock)
    /// Close a connection, with a reason for the log.
    case disconnect(ConnectionID, String)
    /// The pool found a block on a declared job.
    case solution(CustomSolution)
    /// The node was started anew and wrote another cookie.
    case setNodeCredentials(String)
    /// Other outputs for tokens from here on.
    case setPayout(CoinbasePayout)
    /// Let nobody new in and send everybody away (Reconnect; an empty host or port 0: the same); who is still there
    /// after `grace` is closed. Jobs that were declared stay, so that their blocks are still made.
    case drain(host: String, port: UInt16, grace: Interval)
    /// Let new connections in again.
    case resume
    /// Take back the tokens of an account that are not used yet. In full-template mode a DeclareMiningJob with one of
    /// them is refused; a coinbase-only token is the pool's to judge and holds until it expires.
    case revokeTokens(identity: String)
}
