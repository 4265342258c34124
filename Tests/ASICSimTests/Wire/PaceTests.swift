import ASICSim
import Bitcoin
import Hardware
import SansIO
import Testing

/// How many headers a chain hashes in how much time, and for which job.
struct PaceTests {
    @Test(arguments: [500.0, 5_000, 20_000, 150_000])
    func aSlowChainGoesOnHashingAtItsRate(_ rate: Double) {
        // A turn of a BM1370 is 2,048 hashes: more than a slow chain owes in many slices.
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 3, pace: .rate(HashRate(rate))))
        bench.prepare()
        bench.send(job(header(), id: 0x18, for: .bm1370))
        bench.run(for: .milliseconds(10))
        var before = bench.chain.statistics.hashes
        for _ in 0..<5 {
            bench.run(for: .seconds(20))
            let hashed = Double(bench.chain.statistics.hashes - before)
            #expect(abs(hashed - 20 * rate) <= 2 * 2_048)
            before = bench.chain.statistics.hashes
        }
    }

    @Test func aSlowChainLosesNothingToJobsAndPolls() {
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 2, pace: .rate(HashRate(30_000))))
        bench.prepare()
        bench.send(job(header(), id: 0x18, for: .bm1370))
        bench.run(for: .milliseconds(10))
        let before = bench.chain.statistics.hashes
        for number in 0..<200 {
            bench.send(job(header(UInt32(number)), id: UInt8(number % 5 + 1) * 24, for: .bm1370))
            bench.run(for: .milliseconds(37))
            bench.send(.read(register: 0x8c, of: .all))
            bench.run(for: .milliseconds(13))
        }
        let hashed = Double(bench.chain.statistics.hashes - before)
        #expect(abs(hashed - 10 * 30_000) <= 2 * 2_048)
    }

    @Test func everyJobIsHashedThoughTheyComeFasterThanTheChainTakesItsTurns() {
        // A BM1387 uses up four midstates in 2.9 ms; its host sends the next ones by then.
        var bench = LineBench(
            WireChainSettings(family: .bm1387, chips: 2, pace: .rate(.megahashes(4)), difficultyShift: 23))
        bench.prepare()
        bench.write(0x1c, 0x0020_0100)
        bench.baud = 1_500_000
        var perJob = [Int](repeating: 0, count: 100)
        for number in perJob.indices {
            bench.send(job(header(UInt32(number)), id: UInt8(number), for: .bm1387))
            for reply in bench.nonces(within: .milliseconds(3)) { perJob[Int(reply.job)] += 1 }
        }
        // 3 ms at 4 MH/s and 2^9 hashes each are 23: fewer than five come once in a hundred thousand times.
        #expect(perJob.dropLast(4).allSatisfy { (5..<60).contains($0) }, "\(perJob)")
    }

    @Test func jobsThatOvertakeEachOtherOnTheirWayToTheCoresDoNotKeepTheOldOneAlive() {
        // At 3.125 Mbaud a job takes 0.28 ms on the line, less than the cores need to change over.
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 1, pace: .rate(.megahashes(4)), difficultyShift: 22))
        bench.prepare()
        bench.write(0x28, 0x1130_0000)
        bench.baud = 3_125_000
        bench.send(job(header(999), id: 0x78, for: .bm1370))
        bench.run(for: .milliseconds(20))
        var ids: [UInt8] = []
        for number in 0..<300 {
            let frame = job(header(UInt32(number)), id: UInt8(number / 100 + 1) * 24, for: .bm1370)
            bench.send(frame)
            let nonces = bench.nonces(within: .microseconds(282))
            // What comes in the second half of the flood.
            if number >= 150 { ids += nonces.map { $0.jobID(.bm1370).id } }
        }
        #expect(ids.count > 50)
        #expect(!ids.contains(0x78), "the job before the flood")
        #expect(ids.contains(72))
    }

    @Test func aChangeOfTheClockCountsFromItsInstant() {
        // 100 times slower in the middle of a slice.
        var bench = LineBench(
            WireChainSettings(family: .bm1370, chips: 1, pace: .modelled(scale: 1e-5)))
        bench.prepare(frequency: 500)
        bench.send(job(header(), id: 0x18, for: .bm1370))
        bench.run(for: .seconds(1))
        let before = bench.chain.statistics.hashes
        // 500 MHz x 2040 x 1e-5 are 10.2 MH/s. Every 4 ms of each 8 the chip is halted.
        for _ in 0..<250 {
            bench.send(.write(register: 0x10, value: 0, to: .all))
            bench.run(for: .milliseconds(4))
            bench.send(.write(register: 0x10, value: 0x000c_30c3, to: .all))
            bench.run(for: .milliseconds(4))
        }
        let hashed = Double(bench.chain.statistics.hashes - before)
        let expected = 10.2e6
        #expect(abs(hashed / expected - 1) < 0.02, "\(hashed)")
    }
}
