import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

/// Rows 25 to 30, 32, 33, 35, 36 and 75 of the reference implementation's tests.
@Suite("Translator: channels, groups and the shared channel")
struct TranslatorChannelsTests {
    @Test("ten miners at once open one channel when they share it")
    func oneOpen() throws {
        let mock = MockPool("pool")
        mock.open = .silence
        let world = TranslatorWorld(mocks: [mock]) { $0.aggregatesChannels = true }
        try world.advance(by: .seconds(2))
        let miners = try (0..<10).map { try world.miner("a.w\($0)") }
        #expect(try mock.all(Mining.OpenExtendedMiningChannel.self).count == 1)
        #expect(try mock.all(Mining.UpdateChannel.self).isEmpty)
        let request = try #require(try mock.all(Mining.OpenExtendedMiningChannel.self).first)
        mock.grant(request.requestID)
        try world.advance(by: .seconds(3))
        #expect(miners.allSatisfy { $0.jobs.count == 1 })
        #expect(Set(miners.map(\.extranonce1)).count == 10)
        // The pool learns of all ten, in one message and not in ten.
        let updates = try mock.all(Mining.UpdateChannel.self)
        #expect(updates.map(\.nominalHashRate) == [200])
    }

    @Test("a shared channel that is opened before any miner came does not make every hash a share")
    func openedForNobody() throws {
        let pool = try PoolWorld.ready()
        let world = TranslatorWorld(pool: pool) {
            $0.aggregatesChannels = true
            $0.nominalHashRate = 6_000
        }
        try world.advance(by: .seconds(2))
        let channel = try #require(pool.machine.snapshot(at: pool.now).channels.first)
        #expect(channel.target.expectedHashes > 1_000)
        let miner = try world.miner()
        let job = try #require(miner.jobs.last)
        #expect(Target(difficulty: job.difficulty).expectedHashes > 1_000)
    }

    @Test("no UpdateChannel before the channel is open, whatever a miner suggests")
    func noEarlyUpdate() throws {
        let mock = MockPool("pool")
        mock.open = .silence
        let world = TranslatorWorld(mocks: [mock]) { $0.aggregatesChannels = true }
        try world.advance(by: .seconds(2))
        let miner = try world.miner()
        miner.call(.suggestDifficulty(1e-6))
        try world.advance(by: .seconds(30))
        #expect(try mock.all(Mining.UpdateChannel.self).isEmpty)
    }

    @Test("six miners on one channel: every share is credited to it, and all see each tip")
    func shared() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready()) {
            $0.aggregatesChannels = true
            $0.enablesVardiff = false
            $0.userIdentity = "farm"
        }
        try world.advance(by: .seconds(2))
        let miners = try (0..<6).map { try world.miner("farm.rig\($0)") }
        for round in 0..<3 {
            if round == 1 { world.pool.provider.sendTemplate(future: false) }
            if round == 2 { world.pool.provider.newTip() }
            try world.pump()
            for miner in miners {
                #expect(miner.jobs.count == round + 1)
                #expect(miner.jobs.last?.notify.cleanJobs == (round != 1))
                miner.call(.submit(try miner.solve()))
            }
            try world.pump()
        }
        let snapshot = world.pool.machine.snapshot(at: world.now)
        #expect(snapshot.channels.map(\.identity) == ["farm.translator-proxy"])
        #expect(snapshot.channels.map(\.sharesAccepted) == [18])
        #expect(snapshot.totals.sharesRejected == 0)
        #expect(world.machine.snapshot.totals.sharesForwarded == 18)
    }

    @Test("a miner that joins between a future job and its tip gets the old job, then the new one")
    func joinDuringFutureJob() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock]) { $0.aggregatesChannels = true }
        try world.advance(by: .seconds(2))
        let early = try world.miner("a.early")
        let job = mock.sendJob(to: mock.channels[0], future: true)
        try world.pump()
        let late = try world.miner("a.late")
        #expect(late.jobs.map(\.notify.jobID) == early.jobs.map(\.notify.jobID))
        mock.sendTip(to: mock.channels[0], for: job)
        try world.pump()
        for miner in [early, late] {
            #expect(miner.jobs.count == 2)
            miner.call(.submit(try miner.solve()))
        }
        try world.pump()
        #expect(try mock.all(Mining.SubmitSharesExtended.self).map(\.jobID) == [job, job])
    }

    @Test("SetGroupChannel: a group's job reaches its members and nobody else")
    func regroup() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miners = try (0..<4).map { try world.miner("a.w\($0)") }
        mock.peer.send(
            Mining.SetGroupChannel(groupChannelID: 100, channelIDs: [mock.channels[0], mock.channels[1]]))
        mock.peer.send(
            Mining.SetGroupChannel(groupChannelID: 200, channelIDs: [mock.channels[2], mock.channels[3]]))
        mock.sendTip(to: 200, for: mock.sendJob(to: 200, future: true))
        try world.pump()
        #expect(miners.map(\.jobs.count) == [1, 1, 2, 2])
        mock.sendJob(to: 100, future: false)
        try world.pump()
        #expect(miners.map(\.jobs.count) == [2, 2, 2, 2])
        for miner in miners { miner.call(.submit(try miner.solve())) }
        try world.pump()
        #expect(miners.allSatisfy { $0.responses.last?.isAccepted == true })
    }

    @Test("CloseChannel stops one miner, and for a group exactly its members")
    func closeChannel() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miners = try (0..<4).map { try world.miner("a.w\($0)") }
        mock.peer.send(Mining.SetGroupChannel(groupChannelID: 9, channelIDs: [mock.channels[3]]))
        mock.peer.send(Mining.CloseChannel(channelID: mock.channels[1], reasonCode: "one"))
        try world.pump()
        #expect(miners.map { $0.closed == nil } == [true, false, true, true])
        mock.peer.send(Mining.CloseChannel(channelID: 1, reasonCode: "group"))
        try world.pump()
        #expect(miners.map { $0.closed == nil } == [false, false, false, true])
        miners[3].call(.submit(try miners[3].solve()))
        try world.pump()
        #expect(miners[3].responses.last?.isAccepted == true)
        #expect(world.machine.snapshot.channels == 1)
    }

    @Test("messages for unknown channels, groups and jobs change nothing", arguments: [false, true])
    func unknownIDs(aggregates: Bool) throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock]) { $0.aggregatesChannels = aggregates }
        try world.advance(by: .seconds(2))
        let miner = try world.miner()
        mock.peer.send(Mining.SetTarget(channelID: 4_711, maximumTarget: .max))
        mock.peer.send(Mining.SetExtranoncePrefix(channelID: 4_711, extranoncePrefix: [1, 2, 3, 4]))
        mock.peer.send(Mining.SetGroupChannel(groupChannelID: 8, channelIDs: [4_711]))
        mock.peer.send(Mining.CloseChannel(channelID: 4_711, reasonCode: "x"))
        mock.peer.send(
            Mining.SubmitSharesSuccess(
                channelID: 4_711, lastSequenceNumber: 3, newSubmitsAcceptedCount: 1, newSharesSum: 1))
        mock.peer.send(Mining.SubmitSharesError(channelID: 4_711, sequenceNumber: 3, errorCode: "y"))
        mock.peer.send(Mining.OpenMiningChannelError(requestID: 99, errorCode: "z"))
        mock.sendTip(to: mock.channels[0], for: 4_711)
        try world.pump()
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true && miner.closed == nil)
    }

    @Test("SetExtranoncePrefix holds from the next job on, for old shares and new ones")
    func newPrefix() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miner = try world.miner()
        let extranonce1 = miner.extranonce1
        mock.peer.send(
            Mining.SetExtranoncePrefix(channelID: mock.channels[0], extranoncePrefix: [9, 9, 9, 9]))
        mock.sendJob(to: mock.channels[0], future: false)
        try world.pump()
        #expect(miner.jobs[0].notify.coinbase1.suffix(4) == [0, 7, 7, 7])
        #expect(miner.jobs[1].notify.coinbase1.suffix(4) == [9, 9, 9, 9])
        #expect(miner.extranonce1 == extranonce1)
        miner.call(.submit(try miner.solve(0)))
        miner.call(.submit(try miner.solve(1)))
        try world.pump()
        #expect(miner.responses.suffix(2).allSatisfy { $0.isAccepted })
    }

    @Test(
        "an idle miner gets its job again as id#n, and the pool credits the share", arguments: [false, true])
    func keepAlive(aggregates: Bool) throws {
        var configuration = PoolWorld.configuration()
        configuration.jobRefresh = .hours(1)
        let world = TranslatorWorld(pool: try PoolWorld.ready(configuration)) {
            $0.keepAliveInterval = .seconds(30)
            $0.aggregatesChannels = aggregates
            $0.enablesVardiff = false
        }
        try world.advance(by: .seconds(2))
        let miner = try world.miner()
        try world.advance(by: .seconds(70))
        let names = miner.jobs.map(\.notify.jobID)
        #expect(names == [names[0], names[0] + "#1", names[0] + "#2"])
        #expect(miner.jobs[1].notify.nTime > miner.jobs[0].notify.nTime)
        #expect(!miner.jobs[1].notify.cleanJobs)
        for index in 0..<3 { miner.call(.submit(try miner.solve(index))) }
        try world.pump()
        #expect(miner.responses.suffix(3).allSatisfy { $0.isAccepted })
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 3)
        var share = try miner.solve(2)
        share.jobID = names[0] + "#9"
        miner.call(.submit(share))
        try world.pump()
        #expect(miner.responses.last?.error != nil)
    }

    @Test("with extension 0x0002 every share names its worker, else none does", arguments: [nil, [2], []])
    func workerNames(extensions: [UInt16]?) throws {
        let mock = MockPool("pool")
        mock.extensions = extensions
        let world = TranslatorWorld(mocks: [mock]) {
            $0.aggregatesChannels = true
            $0.userIdentity = "farm"
        }
        try world.advance(by: .seconds(2))
        let miner = try world.miner("farm.rack1")
        miner.call(.authorize(V1.Authorize(user: "farm.rack2.a-name-that-is-longer-than-32-bytes-is")))
        miner.call(.submit(try miner.solve()))
        var second = try miner.solve()
        second.worker = "farm.rack2.a-name-that-is-longer-than-32-bytes-is"
        miner.call(.submit(second))
        var third = try miner.solve()
        third.worker = "stranger.x"
        miner.call(.submit(third))
        try world.pump()
        let names = try mock.all(Mining.SubmitSharesExtended.self).map { $0.tlvs.map(\.userIdentity) }
        #expect(
            names
                == (extensions == [2]
                    ? [["rack1"], ["rack2.a-name-that-is-longer-than"], ["rack1"]] : [[], [], []]))
    }

    @Test("a required extension that the pool lacks leads to the next pool")
    func requiredExtension() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        second.extensions = [2]
        let world = TranslatorWorld(mocks: [first, second]) { $0.requiredExtensions = [2] }
        try world.advance(by: .seconds(5))
        #expect(world.dialed.map(\.host) == ["first", "second"])
        #expect(world.machine.snapshot.isUpstreamReady)
    }

    @Test("the pool's own worker accounting gets the names")
    func namesAtThePool() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready()) {
            $0.aggregatesChannels = true
            $0.userIdentity = "farm"
            $0.enablesVardiff = false
        }
        try world.advance(by: .seconds(2))
        let miner = try world.miner("farm.rack1")
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(world.observations.contains(.extensions([2])))
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("several translators live in one process and do not see each other")
    func twoInstances() throws {
        let worlds = try [1, 2].map { seed -> TranslatorWorld in
            let world = TranslatorWorld(pool: try PoolWorld.ready()) {
                $0.aggregatesChannels = seed == 2
                $0.enablesVardiff = false
                $0.userIdentity = "farm\(seed)"
            }
            try world.advance(by: .seconds(2))
            return world
        }
        for world in worlds {
            let miner = try world.miner("x.y")
            miner.call(.submit(try miner.solve()))
            try world.pump()
        }
        #expect(
            worlds.map { $0.pool.machine.snapshot(at: $0.now).channels.map(\.identity) } == [
                ["farm1.y"], ["farm2.translator-proxy"],
            ])
    }

    @Test("without miners a pool that closes is dialled again when one comes, not before")
    func resting() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        mock.hangUp()
        try world.advance(by: .hours(1))
        #expect(mock.connections == 1)
        let miner = try world.miner()
        try world.advance(by: .seconds(1))
        #expect(mock.connections == 2 && miner.jobs.count == 1)
    }
}
