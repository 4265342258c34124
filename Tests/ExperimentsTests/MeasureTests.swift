import Measurement
import SansIO
import Testing

@testable import Experiments

/// Figures of series that were made by hand, so that each has its answer on paper.
@Suite("Measures")
struct MeasureTests {
    /// One fleet of ten devices at 6 shares a minute each, ten minutes in a phase and ten in another.
    private static func experiment() -> Experiment {
        var experiment = Experiment()
        experiment.fleets = [FleetPlan()]
        experiment.fleets[0].name = "home"
        experiment.fleets[0].count = 10
        experiment.phases = [
            PhasePlan(name: "first", duration: .minutes(10)),
            PhasePlan(name: "second", duration: .minutes(10)),
        ]
        return experiment
    }

    private static func series(_ seconds: Int = 1_200, _ fill: (Int, inout FleetSecond) -> Void) -> RunSeries
    {
        var series = RunSeries(fleetCount: 1)
        for index in 0..<seconds {
            var second = Second(index: index, fleetCount: 1)
            second.fleets[0][.devices] = 10
            second.fleets[0][.mining] = 10
            fill(index, &second.fleets[0])
            series.add(second)
        }
        return series
    }

    private func value(_ text: String, _ series: RunSeries) throws -> Double? {
        try #require(Measure.scoped(text), "\(text)").value(in: series, of: Self.experiment())
    }

    @Test("counts, rates and ratios are those of their phase")
    func counts() throws {
        let series = Self.series { second, fleet in
            fleet[.sharesAccepted] = second < 600 ? 1 : 3
            fleet[.sharesStale] = second < 600 ? 0 : 1
            fleet[.sharesRejected] = fleet[.sharesStale]
            fleet[.bytesUp] = 100
            fleet[.bytesDown] = 50
            fleet[.jobs] = second % 60 == 0 ? 10 : 0
        }
        #expect(try value("shares_accepted in first", series) == 600)
        #expect(try value("shares_accepted rate", series) == 2)
        #expect(try value("stale_rate in first", series) == 0)
        #expect(try value("stale_rate in second", series) == 0.25)
        #expect(try value("reject_rate in second", series) == 0.25)
        #expect(try value("share_rate in first", series) == 6)
        #expect(try value("bytes_per_share in second", series) == 50)
        #expect(try value("bytes_up_per_share in first", series) == 100)
        #expect(try value("job_rate in first", series) == 1)
    }

    @Test("the estimate's error: of the whole, of the last hour, and the root mean square over windows")
    func estimate() throws {
        // 110 % in the first phase and 90 % in the second: right in the mean, wrong by 10 % in each.
        let series = Self.series { second, fleet in
            fleet[.hashrateExpected] = 1_000
            fleet[.workAccepted] = second < 600 ? 1_100 : 900
        }
        #expect(try value("hashrate_error", series) == 0)
        #expect(abs(try #require(try value("hashrate_error @ 10m", series)) - 0.1) < 1e-12)
        #expect(abs(try #require(try value("hashrate_rms @ 10m", series)) - 0.1) < 1e-12)
        #expect(abs(try #require(try value("hashrate_rms @ 5m in first", series)) - 0.1) < 1e-12)
        #expect(try value("hashrate_rms @ 20m", series) == nil, "one window is no spread")
    }

    @Test("recovery runs from the first second below to the one from which on enough mine")
    func recovery() throws {
        let series = Self.series { second, fleet in
            if (100..<130).contains(second) { fleet[.mining] = 2 }
            if (130..<140).contains(second) { fleet[.mining] = 9 }
        }
        #expect(try value("recovery t(99%)", series) == 40)
        #expect(try value("recovery t(90%)", series) == 30)
        #expect(try value("recovery t(99%) in second", series) == 0, "none fell out")
        let lost = Self.series { second, fleet in if second >= 100 { fleet[.mining] = 2 } }
        #expect(try value("recovery t(99%)", lost) == nil, "they never came back")
        #expect(try value("mining_ratio", lost) == 0.2)
    }

    @Test("settling is the time until the five-minute mean stays near the goal")
    func settling() throws {
        // Half the goal for four minutes, then the goal.
        let series = Self.series { second, fleet in
            fleet[.sharesAccepted] = second < 240 ? (second % 2 == 0 ? 1 : 0) : 1
        }
        // The mean over minutes 3 to 7 is 0.9 of the goal, that over 2 to 6 0.8.
        #expect(try value("settling", series) == 180)
        #expect(try value("settling in second", series) == 0)
        let never = Self.series { second, fleet in fleet[.sharesAccepted] = second % 2 == 0 ? 1 : 0 }
        #expect(try value("settling", never) == nil)
    }

    @Test("dispersion is 0 for a clock, and far above 1 for bursts")
    func dispersion() throws {
        let even = Self.series { _, fleet in fleet[.sharesFound] = 1 }
        #expect(try value("dispersion", even) == 0)
        let bursts = Self.series { second, fleet in fleet[.sharesFound] = second / 60 % 2 == 0 ? 2 : 0 }
        #expect(try #require(try value("dispersion", bursts)) > 50)
        #expect(try value("dispersion @ 5m", even) == nil, "too few minutes to say")
    }

    @Test("what nobody measured has no value")
    func nothing() throws {
        let series = Self.series { _, _ in }
        for text in ["submit p(99)", "stale_rate", "bytes_per_share", "hashrate_error", "prevhash_last"] {
            #expect(try value(text, series) == nil, "\(text)")
        }
        #expect(try value("shares_accepted in first", RunSeries(fleetCount: 1)) == nil)
    }
}
