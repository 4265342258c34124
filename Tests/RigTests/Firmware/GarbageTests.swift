import Bitcoin
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

/// Whatever a pool says, a miner may leave it, but it does not fall over and comes back.
@Suite struct GarbageTests {
    private var configuration: RigConfiguration {
        var configuration = TestRigs.configuration()
        configuration.instantBoot = true
        return configuration
    }

    private func v2World() -> RigWorld<ScriptedV2Pool> {
        RigWorld(
            rig: RigMachine(configuration),
            pool: ScriptedV2Pool(
                target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials()))
    }

    @Test(arguments: UInt64(0)..<20) func `noise instead of Noise is left behind`(seed: UInt64) throws {
        var world = v2World()
        world.isDeaf = true
        try world.run(for: .milliseconds(10))
        var random = PRNG(seed: seed)
        let count = 1 + Int(random.below(600))
        try world.inject((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        world.isDeaf = false
        try world.run(for: .minutes(5))
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test(arguments: UInt64(0)..<40)
    func `messages with random bodies do not trap`(seed: UInt64) throws {
        var world = v2World()
        try world.run(for: .seconds(5))
        var random = PRNG(seed: seed)
        for _ in 0..<20 {
            let type = UInt8(random.below(0x30))
            let count = Int(random.below(120))
            var payload = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            // Half of them speak to our channel, so that they are taken seriously.
            if random.chance(1, in: 2), count >= 4 { payload.replaceSubrange(0..<4, with: [2, 0, 0, 0]) }
            let frame = V2Frame(
                extensionType: UInt16(random.below(2)) << 15, messageType: type, payload: payload)
            guard world.connection != nil, world.pool.connection.isEstablished else { break }
            world.pool.sendRaw(frame)
            try world.flush()
        }
        // Not long: a random target may ask for a thousand shares a second.
        try world.run(for: .seconds(20))
        // Every miner is alive: mining, or about to come back.
        #expect(world.rig.nextDeadline != nil)
    }

    @Test(arguments: [
        "\n\n\n", "{}", "[]", "nonsense", "{\"id\":null,\"method\":\"mining.notify\",\"params\":[]}",
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[-1]}",
        "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[1e400]}",
        "{\"id\":null,\"method\":\"mining.set_extranonce\",\"params\":[\"zz\",4000000000]}",
        "{\"id\":2,\"result\":[[],\"\",0],\"error\":null}", "{\"id\":99999999999999999999,\"result\":true}",
        "{\"id\":3,\"result\":false,\"error\":[24,\"no\",null]}",
        "{\"id\":20,\"result\":true,\"error\":null}",
        "{\"id\":null,\"method\":\"client.reconnect\",\"params\":[\"\",-7,\"x\"]}",
        "{\"id\":7,\"method\":\"client.get_version\",\"params\":[]}", "\u{0}\u{1}\u{2}",
    ])
    func `lines that no pool should send do not stop a V1 miner`(line: String) throws {
        var configuration = configuration
        configuration.pools = [PoolURL(scheme: .stratumV1, endpoint: Endpoint(host: "pool", port: 1))]
        let pool = ScriptedV1Pool(difficulty: TestRigs.target(hashes: 100).difficulty)
        var world = RigWorld(rig: RigMachine(configuration), pool: pool)
        try world.run(for: .seconds(5))
        for _ in 0..<40 { try world.inject(Array((line + "\n").utf8)) }
        try world.run(for: .minutes(5))
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.pool.rejected == [])
    }

    @Test func `an endless line is cut off`() throws {
        var configuration = configuration
        configuration.pools = [PoolURL(scheme: .stratumV1, endpoint: Endpoint(host: "pool", port: 1))]
        let pool = ScriptedV1Pool(difficulty: TestRigs.target(hashes: 100).difficulty)
        var world = RigWorld(rig: RigMachine(configuration), pool: pool)
        try world.run(for: .seconds(5))
        for _ in 0..<400 { try world.inject(Array(repeating: 0x61, count: 1_000)) }
        #expect(world.rig.snapshot.miner.reconnects == 1)
    }

    @Test func `bytes may come one by one`() throws {
        var world = v2World()
        world.dripFeed = true
        try world.run(for: .seconds(30))
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.pool.accepted.count > 5)
        #expect(world.pool.rejected == [])
    }
}
