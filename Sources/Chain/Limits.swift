public import SansIO

/// Every bound of the node, with its reason.
public enum ChainLimits {
    /// Consensus: block weight (BIP141).
    public static let blockWeight = 4_000_000
    /// Consensus: signature operations of a block in cost units (BIP141).
    public static let blockSigOpsCost = 80_000
    /// Consensus: all the money there may be, in satoshi.
    public static let moneyMax: Int64 = 21_000_000 * 100_000_000
    /// Consensus: how far a header's time may lie ahead of ours, in seconds.
    public static let futureTime: UInt32 = 7_200
    /// Consensus: how far before its parent the first block of a difficulty period may lie, in seconds (BIP94).
    public static let timeWarp: UInt32 = 600
    /// Consensus: headers in the median of times.
    public static let medianTimeSpan = 11

    /// Consensus: bytes of a legacy or version-0 script.
    public static let scriptSize = 10_000
    /// Consensus: bytes of one stack element.
    public static let scriptElementSize = 520
    /// Consensus: non-push operations of a legacy or version-0 script.
    public static let scriptOperations = 201
    /// Consensus: stack plus alternative stack.
    public static let scriptStack = 1_000
    /// Consensus: keys of one OP_CHECKMULTISIG.
    public static let multisigKeys = 20

    /// Signatures that are remembered as good: 2 MiB, and more than a full block has.
    public static let cachedSignatures = 1 << 17
    /// Transactions whose scripts are remembered as good: 2 MiB, and more than the pool holds.
    public static let cachedScripts = 1 << 17

    /// Reserved for the coinbase when nobody says otherwise (Core's -blockreservedweight).
    public static let reservedWeight = 8_000
    /// The least that is reserved (Core's minimum).
    public static let reservedWeightMin = 2_000
    /// Cost units reserved for the coinbase's outputs when nobody says otherwise.
    public static let reservedSigOps = 400
    /// Packages that did not fit before template assembly gives up near a full block (Core).
    public static let templateFailures = 1_000

    /// Policy: weight of a standard transaction.
    public static let standardWeight = 400_000
    /// Policy: signature operation cost of a standard transaction.
    public static let standardSigOpsCost = 16_000
    /// Policy: legacy signature operations of a transaction's inputs and what they spend (BIP54).
    public static let standardLegacySigOps = 2_500
    /// Policy: signature operations of one redeem script.
    public static let standardP2SHSigOps = 15
    /// Policy: least bytes without witnesses, so that nothing looks like an inner node of the merkle tree.
    public static let standardSizeMin = 65
    /// Policy: dust outputs of one transaction, which then must pay no fee and be spent at once.
    public static let dustOutputs = 1
    /// Policy: clusters that one replacement may touch (Core's MAX_REPLACEMENT_CANDIDATES).
    public static let replacementClusters = 100
    /// Policy: virtual bytes of a version 3 transaction, and of one with an unconfirmed parent (BIP431).
    public static let trucSize = 10_000
    public static let trucChildSize = 1_000
    /// Policy: transactions of one package, and their weight together.
    public static let packageCount = 25
    public static let packageWeight = 404_000
    /// Policy: bytes of a standard scriptSig.
    public static let standardScriptSig = 1_650
    /// Policy: bytes of all data carriers of a transaction together.
    public static let dataCarrier = 100_000
    /// Policy: least relay fee rate, satoshi per 1000 virtual bytes (Core v30).
    public static let relayFeeRate: Int64 = 100
    /// Policy: fee rate at which an output is dust.
    public static let dustFeeRate: Int64 = 3_000
    /// Policy: fee rate that sendrawtransaction refuses by default, satoshi per 1000 virtual bytes.
    public static let feeRateMax: Int64 = 10_000_000
    /// Policy: transactions connected to one another in the pool (Core v31's cluster count).
    public static let clusterCount = 64
    /// Policy: virtual bytes of such a cluster.
    public static let clusterSize = 101_000
    /// Policy: the pool's bytes of memory in all (Core's -maxmempool); beyond it the worst chunks leave.
    public static let mempoolBytes = 300_000_000
    /// Policy: seconds after which a transaction leaves the pool (Core: 336 hours).
    public static let mempoolExpiry: UInt32 = 336 * 3_600
    /// Policy: seconds in which the rolling minimum fee halves.
    public static let rollingFeeHalfLife = 12 * 3_600
    /// Policy: virtual size of one unit of signature cost, in weight units (Core's -bytespersigop).
    public static let bytesPerSigOp = 20
    /// Transactions of mempool.dat that are verified at one go, so that others get their turn in between.
    public static let mempoolLoadSlice = 50
    /// Transactions that the fee estimator watches at the same time.
    public static let watchedFees = 300_000
    /// Seconds after which a tip is too old to learn fees at (Core: 3 hours).
    public static let feeTipAge: UInt32 = 3 * 3_600
    /// Steps of one cluster's search for the best order; 64 transactions need a few hundred.
    public static let linearizationSteps = 20_000
    /// Chunks in one block of the pool's index: small enough to move, large enough that sums save looks.
    public static let chunkIndexBlock = 256
    /// Templates: satoshi per 1000 virtual bytes below which nothing is mined (Core's -blockmintxfee).
    public static let blockFeeRateMin: Int64 = 1

    /// Blocks with an unknown fate that are kept (side chains), so that memory follows work and not chatter.
    public static let sideBlocks = 10_000

    /// Storage: bytes of coins that are kept in memory because they were used lately. A node at rest must stay under
    /// 120 MiB.
    public static let coinCacheBytes = 24 << 20
    /// Storage: bytes of changed coins in memory before they are handed to the storage's open transaction.
    public static let coinChangesBytes = 16 << 20
    /// Storage: what a coin in memory costs besides its script's bytes: key, value, array header, hash table's slack.
    static let coinOverhead = 192
    /// Storage: blocks from peers are made durable at the latest after so many bytes, ...
    public static let uncommittedBytes = 8 << 20
    /// ... and after so much time: what a crash may cost of what was only heard from peers.
    public static let uncommittedAge = Interval.milliseconds(500)
    /// Storage: bytes between two commits of a rebuild: what an interruption costs.
    static let rebuildCommitBytes = 64 << 20
    /// Storage: blocks below the tip that are never forgotten (Core's MIN_BLOCKS_TO_KEEP): reorganisations and peers
    /// that fell behind need them.
    public static let blocksKept = 288
    /// Storage: height from which on blocks may be forgotten (Core, off mainnet).
    public static let pruneAfterHeight = 1_000
    /// Storage: the least room that a target of -prune may leave, in MiB (Core: 288 blocks with undo data, orphans).
    public static let pruneTargetMin: Int64 = 550
    /// Storage: bytes that block and undo files may grow by between two looks at the room they take (Core allocates
    /// 16 MiB of blocks and 1 MiB of undo data at a time).
    static let pruneBuffer = 17 << 20
    /// Storage: bytes of a block that is still to come, for a guess while the chain is downloaded (Core).
    static let expectedBlockBytes = 1_000_000
    /// Storage: places of damage that a rebuild tells of.
    static let damageReported = 16
    /// Storage: blocks at the end of the chain that are read and checked at each start (Core's -checkblocks).
    static let blocksCheckedAtStart = 6

    /// RPC: bytes of a request's head (Core).
    public static let httpHead = 8_192
    /// RPC: bytes that may wait behind a held call: a few requests sent ahead.
    public static let httpPipeline = 65_536
    /// RPC: how long a wrong password waits for its answer (Core).
    public static let rpcPenalty = Interval.milliseconds(250)
    /// RPC: bytes of a request's body (Core's MAX_SIZE): a 4 MB block in hex, with room.
    public static let httpBody = 0x0200_0000
    /// RPC: connections at the same time; far above what a lab's tools open.
    public static let rpcConnections = 256
    /// RPC: held-open long polls at the same time.
    public static let longPolls = 256
    /// RPC: calls in one batch.
    public static let rpcBatch = 10_000
    /// RPC: blocks of one generate call, so that one request cannot hold the node for minutes.
    public static let generateBlocks = 10_000

    /// RPC: bytes of a snapshot of the coins, which is put together in memory.
    static let snapshotBytes = 1 << 30
    /// Virtual bytes of transactions that a reorganisation gives back to the pool (Core's
    /// MAX_DISCONNECTED_TX_POOL_BYTES of memory); the rest is forgotten.
    static let disconnectedBytes = 20_000_000
    /// What such a transaction costs in memory besides.
    static let disconnectedOverhead = 500

    /// Peer to peer: bytes of one message (Core's MAX_PROTOCOL_MESSAGE_LENGTH).
    public static let peerMessage = 4_000_000
    /// Peer to peer: messages of one connection that could not be read. Core forgives them all, and its tests send a
    /// single one on a connection.
    static let unreadableMessages = 8
    /// Peer to peer: headers in one answer.
    public static let peerHeaders = 2_000
    /// Peer to peer: headers between two that leave a bit behind while a chain is measured (Core: 275 on regtest).
    public static let presyncPeriod = 600
    /// Peer to peer: headers held back while a measured chain is fetched again, so that some twenty bits are compared
    /// before the first is let in (Core: 14,000 to 16,000; 80 bytes each).
    public static let presyncBuffer = 15_000
    /// Peer to peer: hashes in one locator.
    public static let peerLocator = 101
    /// Peer to peer: entries of one inv or getdata.
    public static let peerInventory = 50_000
    /// Peer to peer: connections at the same time (Core's default for -maxconnections).
    public static let peers = 125
    /// Peer to peer: bytes on their way to a peer that did not confirm them, less one message: half of what the
    /// driver lets wait before it calls a peer slow.
    public static let peerBytesInFlight: UInt64 = 3_000_000
    /// Peer to peer: -maxconnections' highest value: each peer costs buffers of a few megabytes at worst.
    public static let peersMax = 1_000
    /// Peer to peer: connections of -maxconnections that are kept for the node's own dials (Core: 8 + 2 + 1).
    public static let peerOutbound = 11
    /// Peer to peer: of these, for blocks, transactions and addresses (Core).
    public static let peerFullRelay = 8
    /// Peer to peer: of these, for blocks only (Core).
    public static let peerBlockRelayOnly = 2
    /// Peer to peer: how long a chosen peer may be behind our tip (Core's CHAIN_SYNC_TIMEOUT).
    public static let peerChainSync = Interval.minutes(20)
    /// Peer to peer: time to answer getheaders (Core's HEADERS_RESPONSE_TIME).
    public static let peerHeadersResponse = Interval.minutes(2)
    /// Peer to peer: how long an addr-fetch connection waits for its addresses (Core).
    public static let peerAddressFetch = Interval.minutes(5)
    /// Peer to peer: blocks asked of one peer at a time (Core).
    public static let peerBlocksInFlight = 16
    /// Peer to peer: how far beyond the last common block blocks are fetched (Core).
    public static let peerDownloadWindow = 1_024
    /// Peer to peer: how far above the tip a block may be that nobody asked for (Core: MIN_BLOCKS_TO_KEEP).
    public static let peerBlocksAhead = 288
    /// Peer to peer: blocks announced at once as headers (Core).
    public static let peerAnnouncedBlocks = 8
    /// Peer to peer: time between two pings (Core).
    public static let peerPingInterval = Interval.minutes(2)
    /// Peer to peer: how long a peer may be silent or owe a pong (Core).
    public static let peerSilence = Interval.minutes(20)
    /// Peer to peer: transactions that one peer may have announced and not delivered (Core).
    public static let peerAnnouncements = 5_000
    /// Peer to peer: transactions asked of one peer at a time before it counts as overloaded (Core).
    public static let peerTransactionsInFlight = 100
    /// Peer to peer: hashes remembered of what one peer knows (Core's rolling filter).
    public static let peerKnownTransactions = 50_000
    /// Peer to peer: transactions that wait for their announcement to one peer; the rest it gets in blocks.
    public static let peerPendingTransactions = 100_000
    /// Peer to peer: addresses remembered of what one peer knows (Core's rolling filter).
    public static let peerKnownAddresses = 5_000
    /// Peer to peer: addresses in one message (Core).
    public static let addresses = 1_000
    /// Peer to peer: addresses that the book keeps (Core's new and tried tables have 81,920 places).
    public static let addressBook = 20_000
    /// Peer to peer: kept answers to getaddr; an operator seldom binds more addresses.
    public static let addressAnswers = 16
    /// Peer to peer: refused transactions that are remembered (Core: 120,000).
    public static let recentRejects = 60_000
    /// Peer to peer: confirmed transactions that are remembered (Core: 48,000).
    public static let recentConfirmed = 48_000
    /// Peer to peer: announcements of transactions whose parents are missing, and tens of their inputs, over all peers
    /// (Core's DEFAULT_MAX_ORPHANAGE_LATENCY_SCORE).
    public static let orphans = 3_000
    /// Peer to peer: weight of such transactions for each peer that announced some (Core's
    /// DEFAULT_RESERVED_ORPHAN_WEIGHT_PER_PEER): the largest package.
    public static let orphanWeight = 404_000
    /// Peer to peer: transactions kept for compact blocks beside the pool (Core).
    public static let extraTransactions = 100
    /// Peer to peer: bytes of one such (Core keeps 1000 kB in all).
    public static let extraTransactionBytes = 10_000
    /// Peer to peer: own transactions that are announced again until somebody fetches them.
    public static let unbroadcast = 5_000
    /// Peer to peer: nodes added by the operator.
    public static let addedNodes = 64
    /// Peer to peer: dials under way and connections dialed, kept ones included.
    public static let dials = 256
    /// Peer to peer: filters of one getcfilters (BIP157).
    public static let peerFilters = 1_000
    /// Peer to peer: filter headers of one getcfheaders (BIP157).
    public static let peerFilterHeaders = 2_000
    /// Peer to peer: banned subnets.
    public static let bans = 10_000
    /// Peer to peer: addresses that misbehaved.
    public static let discouraged = 5_000

    /// Template provider: clients at the same time: pools and job declarators, not miners.
    public static let templateClients = 1_024
    /// Template provider: waiting transactions from which on a new tip is told with an empty template first:
    /// below, the pool follows within a few milliseconds.
    public static let speculativePool = 2_000
    /// Template provider: templates kept for solutions and transaction data, oldest dropped first.
    public static let templatesKept = 256
    /// Template provider: bytes of one message; a solution's coinbase is at most 64 KiB.
    public static let templateMessage = 70_000
    /// Template provider: coinbase room beyond which nothing else would fit in a block.
    public static let coinbaseAdditionalSize: UInt32 = 990_000

    /// Wallets of one node.
    public static let wallets = 64
    /// Descriptors of one wallet.
    public static let walletDescriptors = 10_000
    /// Scripts of each descriptor that are known beyond the last used one (Core's -keypool is 1000; deriving
    /// them all would hold the node for a third of a second at every start).
    public static let walletLookAhead = 100
    /// Blocks between two notes of how far a wallet has looked; so many are looked at again after a crash.
    public static let walletPlaceInterval = 100
    /// Rounds of PBKDF2 behind a wallet's passphrase: about 50 ms for each guess.
    public static let walletKeyRounds = 50_000
    /// Steps of branch and bound before other ways are taken (Core's TOTAL_TRIES).
    public static let branchAndBoundTries = 100_000
    /// Random sums that the knapsack tries (Core).
    public static let knapsackTries = 1_000
    /// What inputs are expected to cost in quiet times, satoshi per 1000 virtual bytes (Core's
    /// -consolidatefeerate).
    public static let longTermFeeRate: Int64 = 10_000
    /// The greatest fee of one payment, in satoshi (Core's -maxtxfee).
    public static let walletFeeMax: Int64 = 10_000_000
    /// How much more a replacement pays at least, satoshi per 1000 virtual bytes (Core's
    /// WALLET_INCREMENTAL_RELAY_FEE).
    public static let walletFeeStep: Int64 = 5_000
    /// Bytes of a wallet's name, a label or a comment.
    public static let walletText = 255
    /// Bytes of one PSBT (Core's MAX_FILE_SIZE_PSBT is 100 MB; an RPC body is at most 32 MiB).
    public static let psbtBytes = 0x0200_0000
    /// Records of one map of a PSBT: far above an input with 999 keys, each with signature and origin.
    public static let psbtRecords = 100_000
    /// Scripts that keypoolrefill derives ahead for each descriptor: a second or two of work for the loop.
    static let keypool = 10_000
    /// Scripts that one descriptor may be asked for at once (Core's limit of a range).
    public static let descriptorRange = 1_000_000

    /// ZMQ: subscribers at the same time, over all addresses.
    public static let publisherSubscribers = 64
    /// ZMQ: bytes of one frame from a subscriber; they hold a topic's name.
    public static let publisherFrame = 1_024
    /// ZMQ: subscriptions of one subscriber; there are five topics.
    public static let publisherSubscriptions = 64

    /// REST: headers or filter headers of one answer (Core's MAX_REST_HEADERS_RESULTS).
    public static let restHeaders = 2_000
    /// REST: outpoints of one getutxos (Core's MAX_GETUTXOS_OUTPOINTS).
    public static let restOutPoints = 15
    /// Records of wallets that later ones replaced, above which the journal is written anew at start: reading
    /// them takes tens of milliseconds.
    static let walletStaleRecords = 10_000
}
