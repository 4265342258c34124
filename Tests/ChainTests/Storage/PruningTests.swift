import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// Old blocks are forgotten, and everything else stays as it was.
@Suite struct PruningTests {
    private static let fileBytes = 20_000

    private static func configuration(_ pruning: ChainOptions.Pruning = .manual) -> NodeConfiguration {
        var configuration = NodeUnderTest.configuration()
        configuration.chain = ChainOptions(transactionIndex: false)
        configuration.chain.pruning = pruning
        configuration.chain.pruneAfterHeight = 100
        return configuration
    }

    private static func node(_ pruning: ChainOptions.Pruning = .manual) -> NodeUnderTest {
        NodeUnderTest(configuration(pruning), storage: MemoryStorage(bytesPerFile: fileBytes))
    }

    private static func mine(_ count: Int, _ node: inout NodeUnderTest, _ script: Script = .anyone) {
        node.handle(.generate(count: count, script: script, maxTries: 100_000_000))
    }

    /// A chain with payments in it, so that there is something to undo.
    private static func busy() throws -> NodeUnderTest {
        var node = node()
        let address = try TemplateProviderTests.fund(&node)
        for _ in 0..<30 {
            _ = try node.call("sendtoaddress", [.string(address), 1])
            mine(12, &node)
        }
        return node
    }

    @Test(
        "pruneblockchain forgets whole files below the last 288 blocks, and coins and restarts know nothing of it"
    )
    func manual() throws {
        var node = try Self.busy()
        let height = node.machine.chain.height
        let second = try #require(node.machine.chain.body(node.machine.chain.active[2]))
        let coins = try node.call("gettxoutsetinfo", ["muhash"])["muhash"]
        let undoBefore = node.storage.lengths(of: .undo).reduce(0, +)
        let sizeBefore = try #require(node.call("getblockchaininfo")["size_on_disk"]?.int64)
        #expect(try node.failure("pruneblockchain", [.int(height + 1)]).code == -8)
        #expect(try node.failure("pruneblockchain", [-1]).message == "Negative block height.")
        let gone = Int(try #require(node.call("pruneblockchain", [.int(height)]).int64))
        #expect(gone >= 2 && gone <= height - 288)
        for _ in 0..<2 {
            let info = try node.call("getblockchaininfo")
            #expect(info["pruned"] == true)
            #expect(info["pruneheight"] == .int(gone + 1))
            #expect(info["automatic_pruning"] == false)
            #expect(try #require(info["size_on_disk"]?.int64) < sizeBefore)
            let hash = try #require(node.machine.chain.entry(at: gone)).hash.displayHex
            #expect(
                try node.failure("getblock", [.string(hash)]).message == "Block not available (pruned data)")
            #expect(try node.call("getblockheader", [.string(hash)])["nTx"] != 0)
            for id in node.machine.chain.active.dropFirst(gone + 1) {
                #expect(node.machine.chain.block(id) != nil && node.machine.chain.undo(id) != nil)
            }
            #expect(node.storage.lengths(of: .undo).reduce(0, +) < undoBefore)
            #expect(try node.call("gettxoutsetinfo", ["muhash"])["muhash"] == coins)
            #expect(
                try node.failure("rescanblockchain").message.hasPrefix("Can't rescan beyond pruned data."))
            node = node.restarted(Self.configuration())
        }
        #expect(node.storage.operations == 0, "nothing is repaired")
        // A block that comes again is kept again, without undo data, and changes nothing.
        #expect(try node.call("submitblock", [.string(second.hex)]) == "inconclusive")
        #expect(node.machine.chain.height == height)
        node = node.restarted(Self.configuration())
        #expect(node.machine.chain.body(node.machine.chain.active[2]) == second)
        #expect(try node.call("getblockchaininfo")["pruneheight"] == .int(gone + 1))
        Self.mine(3, &node)
        #expect(node.machine.chain.height == height + 3)
    }

    @Test("Who pruned once cannot go back without a rebuild, nor disconnect what is gone")
    func noWayBack() throws {
        var node = try Self.busy()
        let gone = Int(try #require(node.call("pruneblockchain", [.int(node.machine.chain.height)]).int64))
        let fault = #expect(throws: StorageFault.self) {
            try Chainstate.open(.regtest, in: node.storage.recovered())
        }
        #expect(fault?.detail.contains("-reindex") == true)
        let hash = try #require(node.machine.chain.entry(at: gone)).hash.displayHex
        #expect(
            try node.failure("invalidateblock", [.string(hash)]).message
                == "Block not available (pruned data)")
        #expect(node.storage.fault == nil)
        var configuration = Self.configuration()
        configuration.chain.filterIndex = true
        let late = #expect(throws: StorageFault.self) {
            try Chainstate.open(.regtest, in: node.storage.recovered(), options: configuration.chain)
        }
        #expect(late?.place == "basic block filter index")
    }

    @Test("The power goes at any operation of a pruning: the files are all there, or all gone that should be")
    func crashes() throws {
        var random = PRNG(seed: 3)
        var base = Self.node()
        let address = try TemplateProviderTests.fund(&base)
        _ = try base.call("sendtoaddress", [.string(address), 1])
        Self.mine(300, &base)
        let height = base.machine.chain.height
        let call = #"{"id":1,"method":"pruneblockchain","params":[\#(height)]}"#
        // How many operations there are: rows, files, and the two of the commit.
        var whole = base.restarted(Self.configuration())
        _ = whole.post(call)
        let last = whole.storage.operations
        #expect(whole.machine.chain.pruneHeight != nil)
        let points = [0, 1, last - 2, last - 1, last] + (0..<6).map { _ in Int(random.below(UInt64(last))) }
        var pruned = 0
        for operations in points {
            var node = base.restarted(Self.configuration())
            node.storage.crash(afterOperations: operations)
            _ = node.post(call)
            node = node.restarted(Self.configuration())
            let chain = node.machine.chain
            let gone = chain.pruneHeight ?? 0
            pruned += gone > 0 ? 1 : 0
            #expect(chain.height == height)
            for id in chain.active.dropFirst() {
                #expect(chain.tree[id].hasBody == (chain.tree[id].height > gone))
                guard chain.tree[id].hasBody else { continue }
                let place = chain.tree[id].body
                #expect(
                    chain.storage.read(.blocks, at: place.position, count: Int(place.count)) != nil)
            }
        }
        #expect(pruned < points.count)
        #expect(pruned > 0)
    }

    @Test("A target keeps the files small while the chain grows")
    func automatic() throws {
        let room = 150_000
        var node = Self.node(.automatic(bytes: ChainLimits.pruneBuffer + room))
        var most = 0
        for _ in 0..<30 {
            Self.mine(50, &node)
            most = max(most, node.machine.chain.fileBytes)
        }
        #expect(most <= room + 2 * Self.fileBytes)
        let info = try node.call("getblockchaininfo")
        #expect(info["automatic_pruning"] == true)
        #expect(info["prune_target_size"] == .int(ChainLimits.pruneBuffer + room))
        let height = try #require(info["pruneheight"]?.int64)
        #expect(height > 0 && height <= 1_500 - 288)
    }

    @Test("A side chain whose first block was forgotten waits for it, and wins when it comes again")
    func gap() throws {
        var node = Self.node()
        Self.mine(20, &node)
        let size = node.machine.chain.tip.size + BlockFrame.headerBytes + 20
        while try #require(node.storage.lengths(of: .blocks).last) + size <= Self.fileBytes - 10 {
            Self.mine(1, &node)
            guard try #require(node.storage.lengths(of: .blocks).last) + 2 * size > Self.fileBytes else {
                continue
            }
            break
        }
        let fork = node.machine.chain.tip
        let shared = node.blocks
        // The last block of its file is first the tip; two others in the next file take its place.
        Self.mine(1, &node, Script(bytes: [0x52]))
        let first = try #require(node.machine.chain.body(node.machine.chain.tipID))
        let hash = node.machine.chain.tip.hash
        var other = NodeUnderTest(Self.configuration())
        for block in shared { other.handle(.submitBlock(block)) }
        Self.mine(2, &other)
        for block in other.blocks.suffix(2) { node.handle(.submitBlock(block)) }
        #expect(node.machine.chain.height == fork.height + 2)
        Self.mine(330, &node)
        let tip = node.machine.chain.tip.hash
        #expect(try node.call("pruneblockchain", [.int(fork.height + 1)]) == .int(fork.height))
        #expect(node.machine.chain.tree.id(of: hash).map { node.machine.chain.isPruned($0) } == true)
        var rival = NodeUnderTest(Self.configuration())
        for block in shared + [first] { rival.handle(.submitBlock(block)) }
        Self.mine(335, &rival)
        node = node.restarted(Self.configuration())
        for block in rival.blocks.suffix(335) { node.handle(.submitBlock(block)) }
        #expect(node.machine.chain.tip.hash == tip)
        #expect(node.storage.fault == nil)
        node.handle(.submitBlock(first))
        #expect(node.machine.chain.tip.hash == rival.machine.chain.tip.hash)
        #expect(node.storage.fault == nil)
    }

    @Test("A pruned node offers its last blocks only, and drops who asks for more")
    func service() throws {
        var node = try Self.busy()
        let peer = PeerUnderTest(&node)
        peer.version(to: &node)
        peer.say("verack", to: &node)
        let height = node.machine.chain.height
        func ask(_ at: Int) throws {
            let hash = try #require(node.machine.chain.entry(at: at)).hash
            peer.say("getdata", to: &node) { writer in
                writer.write(compactSize: 1)
                writer.write(u32: 2)
                writer.write(hash: hash)
            }
        }
        let services = try #require(node.call("getnetworkinfo")["localservicesnames"]?.arrayValue)
        #expect(!services.contains("NETWORK") && services.contains("NETWORK_LIMITED"))
        try ask(height - 290)
        #expect(node.closed[peer.id.raw] == nil)
        try ask(height - 291)
        #expect(node.closed[peer.id.raw] != nil)
    }
}
