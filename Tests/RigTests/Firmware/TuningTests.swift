import DeviceModel
import Firmware
import Hardware
import JSONText
import Management
import Rig
import SansIO
import Stratum
import Testing

/// Chips tuned one by one: what an owner gains by it, and what is shown of it.
@Suite struct TuningTests {
    /// A worn S19j Pro whose chips differ, with BraiinsOS.
    private func profile(autotunes: Bool, years: Double = 6) -> DeviceProfile {
        var profile = TestRigs.antminer
        profile.firmware.personality = "braiins"
        profile.firmware.autotunes = autotunes
        profile.errors.chipSpread = 0.01
        profile.ageing.years = years
        return profile
    }

    private func world(_ profile: DeviceProfile) -> RigWorld<ScriptedV2Pool> {
        var configuration = TestRigs.configuration(profile, rate: 1)
        configuration.instantBoot = true
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test func `a board of unlike chips hashes more at no more power than without tuning`() throws {
        var plain = world(profile(autotunes: false))
        var tuned = world(profile(autotunes: true))
        try plain.run(for: .minutes(150))
        try tuned.run(for: .minutes(150))
        let status = try #require(tuned.rig.snapshot.miner.tuning)
        #expect(plain.rig.snapshot.miner.tuning == nil)
        #expect(status.stage == .stable)
        // Tuning takes hours on real devices too.
        let observations = tuned.observations
        let took = try #require(
            observations.first { if case .tuningSettled = $0.what { true } else { false } }
        ).at
        #expect(took > .start + .minutes(20))
        #expect(Set(status.clocks.steps).count > 3, "chips differ, so do their clocks")
        let before = plain.rig.snapshot
        let after = tuned.rig.snapshot
        // Of the clock's promise, what an even clock lost to wrong nonces.
        let promised = profile(autotunes: false).nominalHashRate.hashesPerSecond
        let lost = 1 - before.hashRate.hashesPerSecond / promised
        #expect(after.hashRate > before.hashRate)
        #expect(status.wrongShare < 0.75 * lost, "\(status.wrongShare) of \(lost)")
        #expect(after.inputPower.watts < max(before.inputPower.watts, status.powerTarget.watts) * 1.02)
        #expect(tuned.pool.rejected == [])
    }

    @Test func `the map is remembered over a restart, and the owner's clock makes it void`() throws {
        var world = world(profile(autotunes: true))
        try world.run(for: .minutes(150))
        let before = try #require(world.rig.snapshot.miner.tuning)
        let rate = world.rig.snapshot.hashRate
        try world.command(.powerOff)
        try world.run(for: .minutes(1))
        try world.command(.powerOn)
        try world.run(for: .minutes(20))
        let after = try #require(world.rig.snapshot.miner.tuning)
        #expect(after.clocks == before.clocks && after.runs == before.runs && after.stage == .stable)
        #expect(abs(world.rig.snapshot.hashRate.hashesPerSecond / rate.hashesPerSecond - 1) < 0.01)
        try world.command(.operate(.setFrequency(Megahertz(450))))
        #expect(world.rig.snapshot.miner.tuning?.runs == 0)
        try world.run(for: .minutes(20))
        #expect(world.rig.snapshot.miner.tuning?.stage == .tuning)
    }

    @Test func `a device that ages is tuned again, and its errors stay low`() throws {
        var world = world(profile(autotunes: true, years: 0))
        try world.run(for: .minutes(150))
        let young = try #require(world.rig.snapshot.miner.tuning)
        #expect(young.stage == .stable)
        try world.command(.addFault(Hardware.DeviceFault(.ageing(years: 8))))
        try world.run(for: .minutes(190))
        let old = try #require(world.rig.snapshot.miner.tuning)
        #expect(old.runs > young.runs && old.stage == .stable)
        #expect(old.wrongShare < 0.012)
        #expect(old.clocks != young.clocks)
    }

    @Test func `chips that stand still are not tuned`() throws {
        var world = world(profile(autotunes: true))
        world.isReachable = false
        try world.run(for: .hours(2))
        #expect(
            world.rig.snapshot.miner.tuning?.stage == .waiting && world.rig.snapshot.miner.tuning?.rounds == 0
        )
    }

    @Test func `BOSminer tells how far its tuner is`() throws {
        var world = ManagedWorld(profile(autotunes: true))
        try world.run(for: .minutes(1))
        let early = try world.api("tunerstatus")["TUNERSTATUS"]?[0]
        #expect(early?["TunerRunning"]?.boolValue == true)
        #expect(early?["TunerChainStatus"]?.arrayValue?.count == 3)
        try world.run(for: .minutes(150))
        let late = try world.api("tunerstatus")["TUNERSTATUS"]?[0]
        #expect(late?["TunerChainStatus"]?[0]?["Status"]?.stringValue == "Stable")
        #expect(late?["PowerLimit"]?.int64 == 3_068)
        var stock = ManagedWorld(TestRigs.antminer)
        try stock.run(for: .minutes(1))
        #expect(try stock.api("tunerstatus")["STATUS"]?[0]?["Code"]?.int64 == 14)
    }
}
