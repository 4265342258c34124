import DeviceModel
import Experiments
import Measurement
import Reports
import SansIO

/// Made-up records that look like real ones: a ramp, a storm, stale shares after each tip.
enum SampleRuns {
    static let source = """
        name = "storm <&\\">"
        summary = "a fleet loses its connections <script>alert(1)</script>"
        repetitions = 3
        thresholds = [
            "stale_rate < 2%",
            "submit p(99) < 80ms in steady",
            "mining_ratio min >= 99% in steady",
            "reconnect t(99%) < 60s",
        ]
        [network]
        block_interval = "2m"
        [stack]
        shares_per_minute = 6
        [[fleets]]
        name = "home & <garden>"
        count = 60
        profiles = ["bitaxe-gamma:2", "nerdqaxe++"]
        link = "dsl"
        delay_ms = 12.34
        [[fleets]]
        name = "farm"
        count = 40
        profiles = ["antminer-s21"]
        [[phases]]
        name = "warm-up"
        duration = "2m"
        [[phases]]
        name = "steady"
        duration = "6m"
        [[phases]]
        name = "storm"
        duration = "4m"
        [[actions]]
        at = "8m30s"
        do = "storm"
        [[actions]]
        at = "3m"
        do = "ambient"
        fleet = "farm"
        value = 38
        duration = "90.29s"
        [sweep]
        key = "fleets.0.delay_ms"
        values = [1, 25.0, 50, 100]
        [[references]]
        measure = "submit mean in steady"
        sweep = 50
        expected = 0.1
        low = 0.08
        high = 0.12
        source = "two delays <one way>"
        [[references]]
        measure = "stale_rate"
        expected = 0.001
        high = 0.02
        source = "closed form"
        """

    static func experiment(delay: Int64 = 50) throws -> Experiment {
        try ExperimentFile(path: "storm.toml", text: source)
            .experiment(changing: [("fleets.0.delay_ms", .integer(delay))])
    }

    static func run(seconds: Int = 720) throws -> StoredRun {
        var records: [RunRecord] = []
        for delay: Int64 in [1, 25, 50, 100] {
            for repetition in 0..<3 {
                records.append(try record(delay: delay, repetition: repetition, seconds: seconds))
            }
        }
        return StoredRun(name: "storm-20261123-121530", records: records)
    }

    static func record(delay: Int64 = 50, repetition: Int = 0, seconds: Int = 720) throws -> RunRecord {
        let experiment = try experiment(delay: delay)
        var random = PRNG(seed: UInt64(delay) * 100 + UInt64(repetition))
        var series = RunSeries(fleetCount: 2)
        for index in 0..<seconds { series.add(second(index, delay: Double(delay), &random)) }
        var record = RunRecord(
            world: .live, experiment: experiment, path: "Profiles/experiments/storm.toml", source: source,
            sweep: .integer(delay), repetition: repetition, seed: 7 + UInt64(repetition),
            startedAt: 1_795_436_130, series: series)
        record.elapsed = .seconds(UInt64(seconds))
        record.circumstances = [
            ("host", "a machine of 2 cores <&\">"), ("version", "0.1.0"), ("descriptors", "20000"),
        ]
        return record
    }

    static func second(_ index: Int, delay: Double, _ random: inout PRNG) -> Second {
        var second = Second(index: index, fleetCount: 2)
        for (fleet, count) in [60.0, 40].enumerated() {
            let isOut = (510..<540).contains(index)
            let on = min(count, Double(index + 1) * count / 60)
            let back = isOut ? on * Double(index - 510) / 30 : on
            var values = FleetSecond()
            values[.devices] = on
            values[.mining] = back.rounded()
            values[.backingOff] = on - back.rounded()
            values[.hashrateExpected] = values[.mining] * (fleet == 0 ? 1.2e3 : 2.0e4)
            values[.power] = values[.mining] * (fleet == 0 ? 18 : 3_500)
            let heat = index > 180 ? min(13, Double(index - 180) / 10) : 0
            values[.temperatureMax] = 55 + min(10, Double(index) / 12) + (fleet == 1 ? heat : 0)
            let shares = random.below(UInt64(values[.mining] / 5) + 1)
            values[.sharesFound] = shares
            values[.sharesSubmitted] = shares
            let stale = index % 120 < 2 ? shares / 3 : 0
            values[.sharesStale] = stale
            values[.sharesRejected] = stale
            values[.sharesAccepted] = shares - stale
            if stale > 0 { values.refused("stale-share", count: stale) }
            values[.workAccepted] = (shares - stale) * (fleet == 0 ? 12_000 : 200_000)
            values[.bytesUp] = shares * 60
            values[.bytesDown] = shares * 40 + 200
            for _ in 0..<shares {
                values.change(.submit) {
                    let jitter = Double(random.below(20_000)) / 1e6
                    $0.record(Interval(seconds: 2 * (fleet == 0 ? delay : 3) / 1_000 + jitter))
                }
            }
            if index == 540 { values.change(.reconnect) { $0.record(.milliseconds(12_300), count: 50) } }
            second.fleets[fleet] = values
        }
        if index % 120 == 0 {
            for device in 0..<UInt64(min(100, index + 1)) {
                let late = Interval.microseconds(device % 60 * 700 + random.below(3_000))
                second.hear(
                    .prevhash, key: UInt64(index + 1),
                    at: Instant(nanoseconds: UInt64(index) * 1_000_000_000) + late)
            }
        }
        second.health = GeneratorHealth(
            processor: 0.8, cores: 2, loopLag: .milliseconds(index == 515 ? 180 : 4), memory: 100 << 20)
        return second
    }
}
