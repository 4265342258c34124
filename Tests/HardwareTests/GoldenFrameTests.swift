import Bitcoin
import Hardware
import Testing

/// Bytes that drivers and captures of real chips agree on (Sources/Hardware/REFERENCE.md says whose).
@Suite("Golden frames") struct GoldenFrameTests {
    static let bm1370: [(ChipCommand, String)] = [
        (.read(register: 0, of: .all), "55AA520500000A"), (.chainInactive, "55AA5305000003"),
        (.setAddress(0), "55AA400500001C"), (.setAddress(2), "55AA4005020001"),
        (.setAddress(4), "55AA4005040003"), (.setAddress(8), "55AA4005080007"),
        (.setAddress(0x2a), "55AA40052A0019"), (.setAddress(0x80), "55AA4005800010"),
        (.read(register: 0x04, of: .all), "55AA520500041E"),
        (.read(register: 0x08, of: .all), "55AA5205000807"),
        (.read(register: 0x4c, of: .all), "55AA5205004C14"),
        (.read(register: 0x88, of: .all), "55AA5205008809"),
        (.read(register: 0x89, of: .all), "55AA520500890C"),
        (.read(register: 0x8a, of: .all), "55AA5205008A03"),
        (.read(register: 0x8b, of: .all), "55AA5205008B06"),
        (.read(register: 0x8c, of: .all), "55AA5205008C1D"),
    ]

    /// Register, value, checksum of a broadcast write.
    static let broadcast: [(UInt8, UInt32, UInt8)] = [
        (0xa4, 0x9000_ffff, 0x1c), (0xa8, 0x0007_0000, 0x03), (0x18, 0xf000_c100, 0x04),
        (0x18, 0xff0f_c100, 0x00),
        (0x3c, 0x8000_8b00, 0x12), (0x3c, 0x8000_800c, 0x11), (0x3c, 0x8000_8018, 0x1f),
        (0x3c, 0x8000_8020, 0x19),
        (0x3c, 0x8000_8540, 0x0c), (0x3c, 0x8000_8dee, 0x1b), (0x3c, 0x8000_8074, 0x10),
        (0x14, 0x0000_00ff, 0x08),
        (0x14, 0x0000_c0ff, 0x02), (0x58, 0x0001_1111, 0x0d), (0x58, 0x0211_1111, 0x06), (0x54, 2, 0x18),
        (0x54, 3, 0x1d), (0xb9, 0x0000_4480, 0x0d), (0x28, 0x1130_0200, 0x03), (0x28, 0x1130_0000, 0x1e),
        (0x28, 0x0130_0000, 0x1a), (0x28, 0x0600_000f, 0x18), (0x10, 0x0000_1eb5, 0x0f), (0x80, 0, 0x1c),
        (0x84, 0, 0x11), (0x20, 1, 0x02), (0x68, 0xc070_0111, 0x00), (0x18, 0x0000_7a31, 0x15),
        (0x18, 0x0000_6031, 0x00), (0x18, 0x0000_6131, 0x1c), (0x70, 0x0f0f_0f00, 0x19),
    ]

    static let single: [(UInt8, UInt32, UInt8)] = [
        (0xa8, 0x0007_01f0, 0x15), (0x18, 0xf000_c100, 0x0c), (0x3c, 0x8000_8b00, 0x1a),
        (0x3c, 0x8000_800c, 0x19),
        (0x3c, 0x8000_82aa, 0x05), (0x2c, 0x007c_0003, 0x03),
    ]

    static let bm1387: [(ChipCommand, String)] = [
        (.chainInactive, "5505000010"), (.read(register: 0, of: .all), "5405000019"),
        (.setAddress(0), "4105000015"), (.setAddress(0x80), "4105800019"),
        (.write(register: 0x0c, value: 0x0068_0221, to: .one(0)), "4809000C0068022102"),
        (.write(register: 0x1c, value: 0x0020_0700, to: .all), "5809001C0020070019"),
        (.write(register: 0x1c, value: 0x0020_0100, to: .all), "5809001C002001001B"),
        (.write(register: 0x1c, value: 0x4020_9a80, to: .all), "5809001C40209A8000"),
        (.write(register: 0x1c, value: 0x4020_8100, to: .all), "5809001C4020810007"),
        (.write(register: 0x0c, value: 0x0050_0241, to: .all), "5809000C005002410C"),
    ]

    static let bm1384: [(ChipCommand, String)] = [
        (.read(register: 0, of: .all), "84000011"), (.chainInactive, "8500000F"),
        (.setAddress(0), "01000019"),
        (.read(register: 4, of: .one(0)), "04000401"), (.read(register: 4, of: .all), "84000400"),
        (.setClock(0x0983, to: .all), "8209830A"),
    ]

    @Test("Commands have the captured bytes, and chips read them back")
    func commands() throws {
        var all: [(ChipFamily, ChipCommand, [UInt8])] = []
        for (family, list) in [
            (ChipFamily.bm1370, Self.bm1370), (.bm1387, Self.bm1387), (.bm1384, Self.bm1384),
        ] {
            for (command, hex) in list { all.append((family, command, try #require([UInt8](hex: hex)))) }
        }
        for (address, list) in [(ChipAddress.all, Self.broadcast), (.one(0), Self.single)] {
            for (register, value, crc) in list {
                let words = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
                let bytes = [0x55, 0xaa, address == .all ? 0x51 : 0x41, 9, 0, register] + words + [crc]
                all.append((.bm1370, .write(register: register, value: value, to: address), bytes))
            }
        }
        for (family, command, bytes) in all {
            #expect(command.frame(for: family) == bytes)
            var decoder = ChipFrameDecoder(family: family)
            decoder.append(bytes)
            #expect(decoder.next() == .command(command))
            #expect(decoder.next() == nil)
        }
        #expect(all.count == 16 + 10 + 6 + 31 + 6)
    }

    @Test("Replies of real chips are read, and written alike")
    func replies() throws {
        let cases: [(ChipFamily, Bool, ChipReply, String)] = [
            (
                .bm1387, false, .register(RegisterReply(value: 0x1387_90f4, address: 0, register: 0)),
                "138790f400001c"
            ),
            (
                .bm1397, false, .register(RegisterReply(value: 0x1397_1800, address: 0, register: 0)),
                "AA5513971800000006"
            ),
            (
                .bm1397, false, .register(RegisterReply(value: 0x1397_0000, address: 0, register: 0)),
                "AA5513970000000013"
            ),
            (
                .bm1397, false, .register(RegisterReply(value: 0x40a0_0225, address: 0, register: 8)),
                "AA5540A0022500081A"
            ),
            (
                .bm1362, false, .register(RegisterReply(value: 0x1362_0300, address: 0, register: 0)),
                "AA5513620300000000001E"
            ),
            (
                .bm1366, false, .register(RegisterReply(value: 0x1366_0000, address: 0, register: 0)),
                "AA55136600000000000005"
            ),
            (
                .bm1368, false, .register(RegisterReply(value: 0x1368_0000, address: 0, register: 0)),
                "AA5513680000000000000F"
            ),
            (
                .bm1370, false, .register(RegisterReply(value: 0x1370_0000, address: 0, register: 0)),
                "AA55137000000000000010"
            ),
            (.bm1387, false, .nonce(NonceReply(nonce: 0x7203_ea83, job: 3)), "7203ea83000398"),
            (
                .bm1397, false, .nonce(NonceReply(nonce: 0x97c3_28b6, job: 0x63, extra: 1)),
                "AA5597C328B601639C"
            ),
            (
                .bm1370, false, .nonce(NonceReply(nonce: 0x1800_a640, job: 0x99, extra: 2, version: 0x22f9)),
                "AA551800A640029922F991"
            ),
            (
                .bm1370, false, .nonce(NonceReply(nonce: 0x6db8_8ee1, job: 4, extra: 1, version: 0x0354)),
                "AA556DB88EE10104035494"
            ),
        ]
        for (family, isShort, reply, hex) in cases {
            let bytes = try #require([UInt8](hex: hex.lowercased()))
            #expect(reply.frame(for: family, isShort: isShort) == bytes)
            var decoder = ChipReplyDecoder(family: family)
            decoder.isShort = isShort
            decoder.append([0x00, 0xff])
            decoder.append(bytes)
            #expect(decoder.next() == reply)
        }
    }

    @Test("Clock words are those that ESP-Miner, cgminer and BraiinsOS write")
    func clocks() throws {
        let solved: [(ChipFamily, Double, UInt32)] = [
            (.bm1397, 425, 0x4044_0221), (.bm1366, 485, 0x50c2_0240), (.bm1368, 490, 0x50c4_0240),
            (.bm1370, 525, 0x40a8_0230), (.bm1370, 600, 0x50c0_0230), (.bm1370, 56.25, 0x40bd_0265),
        ]
        for (family, megahertz, word) in solved {
            let setting = try #require(PLLSetting(nearest: Megahertz(megahertz), for: family))
            #expect(setting.word(for: family) == word, "\(family) \(megahertz)")
            #expect(abs(setting.frequency.megahertz - megahertz) < 0.5)
            #expect(PLLSetting(word: word, for: family) == setting)
        }
        #expect(PLLSetting(word: 0x0068_0221, for: .bm1387).frequency == Megahertz(650))
        #expect(PLLSetting(word: 0x40a2_0255, for: .bm1370).frequency == Megahertz(56.25))
        #expect(PLLSetting(nearest: Megahertz(-5), for: .bm1370) == nil)
        #expect(PLLSetting(nearest: Megahertz(.nan), for: .bm1370) == nil)
    }

    @Test("Ticket masks turn each byte's bits round")
    func tickets() {
        #expect(TicketMask.word(difficulty: 256) == 0x0000_00ff)
        #expect(TicketMask.word(difficulty: 1024) == 0x0000_c0ff)
        #expect(TicketMask.word(difficulty: 64) == 0x0000_00fc)
        #expect(TicketMask.word(difficulty: 2048) == 0x0000_e0ff)
        #expect(TicketMask.word(difficulty: 1) == 0)
        #expect(TicketMask.word(difficulty: 0) == 0)
        #expect(TicketMask.bits(0x0000_c0ff) == 10)
    }

    @Test("A captured BM1370 job and its nonce make the share that the pool accepted")
    func capturedShare() throws {
        let hex =
            "55AA21566801000000" + "00043A0217D7685468"
            + "5519A7CB044F88726355919E61A98BCF71A0C28795EA54DB8C36414B06DDF5F0"
            + "000000000000000096520100" + "1D3996BCA3F4670DFCD4F201C162B96DFD55646B" + "00000020" + "721C"
        let bytes = try #require([UInt8](hex: hex.lowercased()))
        var decoder = ChipFrameDecoder(family: .bm1370)
        decoder.append(bytes)
        guard case .job(let job) = decoder.next(), case .header(var header) = job.content else {
            Issue.record("the captured job was not read")
            return
        }
        #expect(job.frame(for: .bm1370) == bytes)
        #expect(job.id == 0x68)

        var replies = ChipReplyDecoder(family: .bm1370)
        replies.append(try #require([UInt8](hex: "aa554c0352750cd205a29c")))
        guard case .nonce(let reply) = replies.next() else {
            Issue.record("the captured nonce was not read")
            return
        }
        #expect(reply.jobID(.bm1370).id == job.id)
        #expect(reply.jobID(.bm1370).part == 2)
        header.nonce = reply.headerNonce
        header.version |= UInt32(reply.version) << ChipFamily.versionShift
        #expect(header.version == 0x20b4_4000)
        #expect(Target(littleEndian: header.hash).difficulty.rounded(.down) == 29588)
        // Twice the zero bits beyond ticket and 32, as the chip says: 46 zero bits, a ticket of 256.
        #expect(reply.extra == 2 * (46 - 32 - 8))
    }

    @Test("The job by which cgminer knows a Block Erupter gives the nonce that it waits for")
    func detection() throws {
        let hex =
            "4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a"
            + String(repeating: "0", count: 40) + "87320b1a1426674f2fa722ce"
        let bytes = try #require([UInt8](hex: hex))
        var decoder = ChipFrameDecoder(family: .icarus)
        decoder.append(bytes)
        guard case .job(let job) = decoder.next(), case .midstates(let states, let tail) = job.content else {
            Issue.record("the detection job was not read")
            return
        }
        #expect(job.frame(for: .icarus) == bytes)
        let nonce = NonceReply(nonce: 0x0001_87a2, job: 0)
        let hash = states[0].doubleHash(then: tail.bytes(nonce: nonce.headerNonce))
        #expect(hash.bytes.suffix(4) == [0, 0, 0, 0])
        #expect(ChipReply.nonce(nonce).frame(for: .icarus) == [0x00, 0x01, 0x87, 0xa2])
    }

    @Test("BM1387 jobs close with the known checksums")
    func jobChecksums() {
        let empty = [UInt8](repeating: 0, count: 48)
        #expect(CRC16.of([0x21, 0x36, 0, 1] + empty) == 0x9899)
        #expect(CRC16.of([0x21, 0x36, 1, 1] + empty) == 0x8aef)
    }

    @Test(
        "A malformed frame is dropped, and the next one is read",
        arguments: [ChipFamily.bm1370, .bm1397, .bm1362])
    func resynchronisation(family: ChipFamily) throws {
        var decoder = ChipFrameDecoder(family: family)
        // What cgminer's BM1370 start really sends: a write's data behind the header of chain-inactive.
        decoder.append([0x55, 0xaa, 0x53, 0x05, 0x00, 0x18, 0xf0, 0x00, 0xc1, 0x00, 0x1f])
        decoder.append([0x00, 0x55, 0x55])
        decoder.append(try #require(ChipCommand.read(register: 0, of: .all).frame(for: family)))
        var frames: [ChipFrame] = []
        while let frame = decoder.next() { frames.append(frame) }
        let commands = frames.filter { if case .command = $0 { true } else { false } }
        #expect(commands == [.command(.read(register: 0, of: .all))])
    }

    @Test("Jobs of every family survive the line, split anywhere", arguments: ChipFamily.allCases)
    func jobs(family: ChipFamily) throws {
        let raw = (0..<76).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) } + [0, 0, 0, 0]
        let header = try BlockHeader(bytes: raw)
        let content: ChipJob.Content =
            family.takesWholeHeader
            ? .header(header) : .midstates([SHA256Midstate(header)], tail: HeaderTail(header))
        let job = ChipJob(id: family == .icarus ? 0 : 0x18, content: content)
        let frame = try #require(job.frame(for: family))
        for split in 0...frame.count {
            var decoder = ChipFrameDecoder(family: family)
            decoder.append(frame[..<split])
            if split < frame.count { #expect(decoder.next() == nil) }
            decoder.append(frame[split...])
            #expect(decoder.next() == .job(job))
        }
        if case .midstates(let states, let tail) = content {
            #expect(states[0].doubleHash(then: tail.bytes(nonce: 0)) == header.hash)
        }
    }
}
