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
        _ configuration: RigConfiguration, hashes: Double = 100
    ) -> RigWorld<ScriptedV2Pool> {
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: hashes), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test func `a Bitaxe boots, opens a standard channel and its shares are accepted`() throws {
        var world = world(TestRigs.configuration())
        try world.run(for: .minutes(10))
        #expect(world.pool.rejected == [])
        // One share per second in the mean over some 585 s: 585 +- 5 sigma.
        #expect(abs(Double(world.pool.accepted.count) - 585) < 5 * 24.2)
        #expect(world.pool.identities == ["lab.worker"])
        #expect(world.pool.nominalHashRates == [100])
        let snapshot = world.rig.snapshot
        #expect(snapshot.phase == .mining)
        #expect(snapshot.accepted == UInt64(world.pool.accepted.count))
        #expect(snapshot.rejected == 0)
    }
}
