public import Bitcoin
public import SansIO
public import Stratum

/// Everything a node is told when it is made; the driver reads no more into it.
public struct NodeConfiguration: Sendable {
    public var network: NetworkParameters
    /// Credentials of `rpcuser` and `rpcpassword`, joined by a colon; nil for none.
    public var rpcCredentials: String?
    /// The cookie file's whole content (`__cookie__:<hex>`), which the driver draws and writes; nil for none.
    public var cookie: String?
    /// Signs the template provider's certificate; clients know its public key.
    public var templateAuthority: AuthoritySecretKey
    public var templateStaticKey: SecretKey
    /// False leaves the template listener without Noise, for links inside one machine.
    public var encryptsTemplates = true
    public var clock: WallClock
    /// 32 secret bytes: the wallets' keys and every handshake's come from them.
    public var secretSeed: [UInt8]
    /// The shortest time between two templates for rising fees (sv2-tp's -sv2interval).
    public var templateInterval = Interval.seconds(5)
    /// How many satoshi more a template must pay to be worth sending (sv2-tp's -sv2feedelta).
    public var feeThreshold: Int64 = 1_000
    /// What wallets pay, in satoshi per 1000 virtual bytes, there being no estimate (Core's -fallbackfee).
    public var walletFeeRate: Int64 = 10_000
    /// Scripts of each wallet descriptor that are known beyond the last used one (Core's -keypool).
    public var keypool = ChainLimits.walletLookAhead
    /// Wallets make no payment that the pool would find in too large a cluster (-walletrejectlongchains).
    public var walletRejectsLongChains = true
    /// What wallets give out unasked (-addresstype), and for change (-changetype; nil: what fits the payment).
    var addressType = AddressType.bech32
    var changeType: AddressType?
    /// Wallets that were loaded when the node ended are loaded again unasked. Bitcoin Core loads only those that
    /// were created or loaded with `load_on_startup`.
    public var reloadsWallets = true
    /// Where backups of wallets are written and read; nil refuses them.
    public var backups: (any WalletBackups)?
    /// What follows `/Satoshi:31.0.0/` in the user agent, without slashes.
    public var userAgent = "mining-lab:0.1"
    public var seed: UInt64 = 0
    /// Waiting transactions from which on a new tip is told with an empty template first.
    public var speculativePool = ChainLimits.speculativePool
    /// How blocks are filled.
    public var templates = TemplateOptions()
    /// The pool's policy.
    public var mempool = MempoolOptions()
    /// Where the driver keeps the pool over restarts, as `savemempool` tells.
    public var mempoolPath = "mempool.dat"
    /// Drawn anew for each life, so that no handshake secret comes twice: by the live world from the operating
    /// system, by the virtual world from its seed.
    public var sessionSeed: [UInt8] = []
    /// What the chain keeps besides blocks and coins.
    public var chain = ChainOptions()
    /// Who may call the RPC and what its port serves.
    public var rpc = RPCSettings()
    /// False leaves out everything that wallets do (-disablewallet).
    public var hasWallets = true
    /// The node asks to be stopped when its chain is this high (-stopatheight); nil for never.
    public var stopHeight: Int?
    /// Which indexes are on.
    public var indexes = IndexSettings()
    /// While a node like this is still being loaded: every call is answered -28 with this text.
    public var warmup: String?
    /// Unix seconds at which the clock stands still from the start on; nil for the wall clock.
    public var mockTime: UInt32?

    // MARK: Peers

    /// Nodes to hold a connection to, and no others (-connect).
    public var connect: [Endpoint] = []
    /// Nodes to hold a connection to (-addnode).
    public var addNodes: [Endpoint] = []
    /// Whether the driver listens for peers; told in getnetworkinfo and to peers (-listen).
    public var listens = true
    /// Connections in all, eleven of them kept for the node's own dials (-maxconnections).
    public var maxConnections = ChainLimits.peers
    /// How many in a hundred of the incoming peers may relay transactions (-inboundrelaypercent).
    public var inboundRelayPercent = 50
    /// Who may do what peers may not (-whitelist).
    public var whitelist: [PeerWhitelistEntry] = []
    /// Who comes in where may do what (-whitebind).
    public var whitebinds: [PeerWhitebindEntry] = []
    /// How long a handshake may take (-peertimeout).
    public var peerTimeout = Interval.seconds(60)
    /// No transactions from peers (-blocksonly).
    public var blocksOnly = false
    /// BIP324 is offered and taken (-v2transport).
    public var v2Transport = true
    /// Compact block filters are served (-peerblockfilters).
    public var peerBlockFilters = false
    /// False until setnetworkactive (-networkactive).
    public var networkActive = true
    /// How long setban bans when it is not told, in seconds (-bantime).
    public var banTime: UInt64 = 86_400
    /// Comments of the user agent (-uacomment).
    public var userAgentComments: [String] = []
    /// Work below which a chain is not worth following (-minimumchainwork).
    public var minimumChainWork: UInt256
    /// A tip older than this many seconds means initial download (-maxtipage).
    public var maxTipAge: UInt32 = 86_400

    public init(
        network: NetworkParameters, clock: WallClock, secretSeed: [UInt8],
        templateAuthority: AuthoritySecretKey,
        templateStaticKey: SecretKey, rpcCredentials: String? = nil, cookie: String? = nil
    ) {
        precondition(secretSeed.count == 32, "a secret seed of \(secretSeed.count) bytes")
        self.network = network
        minimumChainWork = network.minimumChainWork
        self.clock = clock
        self.secretSeed = secretSeed
        self.templateAuthority = templateAuthority
        self.templateStaticKey = templateStaticKey
        self.rpcCredentials = rpcCredentials
        self.cookie = cookie
    }

    /// Keys of the template provider drawn from the secret seed as well.
    public init(
        network: NetworkParameters, clock: WallClock, secretSeed: [UInt8], rpcCredentials: String? = nil,
        cookie: String? = nil
    ) {
        var secrets = SecretGenerator(seed: secretSeed + Array("template provider".utf8))
        self.init(
            network: network, clock: clock, secretSeed: secretSeed,
            templateAuthority: AuthoritySecretKey(secrets.secretKey()),
            templateStaticKey: secrets.secretKey(),
            rpcCredentials: rpcCredentials, cookie: cookie)
    }
}

extension ListenerID {
    /// JSON-RPC over HTTP.
    public static let rpc = ListenerID(0)
    /// The Bitcoin peer-to-peer protocol.
    public static let peerToPeer = ListenerID(1)
    /// SV2 template distribution.
    public static let templateProvider = ListenerID(2)
}

extension StoreID {
    /// Wallets and the addresses they gave out.
    public static let wallet = StoreID(1)
}
