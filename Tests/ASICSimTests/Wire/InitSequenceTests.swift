import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

/// The bytes that drivers begin with, as captures and their sources have them, and the answers that they wait for.
struct InitSequenceTests {
    /// One step of a driver: hexadecimal bytes, and what must be true afterwards.
    private func play(_ bench: inout LineBench, _ frames: [String], pause: Interval = .milliseconds(10)) {
        for frame in frames {
            bench.send(hex: frame)
            bench.run(for: pause)
        }
    }

    private func golden(_ register: UInt8, _ value: UInt32, _ family: ChipFamily, to: ChipAddress = .all)
        -> String
    {
        ChipCommand.write(register: register, value: value, to: to).frame(for: family)!.hex
    }

    private func expectMining(
        _ bench: inout LineBench, id: UInt8, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let header = header(77)
        bench.send(job(header, id: id, for: bench.family))
        let nonces = bench.nonces(within: .seconds(5), count: 5)
        #expect(nonces.count >= 5, sourceLocation: sourceLocation)
        // The real rule is 32 and the ticket's; the bench asks for 28 fewer.
        let least = 32 + bench.chain.chips[0].ticketBits - 28
        for nonce in nonces {
            #expect(nonce.jobID(bench.family).id == id, sourceLocation: sourceLocation)
            #expect(
                zeroBits(nonce, of: header, family: bench.family) >= least, sourceLocation: sourceLocation)
        }
    }

    private func bench(_ family: ChipFamily, _ chips: Int) -> LineBench {
        LineBench(
            WireChainSettings(family: family, chips: chips, pace: .rate(.megahashes(4)), difficultyShift: 28))
    }

    @Test func espMinerOnABM1370() throws {
        var bench = bench(.bm1370, 2)
        play(&bench, [String](repeating: "55AA 51 09 00 A4 9000FFFF 1C", count: 3))
        bench.decoder.isShort = false
        #expect(bench.ask(0).count == 2, "asic_count must match exactly")
        play(
            &bench,
            [
                "55AA 51 09 00 A4 9000FFFF 1C", "55AA 51 09 00 A8 00070000 03",
                "55AA 51 09 00 18 F000C100 04",
                "55AA 53 05 00 00 03", "55AA 40 05 00 00 1C", "55AA 40 05 80 00 10",
                "55AA 51 09 00 3C 80008B00 12", "55AA 51 09 00 3C 8000800C 11",
                "55AA 51 09 00 14 000000FF 08",
                "55AA 51 09 00 58 00011111 0D",
            ])
        for chip in [UInt8(0), 128] {
            for (register, value) in [
                (0xa8, 0x0007_01f0), (0x18, 0xf000_c100), (0x3c, 0x8000_8b00), (0x3c, 0x8000_800c),
                (0x3c, 0x8000_82aa),
            ] as [(UInt8, UInt32)] {
                play(&bench, [golden(register, value, .bm1370, to: .one(chip))])
            }
        }
        play(
            &bench,
            [
                "55AA 51 09 00 B9 00004480 0D", "55AA 51 09 00 54 00000002 18",
                "55AA 51 09 00 B9 00004480 0D",
                "55AA 51 09 00 3C 80008DEE 1B",
            ])
        // The ramp from 56.25 MHz in steps of 6.25 MHz and 100 ms.
        for step in 0...75 {
            let setting = try #require(
                PLLSetting(nearest: Megahertz(56.25 + 6.25 * Double(step)), for: .bm1370))
            play(&bench, [golden(0x08, setting.word(for: .bm1370), .bm1370)], pause: .milliseconds(100))
        }
        #expect(bench.chain.chips.allSatisfy { $0.clock.target.megahertz == 525 })
        play(&bench, ["55AA 51 09 00 10 00001EB5 0F", "55AA 51 09 00 28 11300200 03"])
        bench.baud = 1_000_000
        #expect(bench.chain.chips.map(\.address) == [0, 128])
        #expect(bench.chain.statistics.malformed == 0)
        expectMining(&bench, id: 0x18)
        // 1 Hz polling of the counters, as the hashrate monitor does.
        for register in [0x4c, 0x88, 0x89, 0x8a, 0x8b, 0x8c] as [UInt8] {
            #expect(bench.ask(register).map(\.register) == [register, register])
        }
    }

    @Test func espMinerOnABM1366() {
        var bench = bench(.bm1366, 1)
        play(&bench, [String](repeating: "55AA 51 09 00 A4 9000FFFF 1C", count: 3))
        bench.decoder.isShort = false
        #expect(bench.ask(0).map(\.value) == [0x1366_0000])
        play(
            &bench,
            [
                "55AA 51 09 00 A8 00070000 03", "55AA 51 09 00 18 FF0FC100 00", "55AA 53 05 00 00 03",
                "55AA 40 05 00 00 1C", "55AA 51 09 00 3C 80008540 0C", "55AA 51 09 00 3C 80008020 19",
                "55AA 51 09 00 14 000000FF 08", "55AA 51 09 00 54 00000003 1D",
                "55AA 51 09 00 58 02111111 06",
                "55AA 41 09 00 2C 007C0003 03", "55AA 41 09 00 A8 000701F0 15",
                "55AA 41 09 00 18 F000C100 0C",
                golden(0x08, 0x50c2_021c, .bm1366), golden(0x10, 0x0000_151c, .bm1366),
                "55AA 51 09 00 A4 9000FFFF 1C",
            ])
        #expect(bench.chain.statistics.malformed == 0)
        expectMining(&bench, id: 0x58)
    }

    @Test func espMinerOnABM1368() {
        var bench = bench(.bm1368, 1)
        play(&bench, [String](repeating: "55AA 51 09 00 A4 9000FFFF 1C", count: 4))
        bench.decoder.isShort = false
        #expect(bench.ask(0).map(\.value) == [0x1368_0000])
        play(
            &bench,
            [
                "55AA 53 05 00 00 03", "55AA 51 09 00 A8 00070000 03", golden(0x18, 0xff0f_c100, .bm1368),
                "55AA 51 09 00 3C 80008B00 12", "55AA 51 09 00 3C 80008018 1F",
                "55AA 51 09 00 14 000000FF 08",
                "55AA 51 09 00 54 00000003 1D", "55AA 51 09 00 58 02111111 06", "55AA 40 05 00 00 1C",
                golden(0xa8, 0x0007_01f0, .bm1368, to: .one(0)), "55AA 41 09 00 18 F000C100 0C",
                golden(0x08, 0x50c4_0206, .bm1368), golden(0x10, 0x0000_15a4, .bm1368),
                "55AA 51 09 00 A4 9000FFFF 1C",
            ], pause: .milliseconds(50))
        expectMining(&bench, id: 0x30)
        // The temperature sequence: three writes ten milliseconds apart, then a valid code.
        play(
            &bench,
            [0x0002_0000, 0x0102_0000, 0x1002_0000].map { golden(0xb0, $0, .bm1368) })
        let code = bench.ask(0xb4).first?.value ?? 0
        #expect(code >> 31 == 1)
        #expect(abs(Double(code & 0xffff) * 0.171342 - 299.5144 - 55) < 0.2)
    }

    @Test func espMinerOnABM1397() {
        var bench = bench(.bm1397, 1)
        #expect(bench.ask(0).map(\.value) == [0x1397_1800])
        play(
            &bench,
            [
                "55AA 53 05 00 00 03", "55AA 40 05 00 00 1C", "55AA 51 09 00 80 00000000 1C",
                "55AA 51 09 00 84 00000000 11", "55AA 51 09 00 20 00000001 02",
                "55AA 51 09 00 3C 80008074 10",
                "55AA 51 09 00 14 000000FF 08", "55AA 51 09 00 68 C0700111 00",
                "55AA 51 09 00 28 0600000F 18",
                "55AA 51 09 00 18 00007A31 15", "55AA 51 09 00 70 0F0F0F00 19",
                "55AA 51 09 00 70 0F0F0F00 19",
                "55AA 51 09 00 08 40440221 07", "55AA 51 09 00 08 40440221 07",
                "55AA 51 09 00 18 00006031 00",
            ])
        bench.baud = 3_125_000
        #expect(bench.chain.chips[0].clock.target.megahertz == 425)
        expectMining(&bench, id: 0x40)
        #expect(bench.chain.statistics.malformed == 0)
    }

    @Test func cgminerOnACompacF() {
        var bench = bench(.bm1397, 1)
        play(&bench, ["55AA 52 05 00 00 0A"])
        play(&bench, [String](repeating: "55AA 53 05 00 00 03", count: 3), pause: .milliseconds(100))
        play(
            &bench,
            [
                "55AA 40 05 00 00 1C", "55AA 51 09 00 80 00000000 1C", "55AA 51 09 00 84 00000000 11",
                "55AA 51 09 00 20 00000001 02", "55AA 51 09 00 3C 80008074 10",
                "55AA 51 09 00 14 000000F0 1E",
                "55AA 51 09 00 68 C0700111 00", "55AA 51 09 00 68 C0700111 00",
                "55AA 51 09 00 28 0600000F 18",
                "55AA 51 09 00 18 00006131 1C",
            ])
        // The FTDI's divisor of two against the chip's 1.5625 M.
        bench.baud = 1_500_000
        play(&bench, ["55AA 51 09 00 70 0F0F0F00 19", "55AA 51 09 00 08 40A00225 16"])
        _ = bench.bytes(within: .milliseconds(1))
        bench.send(hex: "55AA 52 05 00 08 07")
        let answer = bench.bytes(within: .milliseconds(5))
        #expect(answer.count == 9 && Array(answer[3..<8]) == [0xa0, 0x02, 0x25, 0x00, 0x08])
        #expect(bench.chain.chips[0].clock.target.megahertz == 200)
        bench.decoder.reset()
        expectMining(&bench, id: 0x04)
    }

    @Test func cgminerOnACompacA1() {
        var bench = bench(.bm1362, 1)
        play(&bench, ["55AA 51 09 00 A4 9000FFFF 1C"])
        bench.decoder.isShort = false
        #expect(bench.ask(0).map(\.value) == [0x1362_0300])
        play(
            &bench,
            [
                "55AA 53 05 00 00 03", "55AA 40 05 00 00 1C", "55AA 51 09 00 3C 80008540 0C",
                golden(0x3c, 0x8000_8008, .bm1362), golden(0x14, 0xf0, .bm1362),
                "55AA 51 09 00 54 00000003 1D",
                "55AA 51 09 00 58 00011111 0D", golden(0xa8, 0x0000_0002, .bm1362, to: .one(0)),
                golden(0x18, 0xb000_c100, .bm1362, to: .one(0)),
                golden(0x3c, 0x8000_82aa, .bm1362, to: .one(0)),
                golden(0x08, 0x50c0_0241, .bm1362), golden(0x10, 0x12c9, .bm1362),
                "55AA 51 09 00 A4 9000FFFF 1C",
            ])
        expectMining(&bench, id: 0x10)
        #expect(bench.chain.baud < 116_000, "this driver never changes the speed")
    }

    @Test func cgminerOnACompacA2SendsAFrameThatIsNone() {
        var bench = bench(.bm1370, 1)
        play(&bench, ["55AA 51 09 00 A8 00070000 03", "55AA 53 05 00 18 F000C100 04"])
        #expect(bench.chain.statistics.malformed > 0)
        play(
            &bench,
            [
                "55AA 53 05 00 00 03", "55AA 40 05 00 00 1C", golden(0x3c, 0x8000_8d04, .bm1370),
                golden(0x3c, 0x8000_800e, .bm1370), golden(0x14, 0xf0, .bm1370),
                "55AA 51 09 00 58 00011111 0D",
            ])
        #expect(bench.ask(0x58).map(\.value) == [0x0001_1111])
        play(
            &bench,
            [
                golden(0x58, 0x0001_f111, .bm1370, to: .one(0)), golden(0x08, 0x50c0_0241, .bm1370),
                golden(0x68, 0x5aa5_5aa5, .bm1370), golden(0x10, 0x0f25, .bm1370),
                golden(0x2c, 0x0013_0007, .bm1370, to: .one(0)),
            ])
        #expect(bench.ask(0x2c).map(\.value) == [0x0013_0007])
        play(
            &bench,
            [
                golden(0xa8, 0x0007_01f0, .bm1370), golden(0x18, 0xf000_c100, .bm1370),
                golden(0x18, 0xf000_c100, .bm1370), golden(0xa4, 0x8000_ffff, .bm1370),
            ])
        bench.decoder.isShort = false
        #expect(bench.ask(0x18).map(\.value) == [0xf000_c100])
        expectMining(&bench, id: 0x18)
    }

    @Test func cgminerOnANewPacOpensItsCores() {
        var bench = bench(.bm1387, 2)
        play(&bench, [String](repeating: "55050000 10", count: 3), pause: .milliseconds(5))
        play(&bench, ["41050000 15", "41058000 19", "5809001C00200100 1B"], pause: .milliseconds(5))
        bench.baud = 1_500_000
        play(&bench, ["5809001C40208180 07"])
        #expect(bench.chain.baud == 1_562_500, "bit 30 leaves the speed as it is")
        // 114 works without content, one each ten milliseconds.
        let dummy = ChipJob(
            id: 0x10,
            content: .midstates(
                [SHA256Midstate(words: [UInt32](repeating: 0, count: 8))],
                tail: HeaderTail(merkle: [255, 255, 255, 255], time: .max, bits: .max)))
        var busy: Set<UInt32> = []
        for _ in 0..<114 {
            bench.send(dummy)
            for nonce in bench.nonces(within: .milliseconds(10)) { busy.insert(nonce.nonce) }
        }
        #expect(busy == [0x7203_ea83, 0xe16b_f809])
        // They are true: two hashes with 32 zero bits.
        let state = SHA256Midstate(words: [UInt32](repeating: 0, count: 8))
        for nonce in busy {
            let hash = state.doubleHash(
                then: [UInt8](repeating: 255, count: 12) + nonce.byteSwappedBytes)
            #expect(hash.bytes.suffix(4) == [0, 0, 0, 0])
        }
        play(&bench, ["5809000C00500241 0C"])
        #expect(bench.chain.chips.allSatisfy { $0.clock.target.megahertz == 250 })
        expectMining(&bench, id: 0x24)
    }

    @Test func braiinsOnAnS9ReadsItsTicketBack() {
        var bench = bench(.bm1387, 63)
        #expect(bench.ask(0).count == 63)
        play(&bench, [String](repeating: "55050000 10", count: 3), pause: .milliseconds(100))
        for chip in 0..<63 { bench.send(.setAddress(UInt8(chip * 4))) }
        bench.run(for: .milliseconds(100))
        play(&bench, [golden(0x0c, 0x0068_0221, .bm1387), "5809001C40209A80 00"])
        play(&bench, [golden(0x18, 0x0000_00fc, .bm1387)])
        #expect(bench.ask(0x18).map(\.value) == [UInt32](repeating: 0xfc, count: 63))
        #expect(bench.chain.chips.map(\.address) == (0..<63).map { UInt8($0 * 4) })
        // The lock bit in the clock's answer.
        let clock = ChipCommand.read(register: 0x0c, of: .one(8)).frame(for: .bm1387)!
        _ = bench.bytes(within: .milliseconds(1))
        bench.send(clock)
        #expect(bench.bytes(within: .milliseconds(10)).prefix(4) == [0x80, 0x68, 0x02, 0x21])
        expectMining(&bench, id: 0x08)
    }

    @Test func aCompacOfBM1384TakesItsClockAndItsTicketWithTheJob() {
        var bench = bench(.bm1384, 1)
        play(&bench, ["85 00 00 0F", "01 00 00 19", "82 09 83 0A"])
        #expect(bench.chain.chips[0].clock.target.megahertz == 125)
        bench.send(hex: "84 00 00 11")
        #expect(bench.bytes(within: .milliseconds(5)).prefix(2) == [0x13, 0x84])
        bench.decoder.reset()
        expectMining(&bench, id: 0x15)
    }

    @Test(arguments: [ChipFamily.icarus, .antminerU]) func theDetectionJobIsAnsweredAtOnce(
        _ family: ChipFamily
    ) {
        var bench = LineBench(
            WireChainSettings(family: family, chips: 1, pace: .rate(HashRate(1_000))))
        bench.send(
            hex: "4679ba4ec99876bf4bfe086082b400254df6c356451471139a3afa71e48f544a"
                + "00000000000000000000000000000000" + "0000000087320b1a1426674f2fa722ce")
        let sent = bench.now
        let bytes = bench.bytes(within: .milliseconds(60))
        #expect(bytes.prefix(4) == [0x00, 0x01, 0x87, 0xa2])
        #expect(bytes.count == family.replyBytes, "a fifth byte would make an Icarus an Antminer")
        #expect((bench.now - sent).seconds < 0.3)
    }

    @Test func anIcarusScansFromZeroAndStopsAtItsFirstNonce() throws {
        var bench = LineBench(
            WireChainSettings(
                family: .icarus, chips: 1, pace: .rate(.megahashes(1)), difficultyShift: 20))
        let header = header(21)
        bench.send(job(header, id: 0, for: .icarus))
        let nonces = bench.nonces(within: .seconds(1))
        #expect(nonces.count == 1)
        let nonce = try #require(nonces.first)
        // The driver takes nonce + 1 for the number of hashes: nothing below may meet the rule.
        let first = (0...UInt32(200_000)).first { number in
            zeroBits(NonceReply(nonce: number, job: 0), of: header, family: .icarus) >= 12
        }
        #expect(first == nonce.nonce)
        bench.send(job(self.next(header), id: 0, for: .icarus))
        #expect(bench.nonces(within: .seconds(1)).count == 1, "new work starts it again")
    }

    private func next(_ header: BlockHeader) -> BlockHeader {
        var header = header
        header.time += 1
        return header
    }
}

extension UInt32 {
    /// Most significant first: a nonce as it travels.
    fileprivate var byteSwappedBytes: [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * UInt32($0))) }
    }
}
