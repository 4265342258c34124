import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

/// What real firmware sends, byte for byte, and what it cannot bear to be sent.
@Suite("Translator: firmware as it is")
struct FirmwareQuirksTests {
    private func world() throws -> TranslatorWorld {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        return world
    }

    private func say(_ line: String, _ miner: V1TestMiner, _ world: TranslatorWorld) throws {
        miner.outgoing.write(utf8: line)
        try world.pump()
    }

    /// A share of the newest job as text: job, extranonce2, ntime, nonce.
    private func share(_ miner: V1TestMiner) throws -> (String, String, String, String) {
        let share = try miner.solve()
        func hex(_ value: UInt32) -> String {
            (0..<4).map { [UInt8(truncatingIfNeeded: value >> (24 - 8 * $0))].hex }.joined()
        }
        return (share.jobID, share.extranonce2.hex, hex(share.nTime), hex(share.nonce))
    }

    @Test("minerd: the subscription's answer is the first line, and every share has the id 4")
    func minerd() throws {
        let world = try world()
        let miner = try world.connect()
        try say(
            "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"cpuminer/2.5.1\"]}\n", miner, world)
        #expect(miner.lines.count == 1 && miner.lines[0].hasPrefix("{\"id\":1,\"result\":[[["))
        try say(
            "{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"alice.cpu\", \"x\"]}\n", miner,
            world)
        for _ in 0..<2 {
            let (job, extranonce2, time, nonce) = try share(miner)
            try say(
                "{\"method\": \"mining.submit\", \"params\": [\"alice.cpu\", \"\(job)\", \"\(extranonce2)\", "
                    + "\"\(time)\", \"\(nonce)\"], \"id\":4}\n", miner, world)
            #expect(miner.lines.last == "{\"id\":4,\"result\":true,\"error\":null}")
        }
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 2)
    }

    @Test("cgminer: configure, then subscribe with its session, extranonce2 of 4 bytes, get_transactions")
    func cgminer() throws {
        let world = try world()
        let miner = try world.connect()
        try say(
            "{\"id\": 0, \"method\": \"mining.configure\", \"params\": [[\"version-rolling\"], "
                + "{\"version-rolling.mask\": \"1fffe000\", \"version-rolling.min-bit-count\": 2}]}\n", miner,
            world)
        #expect(
            miner.lines.last
                == "{\"id\":0,\"result\":{\"version-rolling\":true,\"version-rolling.mask\":\"1fffe000\"},"
                + "\"error\":null}")
        try say(
            "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"cgminer/4.13.6\"]}\n", miner, world)
        try say(
            "{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"lab.w1\", \"x\"]}\n", miner, world)
        #expect(miner.extranonce1.count == 4 && miner.extranonce2Size == 4)
        let job = try #require(miner.jobs.last?.notify.jobID)
        for id in 5..<1_200 {
            miner.outgoing.write(
                utf8: "{\"id\": \(id), \"method\": \"mining.get_transactions\", \"params\": [\"\(job)\"]}\n")
        }
        try world.pump()
        #expect(miner.closed == nil && miner.responses.last?.error?.code == 20)
        let rolled = try miner.solve(versionBits: 0x0003_0000 & 0x1fff_e000, mask: 0x1fff_e000)
        miner.call(.submit(rolled))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
    }

    @Test("Bitaxe: a mask of all ones, suggest_difficulty, extranonce.subscribe, six parameters")
    func bitaxe() throws {
        let world = try world()
        let miner = try world.connect()
        try say(
            "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"bitaxe/BM1370/v2.4.1\"]}\n", miner,
            world)
        try say(
            "{\"id\": 2, \"method\": \"mining.configure\", \"params\": [[\"version-rolling\"], "
                + "{\"version-rolling.mask\": \"ffffffff\"}]}\n", miner, world)
        #expect(miner.lines.last?.contains("\"version-rolling.mask\":\"1fffffe0\"") == true)
        try say(
            "{\"id\": 3, \"method\": \"mining.authorize\", \"params\": [\"bc1q.bitaxe\", \"x\"]}\n", miner,
            world)
        try say("{\"id\": 4, \"method\": \"mining.suggest_difficulty\", \"params\": [1000]}\n", miner, world)
        #expect(miner.lines.last?.hasPrefix("{\"id\":4,\"result\":true") == true)
        try say("{\"id\": 5, \"method\": \"mining.extranonce.subscribe\", \"params\": []}\n", miner, world)
        #expect(miner.lines.last == "{\"id\":5,\"result\":true,\"error\":null}")
        let (job, extranonce2, time, nonce) = try share(miner)
        try say(
            "{\"id\": 6, \"method\": \"mining.submit\", \"params\": [\"bc1q.bitaxe\", \"\(job)\", "
                + "\"\(extranonce2)\", \"\(time)\", \"\(nonce)\", \"00000000\"]}\n", miner, world)
        #expect(miner.lines.last == "{\"id\":6,\"result\":true,\"error\":null}")
    }

    @Test("ESP-Miner sends the difference to the job's version, cgminer the bits themselves: both count")
    func versionBits() throws {
        let mock = MockPool("pool")
        mock.jobVersion = 0x2000_4000
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miner = try world.miner(mask: 0x1fff_e000)
        let rolled = try miner.solve(versionBits: 0x0000_8000, mask: 0x1fff_e000)
        miner.call(.submit(rolled))
        var difference = try miner.solve(versionBits: 0x0000_8000, mask: 0x1fff_e000)
        difference.versionBits = 0x0000_8000 ^ 0x0000_4000
        miner.call(.submit(difference))
        var whole = try miner.solve(versionBits: 0x0000_8000, mask: 0x1fff_e000)
        whole.versionBits = 0x2000_8000
        miner.call(.submit(whole))
        try world.pump()
        #expect(miner.responses.suffix(3).allSatisfy { $0.isAccepted })
        let versions = try mock.all(Mining.SubmitSharesExtended.self).map(\.version)
        #expect(versions == [0x2000_8000, 0x2000_8000, 0x2000_8000])
    }

    @Test("a share with six parameters whose last is zero counts, whether a mask was granted or not")
    func sixthParameterZero() throws {
        let world = try world()
        let miner = try world.miner()
        var share = try miner.solve()
        share.versionBits = 0
        miner.call(.submit(share))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
    }

    @Test("ids that are text, null or missing are echoed and answered")
    func ids() throws {
        let world = try world()
        let miner = try world.connect()
        try say("{\"id\":\"a-1\",\"method\":\"mining.subscribe\",\"params\":[]}\n", miner, world)
        #expect(miner.lines.last?.hasPrefix("{\"id\":\"a-1\",\"result\":[[[") == true)
        let other = try world.connect()
        try say("{\"id\":null,\"method\":\"mining.subscribe\",\"params\":[\"old\",null]}\n", other, world)
        #expect(other.lines.last?.hasPrefix("{\"id\":null,\"result\":[[[") == true)
        try say("{\"method\":\"mining.authorize\",\"params\":[\"bob\"]}\n", other, world)
        #expect(other.lines.contains("{\"id\":null,\"result\":true,\"error\":null}"))
        #expect(other.jobs.count == 1)
    }

    @Test("lines end in LF or CRLF, come in pieces or several at once, and may be empty")
    func lineEnds() throws {
        let world = try world()
        let miner = try world.connect()
        let text =
            "\r\n{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[\"x\"]}\r\n\n"
            + "{\"id\":2,\"method\":\"mining.authorize\",\"params\":[\"bob\",\"x\"]}\n"
        for byte in text.utf8 { try say(String(decoding: [byte], as: UTF8.self), miner, world) }
        #expect(miner.responses.map(\.id) == [1, 2])
        let other = try world.connect()
        try say(text, other, world)
        #expect(other.responses.map(\.id) == [1, 2] && other.jobs.count == 1)
    }

    @Test("authorize may come first, parameters may be numbers, objects or missing")
    func oddParameters() throws {
        let world = try world()
        let miner = try world.connect()
        try say("{\"id\":1,\"method\":\"mining.authorize\",\"params\":[12345]}\n", miner, world)
        try say("{\"id\":2,\"method\":\"mining.subscribe\"}\n", miner, world)
        #expect(miner.jobs.count == 1)
        try say("{\"id\":3,\"method\":\"mining.suggest_difficulty\",\"params\":[\"0.5\"]}\n", miner, world)
        try say("{\"id\":4,\"method\":\"mining.ping\",\"params\":{}}\n", miner, world)
        try say("{\"id\":5,\"method\":\"mining.configure\",\"params\":[]}\n", miner, world)
        try say("{\"id\":6,\"method\":\"mining.authorize\",\"params\":[]}\n", miner, world)
        try say("{\"id\":7,\"method\":\"mining.submit\",\"params\":[\"12345\",\"1\"]}\n", miner, world)
        try say("{\"id\":8,\"method\":\"client.get_version\",\"params\":[]}\n", miner, world)
        #expect(miner.responses.suffix(6).map(\.isAccepted) == [true, true, true, false, false, true])
        #expect(world.pool.machine.snapshot(at: world.now).channels.map(\.identity) == ["12345"])
        #expect(miner.closed == nil)
    }

    @Test("a session that is named again goes on: same extranonce1, same jobs, shares counted once")
    func resume() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock]) {
            $0.aggregatesChannels = true
            $0.enablesVardiff = false
        }
        try world.advance(by: .seconds(2))
        let first = try world.miner()
        let counted = try first.solve()
        let open = try first.solve()
        first.call(.submit(counted))
        try world.pump()
        try world.lose(first)
        try world.advance(by: .seconds(60))
        let other = try world.miner("bob")
        let second = try world.miner(session: first.sessionID)
        #expect(second.sessionID == first.sessionID && second.extranonce1 == first.extranonce1)
        #expect(other.extranonce1 != first.extranonce1 && other.sessionID != first.sessionID)
        second.call(.submit(open))
        try world.pump()
        #expect(second.responses.last?.isAccepted == true)
        second.call(.submit(counted))
        try world.pump()
        #expect(second.responses.last?.error == .duplicateShare)
        #expect(try mock.all(Mining.SubmitSharesExtended.self).count == 2)
        // A session in use cannot be taken by somebody else, nor one that is over.
        let thief = try world.miner("eve", session: second.sessionID)
        #expect(thief.extranonce1 != second.extranonce1)
        try world.lose(second)
        try world.advance(by: .minutes(11))
        let late = try world.miner(session: second.sessionID)
        #expect(late.sessionID != second.sessionID)
    }

    @Test("miners are sent elsewhere with client.reconnect")
    func reconnect() throws {
        let world = try world()
        let miner = try world.miner()
        world.machine.handle(
            .reconnectMiners(host: "10.0.0.9", port: 3333, wait: 5), at: world.now, into: &world.effects)
        try world.pump()
        #expect(
            miner.lines.last
                == "{\"id\":null,\"method\":\"client.reconnect\",\"params\":[\"10.0.0.9\",3333,5]}")
    }

    @Test(
        "extranonce sizes from the narrowest to the widest make valid shares",
        arguments: [(1, 2), (4, 8), (8, 8), (2, 12)])
    func extranonceSizes(sizes: (Int, Int)) throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready()) {
            ($0.extranonce1Size, $0.extranonce2Size) = sizes
        }
        try world.advance(by: .zero)
        let miner = try world.miner()
        #expect(miner.extranonce1.count == sizes.0 && miner.extranonce2Size == sizes.1)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }
}
