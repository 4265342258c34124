public import Bitcoin

/// What makes one chain differ from another.
public struct NetworkParameters: Sendable, Equatable {
    /// As getblockchaininfo's `chain` says it.
    public var name: String
    /// The four bytes before every peer-to-peer message.
    public var magic: [UInt8]
    public var genesis: Block
    public var work: ProofOfWorkRules
    public var softForks: SoftForks
    /// The one deployment that signals by version bits (BIP9).
    public var testDummy: VersionBitsDeployment
    /// BIP325: what every block's signature must satisfy; nil where blocks need none.
    public var signetChallenge: [UInt8]?
    /// Blocks between halvings.
    public var halvingInterval: Int
    /// Confirmations before a coinbase may be spent.
    public var coinbaseMaturity: Int
    public var addressNetwork: AddressNetwork
    public var peerPort: UInt16
    public var rpcPort: UInt16
    public var templatePort: UInt16
    /// False on mainnet only: Core's `IsTestChain`.
    public var isTestChain: Bool
    /// Work below which a chain is not worth following (Core's nMinimumChainWork).
    public var minimumChainWork: UInt256

    /// The easiest target a header may state.
    public var proofOfWorkLimit: Target { work.limit }

    /// What the genesis states; where there is no retarget, what every header states.
    public var bits: CompactTarget { genesis.header.bits }

    /// New money of the block at `height`, in satoshi.
    public func subsidy(at height: Int) -> Int64 {
        let halvings = height / halvingInterval
        return halvings >= 64 ? 0 : (50 * 100_000_000) >> Int64(halvings)
    }
}

/// How hard blocks are, and how that changes.
public struct ProofOfWorkRules: Sendable, Equatable {
    /// The easiest target a header may state.
    public var limit: Target
    /// Seconds that one period of difficulty should take.
    public var targetTimespan: Int64
    /// Seconds that one block should take.
    public var targetSpacing: Int64
    /// Whether a block 20 minutes after its parent may be of the least difficulty.
    public var allowsMinDifficulty: Bool
    /// Whether difficulty ever changes.
    public var retargets: Bool
    /// BIP94: difficulty is carried by the first block of a period, and that block may not lie more than ten
    /// minutes before its parent.
    public var enforcesBIP94: Bool

    public init(
        limit: Target, targetTimespan: Int64 = 14 * 86_400, targetSpacing: Int64 = 600,
        allowsMinDifficulty: Bool = false, retargets: Bool = true, enforcesBIP94: Bool = false
    ) {
        precondition(targetSpacing > 0 && targetTimespan >= targetSpacing, "a period of no block")
        self.limit = limit
        self.targetTimespan = targetTimespan
        self.targetSpacing = targetSpacing
        self.allowsMinDifficulty = allowsMinDifficulty
        self.retargets = retargets
        self.enforcesBIP94 = enforcesBIP94
    }

    /// Blocks of one period.
    public var interval: Int { Int(targetTimespan / targetSpacing) }
}

/// From which height on each buried soft fork binds, and the blocks that history excuses.
public struct SoftForks: Sendable, Equatable {
    /// Height in the coinbase.
    public var bip34: Int
    /// Strict DER signatures.
    public var bip66: Int
    /// OP_CHECKLOCKTIMEVERIFY.
    public var bip65: Int
    /// BIP68, 112 and 113.
    public var csv: Int
    /// BIP141, 143 and 147.
    public var segwit: Int
    /// The block at height `bip34` of the chain whose coinbases are known to be unique; on that chain BIP30
    /// need not be checked above it.
    public var bip34Hash: Hash256?
    /// Blocks of the past that broke P2SH or taproot, with the rules that they do keep.
    public var scriptExceptions: [ScriptException] = []
    /// Blocks of the past that repeat a coinbase (BIP30).
    public var repeatedCoinbases: [Hash256] = []

    public struct ScriptException: Sendable, Equatable {
        public var block: Hash256
        public var flags: ScriptFlags
    }

    /// Everything from the start, as on regtest.
    static let fromGenesis = SoftForks(bip34: 1, bip66: 1, bip65: 1, csv: 1, segwit: 0)

    public init(bip34: Int, bip66: Int, bip65: Int, csv: Int, segwit: Int, bip34Hash: Hash256? = nil) {
        self.bip34 = bip34
        self.bip66 = bip66
        self.bip65 = bip65
        self.csv = csv
        self.segwit = segwit
        self.bip34Hash = bip34Hash
    }

    /// Core's GetBlockScriptFlags: P2SH, witness and taproot have bound all blocks but the excused ones.
    public func scriptFlags(height: Int, hash: Hash256) -> ScriptFlags {
        var flags: ScriptFlags = [.p2sh, .witness, .taproot]
        for exception in scriptExceptions where exception.block == hash { flags = exception.flags }
        if height >= bip66 { flags.insert(.strictDER) }
        if height >= bip65 { flags.insert(.checkLockTime) }
        if height >= csv { flags.insert(.checkSequence) }
        if height >= segwit { flags.insert(.nullDummy) }
        return flags
    }

    /// The least version that a header at `height` may have (BIP34, 66, 65).
    public func leastVersion(at height: Int) -> Int32 {
        if height >= bip65 { return 4 }
        if height >= bip66 { return 3 }
        return height >= bip34 ? 2 : .min
    }
}
