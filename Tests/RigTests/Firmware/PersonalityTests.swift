import Bitcoin
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

/// In what firmwares differ, and what their owners tell them.
@Suite struct PersonalityTests {
    private static let second = PoolURL(
        scheme: .stratumV2(authority: TestRigs.authority.publicKey),
        endpoint: Endpoint(host: "second", port: 3_333))

    private func world(
        _ personality: Personality = .braiins, _ change: (inout RigConfiguration) -> Void = { _ in }
    ) -> RigWorld<ScriptedV2Pool> {
        var configuration = TestRigs.configuration()
        configuration.instantBoot = true
        configuration.profile.firmware.personality = personality.rawValue
        change(&configuration)
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test func `ESP-Miner tries a pool three times before it takes the fallback`() throws {
        var world = world(.espMiner) { $0.pools.append(Self.second) }
        world.deadHosts = ["pool.example"]
        try world.run(for: .minutes(1))
        #expect(
            world.dials.map(\.to.host).prefix(4) == [
                "pool.example", "pool.example", "pool.example", "second",
            ])
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test(arguments: [Personality.espMiner, .antminer, .cgminerGekko])
    func `a device on its fallback goes back once the preferred pool answers`(personality: Personality) throws
    {
        var world = world(personality) { $0.pools.append(Self.second) }
        world.deadHosts = ["pool.example"]
        try world.run(for: .minutes(5))
        #expect(world.rig.snapshot.miner.pool == 1)
        world.deadHosts = []
        try world.run(for: .minutes(2))
        #expect(world.rig.snapshot.miner.pool == 0)
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.count { $0 == .returning(pool: 0) } == 1)
        #expect(world.pool.rejected == [])
    }

    @Test func `ESP-Miner does not follow Reconnect`() throws {
        var world = world(.espMiner)
        try world.run(for: .minutes(1))
        world.pool.send(Common.Reconnect(newHost: "other", newPort: 0))
        try world.flush()
        try world.run(for: .seconds(10))
        #expect(world.dials.map(\.to.host) == ["pool.example"])
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `an owner moves a device to another pool, and its counters stay with their pool`() throws {
        var world = world()
        try world.run(for: .minutes(5))
        let before = world.rig.snapshot.miner.pools[0].accepted
        #expect(before > 0)
        let old = world.rig.snapshot.miner.accounts[0]
        try world.command(.operate(.setPools([PoolAccount(url: Self.second, user: "other.worker"), old])))
        try world.run(for: .minutes(5))
        #expect(world.dials.last?.to.host == "second")
        let miner = world.rig.snapshot.miner
        #expect(miner.pool == 0 && miner.pools[0].accepted > 0 && miner.pools[1].accepted == before)
        #expect(miner.accounts.map(\.user) == ["other.worker", "lab.worker"])
    }

    @Test func `sleep leaves the pool and the chips cold, and waking brings both back`() throws {
        var world = world()
        try world.run(for: .minutes(5))
        let warm = world.rig.snapshot
        try world.command(.operate(.setSleep(true)))
        #expect(world.rig.snapshot.phase == .sleeping)
        #expect(world.connection == nil)
        let shares = world.rig.snapshot.miner.counters.submitted
        try world.run(for: .minutes(30))
        let cold = world.rig.snapshot
        #expect(cold.miner.counters.submitted == shares)
        #expect(cold.inputPower.watts < 0.3 * warm.inputPower.watts)
        try world.command(.operate(.setSleep(false)))
        try world.run(for: .minutes(5))
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.rig.snapshot.miner.counters.submitted > shares)
    }

    @Test func `an owner's clock, voltage and fan change heat and hash rate; impossible wishes are refused`()
        throws
    {
        var world = world { $0.profile.firmware.autotunes = false }
        try world.run(for: .minutes(30))
        let before = world.rig.snapshot
        try world.command(.operate(.setFrequency(Megahertz(400))))
        try world.command(.operate(.setFan(.full)))
        try world.run(for: .minutes(30))
        let after = world.rig.snapshot
        #expect(abs(after.hashRate.hashesPerSecond / before.hashRate.hashesPerSecond - 400 / 525) < 0.02)
        #expect(after.inputPower < before.inputPower)
        #expect(after.fanDuty == .full && after.chipTemperature < before.chipTemperature)
        try world.command(.operate(.setFrequency(Megahertz(-1))))
        try world.command(.operate(.setFrequency(Megahertz(.nan))))
        try world.command(.operate(.setVoltage(Volts(1_000))))
        try world.command(.operate(.setPools([])))
        try world.command(.operate(.switchPool(3)))
        let refusals: [OperatorRefusal] = world.observations.compactMap { (_, what) -> OperatorRefusal? in
            if case .refused(let why) = what { return why }
            return nil
        }
        #expect(
            refusals == [
                .frequencyOutOfRange, .frequencyOutOfRange, .voltageOutOfRange, .noPools, .noSuchPool(3),
            ])
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `a restart boots anew and mines again`() throws {
        var world = world { $0.instantBoot = false }
        try world.run(for: .minutes(10))
        let booted = world.rig.snapshot.miner.bootedAt
        try world.command(.operate(.restart))
        #expect(world.rig.snapshot.phase == .booting)
        try world.run(for: .minutes(10))
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.rig.snapshot.miner.bootedAt > booted)
    }
}

/// How firmwares begin a Stratum V1 session.
@Suite struct V1DialectTests {
    private func methods(_ personality: Personality) throws -> [String] {
        var configuration = TestRigs.configuration()
        configuration.instantBoot = true
        configuration.profile.firmware.personality = personality.rawValue
        // Full rate: a scaled device suggests its difficulty, whoever it is.
        configuration.hashrateScale = 1
        configuration.pools = [
            PoolURL(scheme: .stratumV1, endpoint: Endpoint(host: "v1.example", port: 3_333))
        ]
        var world = RigWorld(
            rig: RigMachine(configuration),
            pool: ScriptedV1Pool(difficulty: 1e12))
        try world.run(for: .minutes(1))
        return world.pool.calls.filter { $0 != "mining.submit" }
    }

    @Test func `each says what the real one says, in its order`() throws {
        let expected: [(Personality, [String])] = [
            (.espMiner, ["configure", "subscribe", "authorize", "suggest_difficulty"]),
            (.antminer, ["configure", "subscribe", "authorize"]),
            (.braiins, ["subscribe", "configure", "authorize", "extranonce.subscribe"]),
            (
                .cpuMiner,
                ["configure", "subscribe", "authorize", "suggest_difficulty", "extranonce.subscribe"]
            ),
        ]
        for (personality, calls) in expected {
            let methods = try methods(personality)
            #expect(methods == calls.map { "mining." + $0 })
        }
    }
}
