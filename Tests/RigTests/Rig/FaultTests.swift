import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Testing

/// Faults as a pool and an owner see them: the whole rig, firmware included.
@Suite struct FaultTests {
    private func world(
        _ profile: DeviceProfile, faults: [DeviceFault] = [], instant: Bool = true
    ) -> RigWorld<ScriptedV2Pool> {
        var profile = profile
        profile.faults = faults
        var configuration = TestRigs.configuration(profile, rate: 10)
        configuration.instantBoot = instant
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test func `a silent chain takes its third of the shares until it comes back`() throws {
        let fault = DeviceFault(.silentChain(board: 1), .at(.hours(2)), duration: .hours(2))
        var world = world(TestRigs.antminer, faults: [fault])
        var counts: [Int] = []
        for _ in 0..<3 {
            let before = world.pool.accepted.count
            try world.run(for: .hours(2))
            counts.append(world.pool.accepted.count - before)
        }
        // 720 shares in two hours at full rate, 480 without one board of three; deviation 27 at most.
        #expect(abs(counts[0] - 720) < 110)
        #expect(abs(counts[1] - 480) < 90)
        #expect(abs(counts[2] - 720) < 110)
        #expect(world.pool.rejected == [])
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `a stopped sensor stops the chips, and they run again when it answers`() throws {
        var world = world(TestRigs.bitaxe)
        try world.run(for: .minutes(20))
        try world.command(.addFault(DeviceFault(.sensorFailure(.silent), duration: .minutes(3))))
        try world.run(for: .minutes(2))
        #expect(world.rig.snapshot.phase == .coolingDown)
        try world.run(for: .minutes(20))
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `a sensor that reads 255 degrees counts as heat`() throws {
        var world = world(TestRigs.antminer)
        try world.run(for: .minutes(10))
        try world.command(.addFault(DeviceFault(.sensorFailure(.reads255))))
        try world.run(for: .minutes(2))
        #expect(world.rig.snapshot.phase == .coolingDown)
        try world.command(.removeFaults(named: "sensor-failure"))
        try world.run(for: .minutes(20))
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `two rigs of one seed live through the same faults to the byte`() throws {
        let faults = [
            DeviceFault(.voltageSag(share: 0.01), .perHour(10), duration: .seconds(40)),
            DeviceFault(.overheating(kelvin: 8), .perHour(4), duration: .minutes(5)),
            DeviceFault(.checksumErrors(share: 0.2), .perHour(2), duration: .minutes(4)),
        ]
        var one = world(TestRigs.antminer, faults: faults)
        var two = world(TestRigs.antminer, faults: faults)
        try one.run(for: .hours(3))
        for _ in 0..<180 { try two.run(for: .minutes(1)) }
        #expect(one.rig.snapshot == two.rig.snapshot)
        #expect(one.pool.accepted.count == two.pool.accepted.count)
    }
}
