import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

struct ChainTests {
    static let registered: [ChipFamily] = [.bm1387, .bm1397, .bm1362, .bm1366, .bm1368, .bm1370]

    @Test(arguments: [
        (ChipFamily.bm1397, "52050000 0A", "AA55 13971800 00 00 06"),
        (.bm1362, "52050000 0A", "AA55 13620300 00 00 1E"),
        (.bm1366, "52050000 0A", "AA55 13660000 00 00 05"),
        (.bm1368, "52050000 0A", "AA55 13680000 00 00 0F"),
        (.bm1370, "52050000 0A", "AA55 13700000 00 00 10"),
    ]) func everyChipSaysItsNameAsTheDriversWantIt(_ family: ChipFamily, _ read: String, _ reply: String) {
        var bench = LineBench(WireChainSettings(family: family, chips: 3, pace: .rate(.megahashes(4))))
        if family.takesWholeHeader {
            bench.send(hex: "55AA 51 09 00 A4 9000FFFF 1C")
            // The longer reply of the later chips, whose checksum covers two more zeros.
            bench.decoder.isShort = false
        }
        bench.send(hex: "55AA" + read)
        let bytes = bench.bytes(within: .milliseconds(50))
        var frame = [UInt8](hex: reply.filter { $0 != " " })!
        if family.takesWholeHeader { frame.insert(contentsOf: [0, 0], at: 8) }
        #expect(bytes == frame + frame + frame)
    }

    @Test func aBM1387AnswersWithItsAddressAndWithoutAPreamble() {
        var bench = LineBench(WireChainSettings(family: .bm1387, chips: 2, pace: .rate(.megahashes(4))))
        bench.send(hex: "55050000 10")
        bench.send(.setAddress(0))
        bench.send(.setAddress(0xf4))
        bench.send(hex: "54050000 19")
        let bytes = bench.bytes(within: .milliseconds(50))
        #expect(bytes.count == 14 && bytes.suffix(7) == [0x13, 0x87, 0x90, 0xf4, 0, 0, 0x1c])
    }

    @Test(arguments: registered) func addressesAreTakenInTheOrderOfTheChain(_ family: ChipFamily) {
        var bench = LineBench(WireChainSettings(family: family, chips: 5, pace: .rate(.megahashes(4))))
        bench.prepare(stride: 4)
        #expect(bench.chain.chips.map(\.address) == [0, 4, 8, 12, 16])
        // Factories send addresses until nobody takes them.
        bench.send(.setAddress(200))
        #expect(bench.chain.chips.map(\.address) == [0, 4, 8, 12, 16])
        bench.send(.chainInactive)
        #expect(bench.chain.chips.allSatisfy { $0.address == 0 && !$0.isAddressed })
    }

    @Test func repliesFollowEachOtherAtTheSpeedOfTheLine() throws {
        var bench = LineBench(WireChainSettings(family: .bm1370, chips: 65, pace: .rate(.megahashes(4))))
        bench.write(0xa4, 0x9000_ffff)
        let asked = bench.now
        bench.send(.read(register: 0, of: .all))
        bench.run(for: .milliseconds(100))
        let replies = bench.heard
        #expect(replies.count == 65)
        let perReply = 110 / bench.chain.baud
        for (first, second) in zip(replies, replies.dropFirst()) {
            let gap = (second.due - first.due).seconds
            #expect(abs(gap - perReply) < 1e-8)
        }
        // Seven bytes there, eleven back.
        let first = try #require(replies.first)
        let wait = (first.due - asked).seconds
        let least = 70 / 115_200.0 + perReply
        #expect(wait >= least && wait < least + 1e-4)
    }

    @Test(arguments: [ChipFamily.bm1362, .bm1366, .bm1368, .bm1370])
    func repliesGrowFromNineBytesToElevenWithTheVersionRegister(_ family: ChipFamily) {
        var bench = LineBench(WireChainSettings(family: family, chips: 1, pace: .rate(.megahashes(4))))
        bench.send(.read(register: 0, of: .all))
        #expect(bench.bytes(within: .milliseconds(10)).count == 9)
        bench.send(.write(register: 0xa4, value: 0x9000_ffff, to: .all))
        bench.send(.read(register: 0, of: .all))
        #expect(bench.bytes(within: .milliseconds(10)).count == 11)
    }

    @Test(arguments: ChipFamily.allCases) func everyNonceIsTrueForTheRuleOfItsFamily(_ family: ChipFamily)
        throws
    {
        // Nineteen bits fewer than 32 and the ticket, so that a debug build finds some.
        var bench = LineBench(
            WireChainSettings(
                family: family, chips: family.framing == .icarus ? 1 : 2, pace: .rate(.megahashes(4)),
                difficultyShift: 19))
        bench.prepare()
        let header = header(7)
        let versions: [UInt32] = family == .bm1397 ? [0, 1, 2, 3] : [0]
        let id: UInt8 = family == .antminerU ? 0x12 : 0x30
        bench.send(job(header, id: id, for: family, versions: versions))
        let wanted = family == .icarus ? 1 : 20
        let nonces = bench.nonces(within: .seconds(20), count: wanted)
        #expect(nonces.count >= wanted)
        for reply in nonces {
            #expect(zeroBits(reply, of: header, family: family, versions: versions) >= 13)
            if family != .icarus { #expect(reply.jobID(family).id == id) }
        }
        if family.takesWholeHeader {
            // The sub-core in the job byte is the low part of the version counter, as captures show.
            let bits = family.subcores == 16 ? UInt16(15) : 7
            #expect(nonces.allSatisfy { UInt16($0.jobID(family).part) == $0.version & bits })
        }
    }

    @Test func theNonceOfACapturedBitaxeIsFoundByTheSameRule() throws {
        var bench = LineBench(WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(4))))
        bench.prepare()
        bench.write(0x14, 0xff)
        // Of the capture's version counter only the bits that are set in it, and of the counter's 2^25 ticks the 512
        // around the nonce: everything else is the chip's own rule, ticket of 256 included.
        bench.write(0xa4, 0x9000_05a2)
        bench.write(0x0c, 1 << 31 | (0x4c03_5275 & 0x1ff_ffff) >> 9)
        bench.write(0x10, 32)
        bench.send(
            hex: "55AA 21 56 68 01 00000000 043A0217 D7685468"
                + "5519A7CB044F88726355919E61A98BCF71A0C28795EA54DB8C36414B06DDF5F0"
                + "000000000000000096520100 1D3996BCA3F4670DFCD4F201C162B96DFD55646B 00000020 721C")
        let nonce = try #require(bench.nonces(within: .seconds(3), count: 1).first)
        #expect(nonce.nonce == 0x4c03_5275 && nonce.version == 0x05a2 && nonce.jobID(.bm1370).id == 0x68)
        #expect(nonce.extra == 0x0c, "twice the zero bits beyond forty")
    }

    @Test(arguments: [ChipFamily.bm1366, .bm1370, .bm1397, .bm1387])
    func noncesLieInTheShareOfTheirChip(_ family: ChipFamily) {
        var bench = LineBench(
            WireChainSettings(family: family, chips: 4, pace: .rate(.megahashes(4)), difficultyShift: 20))
        bench.prepare()
        bench.send(job(header(3), id: 0x20, for: family))
        let nonces = bench.nonces(within: .seconds(10), count: 200)
        let layout = NonceLayout(family)
        var perChip: [UInt8: Int] = [:]
        for reply in nonces {
            perChip[layout.address(ofWireNonce: reply.nonce)! / 64, default: 0] += 1
            #expect(layout.core(ofWireNonce: reply.nonce)! < max(family.cores, 128))
        }
        #expect(perChip.keys.sorted() == [0, 1, 2, 3])
    }

    @Test func theReportEnablesOfRegister18HoldNoncesBack() {
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(4)), difficultyShift: 20))
        bench.prepare()
        bench.write(0x18, 0x0000_c100)
        bench.send(job(header(), id: 0x18, for: .bm1370))
        #expect(bench.nonces(within: .milliseconds(100)).isEmpty)
        #expect(bench.chain.statistics.hashes > 0)
        // One quarter of the cores: numbers 32 to 63.
        bench.write(0x18, 0x2000_c100)
        let nonces = bench.nonces(within: .seconds(5), count: 30)
        #expect(nonces.count >= 30)
        #expect(nonces.allSatisfy { (32..<64).contains($0.nonce >> 25) })
    }

    @Test func aSweepOfZeroTicksStopsTheChipsAndTheirCounters() throws {
        var bench = LineBench(WireChainSettings(family: .bm1366, chips: 1, pace: .rate(.megahashes(0.1))))
        bench.prepare(frequency: 500)
        bench.send(job(header(), id: 8, for: .bm1366))
        bench.run(for: .seconds(20))
        // 500 MHz x 894 x 20 s in units of 2^32.
        let counted = try #require(bench.ask(0x8c).first).value
        let expected = 20.0 * 500e6 * 894 / 0x1p32
        #expect(abs(Double(counted) - expected) < 30)
        let quarter = try #require(bench.ask(0x8a).first).value
        #expect(abs(Double(quarter) - Double(counted) / 4) < 10)
        bench.write(0x10, 0)
        let stopped = try #require(bench.ask(0x8c).first).value
        bench.run(for: .seconds(20))
        #expect(try #require(bench.ask(0x8c).first).value == stopped)
        #expect(bench.chain.nextDeadline == nil)
    }

    @Test func theClockSaysThatItIsLockedWhenItIs() throws {
        var bench = LineBench(
            WireChainSettings(
                family: .bm1397, chips: 1, pace: .rate(.megahashes(4)), lockTime: .milliseconds(50)))
        bench.send(hex: "55AA 51 09 00 08 40A00225 16")
        bench.run(for: .milliseconds(2))
        bench.send(hex: "55AA 52 05 00 08 07")
        #expect(bench.bytes(within: .milliseconds(5)).prefix(6) == [0xaa, 0x55, 0x40, 0xa0, 0x02, 0x25])
        bench.run(for: .milliseconds(100))
        bench.send(hex: "55AA 52 05 00 08 07")
        #expect(bench.bytes(within: .milliseconds(5)).prefix(6) == [0xaa, 0x55, 0xc0, 0xa0, 0x02, 0x25])
        #expect(bench.chain.chips[0].clock.target.megahertz == 200)
    }

    @Test func aFullHeaderChipRepeatsItselfWhenItsVersionsAreUsedUp() {
        var settings = WireChainSettings(
            family: .bm1370, chips: 1, pace: .rate(.megahashes(4)), difficultyShift: 22)
        settings.sweepFactor = 1
        var bench = LineBench(settings)
        bench.prepare()
        // Sixteen versions are one batch; 400 MHz / 25 MHz are sixteen ticks each.
        bench.write(0xa4, 0x9000_000f)
        bench.write(0x10, 1)
        bench.send(job(header(5), id: 0x18, for: .bm1370))
        let nonces = bench.nonces(within: .seconds(3), count: 200)
        let key = nonces.map { UInt64($0.nonce) << 16 | UInt64($0.version) }
        #expect(bench.chain.chips[0].sweeps > 1)
        #expect(Set(key).count < key.count / 2, "the same nonces again and again")
        #expect(nonces.allSatisfy { $0.version < 16 })
    }

    @Test func theOldJobIsHashedAWhileAfterTheNewOneCame() {
        var settings = WireChainSettings(
            family: .bm1370, chips: 1, pace: .rate(.megahashes(2)), difficultyShift: 20)
        settings.switchDelay = .milliseconds(40)
        var bench = LineBench(settings)
        bench.baud = 115_200
        bench.prepare()
        bench.send(job(header(1), id: 0x18, for: .bm1370))
        _ = bench.nonces(within: .milliseconds(300))
        bench.send(job(header(2), id: 0x30, for: .bm1370))
        let sent = bench.now + Interval(seconds: 880 / 115_200.0)
        var late = 0
        var fresh = 0
        for reply in bench.nonces(within: .milliseconds(400)) {
            let isOld = reply.jobID(.bm1370).id == 0x18
            let of = isOld ? header(1) : header(2)
            #expect(zeroBits(reply, of: of, family: .bm1370) >= 12)
            if isOld { late += 1 } else { fresh += 1 }
        }
        #expect(late > 0 && fresh > late)
        #expect(bench.now > sent)
    }
}
