import DeviceModel
import Firmware
import Hardware
import JSONText
import Management
import Rig
import SansIO
import Stratum
import Testing

/// The API on port 4028, as its users know it.
@Suite struct CgminerAPITests {
    private func world(
        _ personality: Personality = .cgminerGekko, access: APIAccess = .everything
    ) throws -> ManagedWorld {
        var world = ManagedWorld(TestRigs.antminer, personality: personality, access: access)
        try world.run(for: .minutes(5))
        return world
    }

    private func code(_ answer: JSON) -> Int64? { answer["STATUS"]?[0]?["Code"]?.int64 }
    private func message(_ answer: JSON) -> String? { answer["STATUS"]?[0]?["Msg"]?.stringValue }
    private func status(_ answer: JSON) -> String? { answer["STATUS"]?[0]?["STATUS"]?.stringValue }

    @Test func `an answer ends in a NUL and the connection ends with it`() throws {
        var world = try world()
        let answer = try world.ask(.api, #"{"command":"version"}"#)
        #expect(answer.bytes.last == 0 && answer.isClosed)
        #expect(
            answer.text.dropLast()
                == #"{"STATUS":[{"STATUS":"S","When":1700000300,"Code":22,"Msg":"CGMiner versions","#
                + #""Description":"cgminer 4.13.1"}],"VERSION":[{"CGMiner":"4.13.1","API":"3.7"}],"id":1}"#)
    }

    @Test func `a request is answered the same in pieces of every size`() throws {
        var world = try world()
        let whole = try world.ask(.api, #"{"command":"config"}"#)
        for size in [1, 2, 7] {
            let pieces = try world.ask(.api, #"{"command":"config"}"#, inPieces: size)
            #expect(pieces.bytes == whole.bytes && pieces.isClosed)
        }
    }

    @Test func `the text form has sections between bars`() throws {
        var world = try world()
        let version = try world.ask(.api, "version|")
        #expect(
            version.text
                == "STATUS=S,When=1700000300,Code=22,Msg=CGMiner versions,Description=cgminer 4.13.1|"
                + "VERSION,CGMiner=4.13.1,API=3.7|\0")
        let pools = try world.ask(.api, "pools")
        #expect(pools.text.contains("|POOL=0,URL=stratum2+tcp://pool.example:3333"))
        #expect(try world.ask(.api, "asccount\n").text.contains("|ASCS,Count=3|"))
    }

    @Test(arguments: [
        ("summary", 11, "SUMMARY"), ("devs", 9, "DEVS"), ("edevs", 9, "DEVS"), ("pools", 7, "POOLS"),
        ("version", 22, "VERSION"), ("config", 33, "CONFIG"), ("notify", 60, "NOTIFY"),
        ("devdetails", 69, "DEVDETAILS"), ("stats", 70, "STATS"), ("estats", 70, "STATS"),
        ("coin", 78, "COIN"),
        ("asccount", 104, "ASCS"), ("lcd", 125, "LCD"),
    ])
    func `every reading command answers with its code and section`(
        command: String, code: Int64, section: String
    ) throws {
        var world = try world()
        let answer = try world.api(command)
        #expect(self.code(answer) == code && status(answer) == "S")
        #expect(answer[section]?[0]?.objectValue?.isEmpty == false)
        #expect(answer["id"]?.int64 == 1)
    }

    @Test func `summary and pools tell what the device did`() throws {
        var world = try world()
        let summary = try world.api("summary")["SUMMARY"]?[0]
        let counters = world.device.snapshot.miner.counters
        #expect(counters.accepted > 0)
        #expect(summary?["Accepted"]?.uint64 == counters.accepted)
        #expect(summary?["Hardware Errors"]?.uint64 == counters.hardwareErrors)
        #expect(summary?["Elapsed"]?.int64 == 300)
        let nominal = TestRigs.antminer.nominalHashRate.hashesPerSecond / 1e6
        for key in ["MHS av", "MHS 5s", "MHS 1m", "MHS 5m", "MHS 15m"] {
            let rate = try #require(summary?[key]?.double)
            #expect(abs(rate / nominal - 1) < 0.2, "\(key): \(rate) of \(nominal)")
        }
        let pool = try world.api("pools")["POOLS"]?[0]
        #expect(pool?["Accepted"]?.uint64 == counters.accepted)
        #expect(pool?["Status"]?.stringValue == "Alive" && pool?["Stratum Active"]?.boolValue == true)
        #expect(pool?["User"]?.stringValue == "lab.worker")
        let share = try #require(pool?["Last Share Time"]?.int64)
        #expect((1_700_000_000...1_700_000_300).contains(share))
    }

    @Test func `joined commands answer each under its name, once, and never write`() throws {
        var world = try world()
        let answer = try world.api("summary+pools+summary+restart+nonsense")
        #expect(answer.objectValue?.keys == ["summary", "pools", "restart", "nonsense", "id"])
        #expect(answer["summary"]?[0]?["SUMMARY"]?[0]?["Elapsed"] != nil)
        #expect(answer["pools"]?[0]?["POOLS"]?[0]?["URL"] != nil)
        #expect(answer["restart"]?[0].flatMap(code) == 45)
        #expect(answer["nonsense"]?[0].flatMap(code) == 14)
        #expect(world.device.snapshot.uptime(at: world.now) == .minutes(5))
    }

    @Test(arguments: [
        (#"{"command":"nonsense"}"#, 14), (#"{"command":7}"#, 14), (#"{"comand":"summary"}"#, 24),
        (#"{"command":"summary",}"#, 23), (#"{"command":"asc"}"#, 15),
        (#"{"command":"asc","parameter":"9"}"#, 107),
        (#"{"command":"check"}"#, 71), (#"{"command":"usbstats"}"#, 88), (#"{"command":"switchpool"}"#, 25),
        (#"{"command":"switchpool","parameter":"x"}"#, 26), (#"{"command":"addpool","parameter":"a,b"}"#, 53),
        (#"{"command":"addpool"}"#, 52), (#"{"command":"zero","parameter":"some,true"}"#, 95),
        (#"{"command":"ascset","parameter":"0"}"#, 116),
        (#"{"command":"ascset","parameter":"0,warp,9"}"#, 120),
        (#"{"command":"ascset","parameter":"0,freq,-3"}"#, 120),
        (#"{"command":"ascset","parameter":"0,freq,much"}"#, 120), ("", 0), ("nonsense|", 14),
    ])
    func `what cannot be done is told by cgminer's code, and the device mines on`(
        request: String, code: Int64
    ) throws {
        var world = try world()
        guard !request.isEmpty else { return }
        let isJSON = request.hasPrefix("{")
        let answer = try world.ask(.api, request)
        #expect(answer.isClosed)
        if isJSON {
            #expect(answer.json.flatMap(self.code) == code)
        } else {
            #expect(answer.text.hasPrefix("STATUS=E,When=1700000300,Code=\(code),"))
        }
        #expect(world.device.snapshot.phase == .mining)
        #expect(world.observations.contains { if case .disconnected = $0 { true } else { false } } == false)
    }

    @Test func `half a request is answered as invalid JSON after half a second`() throws {
        var world = try world()
        let id = try world.open(.api)
        try world.send(Array(#"{"command":"summ"#.utf8), on: id)
        #expect(world.take(id).bytes.isEmpty)
        try world.run(for: .seconds(1))
        let answer = world.take(id)
        #expect(answer.json.flatMap(code) == 23 && answer.isClosed)
    }

    @Test func `a giant request is refused when the buffer is full`() throws {
        var world = try world()
        let giant = #"{"command":""# + String(repeating: "a", count: 1_000_000)
        let answer = try world.ask(.api, giant, inPieces: 4_096)
        #expect(answer.json.flatMap(code) == 23 && answer.isClosed)
    }

    @Test func `whoever asks nothing is closed, and the number of connections is bounded`() throws {
        var world = try world()
        var ids: [ConnectionID] = []
        for _ in 0..<80 { ids.append(try world.open(.api)) }
        #expect(ids.count { world.exchanges[$0]?.isClosed == true } == 16)
        try world.run(for: .seconds(31))
        #expect(ids.allSatisfy { world.exchanges[$0]?.isClosed == true })
        #expect(status(try world.api("summary")) == "S")
    }

    // MARK: Changing the device

    @Test func `readers may not write, and are told so`() throws {
        var world = try world(access: .readOnly)
        #expect(code(try world.api("privileged")) == 45)
        let answer = try world.api("ascset", "0,freq,400")
        #expect(code(answer) == 45 && message(answer) == "Access denied to 'ascset' command")
        #expect(try world.api("check", "ascset")["CHECK"]?[0]?["Access"]?.stringValue == "N")
        #expect(world.device.snapshot.miner.configuredFrequency == Megahertz(535))
        #expect(code(try world.api("summary")) == 11)
    }

    @Test func `ascset changes clock, voltage and fan of the device`() throws {
        var world = try world()
        let before = world.device.status(at: world.now).rates.fiveSeconds.hashesPerSecond
        #expect(code(try world.api("ascset", "0,freq,400")) == 119)
        #expect(code(try world.api("ascset", "0,voltage,310")) == 119)
        #expect(code(try world.api("ascset", "0,fan,90")) == 119)
        try world.run(for: .minutes(2))
        let snapshot = world.device.snapshot
        #expect(snapshot.miner.frequency == Megahertz(400) && snapshot.miner.voltage == Volts(0.31))
        #expect(snapshot.fanDuty == FanDuty(0.9))
        let ratio = world.device.status(at: world.now).rates.minute.hashesPerSecond / before
        #expect((0.6...0.9).contains(ratio), "\(ratio)")
        #expect(code(try world.api("ascset", "0,fan,-1")) == 119)
        #expect(world.device.snapshot.miner.manualFan == nil)
    }

    @Test func `pools are added, preferred, disabled, enabled and removed by their numbers`() throws {
        var world = try world()
        let second = "stratum2+tcp://second:3333/\(TestRigs.authority.publicKey)"
        #expect(code(try world.api("addpool", "\(second),other.worker,x")) == 55)
        #expect(code(try world.api("removepool", "0")) == 67, "the pool that is mined on")
        #expect(world.dials.map(\.host) == ["pool.example"], "the preferred pool stays")

        #expect(code(try world.api("switchpool", "1")) == 27)
        try world.run(for: .minutes(5))
        #expect(world.dials.last?.host == "second")
        var pools = try world.api("pools")["POOLS"]?.arrayValue ?? []
        #expect(pools.map { $0["User"]?.stringValue } == ["lab.worker", "other.worker"])
        #expect(pools.map { $0["Priority"]?.int64 } == [1, 0])
        #expect(pools.map { $0["Stratum Active"]?.boolValue } == [false, true])
        #expect((pools[1]["Accepted"]?.int64 ?? 0) > 0)

        #expect(code(try world.api("disablepool", "0")) == 48)
        #expect(code(try world.api("disablepool", "0")) == 50)
        #expect(code(try world.api("disablepool", "1")) == 51, "the last")
        #expect(try world.api("pools")["POOLS"]?[0]?["Status"]?.stringValue == "Disabled")
        #expect(world.device.snapshot.miner.accounts.map(\.user) == ["other.worker"])
        #expect(code(try world.api("enablepool", "0")) == 47)
        #expect(world.device.snapshot.miner.accounts.map(\.user) == ["other.worker", "lab.worker"])

        #expect(code(try world.api("poolpriority", "0,1")) == 73)
        try world.run(for: .minutes(1))
        #expect(world.dials.last?.host == "pool.example")
        #expect(code(try world.api("removepool", "1")) == 68)
        pools = try world.api("pools")["POOLS"]?.arrayValue ?? []
        #expect(pools.map { $0["User"]?.stringValue } == ["lab.worker"])
        #expect(code(try world.api("removepool", "0")) == 66)
    }

    @Test func `the list of pools is bounded`() throws {
        var world = try world()
        for index in 1..<8 { #expect(code(try world.api("addpool", "stratum+tcp://p\(index):1,u,x")) == 55) }
        #expect(code(try world.api("addpool", "stratum+tcp://p9:1,u,x")) == 54)
        #expect(world.device.snapshot.miner.accounts.count == 8)
    }

    @Test func `zero forgets the counters and restart boots`() throws {
        var world = try world()
        #expect(code(try world.api("zero", "all,true")) == 96)
        #expect(try world.api("summary")["SUMMARY"]?[0]?["Accepted"]?.int64 == 0)
        #expect(try world.api("restart")["STATUS"]?.stringValue == "RESTART")
        try world.run(for: .seconds(10))
        #expect(world.device.snapshot.uptime(at: world.now) == .seconds(10))
        #expect(world.device.snapshot.phase == .mining)
    }
}
