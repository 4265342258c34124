import Bitcoin
import Testing

@testable import Chain

/// Not a benchmark: guards against work that grows with the chain. The budgets are wide for unoptimised
/// builds; the figures of release builds are in the benchmarks.
@Suite struct NodeSpeedTests {
    @Test("Connecting a block costs the same at height 3000 as at height 100")
    func connectingDoesNotGrow() throws {
        var node = NodeUnderTest()
        let clock = ContinuousClock()
        func mine(_ count: Int) -> Duration {
            clock.measure { node.handle(.generate(count: count, script: .anyone, maxTries: 1_000_000)) }
        }
        _ = mine(100)
        let early = mine(500)
        _ = mine(1_900)
        let late = mine(500)
        #expect(node.machine.chain.height == 3_000)
        #expect(late < early * 4, "\(early) then \(late)")
        let again = node.restarted()
        #expect(again.machine.chain.height == 3_000)
    }
}
