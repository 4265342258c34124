import Bitcoin
import JSONText
import Testing

@testable import Chain

@Suite struct TemplateOrderTests {
    /// Two mature coins in one wallet.
    static func funded(_ node: inout NodeUnderTest) throws -> JSON {
        _ = try node.call("createwallet", ["w"])
        let address = try node.call("getnewaddress")
        _ = try node.call("generatetoaddress", [2, address])
        node.handle(.generate(count: 100, script: .anyone, maxTries: 10_000))
        return address
    }

    static func send(_ node: inout NodeUnderTest, _ amount: JSON, rate: JSON) throws -> JSON {
        let stranger: JSON = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        return try node.call("sendtoaddress", ["address": stranger, "amount": amount, "fee_rate": rate])
    }

    @Test("Random graphs: parents come first, nothing comes twice, and the limits hold")
    func randomGraphs() throws {
        var node = NodeUnderTest()
        let address = try Self.funded(&node)
        for round in 0..<40 {
            let rate = JSON.int(1 + (round * 37) % 90)
            _ = try node.call("sendtoaddress", ["address": address, "amount": "0.3", "fee_rate": rate])
        }
        let mempool = node.machine.mempool
        for weight in [2_000, 10_000, 4_000_000] {
            let chosen = mempool.chosenSlots(weight: weight)
            #expect(Set(chosen).count == chosen.count)
            #expect(chosen.reduce(0) { $0 + mempool.entry($1).weight } < weight)
            for (position, slot) in chosen.enumerated() {
                for parent in mempool.entry(slot).parents { #expect(chosen[..<position].contains(parent)) }
            }
        }
        #expect(mempool.chosenSlots(weight: 4_000_000).count == mempool.count)
    }
}

extension Mempool {
    fileprivate func chosenSlots(weight: Int) -> [Int] {
        transactions(of: selection(weight: weight, sigOps: 80_000)).compactMap { slot(of: $0.txid) }
    }
}
