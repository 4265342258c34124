import Bitcoin
import SansIO
import Testing

@testable import Chain

/// What a refused block must not leave behind.
@Suite struct UndoTests {
    /// A chain with a mature coin, the generator's view of it, and the generator.
    static func matureChain() throws -> (Chainstate, Branch, BlockGenerator) {
        var chain = Chainstate(.regtest)
        var branch = Branch()
        var generator = BlockGenerator(seed: 11)
        for _ in 0..<102 {
            var draft = generator.draft(on: branch, payments: 0)
            draft.payout = generator.pay(0, .witnessKeyHash(1)).scriptPubKey
            let block = draft.mined()
            try #require(chain.accept(block, bytes: block.bytes(), now: .max).submitResult == nil)
            branch = branch.appending(block, locks: generator.locks)
        }
        return (chain, branch, generator)
    }

    @Test("A block refused for its signature operations gives back the coins that it had begun to spend")
    func sigOpsLeaveNoTrace() throws {
        var (chain, branch, generator) = try Self.matureChain()
        let coin = try #require(generator.spendable(on: branch).first)
        var found: Block?
        for _ in 0..<20 where found == nil {
            guard let block = generator.mutated(.sigOpsWitness, on: branch) else { continue }
            var copy = chain
            let reason = copy.accept(block, bytes: block.bytes(), now: .max).submitResult
            if reason == "bad-blk-sigops" { found = block }
        }
        let refused = try #require(found)
        let before = chain.coins[coin.outPoint]
        #expect(chain.accept(refused, bytes: refused.bytes(), now: .max).submitResult == "bad-blk-sigops")
        #expect(before != nil)
        #expect(chain.coins[coin.outPoint] == before)
        var draft = generator.draft(on: branch, payments: 0)
        generator.append(Plan(spending: [coin], to: [generator.pay(1_000, .anyone)]), to: &draft)
        let good = draft.mined()
        #expect(chain.accept(good, bytes: good.bytes(), now: .max).submitResult == nil)
    }

    @Test(
        "Of two branches of equal work the one whose bodies were complete first stays, whichever header was first"
    )
    func firstCompleteWins() throws {
        var (chain, branch, generator) = try Self.matureChain()
        let a = generator.draft(on: branch, payments: 0).mined()
        let b = generator.draft(on: branch, payments: 0).mined()
        _ = try chain.accept(a.header, hash: a.hash, now: .max)
        _ = try chain.accept(b.header, hash: b.hash, now: .max)
        _ = chain.accept(b, bytes: b.bytes(), now: .max)
        _ = chain.accept(a, bytes: a.bytes(), now: .max)
        #expect(chain.tip.hash == b.hash)
    }

    @Test("A child whose header was known is refused once its parent's body breaks a rule of context")
    func descendantsOfBadBodies() throws {
        var (chain, branch, generator) = try Self.matureChain()
        let spoiled = generator.mutated(.coinbaseHeight, on: branch)
        let parent = try #require(spoiled)
        let next = branch.appending(parent, locks: generator.locks)
        let child = generator.draft(on: next, payments: 0).mined()
        _ = try chain.accept(parent.header, hash: parent.hash, now: .max)
        _ = try chain.accept(child.header, hash: child.hash, now: .max)
        #expect(chain.accept(parent, bytes: parent.bytes(), now: .max).submitResult == "bad-cb-height")
        #expect(chain.accept(child, bytes: child.bytes(), now: .max).submitResult == "duplicate-invalid")
    }
}
