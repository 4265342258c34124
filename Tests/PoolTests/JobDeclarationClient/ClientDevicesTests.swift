import Bitcoin
import JobDeclaration
import Pool
import SansIO
import Stratum
import Testing

@Suite("Job declaration client: its devices")
struct ClientDevicesTests {
    @Test(
        "setup that does not fit is answered with its code",
        arguments: [
            (UInt32(0), UInt16(3), "protocol-version-mismatch"), (2, 2, "unsupported-feature-flags"),
        ])
    func setup(flags: UInt32, version: UInt16, code: String) throws {
        let world = try ClientWorld.ready()
        let (_, peer) = try world.device(flags: flags, version: version)
        #expect(try peer.last(Common.SetupConnectionError.self)?.errorCode == code)
        #expect(peer.closed != nil)
    }

    @Test("ten channels: each gets its first job, then the group gets exactly one", arguments: [false, true])
    func groups(extended: Bool) throws {
        let world = try ClientWorld.ready()
        let (_, peer) = try world.device()
        for n in 0..<10 {
            let miner = try TestMiner.open(world, peer, extended: extended)
            #expect(miner.channelID == UInt32(2 + n))
            #expect(Array(peer.types.suffix(3)) == [extended ? 0x14 : 0x11, extended ? 0x1f : 0x15, 0x20])
        }
        peer.frames = []
        world.provider.newTip()
        try world.pump()
        #expect(peer.types == [0x1f, 0x20])
        #expect(try peer.last(Mining.NewExtendedMiningJob.self)?.channelID == 1)
    }

    @Test(
        "a connection that requires standard jobs gets one job and one tip for each channel, and no extended channel"
    )
    func standardJobs() throws {
        let world = try ClientWorld.ready()
        let (_, peer) = try world.device(flags: 1)
        for _ in 0..<10 { _ = try TestMiner.open(world, peer, extended: false) }
        peer.frames = []
        world.provider.newTip()
        try world.pump()
        #expect(peer.types == Array(repeating: 0x15, count: 10) + Array(repeating: 0x20, count: 10))
        peer.send(
            Mining.OpenExtendedMiningChannel(
                requestID: 5, userIdentity: "a", nominalHashRate: 1, maxTarget: .max, minExtranonceSize: 4))
        try world.pump()
        #expect(
            try peer.last(Mining.OpenMiningChannelError.self)?.errorCode
                == "extended-channels-not-supported-for-standard-jobs")
    }

    @Test("no bytes of devices, pool, server or template provider bring it down", arguments: 0..<60)
    func noise(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let (world, miner) = try ClientJobsTests.mining()
        let (victim, _) = try world.device()
        let ends = [victim, world.upstream.pool?.id, world.upstream.server?.id, world.provider.connection]
        guard let end = ends[Int(seed % 4)] else { return }
        let bytes = (0..<Int(random.below(2_000))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        try world.deliver(bytes, on: end)
        try world.advance(by: .minutes(2))
        // Whatever came, the first device is there and has work.
        #expect(miner.peer.closed == nil)
        #expect(world.snapshot.devices.channels.contains { $0.identity == "alice.w1" })
        var again = miner
        try again.mine()
        try world.pump()
        #expect(world.snapshot.devices.totals.sharesAccepted == 1)
    }

    @Test("messages of upstream that make no sense there are passed over", arguments: [true, false])
    func nonsense(fromPool: Bool) throws {
        var (world, miner) = try ClientJobsTests.mining()
        let peer = try #require(fromPool ? world.upstream.pool?.peer : world.upstream.server?.peer)
        peer.send(Mining.SetTarget(channelID: 77, maximumTarget: Target(.one)))
        peer.send(Mining.SetCustomMiningJobSuccess(channelID: 9, requestID: 999, jobID: 1))
        peer.send(Mining.SetCustomMiningJobError(channelID: 9, requestID: 999, errorCode: "x"))
        peer.send(Mining.CloseChannel(channelID: 77, reasonCode: "x"))
        peer.send(Mining.SetExtranoncePrefix(channelID: 1, extranoncePrefix: [1]))
        peer.send(JobDeclaration.DeclareMiningJobSuccess(requestID: 999, newMiningJobToken: []))
        peer.send(JobDeclaration.DeclareMiningJobError(requestID: 999, errorCode: "x", errorDetails: []))
        peer.send(
            JobDeclaration.ProvideMissingTransactions(requestID: 999, unknownTxPositionList: [9_999]))
        peer.send(
            JobDeclaration.AllocateMiningJobTokenSuccess(
                requestID: 999, miningJobToken: [1], coinbaseTxOutputs: [0]))
        try world.advance(by: .seconds(30))
        #expect(ClientFallbackTests.reasons(world).isEmpty)
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 1 && world.upstream.areSharesGood)
    }
}
