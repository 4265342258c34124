import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: what an operator asks")
struct PoolOperationsTests {
    @Test("a drain acknowledges what is credited, sends everybody away and lets nobody in")
    func drain() throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        try miner.mine()
        try world.pump()
        try world.command(.drain(host: "other.pool", port: 3_334, grace: .seconds(30)))
        #expect(
            peer.types.suffix(2) == [Mining.SubmitSharesSuccess.messageType, Common.Reconnect.messageType])
        let reconnect = try #require(try peer.last(Common.Reconnect.self))
        #expect(reconnect.newHost == "other.pool" && reconnect.newPort == 3_334)
        // A share that was on its way counts, and its acknowledgement does not wait.
        try miner.mine()
        try world.pump()
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount) == [1, 1])
        let (_, late) = try world.connect()
        #expect(late.closed == .closed("draining"))
        try world.leave(id)
        #expect(world.observations.last == .drained)
        try world.command(.resume)
        let (_, welcome) = try world.miner()
        #expect(welcome.closed == nil && !welcome.types.isEmpty)
    }

    @Test("who stays is closed when the grace of a drain is over")
    func drainOverdue() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        _ = try TestMiner.open(world, peer, extended: false)
        try world.command(.drain(host: "", port: 0, grace: .seconds(30)))
        try world.advance(by: .seconds(29))
        #expect(peer.closed == nil)
        try world.advance(by: .seconds(2))
        #expect(peer.closed == .closed("the pool drains"))
        #expect(world.observations.last == .drained)
    }

    @Test("a fixed target counts from the next job, which follows at once, and is given back")
    func fixedTarget() throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let key = ChannelKey(connection: id, channel: miner.channelID)
        let easy = miner.target
        let hard = Target(easy.value >> 4)
        let old = try miner.work()
        try world.command(.setTarget(key, hard))
        #expect(try peer.last(Mining.SetTarget.self)?.maximumTarget == hard)
        // Between the two targets: good on the old job, too easy on the new one.
        miner.submit(old, nonce: try miner.nonce(old, meeting: easy, not: hard))
        let new = try miner.work()
        #expect(new.jobID != old.jobID)
        miner.submit(new, nonce: try miner.nonce(new, meeting: easy, not: hard))
        try world.pump()
        #expect(try miner.errors() == ["difficulty-too-low"])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
        try world.advance(by: .minutes(10))
        #expect(try peer.last(Mining.SetTarget.self)?.maximumTarget == hard)
        try world.command(.setTarget(key, nil))
        #expect(try peer.last(Mining.SetTarget.self)?.maximumTarget != hard)
    }

    @Test(
        "another extranonce prefix counts from the next job; the old job keeps the old one",
        arguments: [false, true])
    func prefix(extended: Bool) throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: extended)
        let key = ChannelKey(connection: id, channel: miner.channelID)
        let old = try miner.work()
        try world.command(.changePrefix(key))
        let change = try #require(try peer.last(Mining.SetExtranoncePrefix.self))
        #expect(change.channelID == miner.channelID && change.extranoncePrefix != miner.extranoncePrefix)
        #expect(change.extranoncePrefix.count == miner.extranoncePrefix.count)
        miner.submit(old, nonce: try miner.nonce(old, meeting: miner.target))
        guard extended else {
            try world.pump()
            #expect(try miner.errors() == [])
            return
        }
        miner.extranoncePrefix = change.extranoncePrefix
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == [])
        // A second change would leave the first job's prefix unknown.
        try world.command(.changePrefix(key))
        #expect(world.observations.last == .prefixKept(key))
        world.provider.newTip()
        try world.pump()
        try world.command(.changePrefix(key))
        #expect(try peer.all(Mining.SetExtranoncePrefix.self).count == 2)
    }

    @Test("a channel that the pool closes is acknowledged, told and gone")
    func close() throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let (work, nonce) = try miner.mine()
        try world.pump()
        try world.command(
            .closeChannel(ChannelKey(connection: id, channel: miner.channelID), reason: "maintenance"))
        let close = try #require(try peer.last(Mining.CloseChannel.self))
        #expect(close.channelID == miner.channelID && close.reasonCode == "maintenance")
        #expect(try miner.acknowledgements().count == 1)
        miner.submit(work, nonce: nonce)
        try world.pump()
        #expect(try miner.errors() == ["invalid-channel-id"])
        #expect(peer.closed == nil)
    }

    @Test("a banned address loses what it has and is let in again when the ban is over")
    func ban() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        try world.command(.ban(address: "test", time: .minutes(5)))
        #expect(peer.closed == .closed("banned"))
        let (_, refused) = try world.connect()
        #expect(refused.closed == .closed("banned"))
        try world.advance(by: .minutes(5))
        let (_, again) = try world.connect()
        #expect(again.closed == nil)
    }
}

@Suite("Pool: admission")
struct PoolAdmissionTests {
    private static func world(_ change: (inout AdmissionRules) -> Void) throws -> PoolWorld {
        var configuration = PoolWorld.configuration()
        change(&configuration.admission)
        return try PoolWorld.ready(configuration)
    }

    @Test("an address has a number of connections, and a place that is freed can be taken")
    func perAddress() throws {
        let world = try Self.world { $0.connectionsPerAddress = 2 }
        let (first, one) = try world.connect()
        let (_, two) = try world.connect()
        let (_, three) = try world.connect()
        #expect(one.closed == nil && two.closed == nil)
        #expect(three.closed == .closed("2 connections from one address"))
        try world.leave(first)
        let (_, four) = try world.connect()
        #expect(four.closed == nil)
    }

    @Test("an address that comes too often waits, and leaving does not clear its record")
    func arrivals() throws {
        let world = try Self.world {
            $0.arrivalsPerSecond = 1
            $0.arrivalBurst = 3
        }
        for _ in 0..<3 {
            let (id, peer) = try world.connect()
            #expect(peer.closed == nil)
            try world.leave(id)
        }
        let (_, refused) = try world.connect()
        #expect(refused.closed != nil)
        try world.advance(by: .seconds(1))
        let (_, admitted) = try world.connect()
        #expect(admitted.closed == nil)
    }

    @Test("a flood of frames ends its own connection and no other")
    func flood() throws {
        let world = try Self.world {
            $0.framesPerSecond = 10
            $0.frameBurst = 20
        }
        let (_, quiet) = try world.miner()
        var bystander = try TestMiner.open(world, quiet, extended: true)
        let (_, loud) = try world.miner()
        for _ in 0..<100 {
            loud.send(Mining.CloseChannel(channelID: 999, reasonCode: ""))
        }
        try world.pump()
        #expect(loud.closed == .closed("more than 10 frames a second"))
        try bystander.mine()
        try world.pump()
        #expect(try bystander.errors() == [] && quiet.closed == nil)
    }
}
