import JobDeclaration
import Pool
import SansIO
import Stratum
import Testing

@Suite("Job declaration client: back to the pool of its choice")
struct ClientPreferenceTests {
    private static let preferred = Endpoint(host: "pool0", port: 34_254)

    /// Two pools; the first one died and the second one serves.
    private func fallenBack(
        seed: UInt8 = 7, upstreams: Int = 2, limits: (inout JobDeclarationClientLimits) -> Void = { _ in }
    ) throws -> (ClientWorld, TestMiner) {
        var configuration = ClientWorld.configuration(upstreams: upstreams)
        configuration.devices.secretSeed = [seed]
        limits(&configuration.limits)
        let (world, miner) = try ClientJobsTests.mining(configuration)
        for mock in world.upstreams.dropLast() { mock.isUp = false }
        try world.close(world.upstreams[0].pool?.id)
        try world.advance(by: .seconds(1))
        #expect(world.snapshot.choice == upstreams - 1)
        return (world, miner)
    }

    /// When the first pool was reached again, after the fall.
    private func returnTime(_ world: ClientWorld, within time: Interval) throws -> Interval? {
        let start = world.now
        while world.now - start < time {
            try world.advance(by: .milliseconds(250))
            if world.snapshot.pool == Self.preferred { return world.now - start }
        }
        return nil
    }

    @Test("devices keep their channel on the way back, and shares go to the preferred pool again")
    func comesBack() throws {
        var (world, miner) = try fallenBack()
        try miner.mine()
        try world.pump()
        #expect(world.upstreams[1].shares.count == 1)
        world.upstreams[0].isUp = true
        let time = try #require(try returnTime(world, within: .minutes(2)))
        #expect(time >= .seconds(20) && time <= .seconds(40), "\(time.seconds) s")
        #expect(world.upstreams[1].pool?.peer.closed != nil && world.upstreams[1].server?.peer.closed != nil)
        try miner.mine()
        try world.pump()
        #expect(world.upstreams[0].shares.count == 1 && world.upstreams[0].areSharesGood)
        #expect(try miner.errors().isEmpty)
        #expect(miner.peer.closed == nil)
        #expect(
            ClientFallbackTests.reasons(world).last == "a pool of more preference serves again")
    }

    @Test("while the preferred pool is dead the present one is kept, and attempts get rare")
    func deadPool() throws {
        let (world, _) = try fallenBack()
        let before = ClientFallbackTests.reasons(world).count
        try world.advance(by: .minutes(60))
        #expect(world.snapshot.choice == 1)
        #expect(ClientFallbackTests.reasons(world).count == before)
        // 30 s doubling to 10 min: about 10 in an hour, not 120.
        world.upstreams[0].isUp = true
        let time = try #require(try returnTime(world, within: .minutes(20)))
        #expect(time <= .seconds(750), "\(time.seconds) s")
    }

    @Test("half a pool is none: its server must take the connection too")
    func halfAPool() throws {
        let (world, _) = try fallenBack()
        world.upstreams[0].isUp = true
        world.upstreams[0].serverSetupError = "missing-declare-tx-data-flag"
        let before = ClientFallbackTests.reasons(world).count
        try world.advance(by: .minutes(5))
        #expect(world.snapshot.choice == 1)
        #expect(ClientFallbackTests.reasons(world).count == before)
        world.upstreams[0].serverSetupError = nil
        #expect(try returnTime(world, within: .minutes(15)) != nil)
    }

    @Test("the second choice is taken when the first one stays away")
    func secondChoice() throws {
        let (world, _) = try fallenBack(upstreams: 3)
        world.upstreams[1].isUp = true
        try world.advance(by: .minutes(2))
        #expect(world.snapshot.choice == 1)
        world.upstreams[0].isUp = true
        #expect(try returnTime(world, within: .minutes(10)) != nil)
    }

    @Test("a pool that comes and goes is returned to less and less often")
    func flapping() throws {
        let (world, _) = try fallenBack()
        var times: [Interval] = []
        for _ in 0..<4 {
            world.upstreams[0].isUp = true
            times.append(try #require(try returnTime(world, within: .minutes(30))))
            world.upstreams[0].isUp = false
            try world.close(world.upstreams[0].pool?.id)
            try world.advance(by: .seconds(1))
            #expect(world.snapshot.choice == 1)
        }
        #expect(times[3] > times[0] * 4, "\(times.map(\.seconds))")
        // Having served for ten minutes it is trusted as before.
        world.upstreams[0].isUp = true
        _ = try #require(try returnTime(world, within: .minutes(30)))
        try world.advance(by: .minutes(11))
        world.upstreams[0].isUp = false
        try world.close(world.upstreams[0].pool?.id)
        try world.advance(by: .seconds(1))
        world.upstreams[0].isUp = true
        let time = try #require(try returnTime(world, within: .minutes(30)))
        #expect(time <= .seconds(40), "\(time.seconds) s")
    }

    @Test("clients of different seeds do not come back at one moment, and one seed does the same each time")
    func spread() throws {
        func time(_ seed: UInt8) throws -> Interval {
            let (world, _) = try fallenBack(seed: seed)
            world.upstreams[0].isUp = true
            return try #require(try returnTime(world, within: .minutes(2)))
        }
        let times = try (1...6).map { try time($0) }
        #expect(Set(times).count > 1)
        #expect(try time(1) == times[0])
    }

    @Test("a pool that took the connection and not the work is not returned to for ten minutes")
    func faulty() throws {
        let (world, _) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 2)) {
            $0.upstreams[0].setting = .error("invalid-coinbase-tx-outputs")
        }
        try world.advance(by: .seconds(10))
        #expect(world.snapshot.choice == 1)
        world.upstreams[0].setting = .success
        #expect(try returnTime(world, within: .minutes(9)) == nil)
        #expect(try returnTime(world, within: .minutes(15)) != nil)
    }

    @Test("an operator moves the client to a pool of the list")
    func operatorsChoice() throws {
        let (world, miner) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 3))
        world.machine.handle(.useUpstream(2), at: world.now, into: &world.effects)
        try world.advance(by: .seconds(1))
        #expect(world.snapshot.choice == 2)
        #expect(world.snapshot.pool == Endpoint(host: "pool2", port: 34_254))
        world.machine.handle(.useUpstream(7), at: world.now, into: &world.effects)
        try world.advance(by: .seconds(1))
        // Nobody returns from a pool that an operator chose.
        try world.advance(by: .minutes(60))
        #expect(world.snapshot.choice == 2)
        #expect(miner.peer.closed == nil)
    }
}
