import Bitcoin
import Testing

@testable import Explorer

@Suite struct ChainIndexTests {
    private func index(_ chain: ChainFixture, blockLimit: Int = 1_000, byteLimit: Int = 1 << 30) throws
        -> ChainIndex
    {
        var index = ChainIndex(blockLimit: blockLimit, byteLimit: byteLimit)
        for (height, block) in chain.blocks.enumerated() { try index.connect(block, height: height) }
        return index
    }

    /// Miner's coinbase pays Alice 30 and Bob 19.9; Alice pays Bob 10 in the same block, and 5 in the next.
    private func payments() -> (
        chain: ChainFixture, first: Transaction, second: Transaction, third: Transaction
    ) {
        var chain = ChainFixture(blocks: 3)
        let first = ChainFixture.spend(
            chain.coinbase(1), to: [(3_000_000_000, ChainFixture.alice), (1_990_000_000, ChainFixture.bob)])
        let second = ChainFixture.spend(
            first, to: [(1_000_000_000, ChainFixture.bob), (1_999_000_000, ChainFixture.alice)])
        chain.mine([first, second])
        let third = ChainFixture.spend(
            second, 1, to: [(500_000_000, ChainFixture.bob), (1_498_000_000, ChainFixture.alice)])
        chain.mine([third])
        return (chain, first, second, third)
    }

    @Test func blocksAreFoundByHeightAndByHash() throws {
        let chain = ChainFixture(blocks: 5)
        let index = try index(chain)
        #expect(index.tipHeight == 4)
        #expect(index.block(at: 3)?.hash == chain.blocks[3].hash)
        #expect(index.block(chain.blocks[2].hash)?.height == 2)
        #expect(index.block(at: 5) == nil)
        #expect(index.block(at: -1) == nil)
        #expect(index.block(.zero) == nil)
        #expect(index.block(at: 4)?.size == chain.tip.totalSize)
        #expect(index.block(at: 4)?.weight == chain.tip.weight)
    }

    @Test func balancesFollowPaymentsAlsoInsideOneBlock() throws {
        let (chain, first, second, third) = payments()
        let index = try index(chain)
        let alice = try #require(index.history(of: ChainFixture.alice))
        let bob = try #require(index.history(of: ChainFixture.bob))
        #expect(alice.balance == 1_498_000_000)
        #expect(bob.balance == 1_990_000_000 + 1_000_000_000 + 500_000_000)
        #expect(alice.unspentCount == 1)
        #expect(bob.unspentCount == 3)
        #expect(alice.items.count == 3)
        #expect(
            index.unspent(of: ChainFixture.alice, limit: 10).map(\.point) == [
                OutPoint(txid: third.txid, index: 1)
            ])
        #expect(index.unspent(of: ChainFixture.bob, limit: 2).count == 2)
        #expect(
            index.spender(of: OutPoint(txid: first.txid, index: 0))?.location == .init(height: 3, index: 2))
        #expect(index.block(at: 3)?.fee(of: 1) == 10_000_000)
        #expect(index.block(at: 3)?.fee(of: 2) == 1_000_000)
        #expect(index.block(at: 3)?.fees == 11_000_000)
        #expect(index.transaction(second.txid) == second)
    }

    @Test func disconnectingEveryBlockLeavesNothingBehind() throws {
        let (chain, first, _, third) = payments()
        var index = try index(chain)
        try index.disconnectTip()
        #expect(index.history(of: ChainFixture.alice)?.balance == 1_999_000_000)
        #expect(index.transaction(third.txid) == nil)
        #expect(index.staleBlock(chain.tip.hash)?.height == 4)
        try index.disconnectTip()
        #expect(index.history(of: ChainFixture.alice) == nil)
        #expect(index.transaction(first.txid) == nil)
        #expect(index.spender(of: OutPoint(txid: chain.coinbase(1).txid, index: 0)) == nil)
        while !index.isEmpty { try index.disconnectTip() }
        #expect(index.transactionCount == 0)
        #expect(index.byteCount == 0)
        #expect(index.history(of: ChainFixture.miner) == nil)
        #expect(throws: ChainIndexError.empty) { try index.disconnectTip() }
    }

    @Test func aReorganizationEqualsTheOtherBranchBuiltFromScratch() throws {
        let (chain, first, _, _) = payments()
        var index = try index(chain)
        var other = chain
        other.cut(to: 2)
        other.tag = "other branch"
        other.mine([ChainFixture.spend(chain.coinbase(2), to: [(100, ChainFixture.bob)])])
        other.mine([first])
        other.mine([])
        while index.tipHeight ?? 0 > 2 { try index.disconnectTip() }
        for height in 3...5 { try index.connect(other.blocks[height], height: height) }
        let fresh = try self.index(other)
        for script in [ChainFixture.alice, ChainFixture.bob, ChainFixture.miner] {
            #expect(index.history(of: script) == fresh.history(of: script))
        }
        #expect(index.transactionCount == fresh.transactionCount)
        #expect(index.byteCount == fresh.byteCount)
        #expect(index.location(of: first.txid) == .init(height: 4, index: 1))
        #expect(index.stale.map(\.height) == [4, 3])
        #expect(index.staleBlock(chain.blocks[3].hash) != nil)
    }

    @Test func aBlockThatDoesNotFitIsRefusedAndChangesNothing() throws {
        let chain = ChainFixture(blocks: 3)
        var index = try index(chain)
        let stranger = ChainFixture(blocks: 4, tag: "stranger").tip
        #expect(throws: ChainIndexError.self) { try index.connect(stranger, height: 3) }
        #expect(throws: ChainIndexError.heightIsNotNext(expected: 3, found: 4)) {
            try index.connect(chain.tip, height: 4)
        }
        #expect(index.tipHeight == 2)
        #expect(index.transactionCount == 3)
    }

    @Test func aFullIndexForgetsItsOldestBlocks() throws {
        var chain = ChainFixture(blocks: 40)
        chain.mine([ChainFixture.spend(chain.coinbase(2), to: [(1, ChainFixture.bob)])])
        let index = try index(chain, blockLimit: 10)
        #expect(index.count == 10)
        #expect(index.base == 31)
        #expect(index.isPartial)
        #expect(index.block(at: 30) == nil)
        #expect(index.block(at: 31)?.hash == chain.blocks[31].hash)
        #expect(index.block(chain.blocks[30].hash) == nil)
        #expect(index.transaction(chain.coinbase(30).txid) == nil)
        #expect(index.transactionCount == 11)
        #expect(index.block(at: 40)?.fees == nil, "the spent output is older than the index")
        #expect(index.history(of: ChainFixture.miner)?.items.count == 10)
    }

    @Test func theBoundInBytesHoldsAndTheTipAlwaysStays() throws {
        let chain = ChainFixture(blocks: 50)
        let size = chain.tip.totalSize
        let index = try index(chain, byteLimit: size * 5)
        #expect(index.byteCount <= size * 5)
        #expect(index.tipHeight == 49)
        let tiny = try self.index(chain, byteLimit: 1)
        #expect(tiny.count == 1)
        #expect(tiny.tipHeight == 49)
    }

    @Test func anIndexMayBeginAboveTheGenesisBlock() throws {
        let chain = ChainFixture(blocks: 8)
        var index = ChainIndex()
        for height in 5...7 { try index.connect(chain.blocks[height], height: height) }
        #expect(index.base == 5)
        #expect(index.block(at: 4) == nil)
        #expect(index.block(at: 6)?.hash == chain.blocks[6].hash)
    }

    @Test func aCoinbaseIsTakenApart() {
        var chain = ChainFixture(blocks: 1)
        for _ in 1..<300 { chain.mine([]) }
        chain.mine([], free: [0x1b, 0x5b] + Array("31m/Pool/".utf8) + [0, 1, 0xff] + Array("ab".utf8))
        let coinbase = Coinbase(chain.coinbase(300))
        #expect(coinbase.height == 300)
        #expect(coinbase.tag == "·[31m/Pool/···ab")
        #expect(coinbase.words == "[31m/Pool/")
        #expect(Coinbase(chain.coinbase(16)).height == 16)
        #expect(Coinbase(chain.coinbase(17)).height == 17)
        #expect(Coinbase(chain.coinbase(128)).height == 128)
        #expect(Coinbase(chain.coinbase(0)).height == 0)
    }
}
