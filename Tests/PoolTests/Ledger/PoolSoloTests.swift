import Bitcoin
import Ledger
import SansIO
import Stratum
import Testing

@testable import Pool

/// Rows 14 to 19 of the reference implementation's integration tests: whom the coinbase of a job pays, at the opening,
/// on a new template and on a new tip.
@Suite struct PoolSoloTests {
    static let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    static let miner = Address(address, network: .regtest)!.scriptPubKey
    static let pool = PoolWorld.configuration().payout

    struct Case: Sendable, CustomTestStringConvertible {
        var identity: String
        /// Percent of each output, in order.
        var parts: [(script: Script, percent: UInt64)]
        var testDescription: String { identity }
    }

    static let cases = [
        Case(identity: "random.worker", parts: [(pool, 100)]),
        Case(identity: address, parts: [(miner, 100)]),
        Case(identity: "\(address).w1", parts: [(miner, 100)]),
        Case(identity: "sri/solo/\(address)/w1", parts: [(miner, 100)]),
        Case(identity: "sri/donate/w1", parts: [(pool, 100)]),
        Case(identity: "sri/donate", parts: [(pool, 100)]),
        Case(identity: "sri/donate/5/\(address)/w1", parts: [(pool, 5), (miner, 95)]),
    ]

    /// The outputs of a job that a channel was sent last, without the template's own.
    private func outputs(_ miner: TestMiner) throws -> [TransactionOutput] {
        let job = try #require(
            try miner.peer.all(Mining.NewExtendedMiningJob.self).last {
                [1, miner.channelID].contains($0.channelID)
            })
        let extranonce =
            miner.extranoncePrefix + [UInt8](repeating: 7, count: miner.isExtended ? miner.extranonceSize : 0)
        let coinbase = try Transaction(bytes: job.coinbaseTxPrefix + extranonce + job.coinbaseTxSuffix)
        return Array(coinbase.outputs.dropLast())
    }

    private func check(_ miner: TestMiner, _ one: Case, _ world: PoolWorld) throws {
        let paid = try outputs(miner)
        let total = 2_500_000_000 + world.provider.templateID
        #expect(paid.map(\.scriptPubKey) == one.parts.map(\.script))
        #expect(paid.reduce(0) { $0 + UInt64($1.value) } == total)
        if one.parts.count > 1 { #expect(UInt64(paid[0].value) == total * one.parts[0].percent / 100) }
    }

    @Test("an identity's pattern says whom every job of its channel pays", arguments: cases)
    func patterns(one: Case) throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        let miner = try TestMiner.open(world, peer, extended: true, identity: one.identity)
        try check(miner, one, world)
        world.provider.sendTemplate(future: false)
        try world.pump()
        try check(miner, one, world)
        world.provider.newTip()
        try world.pump()
        try check(miner, one, world)
    }

    @Test(
        "a solo miner's share is judged by its own coinbase, and its block pays it",
        arguments: [false, true])
    func block(extended: Bool) throws {
        let world = try PoolWorld.ready(networkTarget: Target(difficulty: 1e-8))
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(
            world, peer, extended: extended, identity: "sri/donate/10/\(Self.address)/w")
        try miner.mine()
        world.provider.sendTemplate(future: false)
        try world.pump()
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == [])
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 2)
        for (number, solution) in world.provider.solutions.enumerated() {
            let coinbase = try Transaction(bytes: solution.coinbaseTx)
            let total = Int64(2_500_000_001 + number)
            #expect(coinbase.outputs.map(\.value) == [total / 10, total - total / 10, 0])
            #expect(coinbase.outputs[1].scriptPubKey == Self.miner)
        }
        #expect(world.provider.solutions.count == 2)
    }

    @Test("channels of one connection with different rewards each work on their own coinbase")
    func mixed() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        let other = Address(
            script: .p2wpkh(Hash160(bytes: [UInt8](repeating: 9, count: 20))!), network: .regtest)!
        var miners = [
            try TestMiner.open(world, peer, extended: true, identity: Self.address),
            try TestMiner.open(world, peer, extended: true, identity: "alice.w"),
            try TestMiner.open(world, peer, extended: false, identity: other.text),
        ]
        world.provider.sendTemplate(future: false)
        try world.pump()
        world.provider.newTip()
        try world.pump()
        for index in miners.indices { try miners[index].mine() }
        try world.pump()
        for miner in miners { #expect(try miner.errors() == []) }
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 3)
        #expect(try outputs(miners[0]).map(\.scriptPubKey) == [Self.miner])
        #expect(try outputs(miners[1]).map(\.scriptPubKey) == [Self.pool])
    }

    @Test("different coinbases are bounded, and a closed channel's place is free again")
    func bound() throws {
        var configuration = PoolWorld.configuration()
        configuration.limits.soloRewards = 1
        let world = try PoolWorld.ready(configuration)
        let (id, first) = try world.miner()
        _ = try TestMiner.open(world, first, extended: true, identity: Self.address)
        _ = try TestMiner.open(world, first, extended: true, identity: "\(Self.address).second")
        let (_, second) = try world.miner()
        let asked = Mining.OpenExtendedMiningChannel(
            requestID: 9, userIdentity: "sri/donate/7/\(Self.address)/w", nominalHashRate: 1, maxTarget: .max,
            minExtranonceSize: 4)
        second.send(asked)
        try world.pump()
        #expect(
            try second.last(Mining.OpenMiningChannelError.self)?.errorCode == "channel-capacity-exhausted")
        try world.closeByPeer(id)
        let miner = try TestMiner.open(world, second, extended: true, identity: asked.userIdentity)
        #expect(try outputs(miner).map(\.scriptPubKey) == [Self.pool, Self.miner])
        #expect(world.machine.solo.live.count == 1)
    }

    @Test("with a payout scheme a bare address is a payee and the coinbase stays the pool's")
    func scheme() throws {
        var configuration = PoolWorld.configuration()
        configuration.payoutScheme = .pplns
        let world = try PoolWorld.ready(configuration)
        let (_, peer) = try world.miner()
        let payee = try TestMiner.open(world, peer, extended: true, identity: Self.address)
        #expect(try outputs(payee).map(\.scriptPubKey) == [Self.pool])
    }
}
