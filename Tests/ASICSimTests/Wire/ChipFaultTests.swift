import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

struct ChipFaultTests {
    private func bench(_ faults: [ChipFault], chips: Int = 4, pace: HashPace = .rate(.megahashes(4)))
        -> LineBench
    {
        var bench = LineBench(
            WireChainSettings(
                family: .bm1370, chips: chips, pace: pace, domains: 2, difficultyShift: 20, faults: faults))
        bench.prepare()
        return bench
    }

    @Test func aMissingChipIsNotCountedAndTheNextTakesItsAddress() {
        var bench = bench([ChipFault(.missing(chip: 1))])
        #expect(bench.ask(0).map(\.address) == [0, 64, 128])
        bench.chain.faults = []
        bench.chain.setReset(true, at: bench.now)
        bench.chain.setReset(false, at: bench.now)
        bench.decoder.isShort = true
        #expect(bench.ask(0).count == 4)
    }

    @Test func aBrokenChainEndsWhereItBreaks() {
        var bench = bench([ChipFault(.broken(from: 2))])
        #expect(bench.ask(0).count == 2)
    }

    @Test func aStuckDomainAnswersButDoesNotHash() {
        var bench = bench([ChipFault(.stuckDomain(1))])
        #expect(bench.ask(0).count == 4)
        bench.send(job(header(), id: 0x18, for: .bm1370))
        let nonces = bench.nonces(within: .seconds(5), count: 100)
        let chips = Set(nonces.map { NonceLayout(.bm1370).address(ofWireNonce: $0.nonce)! / 64 })
        #expect(chips == [0, 1])
    }

    @Test func aSilentChainHashesButSaysNothingUntilItsTimeIsOver() {
        let end = Instant.start + .seconds(10)
        var bench = bench([ChipFault(.silent, .during(from: .start, until: end))])
        #expect(bench.ask(0).isEmpty)
        bench.run(for: end - bench.now)
        #expect(bench.ask(0).count == 4)
    }

    @Test func checksumErrorsComeAtTheirRate() {
        var bench = bench([ChipFault(.checksum, .rate(0.25))], chips: 100)
        var good = 0
        for _ in 0..<20 { good += bench.ask(0).count }
        // 2000 replies at 0.25, five standard deviations.
        let deviation = (2000 * 0.25 * 0.75).squareRoot()
        #expect(abs(Double(2000 - good) - 500) < 5 * deviation)
    }

    @Test func duplicatesWrongNoncesAndWrongIDsComeAtTheirRates() {
        var bench = bench([
            ChipFault(.duplicateNonce, .rate(0.1)), ChipFault(.wrongNonce, .rate(0.2)),
            ChipFault(.wrongID, .rate(0.15)),
        ])
        let header = header(4)
        bench.baud = 115_200
        bench.send(.write(register: 0x28, value: 0x1130_0000, to: .all))
        bench.run(for: .milliseconds(5))
        bench.baud = 3_125_000
        bench.send(job(header, id: 0x18, for: .bm1370))
        let nonces = bench.nonces(within: .seconds(20), count: 3_000)
        var seen: Set<UInt64> = []
        var twice = 0
        var wrong = 0
        var foreign = 0
        for reply in nonces {
            if !seen.insert(UInt64(reply.nonce) << 16 | UInt64(reply.version)).inserted {
                twice += 1
                continue
            }
            if zeroBits(reply, of: header, family: .bm1370) < 12 { wrong += 1 }
            if reply.jobID(.bm1370).id != 0x18 { foreign += 1 }
        }
        let found = Double(seen.count)
        for (count, rate) in [(twice, 0.1), (wrong, 0.2), (foreign, 0.15)] {
            let deviation = (found * rate * (1 - rate)).squareRoot()
            #expect(abs(Double(count) - rate * found) < 5 * deviation)
        }
    }

    @Test func theSameSeedGivesTheSameFaults() {
        func bytes(seed: UInt64) -> [[UInt8]] {
            var settings = WireChainSettings(
                family: .bm1370, chips: 50, pace: .rate(.megahashes(4)),
                faults: [ChipFault(.checksum, .rate(0.3))], seed: seed)
            settings.seed = seed
            var bench = LineBench(settings)
            bench.send(.read(register: 0, of: .all))
            bench.run(for: .seconds(1))
            return bench.heard.map(\.bytes)
        }
        #expect(bytes(seed: 1) == bytes(seed: 1))
        #expect(bytes(seed: 1) != bytes(seed: 2))
    }
}
