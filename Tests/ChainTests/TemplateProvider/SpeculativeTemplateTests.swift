import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Chain

@Suite struct SpeculativeTemplateTests {
    @Test("With a large pool a new tip is told at once with an empty template, then the full one follows")
    func emptyFirst() throws {
        var world = try PoolWorld(coins: 6) { $0.speculativePool = 4 }
        var client = try TemplateClient(&world.node)
        try client.setUp(&world.node)
        _ = try TemplateProviderTests.pair(try client.messages(&world.node))
        for _ in 0..<5 { try world.send(PoolWorld.spend([world.coin()], fee: 5_000)) }
        let block = BlockTemplate(on: world.node.machine.chain, from: Mempool())
        var found = block.block(paying: .anyone, now: 1_700_020_000)
        var tries: UInt64 = 1 << 32
        #expect(world.node.machine.mine(&found, target: block.target, tries: &tries))
        world.node.handle(.submitBlock(found.bytes()))
        let (empty, tip) = try TemplateProviderTests.pair(try client.messages(&world.node))
        #expect(tip.prevHash == found.hash)
        #expect(empty.merklePath.isEmpty && empty.coinbaseTxValueRemaining == 5_000_000_000)
        // The driver calls at once.
        #expect(world.node.machine.nextDeadline == world.node.now)
        world.node.wait(.seconds(0))
        let rest = try client.messages(&world.node)
        guard rest.count == 1, case .newTemplate(let full) = rest[0] else {
            throw TemplateProviderTests.NoPair(messages: rest.map(\.name))
        }
        #expect(!full.futureTemplate && full.coinbaseTxValueRemaining == 5_000_025_000)
        // Both may be solved.
        let solution = try TemplateClient.solve(full, tip)
        try client.send(solution, to: &world.node)
        #expect(world.node.machine.chain.tip.transactionCount == 6)
    }

    @Test("Whatever is asked before the pool has followed finds it followed")
    func neverStale() throws {
        var world = try PoolWorld(coins: 3) { $0.speculativePool = 1 }
        var client = try TemplateClient(&world.node)
        try client.setUp(&world.node)
        try world.send(PoolWorld.spend([world.coin()], fee: 5_000))
        try world.send(PoolWorld.spend([world.coin()], fee: 5_000))
        world.node.handle(.generate(count: 1, script: .anyone, maxTries: 100_000))
        #expect(try world.node.call("getmempoolinfo")["size"] == 0)
        try world.send(PoolWorld.spend([world.coin()], fee: 5_000))
        let address: JSON = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        _ = try world.node.call("generatetoaddress", [2, address])
        #expect(world.node.machine.chain.tip.transactionCount == 1)
        #expect(try world.node.call("getrawmempool") == [])
    }

    @Test("Handshake secrets differ between two lives of one node")
    func freshSecrets() {
        var acts: [[UInt8]] = []
        for life in 1...2 {
            var configuration = NodeUnderTest.configuration()
            configuration.sessionSeed = [UInt8](repeating: UInt8(life), count: 32)
            var node = NodeUnderTest(configuration)
            let id = node.open(.templateProvider)
            var secrets = SecretGenerator(seed: [1])
            let client = V2Connection.initiator(expecting: nil, secrets: &secrets)
            var out = ByteWriter()
            var starting = client
            starting.start(into: &out)
            node.receive(out.bytes, on: id)
            acts.append(node.take(id))
        }
        #expect(!acts[0].isEmpty && acts[0] != acts[1])
    }

    @Test(
        "The reference provider's recorded messages: the same order, the same fields",
        .enabled(
            if: Vectors.exists("golden/sv2tp_solve.json"),
            "needs golden/; set LAB_SHARED to the folder with golden/"))
    func goldenSequence() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 223, script: .anyone, maxTries: 100_000))
        var client = try TemplateClient(&node)
        try client.setUp(&node)
        var wanted = try Vectors.json("golden/sv2tp_solve.json").arrayValue ?? []
        wanted = wanted.filter { $0["dir"] == "<-" && $0["template_id"] != nil }
        var answered = Set<UInt64>()
        for record in wanted where record["msg"] == "NewTemplate" {
            let (template, tip) = try TemplateProviderTests.pair(try client.messages(&node))
            #expect(UInt64(record["template_id"]?.int64 ?? 0) == template.templateID)
            #expect(record["future"]?.boolValue == template.futureTemplate)
            #expect(record["version"]?.int64 == Int64(template.version))
            #expect(record["cb_version"]?.int64 == Int64(template.coinbaseTxVersion))
            #expect(record["cb_prefix"]?.stringValue == template.coinbasePrefix.hex)
            #expect(record["cb_sequence"]?.int64 == Int64(template.coinbaseTxInputSequence))
            #expect(record["value_remaining"]?.int64 == Int64(template.coinbaseTxValueRemaining))
            #expect(record["outputs_count"]?.int64 == Int64(template.coinbaseTxOutputsCount))
            #expect(record["outputs"]?.stringValue == template.coinbaseTxOutputs.hex)
            #expect(record["locktime"]?.int64 == Int64(template.coinbaseTxLocktime))
            #expect(record["merkle_path"]?.arrayValue?.isEmpty == template.merklePath.isEmpty)
            let golden = try #require(
                wanted.first { $0["msg"] == "SetNewPrevHash" && $0["template_id"] == record["template_id"] })
            #expect(golden["nbits"]?.stringValue == String(tip.nBits, radix: 16))
            #expect(golden["target"]?.stringValue == tip.target.value.hex)
            try client.send(
                TemplateDistribution.RequestTransactionData(templateID: template.templateID), to: &node)
            guard case .requestTransactionDataSuccess(let data)? = try client.messages(&node).first else {
                throw TemplateProviderTests.NoPair(messages: [])
            }
            answered.insert(data.templateID)
            #expect(data.excessData == [UInt8](repeating: 0, count: 32) && data.transactionList.isEmpty)
            try client.send(try TemplateClient.solve(template, tip), to: &node)
        }
        #expect(answered == [1, 2, 3])
        #expect(node.machine.chain.height == 226)
    }
}
