import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// The power goes after any operation of the storage. What the node said before is true afterwards, and what it holds
/// is what a node that never lost its power holds after the same blocks.
@Suite struct CrashTests {
    /// A year of a small lab: blocks, payments, side chains, operators' words.
    private static func step(_ node: inout NodeUnderTest, _ random: inout PRNG, address: String) {
        let script = Script(bytes: [0x51 + UInt8(random.below(8))])
        switch random.below(10) {
        case 0...4: node.handle(.generate(count: 1 + Int(random.below(3)), script: script, maxTries: 100_000))
        case 5, 6:
            let call: JSON = [
                "id": 1, "method": "sendtoaddress",
                "params": [.string(address), .number("0.\(1 + random.below(9))")],
            ]
            _ = node.post(call.text)
        case 7:
            let depth = Int(random.below(4))
            if let entry = node.machine.chain.entry(at: node.machine.chain.height - depth), entry.height > 101
            {
                node.handle(.invalidateBlock(entry.hash))
            }
        case 8:
            if let id = node.machine.chain.tips.last {
                node.handle(.reconsiderBlock(node.machine.chain.tree[id].hash))
            }
        default:
            if let id = node.machine.chain.tips.last, id != 0 {
                node.handle(.preciousBlock(node.machine.chain.tree[id].hash))
            }
        }
    }

    private static func configuration() -> NodeConfiguration {
        var configuration = NodeUnderTest.configuration()
        configuration.chain.addressIndex = true
        return configuration
    }

    /// Everything that is derived from the active chain, in one value.
    private static func contents(_ node: borrowing NodeUnderTest) -> [String] {
        var lines = [
            "\(node.machine.chain.height) \(node.machine.chain.tip.hash) \(node.machine.chain.coins.count)"
        ]
        for table in [TableID.coins, .transactions, .addressHistory, .addressCoins] {
            node.machine.chain.storage.scan(table) { key, value in
                lines.append(
                    "\(table.raw) " + key.withUnsafeBytes { Array($0).hex } + " "
                        + value.withUnsafeBytes { Array($0).hex })
                return true
            }
        }
        return lines
    }

    @Test("200 times the power goes at a random operation, and nothing acknowledged is lost")
    func crashes() throws {
        var random = PRNG(seed: 77)
        var base = NodeUnderTest(Self.configuration())
        let address = try TemplateProviderTests.fund(&base)
        var node = base.restarted(Self.configuration())
        var crashes = 0
        var rolledBack = 0
        while crashes < 200 {
            node.storage.crash(afterOperations: Int(random.below(60)))
            var acknowledged = (
                tip: node.machine.chain.tip.hash, balance: try node.call("getbalances"),
                stored: node.machine.chain.tree.count
            )
            while node.storage.fault == nil {
                let before = node.records.count
                Self.step(&node, &random, address: address)
                // A driver that finds the storage failed carries nothing out.
                if node.storage.fault != nil {
                    node.records.removeSubrange(before...)
                } else {
                    acknowledged = (
                        node.machine.chain.tip.hash, try node.call("getbalances"),
                        node.machine.chain.tree.count
                    )
                }
            }
            crashes += 1
            node = node.restarted(Self.configuration())
            #expect(node.storage.operations == 0, "nothing is rebuilt or repaired")
            // A commit that was under way may be whole although nobody heard of it.
            if node.machine.chain.tip.hash == acknowledged.tip {
                let confirmed = try node.call("getbalances")["mine"]?["immature"]
                #expect(confirmed == acknowledged.balance["mine"]?["immature"])
                rolledBack += 1
            }
            #expect(node.machine.chain.tree.id(of: acknowledged.tip) != nil)
            #expect(node.machine.chain.tree.count >= acknowledged.stored)
            for id in node.machine.chain.active { #expect(node.machine.chain.block(id) != nil) }
        }
        #expect(rolledBack > 100)
        // An independent node that judges all blocks anew comes to the same coins and indexes.
        var judge = NodeUnderTest(Self.configuration())
        for id in node.machine.chain.active.dropFirst() {
            judge.handle(.submitBlock(try #require(node.machine.chain.body(id))))
        }
        #expect(Self.stripped(Self.contents(node)) == Self.stripped(Self.contents(judge)))
        #expect(node.machine.chain.height > 100)
    }

    /// Block numbers in the transaction index follow the order of arrival, which differs.
    private static func stripped(_ lines: [String]) -> [String] {
        lines.map { $0.hasPrefix("\(TableID.transactions.raw) ") ? String($0.prefix(66)) : $0 }
    }

    @Test("Rebuilding from the block files gives what was there before", arguments: [0, 1, 200])
    func reindex(torn: Int) throws {
        var random = PRNG(seed: 5)
        var node = NodeUnderTest(Self.configuration(), storage: MemoryStorage(bytesPerFile: 20_000))
        let address = try TemplateProviderTests.fund(&node)
        for _ in 0..<60 { Self.step(&node, &random, address: address) }
        // Invalid by an operator's word is not in the files.
        for id in node.machine.chain.tips { node.handle(.reconsiderBlock(node.machine.chain.tree[id].hash)) }
        let before = Self.contents(node)
        #expect(node.storage.lengths(of: .blocks).count > 1)
        _ = node.storage.append([UInt8](repeating: 0xfa, count: 300), to: .blocks)
        let lost = node.storage.recoveredWithoutTables(torn: torn, of: .blocks, keeping: [.blocks])
        let rebuilt = NodeUnderTest(Self.configuration(), storage: lost, restoring: node.records)
        #expect(Self.stripped(Self.contents(rebuilt)) == Self.stripped(before))
        let again = rebuilt.restarted(Self.configuration())
        #expect(Self.contents(again) == Self.contents(rebuilt))
    }

    @Test("A rebuild that is interrupted goes on at the next start")
    func interruptedReindex() throws {
        var random = PRNG(seed: 6)
        var node = NodeUnderTest(Self.configuration())
        let address = try TemplateProviderTests.fund(&node)
        for _ in 0..<20 { Self.step(&node, &random, address: address) }
        for id in node.machine.chain.tips { node.handle(.reconsiderBlock(node.machine.chain.tree[id].hash)) }
        let before = Self.contents(node)
        var storage = node.storage.recoveredWithoutTables(of: .blocks, keeping: [.blocks])
        var interruptions = 0
        for operations in [0, 1, 3, 10, 100, 400] {
            storage.crash(afterOperations: operations)
            do throws(StorageFault) {
                _ = try Chainstate.open(.regtest, in: storage, options: Self.configuration().chain)
            } catch {
                interruptions += 1
            }
            let isEmpty = storage.recovered().value(.facts, ChainFact.version.key) == nil
            storage =
                isEmpty
                ? storage.recoveredWithoutTables(of: .blocks, keeping: [.blocks]) : storage.recovered()
        }
        #expect(interruptions == 6)
        let rebuilt = NodeUnderTest(Self.configuration(), storage: storage, restoring: node.records)
        #expect(Self.stripped(Self.contents(rebuilt)) == Self.stripped(before))
    }
}
