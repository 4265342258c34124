import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct NodeMachineTests {
    @Test("The genesis block of regtest is Core's")
    func genesis() {
        let hash = NetworkParameters.regtest.genesis.hash.displayHex
        #expect(hash == "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")
        #expect(NetworkParameters.labnet(blockDifficulty: 1e-6).genesis.hash.displayHex != hash)
    }

    @Test("Mining, spending, restarting: chain, coins, wallet and addresses are as they were")
    func restart() throws {
        var node = NodeUnderTest()
        let address = try TemplateProviderTests.fund(&node)
        _ = try node.call("sendtoaddress", [.string(address), 1.5])
        node.handle(.generate(count: 3, script: .anyone, maxTries: 10_000))
        let balance = try node.call("getbalance")
        let next = try node.call("getnewaddress")
        let snapshot = node.machine.snapshot
        var again = node.restarted()
        #expect(again.machine.snapshot == NodeSnapshot.afterRestart(snapshot))
        #expect(try again.call("getbalance") == balance)
        #expect(try again.call("getnewaddress") != next)
        #expect(try again.call("getaddressinfo", [next])["ismine"] == true)
        #expect(try again.call("getbestblockhash") == .string(snapshot.tip.displayHex))
    }

    @Test("A restart forgets nothing of a reorganisation and of an operator's word")
    func restartAfterReorganisation() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 5, script: .anyone, maxTries: 10_000))
        let third = try #require(node.machine.chain.entry(at: 3)).hash
        node.handle(.invalidateBlock(third))
        #expect(node.machine.chain.height == 2)
        node.handle(.generate(count: 1, script: Script(bytes: [0x52]), maxTries: 10_000))
        let tip = node.machine.chain.tip.hash
        var again = node.restarted()
        #expect(again.machine.chain.tip.hash == tip)
        #expect(again.machine.chain.coins.count == node.machine.chain.coins.count)
        again.handle(.reconsiderBlock(third))
        #expect(again.machine.chain.height == 5)
        let tips = try again.call("getchaintips")
        #expect(tips.arrayValue?.map { $0["status"]?.stringValue } == ["active", "valid-fork"])
    }

    @Test("A longer side chain wins, and a payment of the left chain waits in the pool again")
    func reorganisation() throws {
        var node = NodeUnderTest()
        let address = try TemplateProviderTests.fund(&node)
        var rival = NodeUnderTest()
        for block in node.blocks { rival.handle(.submitBlock(block)) }
        let txid = try #require(try node.call("sendtoaddress", [.string(address), 2]).stringValue)
        node.handle(.generate(count: 1, script: .anyone, maxTries: 10_000))
        #expect(node.machine.mempool.isEmpty)
        rival.handle(.generate(count: 2, script: Script(bytes: [0x52]), maxTries: 10_000))
        for height in 102...103 {
            let block = try #require(rival.machine.chain.block(rival.machine.chain.active[height]))
            node.handle(.submitBlock(block.bytes()))
        }
        #expect(node.machine.chain.tip.hash == rival.machine.chain.tip.hash)
        #expect(try node.call("getrawmempool") == [.string(txid)])
        node.handle(.generate(count: 1, script: .anyone, maxTries: 10_000))
        #expect(try node.call("getrawtransaction", [.string(txid), true])["confirmations"] == 1)
    }

    @Test("On labnet a block costs what the experiment says, and tries are limited")
    func labnet() throws {
        let network = NetworkParameters.labnet(target: Target(UInt256.max >> 12))
        var node = NodeUnderTest(network)
        #expect(
            try node.call("generatetoaddress", [1, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", 1]) == [])
        let hashes = try node.call("generatetoaddress", [3, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"])
        #expect(hashes.arrayValue?.count == 3)
        for hash in hashes.arrayValue ?? [] { #expect(hash.stringValue?.hasPrefix("000") ?? false) }
        #expect(try node.call("getblockchaininfo")["chain"] == "labnet")
    }

    @Test("Coinbases mature for the wallet as in Core, and subsidies halve every 150 blocks")
    func maturity() throws {
        var node = NodeUnderTest()
        _ = try node.call("createwallet", ["w"])
        let address = try node.call("getnewaddress")
        _ = try node.call("generatetoaddress", [100, address])
        #expect(try node.call("getbalance").text == "0.00000000")
        #expect(try node.failure("sendtoaddress", [address, 1]) == (-6, "Insufficient funds"))
        _ = try node.call("generatetoaddress", [1, address])
        #expect(try node.call("getbalance").text == "50.00000000")
        #expect(try node.call("getbalances")["mine"]?["immature"]?.text == "5000.00000000")
        _ = try node.call("generatetoaddress", [49, address])
        let best = try node.call("getbestblockhash")
        #expect(try node.call("getblock", [best, 2])["tx"]?[0]?["vout"]?[0]?["value"]?.text == "25.00000000")
    }

    @Test("Several wallets are told apart by their path")
    func wallets() throws {
        var node = NodeUnderTest()
        #expect(try node.failure("getbalance").code == -18)
        _ = try node.call("createwallet", ["a"])
        _ = try node.call("createwallet", ["b"])
        #expect(try node.failure("getbalance").code == -19)
        #expect(try node.failure("loadwallet", ["a"]) == (-35, "Wallet \"a\" is already loaded."))
        let address = try node.call("getnewaddress", wallet: "a")
        _ = try node.call("generatetoaddress", [101, address])
        #expect(try node.call("getbalance", wallet: "a").text == "50.00000000")
        #expect(try node.call("getbalance", wallet: "b").text == "0.00000000")
        let other = try node.call("getnewaddress", wallet: "b")
        _ = try node.call("sendtoaddress", [other, "12.5"], wallet: "a")
        #expect(
            try node.call("getbalances", wallet: "b")["mine"]?["untrusted_pending"]?.text == "12.50000000")
        _ = try node.call("generatetoaddress", [1, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"])
        #expect(try node.call("getbalance", wallet: "b").text == "12.50000000")
        #expect(try node.call("listunspent", wallet: "b").arrayValue?.count == 1)
        _ = try node.call("unloadwallet", ["b"])
        #expect(try node.call("listwallets") == ["a"])
    }
}

extension NodeSnapshot {
    /// Connections do not survive, everything else does.
    static func afterRestart(_ before: NodeSnapshot) -> NodeSnapshot {
        var after = before
        after.rpcConnections = 0
        after.peers = 0
        after.templateClients = 0
        after.templatesKept = 0
        return after
    }
}
