public import Bitcoin

/// What a file may say about the lab's own network. Everything has a default.
public struct LabnetRules: Sendable, Equatable {
    /// The target of the first block, and of all others when there is no interval.
    public var target: Target
    /// Seconds that a block should take; difficulty then follows the hashrate every ``retargetBlocks``. Nil
    /// leaves the difficulty as it is.
    public var blockInterval: Int64?
    /// Blocks of one period of difficulty; counts only with an interval.
    public var retargetBlocks: Int = 144
    /// Blocks between halvings.
    public var halvingInterval: Int = 150
    /// Confirmations before a coinbase may be spent.
    public var coinbaseMaturity: Int = 100

    public init(target: Target) { self.target = target }

    /// `blockDifficulty` times 2^32 hashes on average cost a block; far below 1 is the rule.
    public init(blockDifficulty: Double) { target = Target(difficulty: blockDifficulty) }

    /// The genesis block's text: it names every rule that is not the usual one, so that nodes of other rules are
    /// on another chain from the start.
    var motto: String {
        let usual = LabnetRules(target: target)
        var text = "labnet: every share a chance"
        if let blockInterval { text += ", \(blockInterval) s by \(retargetBlocks)" }
        if halvingInterval != usual.halvingInterval { text += ", halving \(halvingInterval)" }
        if coinbaseMaturity != usual.coinbaseMaturity { text += ", maturity \(coinbaseMaturity)" }
        return text
    }

    /// Which value is out of range, in words for the person who wrote the file; nil if none is.
    public var fault: String? {
        if let blockInterval, !(1...86_400).contains(blockInterval) {
            return "block interval of \(blockInterval) s; 1 to 86400 are possible"
        }
        if !(2...100_000).contains(retargetBlocks) {
            return "difficulty periods of \(retargetBlocks) blocks; 2 to 100000 are possible"
        }
        if !(1...10_000_000).contains(halvingInterval) {
            return "halving every \(halvingInterval) blocks; 1 to 10000000 are possible"
        }
        if !(0...100_000).contains(coinbaseMaturity) {
            return "coinbase maturity of \(coinbaseMaturity) blocks; 0 to 100000 are possible"
        }
        return nil
    }
}

extension NetworkParameters {
    /// The lab's own network: regtest's rules with another genesis and magic, and what `rules` choose. The
    /// genesis carries the target and needs no proof of its own: it is the definition. Two labnets with
    /// different targets have different genesis blocks. Traps when the rules have a ``LabnetRules/fault``.
    public static func labnet(_ rules: LabnetRules) -> NetworkParameters {
        if let fault = rules.fault { preconditionFailure("labnet: \(fault)") }
        let bits = CompactTarget(min(rules.target, regtestLimit))
        var network = regtest
        network.name = "labnet"
        network.magic = [0x6c, 0x61, 0x62, 0xa1]
        network.genesis = GenesisBlock.make(
            time: 1_700_000_000, nonce: 0, bits: bits.bits,
            message: Array(rules.motto.utf8))
        if let interval = rules.blockInterval {
            network.work = ProofOfWorkRules(
                limit: regtestLimit, targetTimespan: interval * Int64(rules.retargetBlocks),
                targetSpacing: interval)
        } else {
            network.work.limit = bits.target ?? regtestLimit
            network.work.allowsMinDifficulty = false
        }
        network.halvingInterval = rules.halvingInterval
        network.coinbaseMaturity = rules.coinbaseMaturity
        network.peerPort = 18_544
        network.rpcPort = 18_543
        network.templatePort = 18_547
        return network
    }

    /// A labnet of one difficulty for ever.
    public static func labnet(target: Target, halvingInterval: Int = 150) -> NetworkParameters {
        var rules = LabnetRules(target: target)
        rules.halvingInterval = halvingInterval
        return labnet(rules)
    }

    /// The labnet whose blocks cost `blockDifficulty` times 2^32 hashes on average; far below 1 is the rule.
    public static func labnet(blockDifficulty: Double, halvingInterval: Int = 150) -> NetworkParameters {
        labnet(target: Target(difficulty: blockDifficulty), halvingInterval: halvingInterval)
    }
}
