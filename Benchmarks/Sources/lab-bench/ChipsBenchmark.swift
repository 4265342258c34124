import ASICSim
import Bitcoin
import CSHA256
import Foundation
import Hardware
import SansIO

/// One wire-level chain of 65 BM1370 on a line of 3.125 Mbaud. Budgets: under 5 % of a core while no nonces come, and
/// 90 % of the kernel's raw speed while it hashes.
enum ChipsBenchmark {
    private static let chips = 65
    private static let baud = 3_125_000.0
    private static let coreShareMax = 0.05
    private static let kernelShareMin = 0.9
    private static let rounds = 5

    static func run() -> Bool {
        // What firmware sends: a job each 250 ms, and once a second a poll of the error counter, the four domain
        // counters and the hash counter, which every chip answers.
        let polls: [UInt8] = [0x4c, 0x88, 0x89, 0x8a, 0x8b, 0x8c]
        let firmware = share("firmware: 4 jobs/s, 6 register polls/s of 65 replies", virtualSeconds: 30) {
            line, second in
            for quarter in 0..<4 {
                line.sendJob()
                if quarter == 0 { for register in polls { line.poll(register) } }
                line.run(until: second + .milliseconds(250 * (UInt64(quarter) + 1)))
            }
        }
        let jobs = share("line full of jobs of 88 bytes", virtualSeconds: 3) { line, second in
            line.fill(until: second + .seconds(1)) { $0.sendJob() }
        }
        let asks = share("line full of polls of one chip", virtualSeconds: 3) { line, second in
            line.fill(until: second + .seconds(1)) { $0.ask(0x8c, chip: UInt8($0.count % chips * 2)) }
        }
        let broadcasts = share("line full of polls of all chips", virtualSeconds: 3) { line, second in
            line.fill(until: second + .seconds(1)) { $0.poll(0x8c) }
        }
        let mixed = share("line full of a job and a poll of all chips by turns", virtualSeconds: 3) {
            line, second in
            line.fill(until: second + .seconds(1)) { $0.count % 2 == 0 ? $0.sendJob() : $0.poll(0x8c) }
        }
        let idle = [firmware, jobs, asks, broadcasts, mixed].allSatisfy { $0 < coreShareMax }
        let speed = hashing()
        return idle && speed >= kernelShareMin
    }

    /// Processor time for a second of the line, best of some rounds.
    private static func share(
        _ name: String, virtualSeconds: Int, _ second: (inout BusyLine, Instant) -> Void
    ) -> Double {
        var line = BusyLine(chips: chips, baud: baud, pace: .rate(HashRate(20_000)))
        var best = (share: Double.infinity, load: 0.0, replies: 0.0)
        for _ in 0..<rounds {
            let (bytes, begun) = (line.chain.statistics.bytesIn, line.now)
            line.replies = 0
            let started = processorSeconds()
            for _ in 0..<virtualSeconds { second(&line, line.now) }
            let used = processorSeconds() - started
            let passed = (line.now - begun).seconds
            guard used / passed < best.share else { continue }
            let sent = Double(line.chain.statistics.bytesIn - bytes)
            best = (used / passed, sent * 10 / baud / passed, Double(line.replies) / passed)
        }
        print(
            "\(name): \(percent(best.share)) of a core (budget \(percent(coreShareMax))); "
                + "line \(percent(best.load)) full, \(Int(best.replies)) replies/s")
        return best.share
    }

    /// Hashes per processor second of a chain without a pace, against the kernel alone; by turns, so that a busy moment
    /// of the machine hits both alike.
    private static func hashing() -> Double {
        var line = BusyLine(chips: chips, baud: baud, pace: .unlimited)
        line.sendJob()
        line.run(until: line.now + .milliseconds(1))
        var (chain, kernel) = (0.0, 0.0)
        for _ in 0..<rounds * 2 {
            let before = line.chain.statistics.hashes
            let started = processorSeconds()
            while line.chain.statistics.hashes - before < 6_000_000 {
                line.run(until: line.now + .milliseconds(1))
            }
            chain = max(
                chain,
                Double(line.chain.statistics.hashes - before) / (processorSeconds() - started))
            kernel = max(kernel, rawRate(6_000_000))
        }
        let share = chain / kernel
        print(
            "hashing, \(HeaderScanner.kernelName): \(Int(chain / 1e4) / 100) of \(Int(kernel / 1e4) / 100) MH/s, "
                + "\(percent(share)) (budget \(percent(kernelShareMin)))")
        return share
    }

    private static func rawRate(_ count: UInt64) -> Double {
        var job = csha256_job()
        csha256_job_init(&job, (0..<76).map { UInt8(truncatingIfNeeded: $0 * 37) })
        var candidates = [UInt32](repeating: 0, count: 64)
        var found = 0
        let started = processorSeconds()
        var done: UInt64 = 0
        while done < count {
            done += csha256_scan(
                &job, UInt32(truncatingIfNeeded: done), count - done, 0, &candidates, candidates.count, &found
            )
        }
        return Double(count) / (processorSeconds() - started)
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func percent(_ share: Double) -> String { String(format: "%.2f %%", share * 100) }
}

/// A host on the line that sends as fast as the line takes it, in virtual time.
private struct BusyLine {
    var chain: WireChain
    var now = Instant.start
    var replies = 0
    private(set) var count = 0
    private let baud: Double
    private var output: [LineOutput] = []
    private let frames: [[UInt8]]
    private let reads: [[UInt8]]

    init(chips: Int, baud: Double, pace: HashPace) {
        self.baud = baud
        chain = WireChain(WireChainSettings(family: .bm1370, chips: chips, pace: pace))
        frames = (0..<16).map { number in
            let header = BlockHeader(
                version: 0x2000_0000, previousBlockHash: SHA256.double([7]),
                merkleRoot: SHA256.double([UInt8(number)]), time: 1_700_000_000,
                bits: CompactTarget(bits: 0x1703_4219), nonce: 0)
            return ChipJob(id: UInt8(number % 5 + 1) * 24, content: .header(header)).frame(for: .bm1370) ?? []
        }
        reads = (0..<256).map {
            ChipCommand.read(register: UInt8($0), of: .all).frame(for: .bm1370) ?? []
        }
        initialise(chips)
    }

    private mutating func initialise(_ chips: Int) {
        var bytes: [[UInt8]] = [
            frame(.write(register: 0xa4, value: 0x9000_ffff, to: .all)), frame(.chainInactive),
        ]
        bytes += (0..<chips).map { frame(.setAddress(UInt8($0 * 2))) }
        let word = PLLSetting(nearest: Megahertz(525), for: .bm1370)?.word(for: .bm1370) ?? 0
        for (register, value) in [
            (0x18, 0xf000_c100), (0x14, 0x0000_00ff), (0x08, word), (0x10, 0x0000_1eb5), (0x28, 0x1130_0000),
        ] as [(UInt8, UInt32)] {
            bytes.append(frame(.write(register: register, value: value, to: .all)))
        }
        for frame in bytes {
            chain.receive(frame, baud: 115_200, at: now, into: &output)
            run(until: now + .milliseconds(10))
        }
        replies = 0
    }

    private func frame(_ command: ChipCommand) -> [UInt8] { command.frame(for: .bm1370) ?? [] }

    mutating func sendJob() { send(frames[count % frames.count]) }

    mutating func poll(_ register: UInt8) { send(reads[Int(register)]) }

    mutating func ask(_ register: UInt8, chip: UInt8) {
        send(frame(.read(register: register, of: .one(chip))))
    }

    private mutating func send(_ bytes: [UInt8]) {
        count += 1
        chain.receive(bytes, baud: baud, at: now, into: &output)
    }

    /// Frame after frame without a pause.
    mutating func fill(until end: Instant, _ send: (inout BusyLine) -> Void) {
        while now < end {
            send(&self)
            run(until: chain.inputBusyUntil)
        }
    }

    mutating func run(until end: Instant) {
        while let next = chain.nextDeadline, next <= end {
            now = max(now, next)
            chain.deadlineReached(at: now, into: &output)
        }
        now = max(now, end)
        replies += output.count
        output.removeAll(keepingCapacity: true)
    }
}
