import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: setup, channels and groups")
struct PoolSetupTests {
    @Test("the template provider sees setup, then constraints that fit the payout and a solo miner's")
    func templateProvider() throws {
        let world = try PoolWorld.ready()
        #expect(
            world.provider.constraints == [
                .init(coinbaseOutputMaxAdditionalSize: 31 + 51, coinbaseOutputMaxAdditionalSigops: 4)
            ])
        let setup = try #require(try world.provider.peer?.all(Common.SetupConnection.self).first)
        #expect(setup.protocol == .templateDistribution && setup.minVersion == 2 && setup.flags == 0)
    }

    @Test(
        "SetupConnection that does not fit is answered with its code and the connection ends",
        arguments: [
            (V2Protocol.templateDistribution, UInt16(2), UInt32(0), "unsupported-protocol", UInt32(0)),
            (.jobDeclaration, 2, 0, "unsupported-protocol", 0),
            (.mining, 3, 0, "protocol-version-mismatch", 0),
            (.mining, 1, 0, "protocol-version-mismatch", 0),
            (.mining, 2, 0xffff_ffff, "unsupported-feature-flags", 0xffff_fff8),
        ])
    func refusals(wanted: V2Protocol, version: UInt16, flags: UInt32, code: String, unsupported: UInt32)
        throws
    {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner(flags: flags, version: version, protocol: wanted)
        let answer = try #require(try peer.last(Common.SetupConnectionError.self))
        #expect(answer.errorCode == code)
        #expect(answer.flags == unsupported)
        #expect(peer.closed != nil)
        #expect(world.machine.snapshot(at: world.now).connections == 0)
    }

    @Test(
        "ten channels of one connection: each gets its first job, then the group gets exactly one",
        arguments: [false, true])
    func groups(extended: Bool) throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var ids: [UInt32] = []
        for _ in 0..<10 {
            let miner = try TestMiner.open(world, peer, extended: extended)
            ids.append(miner.channelID)
            let success: UInt8 = extended ? 0x14 : 0x11
            let job: UInt8 = extended ? 0x1f : 0x15
            #expect(Array(peer.types.suffix(3)) == [success, job, 0x20])
        }
        #expect(ids == Array(2...11))
        #expect(try peer.all(Mining.SetNewPrevHash.self).map(\.channelID) == ids)
        peer.frames = []
        world.provider.newTip()
        try world.pump()
        #expect(peer.types == [0x1f, 0x20])
        #expect(try peer.last(Mining.NewExtendedMiningJob.self)?.channelID == 1)
        #expect(try peer.last(Mining.SetNewPrevHash.self)?.channelID == 1)
        peer.frames = []
        world.provider.sendTemplate(future: false)
        try world.pump()
        #expect(peer.types == [0x1f])
        #expect(try peer.last(Mining.NewExtendedMiningJob.self)?.minNTime == world.provider.headerTime)
    }

    @Test(
        "a connection that requires standard jobs gets one job and one tip for each channel, none for the group"
    )
    func standardJobs() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner(flags: 1)
        var miners: [TestMiner] = []
        for _ in 0..<10 { miners.append(try TestMiner.open(world, peer, extended: false)) }
        peer.frames = []
        world.provider.newTip()
        try world.pump()
        #expect(peer.types == Array(repeating: 0x15, count: 10) + Array(repeating: 0x20, count: 10))
        #expect(try peer.all(Mining.NewMiningJob.self).map(\.channelID) == miners.map(\.channelID))
        #expect(Set(try peer.all(Mining.NewMiningJob.self).map(\.merkleRoot)).count == 10)
        world.provider.sendTemplate(future: false)
        try world.pump()
        for index in miners.indices { try miners[index].mine() }
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 10)
    }

    @Test(
        "extended channels are refused where standard jobs are required, standard ones where work is selected"
    )
    func channelRefusals() throws {
        let world = try PoolWorld.ready()
        func code(flags: UInt32, _ message: some V2Message) throws -> String? {
            let (_, peer) = try world.miner(flags: flags)
            peer.send(message)
            try world.pump()
            let answer = try peer.last(Mining.OpenMiningChannelError.self)
            #expect(answer == nil || answer?.requestID == 5)
            return answer?.errorCode
        }
        func extended(rate: Float = 1, target: Target = .max, size: UInt16 = 8)
            -> Mining.OpenExtendedMiningChannel
        {
            .init(
                requestID: 5, userIdentity: "a", nominalHashRate: rate, maxTarget: target,
                minExtranonceSize: size)
        }
        let standard = Mining.OpenStandardMiningChannel(
            requestID: 5, userIdentity: "a", nominalHashRate: 1, maxTarget: .max)
        #expect(try code(flags: 1, extended()) == "extended-channels-not-supported-for-standard-jobs")
        #expect(try code(flags: 2, standard) == "standard-channels-not-supported-for-custom-work")
        #expect(try code(flags: 0, extended(rate: -1)) == "invalid-nominal-hashrate")
        #expect(try code(flags: 0, extended(rate: .nan)) == "invalid-nominal-hashrate")
        #expect(try code(flags: 0, extended(rate: .infinity)) == "invalid-nominal-hashrate")
        #expect(try code(flags: 0, extended(target: Target(.zero))) == "max-target-out-of-range")
        #expect(try code(flags: 0, extended(size: 17)) == "min-extranonce-size-too-large")
        #expect(try code(flags: 0, extended(rate: 0)) == nil)
        #expect(try code(flags: 0, extended(size: 16)) == nil)
    }

    @Test("a job declaration client gets no work, and its custom job is refused by name")
    func workSelection() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner(flags: 2)
        let miner = try TestMiner.open(world, peer, extended: true)
        world.provider.newTip()
        try world.advance(by: .seconds(90))
        #expect(peer.types.filter { [0x15, 0x1f, 0x20].contains($0) } == [])
        peer.send(
            Mining.SetCustomMiningJob(
                channelID: miner.channelID, requestID: 31, miningJobToken: [1], version: 0x2000_0000,
                prevHash: world.provider.prevHash, minNTime: 0, nBits: 0, coinbaseTxVersion: 2,
                coinbasePrefix: [], coinbaseTxInputNSequence: 0, coinbaseTxOutputs: [0],
                coinbaseTxLocktime: 0,
                merklePath: []))
        try world.pump()
        #expect(
            try peer.last(Mining.SetCustomMiningJobError.self)
                == .init(channelID: miner.channelID, requestID: 31, errorCode: "jd-not-supported"))
    }

    @Test("requests before the first template wait and are answered in order")
    func heldOpens() throws {
        let world = PoolWorld()
        world.provider.answersConstraints = false
        try world.advance(by: .zero)
        let (_, peer) = try world.miner()
        for n: UInt32 in 1...3 {
            peer.send(
                Mining.OpenStandardMiningChannel(
                    requestID: n, userIdentity: "a\(n)", nominalHashRate: 10, maxTarget: .max))
        }
        try world.pump()
        #expect(peer.types == [0x01])
        #expect(world.machine.snapshot(at: world.now).heldOpens == 3)
        world.provider.newTip()
        try world.pump()
        #expect(try peer.all(Mining.OpenStandardMiningChannelSuccess.self).map(\.requestID) == [1, 2, 3])
        #expect(
            peer.types == [0x01] + [[0x11, 0x15, 0x20], [0x11, 0x15, 0x20], [0x11, 0x15, 0x20]].joined())
    }

    @Test("a channel opened between a future job and its tip gets both tips right")
    func openBetween() throws {
        let world = try PoolWorld.ready()
        world.provider.sendTemplate(future: true)
        try world.pump()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        #expect(peer.types.suffix(4) == [0x14, 0x1f, 0x20, 0x1f])
        world.provider.sendTip(for: world.provider.templateID)
        try world.pump()
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == [])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test(
        "a lost template provider is dialled again; jobs stay good and a block found meanwhile is delivered")
    func providerLost() throws {
        let world = try PoolWorld.ready(networkTarget: Target(difficulty: 1e-8))
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: false)
        world.providerIsUp = false
        try world.loseProvider()
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == [])
        #expect(world.provider.solutions.isEmpty)
        world.providerIsUp = true
        try world.advance(by: .seconds(5))
        #expect(world.provider.solutions.count == 1)
        #expect(world.machine.snapshot(at: world.now).isTemplateProviderReady)
    }

    @Test("a template of a height whose tip was never told is not mined; the provider is asked to begin anew")
    func tipLeftOut() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        _ = try TestMiner.open(world, peer, extended: true)
        let jobs = peer.types.count
        world.provider.coinbasePrefix = [0x02, 0xe1, 0x00]
        world.provider.answersConstraints = false
        world.provider.sendTemplate(future: false)
        world.provider.sendTemplate(future: false)
        try world.pump()
        #expect(peer.types.count == jobs, "no job on a tip that is not known")
        #expect(world.provider.constraints.count == 2, "asked once")
        world.provider.newTip()
        world.provider.sendTemplate(future: false)
        try world.pump()
        #expect(Array(peer.types[jobs...]) == [0x1f, 0x20, 0x1f])
        try world.advance(by: .seconds(30))
        #expect(world.machine.snapshot(at: world.now).isTemplateProviderReady)
    }

    @Test("a provider that says nothing for long is asked for work, and left when it has none")
    func quiet() throws {
        let world = try PoolWorld.ready()
        try world.advance(by: .seconds(121))
        #expect(world.provider.constraints.count == 2 && world.provider.tips == 2)
        world.provider.answersConstraints = false
        try world.advance(by: .seconds(151))
        #expect(world.provider.constraints.count == 4, "asked for work, and greeted again when dialled anew")
        world.provider.newTip()
        try world.pump()
        try world.advance(by: .seconds(60))
        #expect(world.machine.snapshot(at: world.now).isTemplateProviderReady)
        #expect(world.provider.constraints.count == 4)
    }

    @Test("a provider that never has work is dialled ever more seldom")
    func neverWork() throws {
        let world = PoolWorld()
        world.provider.answersConstraints = false
        try world.advance(by: .minutes(20))
        #expect((15...25).contains(world.provider.constraints.count), "\(world.provider.constraints.count)")
    }

    @Test("a provider that tells one tip over and over does not fill the memory")
    func sameTipAgain() throws {
        let world = try PoolWorld.ready()
        for _ in 0..<100 {
            world.provider.sendTemplate(future: true)
            world.provider.repeatTip(for: world.provider.templateID)
            try world.pump()
        }
        #expect(world.machine.store.jobs.count <= world.machine.configuration.limits.pastJobs)
    }

    @Test("a share on its way when the provider tells its tip again, with a later time, is good")
    func sameTipLaterTime() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let work = try miner.work()
        world.provider.headerTime += 30
        world.provider.sendTemplate(future: true)
        world.provider.repeatTip(for: world.provider.templateID)
        try world.pump()
        miner.submit(work, nonce: try miner.nonce(work, meeting: miner.target))
        try world.pump()
        let totals = world.machine.snapshot(at: world.now).totals
        #expect(totals.sharesAccepted == 1)
        #expect(totals.sharesRejected == 0)
    }

    @Test("extensions are answered, and a worker's name behind a share is taken in either byte order")
    func extensions() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        peer.send(ExtensionsNegotiation.RequestExtensions(requestID: 3, requestedExtensions: [9]))
        peer.send(ExtensionsNegotiation.RequestExtensions(requestID: 4, requestedExtensions: [9, 2]))
        try world.pump()
        #expect(
            try peer.last(ExtensionsNegotiation.RequestExtensionsError.self)
                == .init(requestID: 3, unsupportedExtensions: [9], requiredExtensions: []))
        #expect(
            try peer.last(ExtensionsNegotiation.RequestExtensionsSuccess.self)
                == .init(requestID: 4, supportedExtensions: [2]))
        var miner = try TestMiner.open(world, peer, extended: true)
        let work = try miner.work()
        peer.send(
            Mining.SubmitSharesExtended(
                channelID: miner.channelID, sequenceNumber: 1, jobID: work.jobID,
                nonce: try miner.nonce(work, meeting: miner.target), nTime: work.nTime, version: work.version,
                extranonce: work.extranonce, tlvs: [.userIdentity("worker7")]))
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("closing a channel ends it, closing the group ends all, and ids are not used again")
    func closing() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var first = try TestMiner.open(world, peer, extended: true)
        _ = try TestMiner.open(world, peer, extended: true)
        let work = try first.work()
        peer.send(Mining.CloseChannel(channelID: first.channelID, reasonCode: "bye"))
        first.submit(work, nonce: 0)
        try world.pump()
        #expect(try first.errors() == ["invalid-channel-id"])
        #expect(world.machine.snapshot(at: world.now).channels.count == 1)
        let third = try TestMiner.open(world, peer, extended: true)
        #expect(third.channelID == 4)
        peer.send(Mining.CloseChannel(channelID: 1, reasonCode: "all"))
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).channels.isEmpty)
        try world.advance(by: .seconds(61))
        #expect(peer.closed == .closed("no channel was opened in time"))
    }

    @Test("the certificate is renewed before it expires")
    func certificate() throws {
        let world = try PoolWorld.ready()
        try world.advance(by: .hours(5))
        let (_, peer) = try world.miner()
        #expect(peer.types == [0x01])
    }
}
