import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct MempoolPolicyTests {
    @Test("A replacement pays for what it evicts and for itself, and makes the pool better at every size")
    func replacement() throws {
        var world = try PoolWorld(coins: 2)
        let coin = world.coin()
        let first = PoolWorld.spend([coin], fee: 10_000)
        let child = PoolWorld.spend([PoolWorld.output(first)], fee: 10_000)
        try world.send(first)
        try world.send(child)
        let poor = PoolWorld.spend([coin], fee: 19_999)
        #expect(try world.refusal(poor).hasSuffix("less fees than conflicting txs; 0.00019999 < 0.0002"))
        let bare = PoolWorld.spend([coin], fee: 20_000)
        #expect(try world.refusal(bare).contains("not enough additional fees to relay; 0.00 < "))
        // Pays more in all, but so much larger that small blocks would lose.
        let large = PoolWorld.spend([coin], fee: 30_000, padding: 60_000)
        #expect(
            try world.refusal(large)
                == "replacement-failed, insufficient feerate: does not improve feerate diagram")
        let better = PoolWorld.spend([coin], fee: 30_000)
        try world.send(better)
        #expect(
            world.node.machine.mempool.holds(better) && !world.node.machine.mempool.holds(first)
                && !world.node.machine.mempool.holds(child))
        // A transaction cannot spend from what it replaces.
        let loop = PoolWorld.spend([coin, PoolWorld.output(better)], fee: 900_000)
        #expect(try world.refusal(loop).hasPrefix("bad-txns-spends-conflicting-tx"))
    }

    @Test("A cluster ends at 64 transactions")
    func clusterLimit() throws {
        var world = try PoolWorld(coins: 1)
        var last = PoolWorld.spend([world.coin()], fee: 1_000)
        try world.send(last)
        for _ in 1..<64 {
            last = PoolWorld.spend([PoolWorld.output(last)], fee: 1_000)
            try world.send(last)
        }
        let next = PoolWorld.spend([PoolWorld.output(last)], fee: 1_000)
        #expect(try world.refusal(next) == "too-large-cluster")
        let entry = try world.node.call("getmempoolentry", [.string(last.txid.displayHex)])
        #expect(entry["ancestorcount"] == 64)
        // A block with a part of it, and back: all of it still stands.
        world.node.handle(.generate(count: 1, script: .anyone, maxTries: 100_000))
        #expect(world.node.machine.mempool.isEmpty)
        let tip = try world.node.call("getbestblockhash")
        _ = try world.node.call("invalidateblock", [tip])
        #expect(world.node.machine.mempool.count == 64)
    }

    @Test("Version 3: one parent, one small child, and a better child takes the place of the first")
    func truc() throws {
        var world = try PoolWorld(coins: 2)
        let parent = PoolWorld.spend([world.coin()], fee: 1_000, outputs: 3, version: 3)
        try world.send(parent)
        let old = PoolWorld.spend([PoolWorld.output(parent, 1)], fee: 1_000)
        #expect(
            try world.refusal(old)
                == "TRUC-violation, non-version=3 tx \(old.txid.displayHex) (wtxid=\(old.wtxid.displayHex)) "
                + "cannot spend from version=3 tx \(parent.txid.displayHex) (wtxid=\(parent.wtxid.displayHex))"
        )
        let large = PoolWorld.spend([PoolWorld.output(parent)], fee: 9_000, version: 3, padding: 1_000)
        #expect(try world.refusal(large).contains("is too big: "))
        let child = PoolWorld.spend([PoolWorld.output(parent)], fee: 1_000, version: 3)
        try world.send(child)
        let grandchild = PoolWorld.spend([PoolWorld.output(child)], fee: 5_000, version: 3)
        #expect(try world.refusal(grandchild).hasSuffix("would have too many ancestors"))
        let cheapSibling = PoolWorld.spend([PoolWorld.output(parent, 1)], fee: 1_001, version: 3)
        #expect(try world.refusal(cheapSibling).hasPrefix("insufficient fee (including sibling eviction)"))
        let sibling = PoolWorld.spend([PoolWorld.output(parent, 1)], fee: 5_000, version: 3)
        try world.send(sibling)
        #expect(
            world.node.machine.mempool.holds(sibling) && !world.node.machine.mempool.holds(child)
                && world.node.machine.mempool.holds(parent))
    }

    @Test("Dust passes only in a transaction without fee whose child spends it")
    func ephemeralDust() throws {
        var world = try PoolWorld(coins: 2)
        let paying = PoolWorld.spend([world.coin()], fee: 1_000, dust: true)
        #expect(try world.refusal(paying) == "dust, tx with dust output must be 0-fee")
        let parent = PoolWorld.spend([world.coin()], fee: 0, version: 3, dust: true)
        let careless = PoolWorld.spend([PoolWorld.output(parent)], fee: 5_000, version: 3)
        let answer = try world.submit([parent, careless])
        #expect(answer["package_msg"] == "unspent-dust")
        #expect(!world.node.machine.mempool.holds(parent))
        let child = PoolWorld.spend(
            [PoolWorld.output(parent), PoolWorld.output(parent, 1)], fee: 5_000, version: 3)
        #expect(try world.submit([parent, child])["package_msg"] == "success")
        #expect(world.node.machine.mempool.holds(parent) && world.node.machine.mempool.holds(child))
        let failure = try world.node.failure(
            "prioritisetransaction", [.string(parent.txid.displayHex), 0, 100])
        #expect(failure.message == "Priority is not supported for transactions with dust outputs.")
    }

    @Test("A child pays for parents that could not enter alone, and its package replaces others")
    func packages() throws {
        var world = try PoolWorld(coins: 3)
        let (coinA, coinB) = (world.coin(), world.coin())
        let parentA = PoolWorld.spend([coinA], fee: 0)
        let parentB = PoolWorld.spend([coinB], fee: 5_000)
        let child = PoolWorld.spend([PoolWorld.output(parentA), PoolWorld.output(parentB)], fee: 20_000)
        #expect(
            try world.refusal(parentA)
                == "min relay fee not met, 0 < \(Policy.fee(rate: 100, virtualSize: parentA.virtualSize))")
        let answer = try world.submit([parentA, parentB, child])
        #expect(answer["package_msg"] == "success")
        let result = answer["tx-results"]?[child.wtxid.displayHex]
        #expect(result?["fees"]?["effective-includes"]?.arrayValue?.count == 2)
        let own = answer["tx-results"]?[parentB.wtxid.displayHex]
        #expect(own?["fees"]?["effective-includes"]?.arrayValue?.count == 1)
        let cluster = try world.node.call("getmempoolcluster", [.string(child.txid.displayHex)])
        #expect(cluster["txcount"] == 3)
        // One parent, one child, against what spends the same coin.
        let coin = world.coin()
        let standing = PoolWorld.spend([coin], fee: 10_000)
        try world.send(standing)
        let parent = PoolWorld.spend([coin], fee: 0, outputs: 2)
        let poorChild = PoolWorld.spend([PoolWorld.output(parent)], fee: 10_001)
        #expect(
            try world.submit([parent, poorChild])["package_msg"]?.stringValue?
                .hasPrefix("package RBF failed: insufficient anti-DoS fees") == true)
        let richChild = PoolWorld.spend([PoolWorld.output(parent)], fee: 60_000)
        let replaced = try world.submit([parent, richChild])
        #expect(replaced["package_msg"] == "success")
        #expect(replaced["replaced-transactions"] == [.string(standing.txid.displayHex)])
        #expect(
            world.node.machine.mempool.holds(parent) && world.node.machine.mempool.holds(richChild)
                && !world.node.machine.mempool.holds(standing))
        #expect(
            try world.node.failure(
                "submitpackage", [.array([.string(richChild.bytes().hex), .string(parent.bytes().hex)])]
            ).message
                == "package topology disallowed. not child-with-parents or parents depend on each other.")
    }

    @Test(
        "A full pool lets the worst go, asks for more than they paid, and forgets that with time and blocks")
    func eviction() throws {
        var world = try PoolWorld(coins: 12) { $0.mempool.bytesMax = 400_000 }
        var sent: [Transaction] = []
        for round in 0..<10 {
            let next = PoolWorld.spend([world.coin()], fee: 40_000 + Int64(round) * 4_000, padding: 60_000)
            try world.send(next)
            sent.append(next)
        }
        #expect(!world.node.machine.mempool.holds(sent[0]) && world.node.machine.mempool.holds(sent[9]))
        #expect(world.node.machine.mempool.usage <= 400_000)
        let info = try world.node.call("getmempoolinfo")
        let minimum = try #require(info["mempoolminfee"]?.numberText.flatMap { RPCArguments.satoshi($0) })
        #expect(minimum > 600)
        let poor = PoolWorld.spend([world.coin()], fee: 40_000, padding: 60_000)
        #expect(try world.refusal(poor).hasPrefix("mempool min fee not met"))
        world.node.handle(.generate(count: 1, script: .anyone, maxTries: 100_000))
        _ = try world.node.call("setmocktime", [.int(1_700_020_000 + 12 * 3_600)])
        let later = try world.node.call("getmempoolinfo")["mempoolminfee"]?.numberText.flatMap {
            RPCArguments.satoshi($0)
        }
        #expect(later == 100)
    }

    @Test("What waited for two weeks leaves when something else comes, with what depends on it")
    func expiry() throws {
        var world = try PoolWorld(coins: 2)
        let old = PoolWorld.spend([world.coin()], fee: 1_000)
        try world.send(old)
        _ = try world.node.call("setmocktime", [.int(1_700_020_000 + 300 * 3_600)])
        let child = PoolWorld.spend([PoolWorld.output(old)], fee: 1_000)
        try world.send(child)
        #expect(world.node.machine.mempool.holds(old))
        _ = try world.node.call("setmocktime", [.int(1_700_020_000 + 337 * 3_600)])
        let next = PoolWorld.spend([world.coin()], fee: 1_000)
        try world.send(next)
        #expect(
            !world.node.machine.mempool.holds(old) && !world.node.machine.mempool.holds(child)
                && world.node.machine.mempool.holds(next))
    }

    @Test("A reorganisation brings transactions back and drops what the shorter chain does not allow")
    func reorganisation() throws {
        var world = try PoolWorld(coins: 2)
        let parent = PoolWorld.spend([world.coin()], fee: 2_000)
        try world.send(parent)
        world.node.handle(.generate(count: 1, script: .anyone, maxTries: 100_000))
        let child = PoolWorld.spend([PoolWorld.output(parent)], fee: 2_000)
        let locked = PoolWorld.spend([world.coin()], fee: 2_000)
        try world.send(child)
        try world.send(locked)
        // Mature only at the present height.
        let height = world.node.machine.chain.height - 99
        let young = try #require(world.node.machine.chain.block(world.node.machine.chain.active[height]))
        let immature = Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: young.transactions[0].txid, index: 0),
                    sequence: 0xffff_fffd)
            ],
            outputs: [TransactionOutput(value: 100_000, scriptPubKey: PoolWorld.script)])
        var options = world.node.machine.mempool.options
        options.requiresStandard = false
        var judge = Mempool(options)
        #expect(
            (try? judge.accept(immature, chain: world.node.machine.chain, time: 1_700_020_000)) != nil)
        let tip = try world.node.call("getbestblockhash")
        _ = try world.node.call("invalidateblock", [tip])
        #expect(
            world.node.machine.mempool.holds(parent) && world.node.machine.mempool.holds(child)
                && world.node.machine.mempool.holds(locked))
        let dropped = judge.reorganised(left: [], chain: world.node.machine.chain, time: 1_700_020_000)
        #expect(dropped.map(\.txid) == [immature.txid] && judge.isEmpty)
        _ = try world.node.call("reconsiderblock", [tip])
        #expect(!world.node.machine.mempool.holds(parent) && world.node.machine.mempool.holds(child))
    }
}
