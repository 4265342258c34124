import Bitcoin
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

@Suite struct MiningOverV1Tests {
    private func world(_ change: (inout ScriptedV1Pool) -> Void = { _ in }) -> RigWorld<ScriptedV1Pool> {
        var pool = ScriptedV1Pool(difficulty: TestRigs.target(hashes: 1_000).difficulty)
        change(&pool)
        var configuration = TestRigs.configuration(TestRigs.antminer)
        configuration.pools = [PoolURL(scheme: .stratumV1, endpoint: Endpoint(host: "pool", port: 3_333))]
        configuration.instantBoot = true
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test func `an S19j Pro subscribes, rolls versions and its shares are accepted`() throws {
        var world = world()
        try world.run(for: .hours(1))
        #expect(world.pool.rejected == [])
        // 100 H/s x 3600 s / 1000 hashes = 360 +- 5 sigma, less the share of wrong nonces.
        #expect(abs(Double(world.pool.accepted.count) - 360) < 5 * 19)
        #expect(
            world.pool.calls.prefix(4) == [
                "mining.configure", "mining.subscribe", "mining.authorize", "mining.suggest_difficulty",
            ])
        #expect(world.rig.snapshot.accepted == UInt64(world.pool.accepted.count))
        // Ten shares per minute at 100 H/s are 600 hashes each.
        let expected = TestRigs.target(hashes: 600).difficulty
        #expect(abs((world.pool.suggested.first ?? 0) / expected - 1) < 1e-6)
    }

    @Test func `a pool without version rolling gets the job's own version`() throws {
        var world = world { $0.versionMask = nil }
        try world.run(for: .minutes(20))
        #expect(world.pool.rejected == [])
        #expect(world.pool.accepted.count > 50)
        #expect(world.pool.accepted.allSatisfy { $0.version == 0x2000_0000 })
    }

    @Test func `a new difficulty holds for later jobs only`() throws {
        var world = world()
        try world.run(for: .minutes(5))
        world.pool.setDifficulty(TestRigs.target(hashes: 10_000).difficulty)
        try world.flush()
        let before = world.pool.accepted.count
        try world.run(for: .minutes(5))
        // The job is still the old one: shares of 1,000 hashes go on.
        #expect(world.pool.accepted.count > before + 10)
        #expect(abs(world.rig.snapshot.difficulty / TestRigs.target(hashes: 1_000).difficulty - 1) < 1e-6)
        world.pool.notify(clean: false)
        try world.flush()
        #expect(abs(world.rig.snapshot.difficulty / TestRigs.target(hashes: 10_000).difficulty - 1) < 1e-6)
        try world.run(for: .minutes(10))
        #expect(world.pool.rejected == [])
    }

    @Test func `a new extranonce holds for later jobs`() throws {
        var world = world()
        try world.run(for: .minutes(2))
        world.pool.extranonce1 = [1, 2]
        world.pool.extranonce2Size = 6
        world.pool.send(V1.SetExtranonce(extranonce1: [1, 2], extranonce2Size: 6).notification)
        world.pool.notify(clean: true)
        try world.flush()
        try world.run(for: .minutes(5))
        #expect(world.pool.rejected == [])
        #expect(world.pool.accepted.count > 20)
    }

    @Test func `a pool that does not authorize is left with back-off`() throws {
        var world = world { $0.authorizes = false }
        try world.run(for: .minutes(2))
        #expect(world.pool.connections > 2)
        #expect(
            world.count {
                if case .disconnected(_, "not authorized: Unauthorized worker") = $0 { true } else { false }
            } > 2)
    }

    @Test func `client reconnect leads to the named host once`() throws {
        var world = world()
        try world.run(for: .minutes(1))
        world.pool.send(V1.Reconnect(host: "other", port: 4_444, wait: 5).notification)
        try world.flush()
        try world.run(for: .minutes(1))
        #expect(
            world.dials.map(\.to) == [
                Endpoint(host: "pool", port: 3_333), Endpoint(host: "other", port: 4_444),
            ])
        #expect(world.dials[1].at - world.dials[0].at >= .seconds(65))
        #expect(world.rig.snapshot.phase == .mining)
    }
}
