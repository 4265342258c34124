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
    /// Policy: the pool's serialized bytes in all; beyond it nothing new enters.
    public static let mempoolBytes = 100_000_000

    /// Blocks with an unknown fate that are kept (side chains), so that memory follows work and not chatter.
    public static let sideBlocks = 10_000

    /// RPC: bytes of a request's head (Core).
    public static let httpHead = 8_192
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

    /// Peer to peer: bytes of one message (Core's MAX_PROTOCOL_MESSAGE_LENGTH).
    public static let peerMessage = 4_000_000
    /// Peer to peer: headers in one answer.
    public static let peerHeaders = 2_000
    /// Peer to peer: hashes in one locator.
    public static let peerLocator = 101
    /// Peer to peer: entries of one inv or getdata.
    public static let peerInventory = 50_000
    /// Peer to peer: blocks sent in answer to one getdata; a peer asks for 16 at a time.
    public static let peerBlocksPerRequest = 128
    /// Peer to peer: connections at the same time (Core's default).
    public static let peers = 125

    /// Template provider: clients at the same time: pools and job declarators, not miners.
    public static let templateClients = 256
    /// Template provider: templates kept for solutions and transaction data, oldest dropped first.
    public static let templatesKept = 64
    /// Template provider: bytes of one message; a solution's coinbase is at most 64 KiB.
    public static let templateMessage = 70_000
    /// Template provider: coinbase room beyond which nothing else would fit in a block.
    public static let coinbaseAdditionalSize: UInt32 = 990_000

    /// Wallets of one node.
    public static let wallets = 64
    /// Addresses of one wallet.
    public static let walletAddresses = 1_000_000
    /// Inputs of one wallet payment, so that it stays a standard transaction.
    public static let walletInputs = 500
}
