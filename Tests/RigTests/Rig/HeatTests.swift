import Bitcoin
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Stratum
import Testing

@Suite struct HeatTests {
    private func world(
        _ profile: DeviceProfile, ambient: Double
    ) -> RigWorld<ScriptedV2Pool> {
        var configuration = TestRigs.configuration(profile, rate: 10)
        configuration.instantBoot = true
        configuration.ambient = Celsius(ambient)
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test(arguments: ["bitaxe", "antminer"])
    func `the fan holds the target temperature in a room of 25 degrees`(which: String) throws {
        let profile = which == "bitaxe" ? TestRigs.bitaxe : TestRigs.antminer
        var world = world(profile, ambient: 25)
        try world.run(for: .hours(1))
        let snapshot = world.rig.snapshot
        #expect(snapshot.phase == .mining)
        #expect(abs(snapshot.chipTemperature.degrees - profile.limits.targetCelsius) < 2.5)
        #expect(snapshot.fanDuty > FanDuty(0.3) && snapshot.fanDuty < FanDuty(1))
        // An hour's energy is an hour of the power shown, but for the warm-up.
        let kilowattHours = snapshot.consumedEnergy.kilowattHours
        #expect(abs(kilowattHours * 1_000 / snapshot.inputPower.watts - 1) < 0.05)
        #expect(world.pool.rejected == [])
    }

    @Test func `a Bitaxe in an oven overheats, rests, and comes back slower`() throws {
        var world = world(TestRigs.bitaxe, ambient: 25)
        try world.run(for: .minutes(20))
        try world.command(.setAmbient(Celsius(52)))
        try world.run(for: .minutes(20))
        let overheated = world.count { if case .overheated = $0 { true } else { false } }
        #expect(overheated >= 1)
        #expect(world.phases.contains(.coolingDown))
        try world.command(.setAmbient(Celsius(25)))
        try world.run(for: .minutes(20))
        let snapshot = world.rig.snapshot
        #expect(snapshot.phase == .mining)
        #expect(world.observations.contains { $0.what == .cooledDown(restartFrequency: Megahertz(425)) })
        #expect(snapshot.miner.frequency <= Megahertz(425))
        #expect(snapshot.miner.voltage <= Volts(1.06))
        #expect(snapshot.hashRate < TestRigs.bitaxe.nominalHashRate)
        #expect(world.pool.rejected == [])
    }

    @Test func `resting chips find nothing and the connection stays`() throws {
        var world = world(TestRigs.bitaxe, ambient: 25)
        try world.run(for: .minutes(20))
        try world.command(.setFansWork(false))
        try world.run(for: .minutes(3))
        #expect(world.rig.snapshot.phase == .coolingDown)
        #expect(world.observations.contains { $0.what == .fanFailed })
        let before = world.pool.received.count
        try world.run(for: .seconds(20))
        #expect(world.pool.received.count == before)
        #expect(world.pool.connections == 1)
        #expect(world.rig.snapshot.hashRate == .zero)
    }

    @Test func `an S19j Pro in a hot room throttles before it must rest, and recovers`() throws {
        var world = world(TestRigs.antminer, ambient: 25)
        try world.run(for: .minutes(20))
        try world.command(.setAmbient(Celsius(58)))
        try world.run(for: .minutes(40))
        #expect(world.phases.contains(.throttled))
        let hot = world.rig.snapshot
        #expect(hot.hashRate < TestRigs.antminer.nominalHashRate)
        #expect(hot.chipTemperature < Celsius(105))
        try world.command(.setAmbient(Celsius(25)))
        try world.run(for: .hours(1))
        #expect(world.rig.snapshot.phase == .mining)
        #expect(world.rig.snapshot.miner.frequency == Megahertz(535))
        #expect(world.pool.rejected == [])
    }

    @Test func `an Antminer without fans stops hashing`() throws {
        var world = world(TestRigs.antminer, ambient: 20)
        try world.run(for: .minutes(10))
        try world.command(.setFansWork(false))
        try world.run(for: .minutes(1))
        #expect(world.rig.snapshot.phase == .coolingDown)
        #expect(world.observations.contains { $0.what == .fanFailed })
    }

    @Test func `a settled rig costs one event per share and one per reading`() throws {
        var world = world(TestRigs.bitaxe, ambient: 25)
        try world.run(for: .minutes(30))
        let before = (events: world.events, shares: world.pool.accepted.count)
        try world.run(for: .hours(1))
        let shares = world.pool.accepted.count - before.shares
        let readings = world.events - before.events - shares
        // 360 readings of ten seconds, some more after noise, some wrong nonces.
        #expect(readings > 300 && readings < 900)
    }
}
