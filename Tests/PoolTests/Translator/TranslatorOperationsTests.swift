import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

@Suite("Translator: what an operator asks and sees")
struct TranslatorOperationsTests {
    private func ask(_ world: TranslatorWorld, _ command: TranslatorCommand) throws {
        world.machine.handle(command, at: world.now, into: &world.effects)
        try world.pump()
    }

    @Test("a miner's difficulty is fixed at once, its shares count by it, and it is given back")
    func fixedDifficulty() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock]) { $0.enablesVardiff = false }
        try world.advance(by: .zero)
        let miner = try world.miner()
        let id = try #require(world.machine.snapshot.miners.first?.connection)
        let easy = try #require(world.machine.snapshot.miners.first?.difficulty)
        let jobs = miner.jobs.count
        try ask(world, .setDifficulty(id, easy * 8))
        #expect(miner.jobs.count == jobs + 1)
        #expect(abs((miner.difficulty ?? 0) / easy - 8) < 0.001)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        try ask(world, .setDifficulty(id, nil))
        #expect(abs((miner.difficulty ?? 0) / easy - 1) < 0.001)
        let seen = try #require(world.machine.snapshot.miners.first)
        #expect(seen.sharesAccepted == 1 && seen.sharesRefused == 0 && seen.isAuthorized)
    }

    @Test("channels at the pool are seen with what the pool credited and refused")
    func channels() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miner = try world.miner()
        for _ in 0..<3 { miner.call(.submit(try miner.solve())) }
        try world.pump()
        let channel = try #require(mock.channels.first)
        #expect(world.machine.snapshot.upstreamChannels.first?.sharesWaiting == 3)
        mock.peer.send(
            Mining.SubmitSharesSuccess(
                channelID: channel, lastSequenceNumber: 2, newSubmitsAcceptedCount: 2, newSharesSum: 10))
        mock.peer.send(
            Mining.SubmitSharesError(channelID: channel, sequenceNumber: 3, errorCode: "stale-share"))
        try world.pump()
        let seen = try #require(world.machine.snapshot.upstreamChannels.first)
        #expect(seen.id == channel && seen.identity == "alice.rig1")
        #expect(seen.sharesCredited == 2 && seen.workCredited == 10 && seen.sharesRejected == 1)
        #expect(seen.sharesWaiting == 0)
    }

    /// A translator whose shares carry names.
    private func naming(
        _ mock: MockPool, change: (inout TranslatorConfiguration) -> Void = { _ in }
    ) throws -> (TranslatorWorld, V1TestMiner) {
        mock.extensions = [2]
        let world = TranslatorWorld(mocks: [mock]) {
            $0.aggregatesChannels = true
            $0.userIdentity = "farm"
            change(&$0)
        }
        try world.advance(by: .seconds(2))
        let miner = try world.miner("farm.rack1")
        return (world, miner)
    }

    private func lastNames(_ mock: MockPool) throws -> [String?]? {
        try mock.all(Mining.SubmitSharesExtended.self).last.map { $0.tlvs.map(\.userIdentity) }
    }

    @Test("ChannelEndpointChanged stops the names until the pool agreed on them again")
    func endpointChanged() throws {
        let mock = MockPool("pool")
        let (world, miner) = try naming(mock)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(try lastNames(mock) == ["rack1"])
        let channel = try #require(mock.channels.first)
        mock.extensions = nil
        mock.peer.send(Common.ChannelEndpointChanged(channelID: channel))
        try world.pump()
        let requests = try mock.all(ExtensionsNegotiation.RequestExtensions.self)
        #expect(requests.count == 2 && requests[0].requestID != requests[1].requestID)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(try lastNames(mock) == [])
        // An answer to the first request is late and means nothing.
        func agree(_ request: UInt16) throws {
            mock.peer.send(
                ExtensionsNegotiation.RequestExtensionsSuccess(
                    requestID: request, supportedExtensions: [2]))
            try world.pump()
        }
        try agree(requests[0].requestID)
        #expect(!world.machine.snapshot.namesWorkers)
        try agree(requests[1].requestID)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(try lastNames(mock) == ["rack1"])
        #expect(miner.closed == nil)
    }

    @Test("a pool that is silent about extensions after the change is mined on without names")
    func silence() throws {
        let mock = MockPool("pool")
        let (world, miner) = try naming(mock)
        mock.extensions = nil
        mock.peer.send(Common.ChannelEndpointChanged(channelID: try #require(mock.channels.first)))
        try world.advance(by: .seconds(30))
        #expect(world.machine.snapshot.isUpstreamReady && !world.machine.snapshot.namesWorkers)
        #expect(miner.closed == nil)
    }

    @Test("a required extension that is gone after the change costs the pool its miners")
    func required() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        (first.extensions, second.extensions) = ([2], [2])
        let world = TranslatorWorld(mocks: [first, second]) { $0.requiredExtensions = [2] }
        try world.advance(by: .seconds(1))
        _ = try world.miner()
        first.extensions = []
        first.peer.send(Common.ChannelEndpointChanged(channelID: try #require(first.channels.first)))
        try world.advance(by: .seconds(5))
        #expect(world.dialed.map(\.host) == ["first", "second"])
    }

    @Test("a change of a channel that is not ours says nothing")
    func foreignChannel() throws {
        let mock = MockPool("pool")
        let (world, _) = try naming(mock)
        mock.peer.send(Common.ChannelEndpointChanged(channelID: 4_000))
        try world.pump()
        #expect(world.machine.snapshot.namesWorkers)
        #expect(try mock.all(ExtensionsNegotiation.RequestExtensions.self).count == 1)
    }

    @Test("a new share rate holds for difficulty control from its next look on")
    func shareRate() throws {
        let mock = MockPool("pool")
        mock.target = Target(difficulty: 1e9)
        let world = TranslatorWorld(mocks: [mock]) {
            $0.enablesVardiff = true
            $0.nominalHashRate = 1e6
            $0.sharesPerMinute = 6
        }
        try world.advance(by: .zero)
        let miner = try world.miner()
        let before = try #require(miner.difficulty)
        var change = TranslatorChange()
        change.sharesPerMinute = 60
        try ask(world, .change(change))
        mock.sendTip(to: mock.channels[0], for: mock.sendJob(to: mock.channels[0], future: true))
        try world.pump()
        #expect(abs((miner.difficulty ?? 0) / before - 0.1) < 0.001)
    }
}
