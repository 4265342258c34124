import ASICSim
import Bitcoin
import Hardware
import SansIO

/// Shares of the reports that go wrong.
struct Faults: Sendable, Hashable {
    var duplicate: Double
    var wrong: Double
}

/// How often the nonces of jobs come that last longer than their sweep, from either fidelity.
struct Repetition {
    /// By how often they came: true nonces, and those that prove nothing.
    private(set) var trueCounts = [Int](repeating: 0, count: 8)
    private(set) var wrongCounts = [Int](repeating: 0, count: 8)

    static let chips = 8
    static let bits = 10
    static let jobs = 100
    static let rate = HashRate.megahashes(0.1)
    static let jobTime = Interval.milliseconds(500)
    static var jobHashes: Double { rate.hashesPerSecond * jobTime.seconds }

    private struct Key: Hashable {
        var job: Int
        var nonce: UInt32
        var version: UInt32
    }

    private var reports: [(key: Key, isTrue: Bool)] = []

    private mutating func add(job: Int, nonce: UInt32, version: UInt32, isTrue: Bool) {
        reports.append((Key(job: job, nonce: nonce, version: version), isTrue))
    }

    /// The last job is left out: the end of the run cuts it short.
    private mutating func count() {
        var counts: [Key: (count: Int, isTrue: Bool)] = [:]
        for report in reports where report.key.job < Self.jobs - 1 {
            counts[report.key, default: (0, report.isTrue)].count += 1
        }
        for (count, isTrue) in counts.values {
            if isTrue { trueCounts[min(count, 7)] += 1 } else { wrongCounts[min(count, 7)] += 1 }
        }
    }

    static func wire(_ faults: Faults) -> (Repetition, hashesPerSweep: Double) {
        var settings = WireChainSettings(
            family: .bm1366, chips: chips, pace: .rate(rate), difficultyShift: 32 - bits,
            faults: [
                ChipFault(.duplicateNonce, .rate(faults.duplicate)),
                ChipFault(.wrongNonce, .rate(faults.wrong)),
            ], seed: 51)
        // Three ticks at 400 MHz, of eight versions at a time.
        settings.sweepFactor = 3.0 / 16
        var bench = LineBench(settings)
        bench.prepare()
        bench.write(0xa4, 0x9000_0007)
        bench.write(0x10, 1)
        bench.write(0x28, 0x1130_0000)
        bench.baud = 3_125_000
        var result = Repetition()
        var numbers = [Int](repeating: 0, count: 16)
        var length = 0.0
        for number in 0..<jobs {
            numbers[number % 16] = number
            bench.send(job(header(UInt32(number)), id: UInt8(number % 16) * 8, for: .bm1366))
            for reply in bench.nonces(within: jobTime) {
                let job = numbers[Int(reply.jobID(.bm1366).id) / 8]
                let zeros = zeroBits(reply, of: header(UInt32(job)), family: .bm1366)
                result.add(
                    job: job, nonce: reply.nonce, version: UInt32(reply.version), isTrue: zeros >= bits)
            }
            length = bench.chain.hashesPerSweep ?? 0
        }
        result.count()
        return (result, length)
    }

    static func model(_ faults: Faults, hashesPerSweep: Double) -> Repetition {
        var engine = HashEngine(
            boards: 1, chipsPerBoard: chips, mode: .model, scale: 1, seed: PRNG(seed: 52))
        var chipFaults = ChipFaults(boards: 1, chipsPerBoard: chips)
        if faults.duplicate > 0 { chipFaults.apply(.duplicateNonces(share: faults.duplicate)) }
        engine.set(faults: chipFaults)
        engine.set(sweep: hashesPerSweep)
        let target = Target(UInt256.max >> bits)
        var now = Instant.start
        engine.set(rate: rate, errorRate: faults.wrong, at: now)
        var result = Repetition()
        for number in 0..<jobs {
            let header = header(UInt32(number))
            engine.load(
                MiningWork(
                    id: WorkID(UInt32(number)), header: header, target: target, versionMask: 0x1fff_e000),
                delay: .zero, at: now)
            let end = now + jobTime
            while let due = engine.nextDeadline, due < end {
                now = max(now, due)
                guard case .nonce(let report) = engine.deadlineReached(at: now) else { continue }
                var solved = header
                solved.version = report.version
                solved.nonce = report.nonce
                result.add(
                    job: Int(report.work.raw), nonce: report.nonce, version: report.version,
                    isTrue: target.isMet(by: solved.hash))
            }
            now = end
        }
        result.count()
        return result
    }
}
