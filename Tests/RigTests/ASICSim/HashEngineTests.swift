import ASICSim
import Bitcoin
import Hardware
import SansIO
import Stratum
import Testing

@Suite struct HashEngineTests {
    static func work(_ id: UInt32, hashes: Double, mask: UInt32 = 0x1fff_e000) -> MiningWork {
        let header = BlockHeader(
            version: 0x2000_0000, previousBlockHash: SHA256.hash([1]), merkleRoot: SHA256.hash([UInt8(id)]),
            time: 1_700_000_000, bits: CompactTarget(bits: 0x207f_ffff), nonce: 0)
        return MiningWork(
            id: WorkID(id), header: header, target: TestRigs.target(hashes: hashes), versionMask: mask)
    }

    private func engine(
        boards: Int = 1, chips: Int = 1, mode: HashEngine.Mode = .model, seed: UInt64 = 5
    ) -> HashEngine {
        HashEngine(boards: boards, chipsPerBoard: chips, mode: mode, scale: 1, seed: PRNG(seed: seed))
    }

    /// The next event and when it came.
    private func next(_ engine: inout HashEngine) -> (at: Instant, event: HashboardEvent)? {
        while let due = engine.nextDeadline {
            if let event = engine.deadlineReached(at: due) { return (due, event) }
        }
        return nil
    }

    @Test func `intervals between shares follow the exponential law`() throws {
        var engine = engine()
        engine.set(rate: HashRate(100), errorRate: 0, at: .start)
        let work = Self.work(1, hashes: 20)
        engine.load(work, delay: .zero, at: .start)
        let mean = work.target.expectedHashes / 100
        let count = 10_000
        var bins = [Int](repeating: 0, count: 20)
        var last = Instant.start
        var sum = 0.0
        for _ in 0..<count {
            let (at, _) = try #require(next(&engine))
            let interval = (at - last).seconds
            last = at
            sum += interval
            // Bins of equal probability: 1 - e^(-x/mean) is uniform.
            let uniform = 1 - DeterministicMath.exp(-interval / mean)
            bins[min(19, Int(uniform * 20))] += 1
        }
        // The mean of n exponentials has the relative deviation 1/sqrt(n) = 1 %; five of them never happen by chance.
        #expect(abs(sum / Double(count) / mean - 1) < 0.05)
        let expected = Double(count) / 20
        let chiSquare = bins.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        // 19 degrees of freedom: above 43.8 with probability 0.001. The seed is fixed, so the test is too.
        #expect(chiSquare < 43.8)
    }

    @Test func `every nonce proves its share to an independent hash`() throws {
        var engine = engine(boards: 3, chips: 126)
        engine.set(rate: HashRate(1_000), errorRate: 0, at: .start)
        let work = Self.work(1, hashes: 50)
        engine.load(work, delay: .zero, at: .start)
        var seen: Set<[UInt32]> = []
        var chips: Set<Int> = []
        let partition = (1 << 32) / 378
        for _ in 0..<2_000 {
            guard case .nonce(let report) = try #require(next(&engine)).event else { continue }
            var header = work.header
            header.version = report.version
            header.nonce = report.nonce
            #expect(work.target.isMet(by: SHA256.double(header.bytes)))
            #expect((report.version ^ work.header.version) & ~work.versionMask == 0)
            #expect(seen.insert([report.nonce, report.version]).inserted)
            let chip = Int(report.board) * 126 + Int(report.chip)
            chips.insert(chip)
            #expect(Int(report.nonce) / partition == chip)
        }
        // 2,000 draws from 378 chips miss one chip with probability 378 x e^-5.3 = 1.9, so a handful may be missing.
        #expect(chips.count > 365)
        // A share of 50 expected hashes cost 50 in the mean: 2,000 x 50 +- 5 x 50 x sqrt(2,000).
        #expect(abs(Double(engine.hashes) - 100_000) < 5 * 50 * 44.8)
    }

    @Test func `wrong nonces come at the error rate and prove nothing`() throws {
        var engine = engine()
        engine.set(rate: HashRate(1_000), errorRate: 0.1, at: .start)
        let work = Self.work(1, hashes: 1_000)
        engine.load(work, delay: .zero, at: .start)
        var wrong = 0
        for _ in 0..<2_000 {
            guard case .nonce(let report) = try #require(next(&engine)).event else { continue }
            var header = work.header
            header.version = report.version
            header.nonce = report.nonce
            if !work.target.isMet(by: header.hash) { wrong += 1 }
        }
        // 200 +- 5 x sqrt(180); a random nonce meets the target once in a thousand, which does not matter here.
        #expect(abs(Double(wrong) - 200) < 67)
    }

    @Test func `a changed rate is a changed frequency of shares`() throws {
        var engine = engine()
        engine.set(rate: HashRate(100), errorRate: 0, at: .start)
        engine.load(Self.work(1, hashes: 10), delay: .zero, at: .start)
        var now = Instant.start
        for _ in 0..<200 { now = try #require(next(&engine)).at }
        let slow = (now - .start).seconds
        engine.set(rate: HashRate(1_000), errorRate: 0, at: now)
        let from = now
        for _ in 0..<200 { now = try #require(next(&engine)).at }
        // A quotient of two sums of 200 exponentials around 10.
        let ratio = slow / (now - from).seconds
        #expect(ratio > 6 && ratio < 16)
        engine.set(rate: .zero, errorRate: 0, at: now)
        #expect(engine.nextDeadline == nil)
        #expect(!engine.isHashing)
    }

    @Test func `chips answer for the old work until the switch is through`() throws {
        var engine = engine()
        engine.set(rate: HashRate(100_000), errorRate: 0, at: .start)
        engine.load(Self.work(1, hashes: 1_000), delay: .seconds(1), at: .start)
        _ = try #require(next(&engine))
        engine.load(Self.work(2, hashes: 1_000), delay: .seconds(1), at: .start + .seconds(1))
        var late = 0
        while let (at, event) = next(&engine), at < .start + .seconds(3) {
            guard case .nonce(let report) = event else { continue }
            if at < .start + .seconds(2) {
                #expect(report.work == WorkID(1))
                late += 1
            } else {
                #expect(report.work == WorkID(2))
            }
        }
        #expect(late > 50)
    }

    @Test func `a work without versions ends with its nonces`() throws {
        var engine = engine(boards: 16, chips: 1_024, mode: .model)
        engine.set(rate: HashRate(1e9), errorRate: 0, at: .start)
        // A part has 2^18 nonces; at 2^16 hashes per share some four shares are in it.
        engine.load(Self.work(1, hashes: 65_536, mask: 0), delay: .zero, at: .start)
        var shares = 0
        while let (_, event) = next(&engine) {
            if case .nonce = event { shares += 1 }
            if case .exhausted(let id) = event {
                #expect(id == WorkID(1))
                break
            }
        }
        #expect(engine.nextDeadline == nil)
        #expect(shares < 30)
    }

    @Test func `a share that costs too much is not searched`() {
        var engine = engine()
        engine.set(rate: .terahashes(100), errorRate: 0, at: .start)
        engine.load(Self.work(1, hashes: 1e12), delay: .zero, at: .start)
        #expect(engine.nextDeadline == nil)
        #expect((engine.excessiveHashes ?? 0) > 9e11)
        engine.load(Self.work(2, hashes: 100), delay: .zero, at: .start)
        #expect(engine.nextDeadline != nil)
        #expect(engine.excessiveHashes == nil)
    }

    @Test func `the hash mode keeps its rate and finds every share there is`() throws {
        var engine = engine(mode: .hash(maxRate: HashRate(100_000)))
        engine.set(rate: HashRate(1), errorRate: 0, at: .start)
        let work = Self.work(1, hashes: 5_000)
        engine.load(work, delay: .zero, at: .start)
        var found: [UInt32] = []
        while let due = engine.nextDeadline, due <= .start + .seconds(10) {
            if case .nonce(let report)? = engine.deadlineReached(at: due) { found.append(report.nonce) }
        }
        // 1,000,000 hashes in ten seconds, less at most the last slice's.
        #expect(engine.hashes > 990_000 && engine.hashes <= 1_002_000)
        let scanner = HeaderScanner(header: work.header)
        let all = (0..<UInt32(engine.hashes)).filter { work.target.isMet(by: scanner.hash(nonce: $0)) }
        #expect(found == all)
    }

    @Test func `version counters give every version of the mask once`() {
        var seen: Set<UInt32> = []
        for counter in 0..<UInt32(256) {
            let version = VersionCounter.roll(0x2000_0000, mask: 0x0101_00fc, counter: counter)
            #expect((version ^ 0x2000_0000) & ~0x0101_00fc == 0)
            seen.insert(version)
        }
        #expect(seen.count == 256)
        #expect(VersionCounter.roll(7, mask: 0, counter: 9) == 7)
        #expect(VersionCounter.roll(0x2fff_ffff, mask: 0x1fff_e000, counter: 0) == 0x2fff_ffff)
    }
}
