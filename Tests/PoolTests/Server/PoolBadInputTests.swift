import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: bad input and deadlines")
struct PoolBadInputTests {
    @Test("garbage of any length ends its connection and no other", arguments: 0..<24)
    func garbage(seed: Int) throws {
        let world = try PoolWorld.ready()
        let (_, good) = try world.miner()
        var random = PRNG(seed: UInt64(seed))
        let (id, peer) = try world.connect(noise: false)
        let length = Int(random.below(4_000))
        var bytes: [UInt8] = []
        for _ in 0..<length { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        try world.deliver(bytes, on: id)
        try world.advance(by: .seconds(21))
        #expect(peer.closed != nil)
        var miner = try TestMiner.open(world, good, extended: seed.isMultiple(of: 2))
        try miner.mine()
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("after the handshake, changed bytes end the connection", arguments: [0, 10, 23, 60])
    func changedBytes(position: Int) throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.connect()
        peer.send(
            Common.SetupConnection(
                protocol: .mining, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "", endpointPort: 0,
                vendor: "a long enough vendor name to have bytes", hardwareVersion: "", firmware: "",
                deviceID: ""))
        var bytes = peer.outgoing.bytes
        peer.outgoing.removeAll()
        bytes[position] ^= 1
        try world.deliver(bytes, on: id)
        #expect(peer.closed != nil)
        #expect(world.machine.snapshot(at: world.now).connections == 0)
    }

    @Test("a half-open connection meets its deadlines: handshake, setup, first channel")
    func deadlines() throws {
        let world = try PoolWorld.ready()
        let (_, silent) = try world.connect(noise: false)
        let (_, handshaken) = try world.connect()
        let (_, idle) = try world.miner()
        try world.advance(by: .seconds(9))
        #expect(silent.closed == nil && handshaken.closed == nil && idle.closed == nil)
        try world.advance(by: .seconds(2))
        #expect(silent.closed == .closed("handshake deadline"))
        #expect(handshaken.closed == .closed("setup deadline"))
        #expect(idle.closed == nil)
        try world.advance(by: .seconds(50))
        #expect(idle.closed == .closed("no channel was opened in time"))
        #expect(world.machine.snapshot(at: world.now).connections == 0)
    }

    @Test("an oversize frame is refused at its header, before and after setup")
    func oversize() throws {
        let world = try PoolWorld.ready()
        let (id, early) = try world.connect()
        early.link.send(
            frame: V2Frame(extensionType: 0, messageType: 0, payload: [UInt8](repeating: 0, count: 2_049)),
            into: &early.outgoing)
        let header = Array(early.outgoing.bytes[..<22])
        early.outgoing.removeAll()
        try world.deliver(header, on: id)
        #expect(early.closed != nil)
        let (second, late) = try world.miner()
        late.link.send(
            frame: V2Frame(
                extensionType: 0, messageType: 0x22, payload: [UInt8](repeating: 0, count: 16_385)),
            into: &late.outgoing)
        let rest = Array(late.outgoing.bytes[..<22])
        late.outgoing.removeAll()
        try world.deliver(rest, on: second)
        #expect(late.closed != nil)
    }

    @Test("mining before SetupConnection ends the connection")
    func setupFirst() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.connect()
        peer.send(
            Mining.OpenStandardMiningChannel(
                requestID: 1, userIdentity: "a", nominalHashRate: 1, maxTarget: .max))
        try world.pump()
        #expect(peer.closed == .closed("the first message was not SetupConnection"))
    }

    @Test("random payloads under every message type never bring the server down", arguments: 0..<3)
    func randomPayloads(seed: Int) throws {
        let world = try PoolWorld.ready()
        var random = PRNG(seed: 100 + UInt64(seed))
        var current: WirePeer?
        for type in UInt8(0)...0x7f {
            if current?.closed != nil { current = nil }
            let isFresh = current == nil
            let peer = try current ?? world.miner().1
            current = peer
            if isFresh { _ = try TestMiner.open(world, peer, extended: true) }
            var payload: [UInt8] = [2, 0, 0, 0]
            for _ in 0..<random.below(80) { payload.append(UInt8(truncatingIfNeeded: random.next())) }
            peer.link.send(
                frame: V2Frame(
                    extensionType: random.chance(1, in: 4) ? 1 : 0x8000, messageType: type, payload: payload),
                into: &peer.outgoing)
            try world.pump()
        }
        let (_, last) = try world.miner()
        var miner = try TestMiner.open(world, last, extended: false)
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == [])
    }

    @Test(
        "messages arrive whole however the stream is cut", arguments: [1, 2, 3, 5, 7, 21, 22, 23, 63, 64, 65])
    func everySplit(chunk: Int) throws {
        let world = PoolWorld()
        world.chunk = chunk
        try world.advance(by: .zero)
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        for _ in 0..<3 { try miner.mine() }
        try world.pump()
        #expect(try miner.errors() == [])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 3)
    }

    @Test("every split point of one submission gives the same verdict")
    func everySplitPoint() throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        var accepted: UInt64 = 0
        var split = 1
        while true {
            try miner.mine()
            let bytes = peer.outgoing.bytes
            peer.outgoing.removeAll()
            guard split < bytes.count else { break }
            try world.deliver(Array(bytes[..<split]), on: id)
            #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == accepted)
            try world.deliver(Array(bytes[split...]), on: id)
            accepted += 1
            #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == accepted)
            split += 1
        }
        #expect(try miner.errors() == [])
    }

    @Test("bounds on connections, channels and oddities hold")
    func bounds() throws {
        var configuration = PoolWorld.configuration()
        configuration.limits.connections = 3
        configuration.limits.channelsPerConnection = 2
        configuration.limits.toleratedOddities = 5
        let world = try PoolWorld.ready(configuration)
        let (_, peer) = try world.miner()
        _ = try world.miner()
        _ = try world.miner()
        let (_, fourth) = try world.connect(noise: false)
        #expect(fourth.closed != nil)
        _ = try TestMiner.open(world, peer, extended: true)
        _ = try TestMiner.open(world, peer, extended: true)
        let request = Mining.OpenStandardMiningChannel(
            requestID: 1, userIdentity: "a", nominalHashRate: 1, maxTarget: .max)
        peer.send(request)
        try world.pump()
        #expect(try peer.last(Mining.OpenMiningChannelError.self)?.errorCode == "channel-capacity-exhausted")
        for _ in 0..<5 { peer.send(request) }
        try world.pump()
        #expect(peer.closed != nil)
    }
}
