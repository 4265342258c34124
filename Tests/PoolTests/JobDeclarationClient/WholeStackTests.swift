import Bitcoin
import Chain
import JobDeclaration
import Pool
import SansIO
import Stratum
import Testing

@Suite("Job declaration client: with the real node, pool and server")
struct WholeStackTests {
    @Test(
        "a device behind it finds a block of its own node's transactions that pays the pool, in both modes",
        arguments: [JobDeclarationMode.fullTemplate, .coinbaseOnly])
    func block(mode: JobDeclarationMode) throws {
        let world = try StackWorld(mode)
        for height in 1...3 { try world.spendCoinbase(of: height) }
        try world.advance(by: .seconds(40))
        let peer = try world.device()
        var miner = try TestMiner.open(world, peer, extended: true)
        try world.advance(by: .seconds(5))
        let totals = world.client.snapshot(at: world.now).totals
        #expect(totals.acknowledged >= 1 && totals.refused == 0, "\(world.clientObservations)")
        let before = world.height
        try miner.mine()
        try world.advance(by: .seconds(10))
        #expect(world.height == before + 1)
        let block = try world.tipBlock()
        #expect(block.transactions.count == 4)
        let coinbase = block.transactions[0]
        #expect(coinbase.outputs[0].scriptPubKey == StackWorld.payout)
        #expect(coinbase.outputs[0].value > 0)
        // BIP54: the coinbase's lock time is the height before, and it is in force.
        #expect(coinbase.lockTime == UInt32(before))
        #expect(coinbase.inputs[0].sequence != .max)
        let accepted = world.nodeObservations.contains {
            if case .solutionReceived(_, _, _, let verdict) = $0 { verdict == "accepted" } else { false }
        }
        #expect(accepted)
        #expect(world.client.snapshot(at: world.now).totals.sharesCredited == 1)
        #expect(try miner.errors().isEmpty)
        // The next tip's job goes the same way.
        try miner.mine()
        try world.advance(by: .seconds(10))
        #expect(world.height == before + 2)
        #expect(world.client.snapshot(at: world.now).totals.sharesCredited == 2)
    }

    @Test("the pool dies and devices mine for themselves; it comes back and they mine for it")
    func soloAndBack() throws {
        let world = try StackWorld()
        let peer = try world.device()
        var miner = try TestMiner.open(world, peer, extended: true)
        try world.advance(by: .seconds(5))
        #expect(world.client.snapshot(at: world.now).totals.acknowledged >= 1)
        try world.kill([.pool, .server])
        #expect(world.client.snapshot(at: world.now).isSolo)
        let before = world.height
        try miner.mine()
        try world.advance(by: .seconds(3))
        #expect(world.height == before + 1)
        #expect(try world.tipBlock().transactions[0].outputs[0].scriptPubKey == StackWorld.soloPayout)
        world.down = []
        try world.advance(by: .seconds(60))
        #expect(!world.client.snapshot(at: world.now).isSolo)
        try miner.mine()
        try world.advance(by: .seconds(10))
        #expect(world.height == before + 2)
        #expect(try world.tipBlock().transactions[0].outputs[0].scriptPubKey == StackWorld.payout)
        #expect(world.client.snapshot(at: world.now).totals.sharesCredited == 1)
        #expect(peer.closed == nil)
        #expect(try miner.errors().isEmpty)
    }
}
