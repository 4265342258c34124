import Bitcoin
import SansIO
import Stratum
import Testing
import Vardiff

@testable import Pool

@Suite("Vardiff in the pool")
struct PoolVardiffTests {
    @Test("in the pool a busy channel gets SetTarget, and its next job counts by it")
    func inThePool() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true, hashRate: 2)
        let before = miner.target
        for _ in 0..<80 {
            try miner.mine()
            try world.advance(by: .milliseconds(300))
        }
        let setTarget = try #require(try peer.last(Mining.SetTarget.self))
        #expect(setTarget.channelID == miner.channelID && setTarget.maximumTarget < before)
        let easy = try miner.work()
        miner.submit(easy, nonce: try miner.nonce(easy, meeting: before, not: setTarget.maximumTarget))
        try world.pump()
        #expect(try miner.errors() == [])
        world.provider.sendTemplate(future: false)
        try world.pump()
        let latest = try #require(try peer.last(Mining.SetTarget.self)).maximumTarget
        let hard = try miner.work()
        miner.submit(hard, nonce: try miner.nonce(hard, meeting: before, not: latest))
        miner.target = latest
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == ["difficulty-too-low"])
    }

    @Test("a quiet template is refreshed every minute, so that the target takes effect")
    func refresh() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: false)
        peer.frames.removeAll { $0.messageType == 0x15 }
        try world.advance(by: .seconds(61))
        let job = try #require(try peer.last(Mining.NewExtendedMiningJob.self))
        #expect(job.minNTime == world.provider.headerTime)
        #expect(job.channelID == 1)
        // Without any share the control has also lowered the target.
        miner.target = try #require(try peer.last(Mining.SetTarget.self)).maximumTarget
        world.provider.sendTemplate(future: false)
        try world.pump()
        try mineStandard(&miner, world)
        #expect(try miner.errors() == [])
    }

    /// A standard channel works on the group's extended job with its prefix as the whole extranonce.
    private func mineStandard(_ miner: inout TestMiner, _ world: PoolWorld) throws {
        try miner.mine()
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("UpdateChannel follows the announced rate and honours a harder target")
    func updateChannel() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        let miner = try TestMiner.open(world, peer, extended: false)
        peer.send(
            Mining.UpdateChannel(channelID: miner.channelID, nominalHashRate: 2_000, maximumTarget: .max))
        try world.pump()
        let harder = try #require(try peer.last(Mining.SetTarget.self)).maximumTarget
        #expect(abs(harder.difficulty / miner.target.difficulty - 100) < 1)
        let wanted = Target(harder.value >> 4)
        peer.send(
            Mining.UpdateChannel(channelID: miner.channelID, nominalHashRate: 2_000, maximumTarget: wanted))
        peer.send(Mining.UpdateChannel(channelID: 99, nominalHashRate: 1, maximumTarget: .max))
        peer.send(
            Mining.UpdateChannel(channelID: miner.channelID, nominalHashRate: .nan, maximumTarget: .max))
        try world.pump()
        #expect(try peer.last(Mining.SetTarget.self)?.maximumTarget == wanted)
        #expect(
            try peer.all(Mining.UpdateChannelError.self).map(\.errorCode)
                == ["invalid-channel-id", "invalid-nominal-hashrate"])
    }

    @Test("a channel can be given another control while it mines", arguments: VardiffAlgorithm.allCases)
    func choice(algorithm: VardiffAlgorithm) throws {
        var configuration = PoolWorld.configuration()
        configuration.vardiff = algorithm == .classic ? .ckpool : .classic
        let world = try PoolWorld.ready(configuration)
        let (id, peer) = try world.miner()
        let miner = try TestMiner.open(world, peer, extended: true, hashRate: 300)
        try world.command(.setVardiff(ChannelKey(connection: id, channel: miner.channelID), algorithm))
        try world.command(.setVardiff(ChannelKey(connection: id, channel: 77), algorithm))
        for _ in 0..<6 { try world.advance(by: .seconds(30)) }
        // Without a share ckpool's control never looks; the others lower the target.
        #expect(try (peer.last(Mining.SetTarget.self) == nil) == (algorithm == .ckpool))
    }
}
