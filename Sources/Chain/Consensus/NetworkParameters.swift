public import Bitcoin

/// What makes one chain differ from another.
public struct NetworkParameters: Sendable, Equatable {
    /// As getblockchaininfo's `chain` says it.
    public var name: String
    /// The four bytes before every peer-to-peer message.
    public var magic: [UInt8]
    public var genesis: Block
    /// The easiest target a header may state.
    public var proofOfWorkLimit: Target
    /// What every header must state: these chains never retarget.
    public var bits: CompactTarget
    /// Blocks between halvings.
    public var halvingInterval: Int
    /// Confirmations before a coinbase may be spent.
    public var coinbaseMaturity: Int
    public var addressNetwork: AddressNetwork
    public var peerPort: UInt16
    public var rpcPort: UInt16
    public var templatePort: UInt16
    /// Whether versions signal BIP9's test deployment (bit 28) as Core does from height 144 on.
    public var signalsTestDummy: Bool

    /// Core's regtest (chainparams.cpp): no retarget, halving every 150 blocks, all soft forks active.
    public static let regtest = NetworkParameters(
        name: "regtest",
        magic: [0xfa, 0xbf, 0xb5, 0xda],
        genesis: genesisBlock(
            time: 1_296_688_602, nonce: 2, bits: CompactTarget(bits: 0x207f_ffff), message: timesMessage),
        proofOfWorkLimit: regtestLimit,
        bits: CompactTarget(bits: 0x207f_ffff),
        halvingInterval: 150,
        coinbaseMaturity: 100,
        addressNetwork: .regtest,
        peerPort: 18_444,
        rpcPort: 18_443,
        templatePort: 18_447,
        signalsTestDummy: true)

    /// The lab's own network: regtest's rules with another genesis and magic, and a block difficulty that the
    /// experiment chooses. The genesis carries `target` and needs no proof of its own: it is the definition.
    public static func labnet(target: Target, halvingInterval: Int = 150) -> NetworkParameters {
        let eased = min(target, regtestLimit)
        let bits = CompactTarget(eased)
        var network = regtest
        network.name = "labnet"
        network.magic = [0x6c, 0x61, 0x62, 0xa1]
        network.bits = bits
        network.proofOfWorkLimit = bits.target ?? regtestLimit
        network.halvingInterval = halvingInterval
        network.genesis = genesisBlock(
            time: 1_700_000_000, nonce: 0, bits: bits, message: Array("labnet: every share a chance".utf8))
        network.peerPort = 18_544
        network.rpcPort = 18_543
        network.templatePort = 18_547
        return network
    }

    /// The labnet whose blocks cost `blockDifficulty` times 2^32 hashes on average; far below 1 is the rule.
    public static func labnet(blockDifficulty: Double, halvingInterval: Int = 150) -> NetworkParameters {
        labnet(target: Target(difficulty: blockDifficulty), halvingInterval: halvingInterval)
    }

    /// New money of the block at `height`, in satoshi.
    public func subsidy(at height: Int) -> Int64 {
        let halvings = height / halvingInterval
        return halvings >= 64 ? 0 : (50 * 100_000_000) >> Int64(halvings)
    }

    /// The version that new blocks carry: BIP9's base, and the test deployment's bit once it has "started".
    public func blockVersion(at height: Int) -> UInt32 {
        signalsTestDummy && height >= 144 ? 0x3000_0000 : 0x2000_0000
    }

    private static let regtestLimit = Target(UInt256.max >> 1)
    private static let timesMessage = Array(
        "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks".utf8)

    private static func genesisBlock(time: UInt32, nonce: UInt32, bits: CompactTarget, message: [UInt8])
        -> Block
    {
        var input = Script(bytes: [])
        input.append(push: [0xff, 0xff, 0x00, 0x1d])
        input.append(push: [0x04])
        input.append(push: message)
        var output = Script(bytes: [])
        output.append(push: genesisKey)
        output.append(op: Opcode.checkSig)
        let coinbase = Transaction(
            version: 1,
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: .zero, index: .max), scriptSig: input, sequence: .max,
                    witness: [])
            ],
            outputs: [TransactionOutput(value: 50 * 100_000_000, scriptPubKey: output)],
            lockTime: 0)
        let header = BlockHeader(
            version: 1, previousBlockHash: .zero, merkleRoot: coinbase.txid, time: time, bits: bits,
            nonce: nonce)
        return Block(header: header, transactions: [coinbase])
    }

    private static let genesisKey: [UInt8] =
        [UInt8](
            hex: "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
                + "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f") ?? []
}
