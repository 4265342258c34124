import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

/// Work that was credited once, brought again by who knows how a pool forgets.
@Suite struct PoolReplayTests {
    @Test("a share that an earlier life of the pool credited does not count again", arguments: [false, true])
    func earlierLife(extended: Bool) throws {
        var shares: [(TestMiner.Work, UInt32)] = []
        for life in UInt8(0)..<2 {
            var configuration = PoolWorld.configuration()
            configuration.secretSeed = [7, life]
            let world = try PoolWorld.ready(configuration)
            let (_, peer) = try world.miner()
            var miner = try TestMiner.open(world, peer, extended: extended)
            if life == 0 {
                shares = try (0..<5).map { try miner.mine(from: UInt32($0) << 16) }
                try world.pump()
                #expect(try miner.errors().isEmpty)
            } else {
                for (work, nonce) in shares { miner.submit(work, nonce: nonce) }
                try world.pump()
                #expect(try miner.errors() == [String](repeating: "difficulty-too-low", count: 5))
            }
        }
    }

    @Test("a prefix that was given back is nobody's before the next tip, however many channels come and go")
    func restingPrefixes() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var seen: Set<[UInt8]> = []
        for round in 0..<600 {
            let miner = try TestMiner.open(world, peer, extended: true)
            let isNew = seen.insert(miner.extranoncePrefix).inserted
            #expect(isNew, "round \(round)")
            peer.send(Mining.CloseChannel(channelID: miner.channelID, reasonCode: ""))
            try world.pump()
        }
        world.provider.newTip()
        try world.pump()
        let miner = try TestMiner.open(world, peer, extended: true)
        #expect(seen.contains(miner.extranoncePrefix))
    }
}
