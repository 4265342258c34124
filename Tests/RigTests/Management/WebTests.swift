import Firmware
import HTTPText
import Hardware
import JSONText
import Rig
import SansIO
import Stratum
import Testing

@testable import Management

/// The pages of Antminer and AxeOS.
@Suite struct WebTests {
    // MARK: Digest authentication

    private static func authorization(
        _ challenge: String, _ method: String, _ path: String, user: String = "root",
        password: String = "root",
        counter: String = "00000001"
    ) throws -> String {
        let fields = try #require(DigestAuthentication.fields(challenge))
        let (realm, nonce) = (fields["realm"] ?? "", fields["nonce"] ?? "")
        let response = DigestAuthentication.response(
            WebCredentials(user: user, password: password), realm: realm, method: method, uri: path,
            nonce: nonce,
            quality: ("auth", counter, "0a4f113b"))
        return
            "Authorization: Digest username=\"\(user)\", realm=\"\(realm)\", nonce=\"\(nonce)\", uri=\"\(path)\", "
            + "response=\"\(response)\", algorithm=MD5, qop=auth, nc=\(counter), cnonce=\"0a4f113b\"\r\n"
    }

    /// Asks twice, as browsers do.
    private func page(
        _ world: inout ManagedWorld, _ name: String, _ method: String = "GET", _ body: String = ""
    ) throws -> ManagedWorld.Exchange {
        let path = "/cgi-bin/\(name).cgi"
        let challenge = try #require(try world.http(method, path, body).header("www-authenticate"))
        return try world.http(method, path, body, headers: try Self.authorization(challenge, method, path))
    }

    @Test func `the digest is RFC 2617's`() {
        let response = DigestAuthentication.response(
            WebCredentials(user: "Mufasa", password: "Circle Of Life"), realm: "testrealm@host.com",
            method: "GET",
            uri: "/dir/index.html", nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            quality: ("auth", "00000001", "0a4f113b"))
        #expect(response == "6629fae49393a05397450978507c4ef1")
    }

    @Test func `nothing is shown without the password, and nothing twice for one answer`() throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(1))
        let path = "/cgi-bin/get_system_info.cgi"
        let refused = try world.http("GET", "/")
        #expect(refused.status == 401)
        let challenge = try #require(refused.header("www-authenticate"))
        #expect(challenge.contains("realm=\"antMiner Configuration\"") && challenge.contains("qop=\"auth\""))
        let wrong = try Self.authorization(challenge, "GET", path, password: "admin")
        #expect(try world.http("GET", path, headers: wrong).status == 401)
        let right = try Self.authorization(challenge, "GET", path)
        #expect(try world.http("POST", path, headers: right).status == 401, "it was for GET")
        #expect(
            try world.http("GET", "/cgi-bin/stats.cgi", headers: right).status == 401,
            "it was for another page")
        #expect(try world.http("GET", path, headers: right).status == 200)
        let again = try world.http("GET", path, headers: right)
        #expect(again.status == 401 && again.header("www-authenticate")?.contains("stale=true") == true)
        let next = try Self.authorization(challenge, "GET", path, counter: "00000002")
        #expect(try world.http("GET", path, headers: next).status == 200)
        try world.run(for: .minutes(11))
        let late = try Self.authorization(challenge, "GET", path, counter: "00000003")
        #expect(
            try world.http("GET", path, headers: late).header("www-authenticate")?.contains("stale=true")
                == true)
        for header in [
            "Digest", "Digest x", "Basic cm9vdDpyb290", "Digest username=\"root", "Digest a=b,,,=,c",
        ] {
            #expect(try world.http("GET", path, headers: "Authorization: \(header)\r\n").status == 401)
        }
    }

    // MARK: Antminer

    @Test func `an Antminer's pages tell what the device is and does`() throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(10))
        let system = try page(&world, "get_system_info").bodyJSON
        #expect(system?["minertype"]?.stringValue == "Antminer S19j Pro")
        #expect(system?["ipaddress"]?.stringValue == ManagedWorld.address)
        #expect(system?["macaddr"]?.stringValue?.hasPrefix("02:") == true)
        let stats = try page(&world, "stats").bodyJSON?["STATS"]?[0]
        #expect(stats?["chain"]?.arrayValue?.count == 3 && stats?["fan"]?.arrayValue?.count == 4)
        let summary = try page(&world, "summary").bodyJSON?["SUMMARY"]?[0]
        #expect(summary?["status"]?.arrayValue?.map { $0["status"]?.stringValue } == ["s", "s", "s", "s"])
        #expect(try page(&world, "pools").bodyJSON?["POOLS"]?[0]?["status"]?.stringValue == "Alive")
        #expect(try page(&world, "nonsense").status == 404)
    }

    @Test func `set_miner_conf changes pools, clock, fan and sleep`() throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(5))
        let second = "stratum2+tcp://second:3333/\(TestRigs.authority.publicKey)"
        let sleep = #"{"miner-mode":1,"pools":[{"url":"\#(second)","user":"other.worker","pass":"123"}]}"#
        #expect(try page(&world, "set_miner_conf", "POST", sleep).bodyJSON?["code"]?.stringValue == "M000")
        #expect(world.device.snapshot.phase == .sleeping)
        var conf = try page(&world, "get_miner_conf").bodyJSON
        #expect(conf?["bitmain-work-mode"]?.stringValue == "1")
        #expect(
            conf?["pools"]?[0]?["user"]?.stringValue == "other.worker"
                && conf?["pools"]?.arrayValue?.count == 3)
        let wake = #"{"miner-mode":"0","bitmain-freq":"450","bitmain-fan-ctrl":true,"bitmain-fan-pwm":"85"}"#
        #expect(try page(&world, "set_miner_conf", "POST", wake).bodyJSON?["code"]?.stringValue == "M000")
        try world.run(for: .minutes(2))
        let snapshot = world.device.snapshot
        #expect(snapshot.phase == .mining && world.dials.last?.host == "second")
        #expect(snapshot.miner.frequency == Megahertz(450) && snapshot.fanDuty == FanDuty(0.85))
        conf = try page(&world, "get_miner_conf").bodyJSON
        #expect(conf?["bitmain-freq"]?.stringValue == "450" && conf?["bitmain-fan-ctrl"]?.boolValue == true)
    }

    @Test(arguments: [
        #"{"pools":[{"url":"gopher://x"}]}"#, #"{"pools":"#, "[]", "",
        #"{"bitmain-fan-ctrl":true,"bitmain-fan-pwm":"900"}"#,
    ])
    func `a wrong setting changes nothing`(body: String) throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(5))
        let before = world.device.snapshot.miner.accounts
        #expect(try page(&world, "set_miner_conf", "POST", body).bodyJSON?["code"]?.stringValue == "M001")
        #expect(world.device.snapshot.miner.accounts == before && world.device.snapshot.phase == .mining)
    }

    @Test func `the lamp blinks and the device reboots by its pages`() throws {
        var world = ManagedWorld(TestRigs.antminer)
        try world.run(for: .minutes(5))
        #expect(
            try page(&world, "blink", "POST", #"{"blink":"true"}"#).bodyJSON?["code"]?.stringValue == "B000")
        #expect(try page(&world, "get_blink_status").bodyJSON?["blink"]?.boolValue == true)
        #expect(
            try page(&world, "blink", "POST", #"{"blink":false}"#).bodyJSON?["code"]?.stringValue == "B100")
        #expect(world.device.snapshot.miner.isIdentifying == false)
        _ = try page(&world, "reboot")
        #expect(world.device.snapshot.uptime(at: world.now) == .zero)
    }

    // MARK: AxeOS

    @Test func `AxeOS tells what the device is and does`() throws {
        var world = ManagedWorld(TestRigs.bitaxe)
        try world.run(for: .minutes(10))
        #expect(try world.http("GET", "/").body.contains("AxeOS"))
        let answer = try world.http("GET", "/api/system/info")
        #expect(answer.status == 200 && answer.header("access-control-allow-origin") == "*")
        let info = try #require(answer.bodyJSON)
        #expect(info["ASICModel"]?.stringValue == "BM1370" && info["asicCount"]?.int64 == 1)
        #expect(info["smallCoreCount"]?.int64 == 2_040 && info["frequency"]?.double == 525)
        let rate = try #require(info["hashRate"]?.double)
        #expect(abs(rate / 1_071 - 1) < 0.02, "\(rate) GH/s")
        #expect((10...25).contains(info["power"]?.double ?? 0) && info["coreVoltage"]?.double == 1_150)
        #expect(info["sharesAccepted"]?.uint64 == world.device.snapshot.accepted)
        #expect(info["stratumURL"]?.stringValue == "pool.example" && info["stratumPort"]?.int64 == 3_333)
        #expect(info["stratumProtocol"]?.stringValue == "SV2" && info["uptimeSeconds"]?.int64 == 600)
        let asic = try world.http("GET", "/api/system/asic").bodyJSON
        #expect(asic?["asicCount"]?.int64 == 1 && asic?["defaultFrequency"]?.int64 == 525)
        let statistics = try world.http("GET", "/api/system/statistics?columns=power,asicTemp").bodyJSON
        #expect(statistics?["labels"]?.arrayValue?.map(\.stringValue) == ["power", "asicTemp", "timestamp"])
        #expect(
            statistics?["statistics"]?.arrayValue?.count == 6, "one each two minutes, and the first at once")
    }

    @Test func `PATCH changes clock, voltage, fan and pool`() throws {
        var world = ManagedWorld(TestRigs.bitaxe)
        try world.run(for: .minutes(5))
        let key = "\(TestRigs.authority.publicKey)"
        let body = """
            {"frequency":485,"coreVoltage":1100,"autofanspeed":0,"manualFanSpeed":77,"hostname":"shelf-3",
             "stratumURL":"second","stratumPort":3333,"stratumUser":"other.worker","stratumProtocol":"SV2",
             "stratumAuthorityKey":"\(key)"}
            """
        #expect(try world.http("PATCH", "/api/system", body).status == 200)
        try world.run(for: .minutes(2))
        let snapshot = world.device.snapshot
        #expect(snapshot.miner.frequency == Megahertz(485) && snapshot.miner.voltage == Volts(1.1))
        #expect(snapshot.fanDuty == FanDuty(0.77) && world.dials.last?.host == "second")
        #expect(snapshot.phase == .mining && world.pool.identities.last == "other.worker")
        let info = try world.http("GET", "/api/system/info").bodyJSON
        #expect(info?["hostname"]?.stringValue == "shelf-3" && info?["autofanspeed"]?.int64 == 0)
        #expect(try world.http("PATCH", "/api/system", #"{"autofanspeed":1,"temptarget":55}"#).status == 200)
        #expect(world.device.snapshot.miner.manualFan == nil)
        #expect(world.device.snapshot.miner.targetTemperature == Celsius(55))
    }

    @Test func `pause, resume, identify and restart do what they say`() throws {
        var world = ManagedWorld(TestRigs.bitaxe)
        try world.run(for: .minutes(5))
        #expect(try world.http("POST", "/api/system/pause").status == 200)
        #expect(world.device.snapshot.phase == .sleeping)
        #expect(try world.http("GET", "/api/system/info").bodyJSON?["miningPaused"]?.boolValue == true)
        #expect(try world.http("POST", "/api/system/resume").status == 200)
        try world.run(for: .minutes(1))
        #expect(world.device.snapshot.phase == .mining)
        #expect(try world.http("POST", "/api/system/identify").status == 200)
        #expect(world.device.snapshot.miner.isIdentifying)
        #expect(try world.http("POST", "/api/system/restart").status == 200)
        #expect(world.device.snapshot.uptime(at: world.now) == .zero)
    }

    @Test(arguments: [
        ("PATCH", "/api/system", #"{"frequency":"#, 400),
        ("PATCH", "/api/system", #"{"frequency":"fast"}"#, 400),
        ("PATCH", "/api/system", #"{"frequency":-1}"#, 400),
        ("PATCH", "/api/system", #"{"coreVoltage":99000000}"#, 400),
        ("PATCH", "/api/system", #"{"manualFanSpeed":101}"#, 400),
        ("PATCH", "/api/system", #"{"temptarget":99}"#, 400),
        ("PATCH", "/api/system", #"{"stratumURL":"a b","stratumPort":70000}"#, 400),
        ("PATCH", "/api/system", "", 400),
        ("DELETE", "/api/system", "", 405), ("POST", "/api/system/info", "", 405),
        ("GET", "/api/nothing", "", 404),
        ("GET", "/api/ws", "", 400),
    ])
    func `a wrong request gets what the device gives and changes nothing`(
        method: String, path: String, body: String, status: Int
    ) throws {
        var world = ManagedWorld(TestRigs.bitaxe)
        try world.run(for: .minutes(2))
        let before = world.device.snapshot.miner
        #expect(try world.http(method, path, body).status == status)
        let after = world.device.snapshot.miner
        #expect(after.configuredFrequency == before.configuredFrequency && after.voltage == before.voltage)
        #expect(
            after.accounts == before.accounts && after.manualFan == before.manualFan && after.phase == .mining
        )
    }

    @Test func `what is no HTTP or too much of it ends the connection with a status`() throws {
        var world = ManagedWorld(TestRigs.bitaxe)
        try world.run(for: .minutes(1))
        let giant = "PATCH /api/system HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n"
        for (text, status) in [
            ("hello\r\n\r\n", 400), (giant, 413), (String(repeating: "x", count: 9_000), 400),
        ] {
            let answer = try world.ask(.web, text)
            #expect(answer.status == status && answer.isClosed, "\(text.prefix(20)): \(answer.text)")
        }
        let id = try world.open(.web)
        for _ in 0..<3 {
            try world.send(Array("GET /api/system/asic HTTP/1.1\r\n\r\n".utf8), on: id, inPieces: 5)
            let answer = world.take(id)
            #expect(answer.status == 200 && !answer.isClosed)
        }
        try world.run(for: .seconds(31))
        #expect(world.take(id).isClosed)
    }

    @Test func `the live log tells what happens from now on`() throws {
        var world = ManagedWorld(TestRigs.bitaxe)
        try world.run(for: .minutes(1))
        let id = try world.open(.web)
        let request =
            "GET /api/ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        try world.send(Array(request.utf8), on: id)
        let opening = world.take(id)
        // RFC 6455's own example.
        #expect(
            opening.status == 101 && opening.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        try world.run(for: .minutes(2))
        let log = world.take(id)
        #expect(log.bytes.first == 0x81 && !log.isClosed)
        #expect(log.text.contains("asic_result: Nonce difficulty"))
        // A masked ping of "hi", then a masked farewell.
        try world.send([0x89, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x69 ^ 2], on: id, inPieces: 3)
        #expect(world.take(id).bytes == [0x8a, 2, 0x68, 0x69])
        try world.send([0x88, 0x80, 0, 0, 0, 0], on: id)
        #expect(world.take(id).isClosed)
    }
}
