import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: scale", .serialized)
struct PoolScaleTests {
    @Test("a thousand connections get one tip each, encoded once, and keep little state")
    func thousand() throws {
        let world = try PoolWorld.ready()
        var peers: [WirePeer] = []
        for n in 0..<1_000 {
            let (_, peer) = try world.miner()
            peer.send(
                Mining.OpenStandardMiningChannel(
                    requestID: 1, userIdentity: "farm.\(n)", nominalHashRate: 20, maxTarget: .max))
            peers.append(peer)
        }
        try world.pump()
        var prefixes: Set<[UInt8]> = []
        for peer in peers {
            let answer = try peer.last(Mining.OpenStandardMiningChannelSuccess.self)
            prefixes.insert(try #require(answer).extranoncePrefix)
        }
        #expect(prefixes.count == 1_000)
        for peer in peers { peer.frames = [] }
        world.provider.newTip()
        try world.pump()
        #expect(peers.allSatisfy { $0.types == [0x1f, 0x20] })
        let issued = world.observations.contains {
            if case .jobIssued(_, _, .future, connections: 1_000) = $0 { true } else { false }
        }
        #expect(issued)
        // What lies in the tables themselves; the heap behind is a prefix, an identity and the seen hashes.
        #expect(MemoryLayout<PoolConnection>.stride + MemoryLayout<MiningChannel>.stride < 1_500)
    }

    @Test("a closed connection leaves nothing behind")
    func nothingLeft() throws {
        let world = try PoolWorld.ready()
        let timers = world.machine.timers.count
        for _ in 0..<50 {
            let (id, peer) = try world.miner()
            var miner = try TestMiner.open(world, peer, extended: true)
            try miner.mine()
            try world.pump()
            try world.closeByPeer(id)
        }
        try world.advance(by: .minutes(3))
        let snapshot = world.machine.snapshot(at: world.now)
        #expect(snapshot.connections == 0 && snapshot.channels.isEmpty)
        #expect(world.machine.connections.count == 1)
        #expect(world.machine.channels.count == 1)
        #expect(world.machine.timers.count == timers)
        #expect(snapshot.jobsHeld <= PoolLimits().pastJobs)
    }

    @Test("jobs held on one tip are bounded, and a share on a job pushed out is late")
    func pastJobs() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let first = try miner.work()
        for _ in 0..<40 { world.provider.sendTemplate(future: false) }
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).jobsHeld == PoolLimits().pastJobs)
        miner.submit(first, nonce: 0)
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == ["stale-share"])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }
}
