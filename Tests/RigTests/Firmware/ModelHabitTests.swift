import DeviceModel
import Firmware
import Hardware
import JSONText
import Management
import Rig
import SansIO
import Stratum
import Testing

/// What a model's profile says of its firmware, as pool, owner and fleet software notice it.
@Suite struct ModelHabitTests {
    private static let second = PoolURL(
        scheme: .stratumV2(authority: TestRigs.authority.publicKey),
        endpoint: Endpoint(host: "second", port: 3_333))

    private func world(
        _ profile: DeviceProfile = TestRigs.antminer, _ change: (inout RigConfiguration) -> Void
    ) -> RigWorld<ScriptedV2Pool> {
        var configuration = TestRigs.configuration(profile, rate: 10)
        configuration.instantBoot = true
        change(&configuration)
        let pool = ScriptedV2Pool(
            target: TestRigs.target(hashes: 100), credentials: TestRigs.credentials())
        return RigWorld(rig: RigMachine(configuration), pool: pool)
    }

    @Test(arguments: [1, 4])
    func `a pool has as many attempts as the profile says before the next one`(tries: Int) throws {
        var world = world {
            $0.pools.append(Self.second)
            $0.profile.firmware.poolRetries = tries
        }
        world.deadHosts = ["pool.example"]
        try world.run(for: .minutes(5))
        let hosts = world.dials.map(\.to.host)
        #expect(Array(hosts.prefix(tries + 1)) == Array(repeating: "pool.example", count: tries) + ["second"])
    }

    @Test(arguments: [20.0, 300.0])
    func `a device on its fallback looks for its first pool as often as the profile says`(seconds: Double)
        throws
    {
        var world = world {
            $0.pools.append(Self.second)
            $0.profile.firmware.poolRetries = 1
            $0.profile.firmware.failoverProbeSeconds = seconds
        }
        world.deadHosts = ["pool.example"]
        try world.run(for: .minutes(20))
        let looks = world.dials.filter { $0.to.host == "pool.example" }.dropFirst()
        #expect(abs(Double(looks.count) - 1_200 / seconds) <= 1)
        #expect(world.rig.snapshot.miner.pool == 1)
    }

    @Test func `where every chip must answer, missing ones end the start after so many counts`() throws {
        var world = world {
            $0.profile.firmware.enumeration = "exact"
            $0.profile.firmware.enumerationTries = 3
            $0.profile.faults = [Hardware.DeviceFault(.missingChips(board: 1, count: 2))]
        }
        try world.run(for: .minutes(10))
        #expect(world.count { $0 == .chipsMissing(found: 376, expected: 378) } == 3)
        #expect(world.rig.snapshot.phase == .faulty)
        #expect(world.pool.accepted.isEmpty)
    }

    @Test func `a tolerant start takes fewer chips after half of its counts`() throws {
        var world = world {
            $0.profile.firmware.enumeration = "tolerant"
            $0.profile.firmware.enumerationTries = 6
            $0.profile.faults = [Hardware.DeviceFault(.missingChips(board: 1, count: 2))]
        }
        try world.run(for: .minutes(10))
        #expect(world.count { $0 == .chipsMissing(found: 376, expected: 378) } == 3)
        #expect(world.rig.snapshot.phase == .mining)
        #expect(!world.pool.accepted.isEmpty)
    }

    @Test(arguments: [5.0, 60.0])
    func `a slow fan stops the hashing after the time that the profile gives it`(seconds: Double) throws {
        var world = world { $0.profile.firmware.fanLostSeconds = seconds }
        try world.run(for: .minutes(20))
        #expect(world.rig.snapshot.phase == .mining)
        let broken = world.now
        try world.command(.addFault(Hardware.DeviceFault(.fanLoss(fans: 1))))
        try world.run(for: .minutes(3))
        let noticed = try #require(world.observations.first { $0.what == .fanFailed }).at
        // A look at the sensors lies up to ten seconds ahead.
        #expect((noticed - broken).seconds >= seconds && (noticed - broken).seconds <= seconds + 12)
        #expect(world.phases.contains(.coolingDown))
    }

    @Test func `a limit above what the fans turn stops a healthy device, and zero watches nothing`() throws {
        var strict = world { $0.profile.firmware.fanLostRPM = 20_000 }
        try strict.run(for: .minutes(20))
        #expect(strict.count { $0 == .fanFailed } >= 1)
        var blind = world { $0.profile.firmware.fanLostRPM = 0 }
        try blind.run(for: .minutes(20))
        try blind.command(.addFault(Hardware.DeviceFault(.fanLoss(fans: 1))))
        try blind.run(for: .minutes(5))
        #expect(blind.count { $0 == .fanFailed } == 0)
    }

    // MARK: Names

    @Test func `each family tells pools who it is, and the profile's version goes with it`() throws {
        let vendors: [(Personality, String, String)] = [
            (.braiins, "Braiins", "braiins-3"), (.whatsminer, "Bitmain", "whatsminer-3"),
            (.avalon, "Bitmain", "avalon-3"), (.cgminerGekko, "Bitmain", "gekko-3"),
            (.espMiner, "bitaxe", "bitaxe-3"), (.antminer, "Bitmain", "antminer-3"),
        ]
        var firmwares: Set<String> = []
        for (personality, vendor, deviceID) in vendors {
            var world = world { $0.profile.firmware.personality = personality.rawValue }
            try world.run(for: .minutes(1))
            let setup = try #require(world.pool.setup)
            #expect(setup.vendor == vendor && setup.deviceID == deviceID)
            firmwares.insert(setup.firmware)
        }
        #expect(firmwares.count == vendors.count)
        var world = world { $0.profile.firmware.version = "9.8.7-test" }
        try world.run(for: .minutes(1))
        #expect(world.pool.setup?.firmware == "9.8.7-test")
    }

    @Test func `fleet software reads the profile's model and version`() throws {
        var antminer = ManagedWorld(TestRigs.antminer) {
            $0.profile.firmware.model = "Antminer Z9"
            $0.profile.firmware.version = "Mon Jan  1 2024"
        }
        try antminer.run(for: .minutes(1))
        let version = try antminer.api("version")["VERSION"]?[0]
        #expect(version?["Type"]?.stringValue == "Antminer Z9")
        #expect(version?["CompileTime"]?.stringValue == "Mon Jan  1 2024")
        var whatsminer = ManagedWorld(TestRigs.antminer, personality: .whatsminer) {
            $0.profile.firmware.model = "M99_VH20"
            $0.profile.firmware.version = "20250101.1.Rel"
        }
        try whatsminer.run(for: .minutes(1))
        let details = try whatsminer.api("devdetails")["DEVDETAILS"]?[0]
        #expect(details?["Model"]?.stringValue == "M99_VH20")
        let summary = try whatsminer.api("summary")["SUMMARY"]?[0]
        #expect(summary?["Firmware Version"]?.stringValue == "'20250101.1.Rel'")
        var bitaxe = ManagedWorld(TestRigs.bitaxe) {
            $0.profile.firmware.model = "BM9999"
            $0.profile.firmware.version = "v9.9.9"
        }
        try bitaxe.run(for: .minutes(1))
        let info = try bitaxe.http("GET", "/api/system/info").bodyJSON
        #expect(info?["ASICModel"]?.stringValue == "BM9999" && info?["version"]?.stringValue == "v9.9.9")
    }

    // MARK: Supply

    @Test func `a lost supply ends the hashing and not the session, and hashing resumes when it is back`()
        throws
    {
        var world = world { _ in }
        try world.run(for: .minutes(20))
        let connection = world.connection
        try world.command(.addFault(Hardware.DeviceFault(.supplyDrop, duration: .minutes(2))))
        try world.run(for: .minutes(1))
        #expect(world.count { $0 == .supplyLost } == 1)
        #expect(world.rig.snapshot.phase == .faulty)
        let shares = world.pool.accepted.count
        try world.run(for: .seconds(55))
        #expect(world.pool.accepted.count == shares)
        try world.run(for: .minutes(10))
        #expect(world.count { $0 == .supplyReturned } == 1)
        #expect(world.rig.snapshot.phase == .mining && world.pool.accepted.count > shares)
        #expect(world.connection == connection)
    }

    @Test func `a device that is switched on without supply waits for it`() throws {
        var world = world {
            $0.instantBoot = false
            $0.profile.faults = [Hardware.DeviceFault(.supplyDrop, duration: .minutes(10))]
        }
        try world.run(for: .minutes(9))
        #expect(world.rig.snapshot.phase == .faulty)
        try world.run(for: .minutes(10))
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `fleet software is told of a lost supply`() throws {
        var bitaxe = ManagedWorld(TestRigs.bitaxe)
        try bitaxe.run(for: .minutes(5))
        #expect(try bitaxe.http("GET", "/api/system/info").bodyJSON?["power_fault"] == nil)
        try bitaxe.command(.addFault(Hardware.DeviceFault(.supplyDrop, duration: .minutes(5))))
        try bitaxe.run(for: .minutes(1))
        #expect(try bitaxe.http("GET", "/api/system/info").bodyJSON?["power_fault"] != nil)
        try bitaxe.run(for: .minutes(10))
        #expect(try bitaxe.http("GET", "/api/system/info").bodyJSON?["power_fault"] == nil)
    }
}
