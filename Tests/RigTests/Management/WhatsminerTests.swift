import Firmware
import HTTPText
import Hardware
import JSONText
import Rig
import SansIO
import Stratum
import Testing

@testable import Management

/// btminer's privileged commands and the v3 API.
@Suite struct WhatsminerTests {
    private func world() throws -> ManagedWorld {
        var world = ManagedWorld(ManagedProfiles.whatsminer)
        try world.run(for: .minutes(5))
        return world
    }

    // Vectors: `openssl passwd -1 -salt SALT WORD`.
    @Test(arguments: [
        ("admin", "BQ5hoXV9", "RxmaDUO33TS7O26yeMHZ81"),
        ("a longer password of 32 letters!", "abc", "jsAlTgLvazWZfKT.rp/If1"),
    ])
    func `the password hash is crypt's`(word: String, salt: String, hash: String) {
        #expect(MD5Crypt.hash(word, salt: salt) == hash)
    }

    /// The caller's side, as the maker's document describes it.
    private func privileged(
        _ world: inout ManagedWorld, _ command: JSONObject, password: String = "admin", token: String? = nil
    ) throws -> JSON {
        let answer = try world.api("get_token")
        let secrets = try #require(answer["Msg"])
        let (salt, time) = (secrets["salt"]?.stringValue ?? "", secrets["time"]?.stringValue ?? "")
        let hashed = MD5Crypt.hash(password, salt: salt)
        let key = MessageDigest.sha256(Array(hashed.utf8))
        var request = command
        let signature = MD5Crypt.hash(hashed + time, salt: secrets["newsalt"]?.stringValue ?? "")
        request["token"] = .string(token ?? signature)
        var plain = Array(JSON.object(request).text.utf8)
        while plain.count % 16 != 0 { plain.append(0) }
        let data = Base64.encode(try #require(MessageDigest.aesECB(plain, key: key, encrypts: true)))
        let reply = try #require(try world.ask(.api, #"{"enc":1,"data":"\#(data)"}"#).json)
        guard let sealed = reply["enc"]?.stringValue else { return reply }
        let bytes = try #require(Base64.bytes(of: sealed))
        var opened = try #require(MessageDigest.aesECB(bytes, key: key, encrypts: false))
        while opened.last == 0 { opened.removeLast() }
        return try JSON.parse(opened)
    }

    @Test func `who knows the password changes pools, clock and sleep`() throws {
        var world = try world()
        let second = "stratum2+tcp://second:3333/\(TestRigs.authority.publicKey)"
        let pools: JSONObject = [
            "cmd": "update_pools", "pool1": .string(second), "worker1": "other.worker", "passwd1": "x",
            "pool2": "",
            "worker2": "", "passwd2": "", "pool3": nil,
        ]
        #expect(try privileged(&world, pools)["Code"]?.int64 == 131)
        try world.run(for: .minutes(1))
        #expect(world.dials.last?.host == "second" && world.device.snapshot.phase == .mining)
        let off = try privileged(&world, ["cmd": "power_off", "respbefore": "true"])
        #expect(off["Msg"]?.stringValue == "API command OK" && world.device.snapshot.phase == .sleeping)
        #expect(try world.api("status")["Msg"]?["mineroff"]?.stringValue == "true")
        #expect(try privileged(&world, ["cmd": "power_on"])["Code"]?.int64 == 131)
        try world.run(for: .minutes(1))
        #expect(world.device.snapshot.phase == .mining)
        #expect(try privileged(&world, ["cmd": "set_target_freq", "percent": "-20"])["Code"]?.int64 == 131)
        #expect(abs(world.device.snapshot.miner.configuredFrequency.megahertz - 428) < 0.01)
        #expect(try privileged(&world, ["cmd": "set_led", "color": "red"])["Code"]?.int64 == 131)
        #expect(try world.api("get_miner_info")["Msg"]?["ledstat"]?.stringValue == "manual")
        #expect(try privileged(&world, ["cmd": "set_power_pct", "percent": "1000"])["Code"]?.int64 == 132)
        #expect(try privileged(&world, ["cmd": "make_coffee"])["Code"]?.int64 == 14)
    }

    @Test func `who does not is refused, and a new password takes the old one's place`() throws {
        var world = try world()
        let off: JSONObject = ["cmd": "power_off"]
        #expect(try privileged(&world, off, password: "guess")["Code"]?.int64 == 137)
        #expect(try privileged(&world, off, token: "nonsense")["Code"]?.int64 == 135)
        #expect(try world.ask(.api, #"{"enc":1,"data":"AAAA"}"#).json?["Code"]?.int64 == 137)
        #expect(world.device.snapshot.phase == .mining)
        let change: JSONObject = ["cmd": "update_pwd", "old": "admin", "new": "secret"]
        #expect(try privileged(&world, change)["Code"]?.int64 == 131)
        #expect(try privileged(&world, off)["Code"]?.int64 == 137)
        #expect(try privileged(&world, off, password: "secret")["Code"]?.int64 == 131)
        #expect(world.device.snapshot.phase == .sleeping)
    }

    @Test func `tokens are bounded and grow old`() throws {
        var world = try world()
        for _ in 0..<32 { #expect(try world.api("get_token")["Code"]?.int64 == 134) }
        #expect(try world.api("get_token")["Code"]?.int64 == 136)
        try world.run(for: .minutes(31))
        #expect(try world.api("get_token")["Code"]?.int64 == 134)
    }

    // MARK: v3

    private func frame(_ json: JSON) -> [UInt8] {
        var writer = ByteWriter()
        let body = Array(json.text.utf8)
        writer.write(u32: UInt32(body.count))
        writer.write(body)
        return writer.bytes
    }

    private func v3(_ world: inout ManagedWorld, _ json: JSON) throws -> JSON {
        let id = try world.open(.apiV3)
        try world.send(frame(json), on: id, inPieces: 3)
        let answer = world.take(id)
        #expect(!answer.isClosed, "the connection stays open")
        return try JSON.parse(Array(answer.bytes.dropFirst(4)))
    }

    private func set(_ world: inout ManagedWorld, _ command: String, _ parameter: JSON) throws -> JSON {
        let salt =
            try v3(&world, ["cmd": "get.device.info", "param": "salt"])["msg"]?["salt"]?.stringValue ?? ""
        let digest = MessageDigest.sha256(Array("\(command)super\(salt)1700000300".utf8))
        return try v3(
            &world,
            [
                "cmd": .string(command), "param": parameter, "ts": 1_700_000_300, "account": "super",
                "token": .string(String(Base64.encode(digest).prefix(8))),
            ])
    }

    @Test func `the v3 API reads and changes the same device`() throws {
        var world = try world()
        let info = try v3(&world, ["cmd": "get.device.info"])["msg"]
        #expect(info?["miner"]?["type"]?.stringValue == "M50_VH50")
        let status = try v3(&world, ["cmd": "get.miner.status", "param": "edevs"])["msg"]
        #expect(
            status?["edevs"]?.arrayValue?.count == 3 && status?["edevs"]?[0]?["effective-chips"]?.int64 == 105
        )
        #expect(try set(&world, "set.miner.service", "stop")["code"]?.int64 == 0)
        #expect(world.device.snapshot.phase == .sleeping)
        #expect(try set(&world, "set.miner.service", "start")["msg"]?.stringValue == "ok")
        let pools: JSON = [["pool": "stratum+tcp://third:1", "worker": "w.1", "passwd": "x"]]
        #expect(try set(&world, "set.miner.pools", pools)["code"]?.int64 == 0)
        #expect(world.device.snapshot.miner.accounts.map(\.user) == ["w.1"])
        #expect(try set(&world, "set.miner.power_percent", "60%")["code"]?.int64 == 0)
        #expect(abs(world.device.snapshot.miner.configuredFrequency.megahertz - 321) < 0.01)
    }

    @Test func `the v3 API refuses what is wrong, and lengths that lie`() throws {
        var world = try world()
        #expect(try v3(&world, ["cmd": "get.nothing"])["code"]?.int64 == -1)
        #expect(try v3(&world, ["nothing": 1])["code"]?.int64 == -2)
        let unsigned: JSON = [
            "cmd": "set.miner.service", "param": "stop", "account": "super", "token": "x", "ts": 1,
        ]
        #expect(try v3(&world, unsigned)["code"]?.int64 == -4)
        #expect(try set(&world, "set.miner.service", "dance")["code"]?.int64 == -2)
        #expect(world.device.snapshot.phase == .mining)
        for length: [UInt8] in [[0, 0, 0, 0], [255, 255, 255, 255]] {
            let id = try world.open(.apiV3)
            try world.send(length + [1, 2, 3], on: id)
            #expect(world.take(id).isClosed)
        }
    }
}
