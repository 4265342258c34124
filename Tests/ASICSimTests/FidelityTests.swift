import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

/// The two fidelities say the same of a chain: how its shares fall on its chips, how many are wrong, how often two are
/// the same. Chi-square tests at 0.1 %, with fixed seeds.
struct FidelityTests {
    static let chips = 8
    static let wanted = 1_600
    static let errorRate = 0.1

    struct Sample {
        var perChip = [Int](repeating: 0, count: FidelityTests.chips)
        var wrong = 0
        var duplicates = 0
        var total = 0
        private var seen: Set<UInt64> = []

        mutating func add(chip: Int, isTrue: Bool, nonce: UInt32, version: UInt32) {
            total += 1
            if !seen.insert(UInt64(version) << 32 | UInt64(nonce)).inserted { duplicates += 1 }
            guard isTrue else {
                wrong += 1
                return
            }
            perChip[chip] += 1
        }
    }

    /// Chi-square of two rows of counts against one common distribution.
    static func chiSquare(_ a: [Int], _ b: [Int]) -> Double {
        let (sumA, sumB) = (Double(a.reduce(0, +)), Double(b.reduce(0, +)))
        return zip(a, b).reduce(0) { sum, pair in
            let both = Double(pair.0 + pair.1)
            guard both > 0 else { return sum }
            let (expectedA, expectedB) = (both * sumA / (sumA + sumB), both * sumB / (sumA + sumB))
            let (missA, missB) = (Double(pair.0) - expectedA, Double(pair.1) - expectedB)
            return sum + missA * missA / expectedA + missB * missB / expectedB
        }
    }

    /// Chi-square of counts against an even split.
    static func chiSquare(_ counts: [Int]) -> Double {
        let expected = Double(counts.reduce(0, +)) / Double(counts.count)
        return counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    }

    static let bits = 12

    static func wire() -> Sample {
        var bench = LineBench(
            WireChainSettings(
                family: .bm1366, chips: chips, pace: .rate(.megahashes(4)), difficultyShift: 32 - bits,
                faults: [ChipFault(.wrongNonce, .rate(errorRate))], seed: 41))
        bench.prepare()
        bench.write(0x28, 0x1130_0000)
        bench.baud = 3_125_000
        var sample = Sample()
        let layout = NonceLayout(.bm1366)
        // Jobs are replaced in the middle of a sweep, as pools make it.
        var number: UInt32 = 0
        while sample.total < wanted {
            number += 1
            let id = UInt8(number % 16) * 8
            let header = header(number)
            bench.send(job(header, id: id, for: .bm1366))
            for reply in bench.nonces(within: .milliseconds(50)) where reply.jobID(.bm1366).id == id {
                let zeros = zeroBits(reply, of: header, family: .bm1366)
                sample.add(
                    chip: Int(layout.address(ofWireNonce: reply.nonce)!) * chips / 256, isTrue: zeros >= bits,
                    nonce: reply.nonce ^ number << 3, version: UInt32(reply.version) ^ number << 16)
            }
        }
        return sample
    }

    static func model() -> Sample {
        var engine = HashEngine(
            boards: 1, chipsPerBoard: chips, mode: .model, scale: 1, seed: PRNG(seed: 42))
        let target = Target(UInt256.max >> bits)
        var now = Instant.start
        engine.set(rate: .megahashes(4), errorRate: errorRate, at: now)
        var sample = Sample()
        var number: UInt32 = 0
        while sample.total < wanted {
            number += 1
            let header = header(number)
            engine.load(
                MiningWork(id: WorkID(number), header: header, target: target, versionMask: 0x1fff_e000),
                delay: .zero, at: now)
            let end = now + .milliseconds(50)
            while let due = engine.nextDeadline, due <= end {
                now = max(now, due)
                guard case .nonce(let report) = engine.deadlineReached(at: now) else { continue }
                var solved = header
                solved.version = report.version
                solved.nonce = report.nonce
                sample.add(
                    chip: Int(report.chip), isTrue: target.isMet(by: solved.hash),
                    nonce: report.nonce ^ number << 3,
                    version: report.version ^ number)
            }
            now = end
        }
        return sample
    }

    @Test func theWireAndTheModelGiveTheSameDistributionOfShares() {
        let (wire, model) = (Self.wire(), Self.model())
        // Critical values of chi-square at 0.1 %: seven degrees of freedom 24.32, one 10.83.
        #expect(Self.chiSquare(wire.perChip) < 24.32)
        #expect(Self.chiSquare(model.perChip) < 24.32)
        #expect(Self.chiSquare(wire.perChip, model.perChip) < 24.32)
        let right = { (sample: Sample) in sample.total - sample.wrong }
        #expect(Self.chiSquare([wire.wrong, right(wire)], [model.wrong, right(model)]) < 10.83)
        #expect(wire.wrong > 0 && model.wrong > 0)
        // Neither repeats itself before its work is used up.
        #expect(wire.duplicates == 0 && model.duplicates == 0)
    }

    @Test(arguments: [Faults(duplicate: 0, wrong: 0), Faults(duplicate: 0.15, wrong: 0.2)])
    func theWireAndTheModelRepeatTheirNoncesByTheSameLaw(_ faults: Faults) {
        let (wire, hashesPerSweep) = Repetition.wire(faults)
        let model = Repetition.model(faults, hashesPerSweep: hashesPerSweep)
        // How often each true nonce came, 0 to 6 times, and each wrong one. Which nonces are found is independent from
        // one to the next, so these are chi-square tests; critical values at 0.1 %.
        let critical = [0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46]
        for (a, b) in [(wire.trueCounts, model.trueCounts), (wire.wrongCounts, model.wrongCounts)] {
            let filled = zip(a, b).filter { $0 + $1 > 10 }
            guard filled.count > 1 else { continue }
            #expect(
                Self.chiSquare(filled.map(\.0), filled.map(\.1)) < critical[filled.count - 1], "\(a) \(b)")
        }
        for sample in [wire, model] {
            let found = Double(sample.trueCounts.reduce(0, +))
            #expect(found > 1_500)
            if faults == Faults(duplicate: 0, wrong: 0) {
                // A job lasts two sweeps and a part: what lies in that part is found three times, the rest twice. Four
                // standard deviations.
                let part = Repetition.jobHashes / hashesPerSweep - 2
                #expect(sample.trueCounts[2] + sample.trueCounts[3] > Int(found) - 20)
                let deviation = (found * part * (1 - part)).squareRoot()
                #expect(abs(Double(sample.trueCounts[3]) - found * part) < 4 * deviation)
                #expect(sample.wrongCounts.allSatisfy { $0 == 0 })
            } else {
                #expect(
                    sample.wrongCounts[1] > 100 && sample.wrongCounts[2] > 10 && sample.trueCounts[4] > 10)
            }
        }
    }

    @Test func sharesOfTheWireComeAsAPoissonProcess() {
        var bench = LineBench(
            WireChainSettings(
                family: .bm1370, chips: 4, pace: .rate(.megahashes(4)), difficultyShift: 32 - Self.bits))
        bench.prepare()
        bench.send(.write(register: 0x28, value: 0x1130_0000, to: .all))
        bench.run(for: .milliseconds(2))
        bench.baud = 3_125_000
        bench.send(job(header(3), id: 0x18, for: .bm1370))
        bench.run(for: .milliseconds(20))
        // 4 MH/s at 2^12 hashes each are 976.6 a second; the dispersion of a Poisson process is 1.
        var counts: [Double] = []
        for _ in 0..<150 { counts.append(Double(bench.nonces(within: .milliseconds(10)).count)) }
        let mean = counts.reduce(0, +) / Double(counts.count)
        let expected = 9.766
        #expect(abs(mean - expected) < 4 * (expected / Double(counts.count)).squareRoot())
        let variance = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(counts.count - 1)
        // Four standard deviations of the index of dispersion, sqrt(2 / (n - 1)).
        #expect(abs(variance / mean - 1) < 4 * (2 / Double(counts.count - 1)).squareRoot())
    }
}
