import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Pool: settings that change, listeners without encryption, endpoints that change")
struct PoolChangesTests {
    @Test("a client without encryption mines through the plain listener, and Noise does not get through it")
    func plainListener() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.connect(to: .plainMining, noise: false)
        peer.speaksNoise = true
        peer.link = .plain()
        peer.send(
            Common.SetupConnection(
                protocol: .mining, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "pool",
                endpointPort: 3333, vendor: "tool", hardwareVersion: "", firmware: "", deviceID: ""))
        try world.pump()
        #expect(try peer.last(Common.SetupConnectionSuccess.self)?.usedVersion == 2)
        var miner = try TestMiner.open(world, peer, extended: true)
        for _ in 0..<10 { try miner.mine() }
        try world.pump()
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount) == [10])
        let (_, stranger) = try world.connect(to: .plainMining)
        try world.advance(by: .seconds(30))
        #expect(stranger.closed != nil && stranger.types.isEmpty)
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 10)
    }

    @Test("a new share rate moves every channel's target at once, and the next job counts by it")
    func shareRate() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true, hashRate: 1_000)
        let before = try miner.work().jobID
        var change = PoolChange()
        change.sharesPerMinute = 60
        try world.command(.change(change))
        let easier = try #require(try peer.last(Mining.SetTarget.self)?.maximumTarget)
        let ratio = miner.target.expectedHashes / easier.expectedHashes
        #expect(abs(ratio - 10) < 0.01, "\(ratio)")
        #expect(try miner.work().jobID != before)
        // Who comes now gets the new rate too.
        let (_, second) = try world.miner()
        let late = try TestMiner.open(world, second, extended: true, hashRate: 1_000)
        #expect(late.target == easier)
    }

    @Test("another text and another payout stand in the next job, and shares of the old job still count")
    func coinbase() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let old = try miner.work()
        // Its answer would be another tip here, and the old job's shares stale.
        world.provider.answersConstraints = false
        var change = PoolChange()
        change.signature = "/renamed/"
        let script = Script.p2wsh(SHA256.hash([9]))
        change.payout = script
        try world.command(.change(change))
        let job = try #require(try peer.last(Mining.NewExtendedMiningJob.self))
        #expect(job.coinbaseTxPrefix.contains(Array("/renamed/".utf8)))
        #expect(job.coinbaseTxSuffix.contains(script.bytes))
        #expect(world.provider.constraints.count == 2)
        miner.submit(old, nonce: try miner.nonce(old, meeting: miner.target))
        try miner.mine()
        try world.advance(by: .seconds(6))
        #expect(try miner.errors() == [])
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount).reduce(0, +) == 2)
    }

    @Test("a pool whose miners bring their own jobs keeps its payout")
    func payoutOfPromises() throws {
        var configuration = PoolWorld.configuration()
        configuration.customJobs = CustomJobPolicy(
            secret: TokenSecret([1]), payout: CoinbasePayout(scripts: [configuration.payout]))
        let world = try PoolWorld.ready(configuration)
        let (_, peer) = try world.miner()
        _ = try TestMiner.open(world, peer, extended: true)
        var change = PoolChange()
        change.payout = Script.p2wsh(SHA256.hash([9]))
        try world.command(.change(change))
        let job = try #require(try peer.last(Mining.NewExtendedMiningJob.self))
        #expect(job.coinbaseTxSuffix.contains(configuration.payout.bytes))
    }

    @Test("an address that is refused from now on loses its connections and stays out until it is taken back")
    func refusedAddress() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var change = PoolChange()
        change.admission = AdmissionRules()
        change.admission?.refusedAddresses = ["test"]
        try world.command(.change(change))
        #expect(peer.closed == .closed("banned"))
        #expect(try world.connect().1.closed == .closed("banned"))
        change.admission?.refusedAddresses = []
        try world.command(.change(change))
        #expect(try world.miner().1.closed == nil)
    }

    @Test("a bound on connections that comes later counts those that are there")
    func laterBound() throws {
        let world = try PoolWorld.ready()
        let (first, _) = try world.miner()
        _ = try world.miner()
        var change = PoolChange()
        change.admission = AdmissionRules()
        change.admission?.connectionsPerAddress = 2
        try world.command(.change(change))
        #expect(try world.connect().1.closed == .closed("2 connections from one address"))
        try world.leave(first)
        #expect(try world.miner().1.closed == nil)
    }

    /// Whether a share's worker name counts, seen in how an overlong one is answered.
    private func namesCount(_ world: PoolWorld, _ miner: TestMiner) throws -> Bool {
        let before = try miner.errors().count
        miner.peer.send(
            Mining.SubmitSharesExtended(
                channelID: miner.channelID, sequenceNumber: 4_000, jobID: 0, nonce: 0, nTime: 0, version: 0,
                extranonce: [UInt8](repeating: 0, count: miner.extranonceSize),
                tlvs: [.userIdentity(String(repeating: "x", count: 32))]
                    + [TLV(extensionType: 2, fieldType: 1, value: [UInt8](repeating: 0x78, count: 200))]))
        try world.pump()
        let answers = try miner.errors().dropFirst(before)
        return answers.first == "invalid-share"
    }

    @Test(
        "after ChannelEndpointChanged, whoever sent it, extensions hold only once they are negotiated again",
        arguments: [false, true])
    func endpointChanged(byPool: Bool) throws {
        let world = try PoolWorld.ready()
        let (id, peer) = try world.miner()
        let ask = ExtensionsNegotiation.RequestExtensions(requestID: 1, requestedExtensions: [2])
        peer.send(ask)
        let miner = try TestMiner.open(world, peer, extended: true)
        let key = ChannelKey(connection: id, channel: miner.channelID)
        #expect(try namesCount(world, miner))
        if byPool {
            try world.command(.endpointChanged(key))
            #expect(try peer.last(Common.ChannelEndpointChanged.self)?.channelID == miner.channelID)
        } else {
            peer.send(Common.ChannelEndpointChanged(channelID: miner.channelID))
            try world.pump()
        }
        #expect(world.observations.contains(.endpointChanged(key)))
        #expect(try !namesCount(world, miner))
        peer.send(ask)
        try world.pump()
        #expect(try peer.all(ExtensionsNegotiation.RequestExtensionsSuccess.self).count == 2)
        #expect(try namesCount(world, miner))
    }

    @Test("ChannelEndpointChanged for a channel that is not there resets nothing")
    func foreignEndpoint() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        peer.send(ExtensionsNegotiation.RequestExtensions(requestID: 1, requestedExtensions: [2]))
        let miner = try TestMiner.open(world, peer, extended: true)
        peer.send(Common.ChannelEndpointChanged(channelID: 99))
        try world.pump()
        #expect(try namesCount(world, miner))
        #expect(peer.closed == nil)
    }
}

extension [UInt8] {
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        guard part.count <= count else { return false }
        return (0...(count - part.count)).contains { self[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
