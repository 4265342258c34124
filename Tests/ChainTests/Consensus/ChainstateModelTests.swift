import Bitcoin
import SansIO
import Testing

@testable import Chain

/// Chain selection and coins against a model that knows no increments: it derives the tip and the coins anew from
/// the genesis after every step.
@Suite struct ChainstateModelTests {
    @Test("Random blocks, side chains and operators' words leave the model's tip and coins", arguments: 1...4)
    func agreesWithModel(seed: Int) throws {
        var run = ModelRun(seed: UInt64(seed))
        for step in 0..<120 {
            run.step()
            let expected = run.model.tip
            try #require(run.chain.tip.hash == expected, "seed \(seed), step \(step): \(run.last)")
            guard step % 4 == 3 else { continue }
            let coins = run.model.coins(at: expected)
            try #require(run.chain.coins.count == coins.count, "seed \(seed), step \(step): \(run.last)")
            for (outPoint, coin) in coins {
                try #require(run.chain.coins[outPoint] == coin, "seed \(seed), step \(step): \(run.last)")
            }
        }
    }
}

/// What is known of every block, as plain facts.
private struct ChainModel {
    struct Known {
        var block: Block
        var height: Int
        /// Breaks a rule that shows only when its coins are spent.
        var isPoisoned: Bool
        var hasBody = false
        /// The order in which its chain became complete; less is preferred.
        var precedence = Int.max
        /// An operator's word, or the word about an ancestor.
        var isFlagged = false
    }

    var blocks: [Hash256: Known] = [:]
    var order: [Hash256] = []
    let genesis = NetworkParameters.regtest.genesis
    private var nextPrecedence = 1
    private var nextPrecious = -1

    init() {
        blocks[genesis.hash] = Known(
            block: genesis, height: 0, isPoisoned: false, hasBody: true, precedence: 0)
        order = [genesis.hash]
    }

    func chain(to hash: Hash256) -> [Known] {
        var path: [Known] = []
        var at = hash
        while let known = blocks[at] {
            path.append(known)
            at = known.block.header.previousBlockHash
        }
        return path.reversed()
    }

    /// Whether the block and all its ancestors are so.
    private func all(to hash: Hash256, _ isSo: (Known) -> Bool) -> Bool {
        var at = hash
        while let known = blocks[at] {
            guard isSo(known) else { return false }
            at = known.block.header.previousBlockHash
        }
        return true
    }

    private func isValid(_ hash: Hash256) -> Bool {
        all(to: hash) { $0.hasBody && !$0.isPoisoned && !$0.isFlagged }
    }

    var tip: Hash256 {
        var best = genesis.hash
        for hash in order where isValid(hash) {
            guard let a = blocks[hash], let b = blocks[best] else { continue }
            if (-a.height, a.precedence) < (-b.height, b.precedence) { best = hash }
        }
        return best
    }

    /// All unspent outputs after `tip`.
    func coins(at tip: Hash256) -> [OutPoint: Coin] {
        var coins: [OutPoint: Coin] = [:]
        for known in chain(to: tip).dropFirst() {
            for transaction in known.block.transactions {
                for input in transaction.inputs { coins[input.previousOutput] = nil }
                for (index, output) in transaction.outputs.enumerated()
                where !output.scriptPubKey.isUnspendable {
                    coins[OutPoint(txid: transaction.txid, index: UInt32(index))] = Coin(
                        value: output.value, scriptPubKey: output.scriptPubKey, height: UInt32(known.height),
                        isCoinbase: transaction.isCoinbase)
                }
            }
        }
        return coins
    }

    mutating func learn(_ block: Block, isPoisoned: Bool) {
        let hash = block.hash
        guard blocks[hash] == nil, let parent = blocks[block.header.previousBlockHash], !parent.isFlagged
        else {
            return
        }
        blocks[hash] = Known(block: block, height: parent.height + 1, isPoisoned: isPoisoned)
        order.append(hash)
    }

    mutating func receive(_ hash: Hash256) {
        guard let known = blocks[hash], !known.hasBody, !known.isFlagged else { return }
        blocks[hash]?.hasBody = true
        // Everything that this block completes gets its place, parents first.
        for other in order {
            guard let known = blocks[other], known.precedence == .max else { continue }
            guard all(to: other, \.hasBody) else { continue }
            blocks[other]?.precedence = nextPrecedence
            nextPrecedence += 1
        }
    }

    func isAncestor(_ ancestor: Hash256, of hash: Hash256) -> Bool {
        guard let height = blocks[ancestor]?.height else { return false }
        var at = hash
        while let known = blocks[at], known.height > height { at = known.block.header.previousBlockHash }
        return at == ancestor
    }

    mutating func invalidate(_ hash: Hash256) {
        for other in order where isAncestor(hash, of: other) { blocks[other]?.isFlagged = true }
    }

    mutating func reconsider(_ hash: Hash256) {
        for other in order where isAncestor(hash, of: other) || isAncestor(other, of: hash) {
            blocks[other]?.isFlagged = false
        }
    }

    mutating func prefer(_ hash: Hash256) {
        guard let known = blocks[hash], let best = blocks[tip], known.height >= best.height else { return }
        // A block that is not complete gets its place when it is.
        guard known.precedence != .max else { return }
        blocks[hash]?.precedence = nextPrecious
        nextPrecious -= 1
    }
}

/// One random history, told to the chain and to the model.
private struct ModelRun {
    /// Coinbases mature early, so that short chains can spend.
    static let maturity = 2

    var chain: Chainstate
    var model = ChainModel()
    var generator: BlockGenerator
    var branches: [Hash256: Branch] = [:]
    var reorganisations = 0
    var last = ""
    /// Blocks whose header alone was told.
    private var waiting: [Hash256] = []

    init(seed: UInt64) {
        var network = NetworkParameters.regtest
        network.coinbaseMaturity = Self.maturity
        chain = Chainstate(network)
        generator = BlockGenerator(seed: seed &* 7_919)
        let start = Branch()
        branches[start.tip] = start
    }

    mutating func step() {
        let before = chain.tip.hash
        switch generator.below(20) {
        case 0...2: operatorSays()
        case 3...4: deliver()
        default: extend()
        }
        if chain.tip.hash != before, chain.tip.header.previousBlockHash != before { reorganisations += 1 }
    }

    private mutating func extend() {
        let known = model.order
        // Mostly near the tip, and sometimes anywhere.
        let parent =
            generator.chance(60)
            ? model.tip
            : generator.chance(70) ? generator.pick(known.suffix(8)) : generator.pick(known)
        guard let branch = branches[parent] else { return }
        var draft = generator.draft(on: branch, payments: 0)
        let coins = branch.coins.filter {
            $0.value > 0 && (!$0.isCoinbase || draft.height - $0.height >= Self.maturity)
        }
        if !coins.isEmpty, generator.chance(60) { append(generator.pick(coins), to: &draft) }
        let isPoisoned = generator.chance(12)
        draft.excess = isPoisoned ? 1 : 0
        let block = draft.mined()
        last = "block on height \(branch.height), poisoned \(isPoisoned)"
        branches[block.hash] = branch.appending(block, locks: generator.locks)
        model.learn(block, isPoisoned: isPoisoned)
        guard model.blocks[block.hash] != nil else {
            _ = chain.accept(block, bytes: block.bytes(), now: .max)
            return
        }
        if generator.chance(15) {
            _ = try? chain.accept(block.header, hash: block.hash, now: .max)
            waiting.append(block.hash)
            last += ", header only"
        } else {
            give(block)
        }
    }

    private mutating func append(_ coin: KnownCoin, to draft: inout Draft) {
        let plan = Plan(spending: [coin], to: [generator.pay(coin.value, .anyone)])
        generator.append(plan, to: &draft)
    }

    private mutating func deliver() {
        guard !waiting.isEmpty else { return }
        let hash = waiting.remove(at: generator.below(waiting.count))
        guard let known = model.blocks[hash] else { return }
        last = "body of height \(known.height)"
        give(known.block)
    }

    /// The chain may know of a poisoned ancestor already and refuse; the model need not follow, for such a block can
    /// never count.
    private mutating func give(_ block: Block) {
        _ = chain.accept(block, bytes: block.bytes(), now: .max)
        model.receive(block.hash)
    }

    private mutating func operatorSays() {
        let hash = generator.pick(model.order.suffix(20))
        guard hash != model.genesis.hash, let id = chain.tree.id(of: hash) else { return }
        switch generator.below(3) {
        case 0:
            last = "invalidate height \(chain.tree[id].height)"
            _ = chain.invalidate(id)
            model.invalidate(hash)
        case 1:
            last = "reconsider height \(chain.tree[id].height)"
            _ = chain.reconsider(id)
            model.reconsider(hash)
        default:
            last = "prefer height \(chain.tree[id].height)"
            _ = chain.prefer(id)
            model.prefer(hash)
        }
    }
}
