import JSONText
import Measurement
import SansIO
import Testing

/// Shards' seconds add up to what one process would have measured.
@Suite("Merging")
struct MergeTests {
    /// Deterministic lengths with a long tail.
    private func lengths(_ count: Int, seed: UInt64) -> [Interval] {
        var random = PRNG(seed: seed, stream: 1)
        return (0..<count).map { _ in random.exponential(mean: .milliseconds(20)) }
    }

    @Test("A histogram of many shards has the percentiles of all values together")
    func histograms() {
        let all = lengths(10_000, seed: 3)
        var whole = LatencyHistogram()
        var shards = [LatencyHistogram](repeating: LatencyHistogram(), count: 7)
        for (index, length) in all.enumerated() {
            whole.record(length)
            shards[index % 7].record(length)
        }
        var merged = LatencyHistogram()
        for shard in shards { merged.add(shard) }
        #expect(merged == whole)
        let sorted = all.sorted()
        for percent in [50.0, 90, 99, 99.9] {
            let exact = sorted[Int((Double(all.count) * percent / 100).rounded(.up)) - 1].seconds
            #expect(abs(merged.percentile(percent).seconds / exact - 1) < 0.002, "p\(percent)")
        }
        #expect(merged.max == sorted.last)
        #expect(merged.count == 10_000)
    }

    @Test("A fan-out knows the first device although no shard does")
    func fanOut() throws {
        var early = FanOut(.prevhash, key: 7)
        var late = FanOut(.prevhash, key: 7)
        late.received(at: .start + .milliseconds(1_200))
        late.received(at: .start + .milliseconds(1_300), count: 98)
        early.received(at: .start + .milliseconds(1_000))
        late.add(early)
        #expect(late.devices == 100)
        #expect(late.first == .start + .milliseconds(1_000))
        #expect(late.delay(percent: 1) == .zero)
        #expect(late.delay(percent: 2) == .milliseconds(200))
        #expect(late.spread == .milliseconds(300))
        #expect(late.delays.count == 100)
        #expect(FanOut(late.json) == late)
    }

    @Test("A second survives its text, and a foreign one is refused")
    func text() throws {
        var second = Second(index: 12, fleetCount: 2)
        second.fleets[1][.sharesAccepted] = 9
        second.fleets[1][.hashrateExpected] = 1.5e12
        second.fleets[1].refused("stale", count: 3)
        for length in lengths(100, seed: 5) { second.fleets[1].change(.submit) { $0.record(length) } }
        second.add(FanOut(.job, key: 5))
        second.health = GeneratorHealth(processor: 0.5, cores: 2, loopLag: .milliseconds(3), memory: 1_000)
        let read = try #require(Second(JSON.parse(second.json.text)))
        #expect(read == second)
        #expect(Second(["second": 1, "fleets": [["no_such_counter": 1]]]) == nil)
        #expect(Second(["second": -1, "fleets": []]) == nil)
    }

    @Test("Shards' seconds add up in any order; levels follow, counts add")
    func series() {
        func second(_ index: Int, accepted: UInt64, mining: Double, hottest: Double) -> Second {
            var second = Second(index: index, fleetCount: 1)
            second.fleets[0][.sharesAccepted] = accepted
            second.fleets[0][.workAccepted] = accepted * 1_000
            second.fleets[0][.mining] = mining
            second.fleets[0][.temperatureMax] = hottest
            return second
        }
        let seconds = [
            second(0, accepted: 1, mining: 10, hottest: 60), second(0, accepted: 2, mining: 20, hottest: 70),
            second(1, accepted: 4, mining: 11, hottest: 65), second(1, accepted: 8, mining: 21, hottest: 62),
        ]
        var forwards = RunSeries(fleetCount: 1)
        var backwards = RunSeries(fleetCount: 1)
        for second in seconds { forwards.add(second) }
        for second in seconds.reversed() { backwards.add(second) }
        #expect(forwards == backwards)
        let sum = forwards.sum(0..<2)
        #expect(sum[.sharesAccepted] == 15)
        #expect(sum[.mining] == 32)
        #expect(sum[.temperatureMax] == 70)
        #expect(forwards.hashrateEstimated(0..<2) == 7_500)
        let isTaken = forwards.add(Second(index: 0, fleetCount: 3))
        #expect(!isTaken)
    }

    @Test("A busy generator says so, and how often")
    func doubts() {
        var series = RunSeries(fleetCount: 1)
        for index in 0..<3 {
            var second = Second(index: index, fleetCount: 1)
            second.health = GeneratorHealth(
                processor: 0.3, cores: 2, loopLag: .milliseconds(index == 1 ? 5 : 400))
            series.add(second)
        }
        #expect(series.doubts(0..<3).map(\.seconds) == [2])
        #expect(series.doubts(1..<2).isEmpty)
    }
}
