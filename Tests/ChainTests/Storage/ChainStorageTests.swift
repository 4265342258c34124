import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct ChainStorageTests {
    private static func mined(_ count: Int, _ node: inout NodeUnderTest) {
        node.handle(.generate(count: count, script: .anyone, maxTries: 1_000_000))
    }

    @Test("A changed block file is found at the start if it is of the last blocks, and the file is named")
    func damagedTip() throws {
        var node = NodeUnderTest()
        Self.mined(10, &node)
        let place = node.machine.chain.tree[8].body.position
        let storage = node.storage.recovered()
        storage.damage(.blocks, at: place.advanced(by: 90))
        let fault = #expect(throws: StorageFault.self) { try Chainstate.open(.regtest, in: storage) }
        #expect(fault?.kind == .damaged)
        #expect(fault?.place == storage.name(of: .blocks, file: 0))
    }

    @Test("A changed block in the middle is an error of the call that needs it, and nothing else")
    func damagedMiddle() throws {
        var node = NodeUnderTest()
        Self.mined(20, &node)
        let entry = try #require(node.machine.chain.entry(at: 5))
        node.storage.damage(.blocks, at: entry.body.position.advanced(by: 90))
        #expect(
            try node.failure("getblock", [.string(entry.hash.displayHex)]).message
                == "Block not found on disk")
        Self.mined(1, &node)
        #expect(node.machine.chain.height == 21)
        #expect(node.storage.fault == nil)
    }

    @Test("A block that must be undone and cannot be read stops the storage before anything wrong is stored")
    func damagedUndo() throws {
        var node = NodeUnderTest()
        Self.mined(20, &node)
        let entry = try #require(node.machine.chain.entry(at: 12))
        let below = try #require(node.machine.chain.entry(at: 3)).hash
        node.storage.damage(.blocks, at: entry.body.position.advanced(by: 90))
        node.handle(.invalidateBlock(below))
        #expect(node.storage.fault?.kind == .damaged)
        #expect(node.storage.fault?.detail.contains(entry.hash.displayHex) == true)
        #expect(try Chainstate.open(.regtest, in: node.storage.recovered()).height == 20)
    }

    @Test("A damaged block is left out by a rebuild, which tells where, and the chain ends before it")
    func rebuildAroundDamage() throws {
        var node = NodeUnderTest()
        Self.mined(20, &node)
        let entry = try #require(node.machine.chain.entry(at: 12))
        node.storage.damage(.blocks, at: entry.body.position.advanced(by: 90))
        let storage = node.storage.recoveredWithoutTables(of: .blocks, keeping: [.blocks])
        var last = RebuildProgress()
        let chain = try Chainstate.open(.regtest, in: storage) { last = $0 }
        #expect(chain.height == 11)
        #expect(last.blocks == 20)
        #expect(last.damage.count == 1)
        #expect(last.bytesSkipped == entry.size + BlockFrame.headerBytes)
    }

    @Test("A database of another network or a later version is refused")
    func foreign() throws {
        let storage = MemoryStorage()
        _ = try Chainstate.open(.regtest, in: storage)
        let other = NetworkParameters.labnet(blockDifficulty: 1e-6)
        #expect(throws: StorageFault.self) { try Chainstate.open(other, in: storage) }
        storage.set(.facts, ChainFact.version.key, ChainKey.bigEndian(99))
        let fault = #expect(throws: StorageFault.self) { try Chainstate.open(.regtest, in: storage) }
        #expect(fault?.kind == .foreign)
    }

    @Test(
        "Without a transaction index only the pool and a given block are searched; it catches up when it is on"
    )
    func transactionIndex() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.chain.transactionIndex = false
        var node = NodeUnderTest(configuration)
        Self.mined(5, &node)
        let block = try #require(node.machine.chain.block(node.machine.chain.active[3]))
        let txid = JSON.string(block.transactions[0].txid.displayHex)
        let failure = try node.failure("getrawtransaction", [txid])
        #expect(failure.code == -5)
        #expect(
            failure.message.hasPrefix("No such mempool transaction. Use -txindex or provide a block hash"))
        let hex = try node.call("getrawtransaction", [txid, 0, .string(block.hash.displayHex)])
        configuration.chain.transactionIndex = true
        node = node.restarted(configuration)
        #expect(try node.call("getrawtransaction", [txid]) == hex)
        configuration.chain.transactionIndex = false
        node = node.restarted(configuration)
        let fourth = try #require(node.machine.chain.entry(at: 2)).hash
        node.handle(.invalidateBlock(fourth))
        Self.mined(7, &node)
        configuration.chain.transactionIndex = true
        node = node.restarted(configuration)
        #expect(try node.failure("getrawtransaction", [txid]).code == -5)
        let top = try #require(node.machine.chain.block(node.machine.chain.tipID)).transactions[0].txid
        #expect(node.machine.chain.transactionPlace(top)?.block == Int32(node.machine.chain.tipID))
    }

    @Test("The address index tells history and coins of a script through payments and reorganisations")
    func addresses() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.chain.addressIndex = true
        var node = NodeUnderTest(configuration)
        let address = try TemplateProviderTests.fund(&node)
        let script = try #require(Address(address, network: .regtest)).scriptPubKey
        let before = try #require(node.machine.chain.coins(of: script, limit: 1_000))
        _ = try node.call("sendtoaddress", [.string(address), 3])
        Self.mined(1, &node)
        let tip = node.machine.chain.tip
        let event = try #require(node.machine.chain.history(of: script, limit: 1)?.first)
        #expect(event.height == tip.height)
        #expect(event.received >= 300_000_000)
        let coins = try #require(node.machine.chain.coins(of: script, limit: 1_000))
        #expect(coins.contains { $0.value == 300_000_000 && $0.height == tip.height })
        for coin in coins { #expect(node.machine.chain.coins[coin.outPoint]?.value == coin.value) }
        let all = try #require(node.machine.chain.history(of: script, limit: 1_000))
        let rest = try #require(
            node.machine.chain.history(of: script, before: (all[0].height, all[0].position), limit: 1_000))
        #expect(rest == Array(all.dropFirst()))
        #expect(all.reduce(0) { $0 + $1.received - $1.spent } == coins.reduce(0) { $0 + $1.value })
        node.handle(.invalidateBlock(tip.hash))
        #expect(node.machine.chain.coins(of: script, limit: 1_000) == before)
    }

    @Test("Blocks from peers become durable together, a moment later")
    func lazyCommit() throws {
        var source = NodeUnderTest()
        Self.mined(3, &source)
        var node = NodeUnderTest()
        let commits = node.storage.commits
        for bytes in source.blocks {
            var effects = EffectBuffer<NodeObservation>()
            let block = try Block(bytes: bytes)
            _ = node.machine.submit(
                block, bytes: bytes, from: .peer(ConnectionID(1)), at: node.now, into: &effects)
            node.machine.makeDurable(at: node.now)
        }
        #expect(node.machine.chain.height == 3)
        #expect(node.storage.commits == commits)
        #expect(node.restarted().machine.chain.height == 0)
        node.wait(ChainLimits.uncommittedAge)
        #expect(node.storage.commits == commits + 1)
        #expect(node.restarted().machine.chain.height == 3)
    }

    @Test("An ancestor is found at every height of a long chain with branches")
    func ancestors() {
        var tree = BlockTree(
            genesis: NetworkParameters.regtest.genesis, deployment: NetworkParameters.regtest.testDummy)
        var random = PRNG(seed: 3)
        for index in 1..<3_000 {
            let previous = random.below(40) == 0 ? Int(random.below(UInt64(index))) : index - 1
            var header = NetworkParameters.regtest.genesis.header
            header.nonce = UInt32(index)
            _ = tree.insert(header, hash: header.hash, after: previous)
        }
        for _ in 0..<500 {
            let id = Int(random.below(3_000))
            let height = Int(random.below(UInt64(tree[id].height + 1)))
            var walked = id
            while tree[walked].height > height { walked = tree[walked].previous }
            #expect(tree.ancestor(of: id, at: height) == walked)
        }
        #expect(MemoryLayout<BlockEntry>.stride <= 256)
    }
}
