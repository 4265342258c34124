import Firmware
import Hardware
import JSONText
import Management
import Rig
import SansIO
import Testing

/// What the families' APIs say in their own ways.
@Suite struct FamilyFormsTests {
    @Test func `an Antminer tells its chains by the API's both forms`() throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(10))
        let version = try world.api("version")["VERSION"]?[0]
        #expect(version?["Type"]?.stringValue == "Antminer S19j Pro" && version?["BMMiner"] != nil)
        let flat = try world.api("stats")["STATS"]?[1]
        #expect(flat?["chain_acn1"]?.int64 == 126 && flat?["chain_acn3"]?.int64 == 126)
        #expect(flat?["fan_num"]?.int64 == 4 && (flat?["fan4"]?.int64 ?? 0) > 500)
        let ideal = try #require(flat?["total_rateideal"]?.double)
        #expect(abs(ideal / 103_946 - 1) < 0.01, "\(ideal)")
        let temperatures = (flat?["temp1"]?.int64, flat?["temp2_1"]?.int64)
        #expect((temperatures.1 ?? 0) - (temperatures.0 ?? 0) == 15, "the chip is the board and 15 K")
        let chains = try world.ask(.api, #"{"command":"stats","new_api":true}"#).json?["STATS"]?[0]?["chain"]
        #expect(chains?.arrayValue?.count == 3)
        #expect(chains?[0]?["asic_num"]?.int64 == 126 && chains?[0]?["temp_pcb"]?.arrayValue?.count == 4)
        #expect(chains?[2]?["asic"]?.stringValue?.filter { $0 == "o" }.count == 126)
        // The stock firmware does not join.
        #expect(try world.api("summary+pools")["STATUS"]?[0]?["Code"]?.int64 == 14)
    }

    @Test func `an Avalon tells everything in one line and sleeps by softoff`() throws {
        var world = ManagedWorld(ManagedProfiles.avalon)
        try world.run(for: .minutes(10))
        let version = try world.api("version")["VERSION"]?[0]
        #expect(
            version?["PROD"]?.stringValue == "AvalonMiner 1246" && version?["MODEL"]?.stringValue == "1246")
        let line = try #require(try world.api("estats")["STATS"]?[0]?["MM ID0"]?.stringValue)
        for key in [
            "Ver[1246-", "Elapsed[600]", "Fan4[", "MGHS[", "MTmax[", "PVT_T2[", "Led[0]", "WALLPOWER[",
        ] {
            #expect(line.contains(key), "\(key) in \(line.prefix(300))")
        }
        #expect(try world.api("stats")["STATS"]?[1]?["ID"]?.stringValue == "POOL0")
        #expect(try world.api("devs")["DEVS"]?.arrayValue?.count == 1)

        let off = try world.api("ascset", "0,softoff,1:1700000605")
        #expect(off["STATUS"]?[0]?["Msg"]?.stringValue?.contains("success") == true)
        #expect(world.device.snapshot.phase == .sleeping)
        _ = try world.api("ascset", "0,softon,1:1700000705")
        try world.run(for: .minutes(1))
        #expect(world.device.snapshot.phase == .mining)
        _ = try world.api("ascset", "0,frequency,450:450:450:450")
        #expect(world.device.snapshot.miner.configuredFrequency == Megahertz(450))
        _ = try world.api("ascset", "0,fan-spd,80")
        #expect(world.device.snapshot.miner.manualFan == FanDuty(0.8))
        _ = try world.api("ascset", "0,led,1-1")
        #expect(world.device.snapshot.miner.isIdentifying)
    }

    @Test func `a Whatsminer names its boards and refuses to be written to in clear`() throws {
        var world = ManagedWorld(ManagedProfiles.whatsminer)
        try world.run(for: .minutes(10))
        let details = try world.api("devdetails")["DEVDETAILS"]?[0]
        #expect(details?["Driver"]?.stringValue == "bitmicro" && details?["Model"]?.stringValue == "M50_VH50")
        let boards = try world.api("devs")["DEVS"]?.arrayValue ?? []
        #expect(boards.count == 3 && boards.allSatisfy { $0["Effective Chips"]?.int64 == 105 })
        let summary = try world.api("summary")["SUMMARY"]?[0]
        #expect((summary?["Power"]?.double ?? 0) > 1_000 && (summary?["Fan Speed In"]?.double ?? 0) > 500)
        #expect(try world.api("get_version")["Code"]?.int64 == 131)
        #expect(try world.api("status")["Msg"]?["mineroff"]?.stringValue == "false")
        for command in ["addpool", "power_off", "set_led", "restart"] {
            let answer = try world.api(command, "x")
            #expect(
                answer["STATUS"]?.stringValue == "E" && answer["Code"]?.int64 == 45,
                "\(command): \(answer.text)")
        }
        #expect(world.device.snapshot.phase == .mining)
        let joined = try world.api("summary+devs")
        #expect(joined["devs"]?[0]?["DEVS"]?.arrayValue?.count == 3)
    }

    @Test func `figures waver like counted reports, and ESP-Miner's do not`() throws {
        var antminer = ManagedWorld(TestRigs.antminer)
        var bitaxe = ManagedWorld(TestRigs.bitaxe)
        try antminer.run(for: .minutes(10))
        try bitaxe.run(for: .minutes(10))
        var short: [Double] = []
        for _ in 0..<60 {
            try antminer.run(for: .seconds(10))
            short.append(antminer.device.status(at: antminer.now).rates.fiveSeconds.terahashes)
        }
        let mean = short.reduce(0, +) / 60
        let spread = (short.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 59).squareRoot() / mean
        // 100 reports a second over some five seconds: about 4 %.
        #expect((0.01...0.09).contains(spread), "\(spread)")
        let true_ = bitaxe.device.snapshot.hashRate.terahashes
        let shown = bitaxe.device.status(at: bitaxe.now).rates.minute.terahashes
        #expect(abs(shown / true_ - 1) < 0.02, "\(shown) of \(true_)")
    }

    @Test func `a faulty device says so`() throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(5))
        #expect(world.device.status(at: world.now).faults == [])
        try world.command(.setFansWork(false))
        try world.run(for: .minutes(2))
        #expect(world.device.status(at: world.now).faults.contains(.fanLost))
        let notify = try world.api("notify")["NOTIFY"]?[0]
        #expect(notify?["*Dev Over Heat"]?.int64 == 1 || world.device.snapshot.phase == .coolingDown)
    }
}
