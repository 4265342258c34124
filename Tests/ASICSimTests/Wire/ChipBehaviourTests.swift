import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

/// What a chip's registers make of its nonces, and its line of their time.
struct ChipBehaviourTests {
    @Test(arguments: [(ChipFamily.bm1387, UInt8(0x18)), (.bm1397, 0x14), (.bm1362, 0x14), (.bm1370, 0x14)])
    func theTicketMaskLetsFewerNoncesThrough(_ family: ChipFamily, _ register: UInt8) {
        func count(_ mask: UInt32, least: Int) -> Double {
            var bench = LineBench(
                WireChainSettings(
                    family: family, chips: 1, pace: .rate(.megahashes(2)), difficultyShift: 19))
            bench.prepare()
            bench.write(register, mask)
            let header = header(8)
            bench.send(job(header, id: 0x18, for: family))
            let nonces = bench.nonces(within: .seconds(4))
            #expect(nonces.allSatisfy { zeroBits($0, of: header, family: family) >= least })
            return Double(nonces.count)
        }
        // Each byte of the mask has its bits turned round: C0 asks for two bits more.
        let (open, ticketed) = (count(0, least: 13), count(0xc0, least: 15))
        // 977 against 244 expected, four standard deviations.
        #expect(abs(ticketed - open / 4) < 4 * (open / 4 + open / 16).squareRoot(), "\(open) \(ticketed)")
        #expect(ticketed > 100)
    }

    @Test func aBM1370CountsFromItsNonceOffsetWithAllItsCores() {
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 2, pace: .rate(.megahashes(4)), difficultyShift: 22))
        bench.prepare()
        for (chip, offset) in [(UInt8(0), UInt32(0)), (128, 0x03f1)] {
            bench.write(0x0c, 1 << 31 | offset, to: .one(chip))
        }
        bench.write(0x28, 0x1130_0000)
        bench.baud = 3_125_000
        bench.send(job(header(6), id: 0x18, for: .bm1370))
        let nonces = bench.nonces(within: .seconds(2), count: 2_000)
        // 4 MH/s for two seconds are some 2,000 ticks of 2,048 hashes for each chip.
        let counters = nonces.map { $0.nonce & 0x1ff_ffff }
        let starts: [UInt32] = [0, 0x03f1 << 9]
        for start in starts {
            #expect(counters.contains { $0 >= start && $0 < start + 4_096 })
        }
        #expect(counters.allSatisfy { counter in starts.contains { counter >= $0 && counter < $0 + 4_096 } })
        let cores = Set(nonces.map { $0.nonce >> 25 })
        #expect(cores == Set(0..<128), "of 2,000 nonces every core has its part")
    }

    @Test func versionsAreCountedFromZeroInBatchesAndAnewForEachJob() {
        var settings = WireChainSettings(
            family: .bm1370, chips: 1, pace: .rate(.megahashes(2)), difficultyShift: 22)
        // Two ticks for each batch of sixteen versions: 4,096 hashes, 2 ms.
        settings.sweepFactor = 2.0 / 16
        var bench = LineBench(settings)
        bench.prepare()
        bench.write(0x10, 1)
        bench.write(0x28, 0x1130_0000)
        bench.baud = 3_125_000
        for round in 0..<3 {
            let id = UInt8(round + 1) * 24
            bench.send(job(header(UInt32(round)), id: id, for: .bm1370))
            let nonces = bench.nonces(within: .milliseconds(200)).filter { $0.jobID(.bm1370).id == id }
            let batches = nonces.map { Int($0.version >> 4) }
            #expect(batches == batches.sorted(), "one batch after the other")
            #expect(batches.first.map { $0 < 20 } == true, "from the beginning again")
            #expect((85...105).contains(batches.last ?? 0), "200 ms at 2 MH/s are 97 batches")
            #expect(Set(nonces.map { $0.version & 15 }).count == 16)
        }
    }

    @Test func aChipCountsTheHashesThatGoWrongAndSaysItsRate() throws {
        var bench = LineBench(WireChainSettings(family: .bm1366, chips: 1, pace: .rate(HashRate(1_000))))
        bench.chain.errorRate = 0.2
        bench.prepare(frequency: 500)
        bench.send(job(header(), id: 8, for: .bm1366))
        bench.run(for: .seconds(40))
        let wrong = Double(try #require(bench.ask(0x4c).first).value)
        let all = Double(try #require(bench.ask(0x8c).first).value)
        #expect(all > 4_000 && abs(wrong / all - 0.2) < 0.002)
        // The earlier chips have a rate where the later have counters: 200 MHz x 672 in units of 2^20, 114 of 2^24.
        for (family, register, units, unit) in [
            (ChipFamily.bm1397, UInt8(0x04), 672.0, 0x1p20), (.bm1387, 0x08, 114, 0x1p24),
        ] {
            var bench = LineBench(
                WireChainSettings(family: family, chips: 1, pace: .rate(HashRate(1_000))))
            bench.prepare(frequency: 200)
            let value = Double(try #require(bench.ask(register).first).value)
            #expect(abs(value - 200e6 * units / unit) <= 1)
        }
    }

    @Test func whileThePLLRampsAChipHashesAtTheClockOfTheMoment() {
        func hashed(lock: Interval) -> Double {
            var bench = LineBench(
                WireChainSettings(
                    family: .bm1370, chips: 1, pace: .modelled(scale: 1e-6), lockTime: lock))
            bench.prepare(frequency: 400)
            bench.run(for: .seconds(2))
            bench.send(job(header(), id: 0x18, for: .bm1370))
            bench.run(for: .seconds(1))
            let before = bench.chain.statistics.hashes
            bench.write(0x08, PLLSetting(nearest: Megahertz(200), for: .bm1370)!.word(for: .bm1370))
            bench.run(for: .seconds(1))
            return Double(bench.chain.statistics.hashes - before)
        }
        // From 400 to 200 MHz in a straight line of one second: 300 in the mean, against 200 at once.
        let slow = hashed(lock: .seconds(1))
        let fast = hashed(lock: .microseconds(1))
        #expect(abs(slow / fast - 1.5) < 0.02, "\(slow) \(fast)")
    }

    @Test func bytesTakeTheirTimeInBothDirections() throws {
        var bench = LineBench(WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(1))))
        bench.prepare()
        let begun = bench.now
        // Three questions at once: the host's port sends one after the other, seven bytes of ten bits each.
        for register in [0x00, 0x18, 0x28] as [UInt8] { bench.send(.read(register: register, of: .all)) }
        #expect(abs((bench.chain.inputBusyUntil - begun).seconds - 210 / 115_200.0) < 1e-6)
        let heard = bench.heard.count
        bench.run(for: .milliseconds(20))
        let dues = bench.heard.dropFirst(heard).map { ($0.due - begun).seconds }
        #expect(dues.count == 3)
        for (index, due) in dues.enumerated() {
            // Not before the question's last bit, and eleven bytes later.
            let least = Double(index + 1) * 70 / 115_200 + 110 / bench.chain.baud
            #expect(due >= least)
        }
        // A line of 0.96 ms an answer is the narrower direction.
        for (first, second) in zip(dues, dues.dropFirst()) {
            #expect(second - first > 110 / bench.chain.baud - 1e-8)
        }
    }

    @Test func noncesAreGarbageToAHostThatChangesItsSpeedAlone() {
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(1)), difficultyShift: 19))
        bench.prepare()
        bench.send(job(header(), id: 0x18, for: .bm1370))
        #expect(bench.nonces(within: .milliseconds(500)).count > 20)
        bench.chain.setHostBaud(1_000_000)
        bench.run(for: .milliseconds(20))
        bench.decoder.reset()
        let sent = bench.chain.statistics.nonces
        let heard = bench.heard.count
        #expect(bench.nonces(within: .milliseconds(500)).isEmpty)
        #expect(bench.chain.statistics.nonces > sent + 20, "the chip speaks on")
        #expect(bench.heard.count > heard, "and noise arrives")
        bench.chain.setHostBaud(115_200)
        bench.decoder.reset()
        #expect(bench.nonces(within: .milliseconds(500)).count > 20)
    }

    @Test(arguments: [ChipFamily.bm1362, .bm1368])
    func theOtherFullHeaderChipsKeepToTheirShareToo(_ family: ChipFamily) {
        var bench = LineBench(
            WireChainSettings(family: family, chips: 4, pace: .rate(.megahashes(4)), difficultyShift: 20))
        bench.prepare()
        bench.send(job(header(3), id: 0x18, for: family))
        let nonces = bench.nonces(within: .seconds(10), count: 200)
        let layout = NonceLayout(family)
        #expect(
            Set(nonces.compactMap { layout.address(ofWireNonce: $0.nonce) }.map { $0 / 64 }) == [0, 1, 2, 3])
        #expect(nonces.allSatisfy { (layout.core(ofWireNonce: $0.nonce) ?? .max) < family.cores })
    }
}
