import Bitcoin
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

@Suite struct ReconnectTests {
    private func world(
        _ change: (inout RigConfiguration) -> Void = { _ in }
    ) -> RigWorld<ScriptedV2Pool> {
        var configuration = TestRigs.configuration()
        configuration.instantBoot = true
        change(&configuration)
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    private func gaps(_ world: borrowing RigWorld<ScriptedV2Pool>) -> [Double] {
        zip(world.dials, world.dials.dropFirst()).map { ($1.at - $0.at).seconds }
    }

    @Test func `waits double up to a bound, with jitter`() throws {
        var world = world()
        world.isReachable = false
        try world.run(for: .minutes(15))
        let gaps = gaps(world)
        try #require(gaps.count >= 12)
        for (index, gap) in gaps.prefix(12).enumerated() {
            let length = min(60.0, Double(1 << index))
            #expect(gap >= 0.5 * length && gap <= 1.5 * length)
        }
        #expect(world.rig.snapshot.phase == .backingOff)
    }

    @Test func `two rigs of a fleet do not come back in one wave`() throws {
        func first(_ stream: UInt64) throws -> [Double] {
            var world = world { $0.stream = stream }
            world.isReachable = false
            try world.run(for: .minutes(2))
            return gaps(world)
        }
        #expect(try first(1) != first(2))
    }

    @Test func `a minute of mining forgets earlier failures`() throws {
        var world = world()
        world.isReachable = false
        try world.run(for: .minutes(5))
        world.isReachable = true
        try world.run(for: .minutes(3))
        #expect(world.rig.snapshot.phase == .mining)
        let before = world.dials.count
        world.pool.close()
        try world.flush()
        #expect(world.rig.snapshot.phase == .backingOff)
        let lost = world.now
        try world.run(for: .seconds(10))
        #expect(world.dials.count == before + 1)
        #expect((world.dials[before].at - lost).seconds <= 1.5)
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.pool.rejected == [])
    }

    @Test func `a pool that cannot be reached is left for the next`() throws {
        let second = PoolURL(
            scheme: .stratumV2(authority: TestRigs.authority.publicKey),
            endpoint: Endpoint(host: "second", port: 3_333))
        var world = world {
            $0.pools.append(second)
            $0.profile.firmware.personality = "braiins"
            $0.profile.firmware.poolRetries = nil
        }
        world.isReachable = false
        try world.run(for: .milliseconds(100))
        world.isReachable = true
        try world.run(for: .seconds(30))
        #expect(world.dials.map(\.to.host) == ["pool.example", "second"])
        #expect(world.rig.snapshot.miner.pool == 1)
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `a refused channel is a failure with the pool's word as reason`() throws {
        var world = world()
        world.pool.refusal = "unknown-user"
        try world.run(for: .minutes(1))
        #expect(world.pool.connections >= 4)
        #expect(
            world.count { $0 == .disconnected(pool: 0, reason: "channel refused: unknown-user") }
                == world.pool.connections)
    }

    @Test func `a pool that closes the channel is left`() throws {
        var world = world()
        try world.run(for: .minutes(2))
        world.pool.send(Mining.CloseChannel(channelID: ScriptedV2Pool.group, reasonCode: "maintenance"))
        try world.flush()
        #expect(
            world.count {
                $0 == .disconnected(pool: 0, reason: "channel closed by the pool: maintenance")
            } == 1)
        try world.run(for: .seconds(10))
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `Reconnect leads to the named host once and then back to the list`() throws {
        var world = world { $0.profile.firmware.personality = "braiins" }
        try world.run(for: .minutes(2))
        world.pool.send(Common.Reconnect(newHost: "other", newPort: 0))
        try world.flush()
        try world.run(for: .seconds(10))
        #expect(
            world.dials.map(\.to) == [
                Endpoint(host: "pool.example", port: 3_333), Endpoint(host: "other", port: 3_333),
            ])
        #expect(world.rig.snapshot.phase == .mining)
        world.isReachable = false
        world.pool.close()
        try world.flush()
        try world.run(for: .minutes(1))
        #expect(world.dials.last?.to.host == "pool.example")
    }

    @Test func `a pool that keeps sending the device on is met ever more rarely`() throws {
        var world = world { $0.profile.firmware.personality = "braiins" }
        for _ in 0..<200 where world.now < .start + .minutes(10) {
            try world.run(for: .seconds(1))
            guard world.connection != nil, world.pool.connection.isEstablished else { continue }
            world.pool.send(Common.Reconnect(newHost: "", newPort: 0))
            try world.flush()
        }
        #expect(world.pool.connections < 12)
    }

    @Test func `a pool that says nothing is left`() throws {
        var world = world()
        world.isDeaf = true
        try world.run(for: .minutes(2))
        #expect(world.count { $0 == .disconnected(pool: 0, reason: "no channel in time") } >= 2)
    }

    @Test func `a pool that falls silent is left after three minutes`() throws {
        var world = world()
        try world.run(for: .minutes(1))
        world.isDeaf = true
        try world.run(for: .minutes(4))
        #expect(world.count { $0 == .disconnected(pool: 0, reason: "pool is silent") } == 1)
    }

    @Test func `a server with another authority's certificate is refused`() throws {
        var secrets = SecretGenerator(seed: [42])
        let foreign = AuthoritySecretKey(secrets.secretKey())
        var world = world {
            $0.pools = [
                PoolURL(
                    scheme: .stratumV2(authority: foreign.publicKey),
                    endpoint: Endpoint(host: "pool.example", port: 1))
            ]
        }
        try world.run(for: .seconds(20))
        #expect(world.pool.received == [])
        #expect(world.rig.snapshot.miner.reconnects > 2)
    }

    @Test func `pulling the plug closes the connection and stops everything`() throws {
        var world = world()
        try world.run(for: .minutes(1))
        try world.command(.powerOff)
        #expect(world.connection == nil)
        #expect(world.rig.nextDeadline == nil)
        #expect(world.rig.snapshot.phase == .off)
        try world.run(for: .minutes(10))
        try world.command(.powerOn)
        try world.run(for: .minutes(1))
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.pool.rejected == [])
    }
}
