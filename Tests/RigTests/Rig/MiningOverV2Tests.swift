import Bitcoin
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

@Suite struct MiningOverV2Tests {
    private func world(
        _ configuration: RigConfiguration, hashes: Double = 100,
        _ change: (inout ScriptedV2Pool) -> Void = { _ in }
    ) -> RigWorld<ScriptedV2Pool> {
        var pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: hashes), credentials: TestRigs.credentials())
        change(&pool)
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    private func instant(_ change: (inout RigConfiguration) -> Void = { _ in }) -> RigConfiguration {
        var configuration = TestRigs.configuration()
        configuration.instantBoot = true
        change(&configuration)
        return configuration
    }

    @Test func `a Bitaxe boots, opens a standard channel and its shares are accepted`() throws {
        var world = world(TestRigs.configuration())
        try world.run(for: .minutes(10))
        #expect(world.pool.rejected == [])
        // One share per second in the mean over some 585 s: 585 +- 5 sigma.
        #expect(abs(Double(world.pool.accepted.count) - 585) < 5 * 24.2)
        #expect(world.pool.identities == ["lab.worker"])
        #expect(world.pool.nominalHashRates == [100])
        #expect(world.pool.setup?.vendor == "bitaxe")
        #expect(world.pool.setup?.flags == 0)
        let snapshot = world.rig.snapshot
        #expect(snapshot.phase == .mining)
        #expect(snapshot.accepted == UInt64(world.pool.accepted.count))
        #expect(snapshot.rejected == 0)
        #expect(world.phases.first == .booting)
        #expect(world.phases.last == .mining)
        // The chips were ready after 1.2 + 1.5 + 7.6 s, the network after 5 s.
        let mining = world.observations.first { $0.what == .phaseChanged(.mining) }
        #expect(abs((mining.map { ($0.at - .start).seconds } ?? 0) - 10.3) < 0.1)
    }

    @Test func `a standard channel understands its group's extended jobs`() throws {
        var world = world(instant()) { $0.usesGroupJobs = true }
        try world.run(for: .minutes(5))
        world.pool.newBlock()
        try world.flush()
        try world.run(for: .minutes(5))
        #expect(world.pool.rejected == [])
        #expect(world.pool.accepted.count > 400)
    }

    @Test func `an extended channel rolls its own extranonce`() throws {
        var world = world(instant { $0.channel = .extended })
        try world.run(for: .minutes(5))
        #expect(world.pool.received.contains("OpenExtendedMiningChannel"))
        #expect(world.pool.received.contains("SubmitSharesExtended"))
        #expect(world.pool.rejected == [])
        #expect(world.pool.accepted.count > 200)
    }

    @Test func `a device that wants standard jobs only says so at set-up`() throws {
        var world = world(instant { $0.requiresStandardJobs = true })
        try world.run(for: .seconds(5))
        #expect(world.pool.setup?.flags == 1)
    }

    @Test func `an exhausted extended work goes on with the next extranonce`() throws {
        var profile = DeviceProfile.cpuMiner
        profile.boards.count = 16
        profile.boards.chipsPerBoard = 1_024
        var configuration = TestRigs.configuration(profile, rate: 1_000_000)
        configuration.instantBoot = true
        configuration.channel = .extended
        // Without version rolling a chip's part ends after 2^18 nonces: some four shares of 65,536 hashes.
        var world = world(configuration, hashes: 65_536) { $0.versionRollingAllowed = false }
        try world.run(for: .seconds(4))
        #expect(world.pool.rejected == [])
        #expect(Set(world.pool.extranonces).count > 3)
        #expect(world.pool.accepted.allSatisfy { $0.version == 0x2000_0000 })
    }

    @Test func `a target holds for jobs that become active after it`() throws {
        var world = world(instant())
        try world.run(for: .minutes(1))
        world.pool.target = TestRigs.target(hashes: 2_000)
        world.pool.send(Mining.SetTarget(channelID: ScriptedV2Pool.channel, maximumTarget: world.pool.target))
        try world.flush()
        let before = world.pool.accepted.count
        try world.run(for: .minutes(1))
        // The running job keeps its target: shares go on at one a second.
        #expect(world.pool.accepted.count > before + 30)
        world.pool.sendJob(active: true)
        try world.flush()
        #expect(world.rig.snapshot.difficulty == world.pool.target.difficulty)
        let later = world.pool.accepted.count
        try world.run(for: .minutes(2))
        #expect(world.pool.accepted.count < later + 20)
        #expect(world.pool.rejected == [])
    }

    @Test func `a future job takes the target that holds when it becomes active`() throws {
        var world = world(instant())
        try world.run(for: .seconds(10))
        let job = world.pool.sendJob(active: false)
        world.pool.target = TestRigs.target(hashes: 500)
        world.pool.send(Mining.SetTarget(channelID: ScriptedV2Pool.group, maximumTarget: world.pool.target))
        world.pool.jobs[job]?.tip = world.pool.tip
        world.pool.jobTargets[job] = world.pool.target
        world.pool.send(
            Mining.SetNewPrevHash(
                channelID: ScriptedV2Pool.group, jobID: job, prevHash: world.pool.tip.prevHash,
                minNTime: world.pool.tip.time, nBits: world.pool.tip.bits))
        try world.flush()
        #expect(world.rig.snapshot.difficulty == world.pool.target.difficulty)
        try world.run(for: .minutes(2))
        #expect(world.pool.rejected == [])
    }

    @Test func `a new extranonce prefix holds for jobs sent after it`() throws {
        var world = world(instant()) { $0.usesGroupJobs = true }
        try world.run(for: .seconds(30))
        world.pool.prefix = [9, 9, 9, 9, 9, 9, 9, 9]
        world.pool.send(
            Mining.SetExtranoncePrefix(
                channelID: ScriptedV2Pool.channel, extranoncePrefix: world.pool.prefix))
        try world.run(for: .seconds(30))
        world.pool.sendJob(active: true)
        try world.flush()
        try world.run(for: .minutes(1))
        #expect(world.pool.rejected == [])
        #expect(world.pool.accepted.count > 80)
    }

    @Test func `a previous hash for an unknown job stops work until the pool says more`() throws {
        var world = world(instant())
        try world.run(for: .seconds(30))
        world.pool.send(
            Mining.SetNewPrevHash(
                channelID: ScriptedV2Pool.channel, jobID: 999, prevHash: .zero, minNTime: 1,
                nBits: 0x207f_ffff))
        try world.flush()
        #expect(world.rig.snapshot.phase == .waiting)
        let before = world.pool.received.count
        try world.run(for: .minutes(1))
        #expect(world.pool.received.count == before)
        world.pool.newBlock()
        try world.flush()
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `rejections are counted by reason`() throws {
        var world = world(instant())
        try world.run(for: .seconds(30))
        // The pool forgets the job without telling.
        world.pool.jobs = [:]
        try world.run(for: .minutes(1))
        let counters = world.rig.snapshot.miner.counters
        #expect(counters.rejected > 20)
        #expect(counters.rejectedUnknownJob == counters.rejected)
        #expect(world.pool.rejected.count == Int(counters.rejected))
    }

    @Test func `wrong nonces are hardware errors and are not submitted`() throws {
        var profile = TestRigs.bitaxe
        profile.errors.nominalRate = 0.2
        var configuration = TestRigs.configuration(profile)
        configuration.instantBoot = true
        var world = world(configuration)
        try world.run(for: .minutes(10))
        let counters = world.rig.snapshot.miner.counters
        #expect(counters.hardwareErrors > 60)
        #expect(world.pool.rejected == [])
        #expect(counters.submitted == UInt64(world.pool.accepted.count))
    }

    @Test func `a processor miner hashes every nonce at its rate`() throws {
        var configuration = TestRigs.configuration(.cpuMiner)
        configuration.hashrateScale = 1
        configuration.engine = .hash(maxRate: HashRate(50_000))
        var world = world(configuration, hashes: 50_000)
        try world.run(for: .minutes(2))
        #expect(world.pool.nominalHashRates == [50_000])
        #expect(world.pool.rejected == [])
        // One share a second: 120 +- 5 sigma.
        #expect(abs(Double(world.pool.accepted.count) - 120) < 55)
        #expect(abs(Double(world.rig.snapshot.hashes) / 6_000_000 - 1) < 0.01)
    }

    @Test func `the same seed gives the same observations, another stream others`() throws {
        func run(_ stream: UInt64) throws -> [MinerObservation] {
            var configuration = TestRigs.configuration()
            configuration.stream = stream
            var world = world(configuration)
            try world.run(for: .minutes(5))
            return world.observations.map(\.what)
        }
        let first = try run(1)
        #expect(first.count > 300)
        #expect(try run(1) == first)
        #expect(try run(2) != first)
    }
}
