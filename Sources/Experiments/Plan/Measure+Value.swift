import Measurement
import SansIO

extension Measure {
    /// The figure over a run, or over what of it is known.
    ///
    /// - Returns: nil where nothing was measured.
    public func value(in series: RunSeries, of experiment: Experiment) -> Double? {
        guard let window = window(in: series, of: experiment), !window.isEmpty else { return nil }
        let fleet = fleet.flatMap { name in experiment.fleets.firstIndex { $0.name == name } }
        switch subject {
        case .counter(let counter): return flow(series.sum(window, fleet: fleet)[counter], over: window)
        case .latency(.prevhash): return delays(of: .prevhash, series, window)
        case .latency(.job): return delays(of: .job, series, window)
        case .latency(let latency): return gather(series.sum(window, fleet: fleet)[latency], over: window)
        case .level(let level): return gather(series.levels(level, window, fleet: fleet))
        case .last(let news):
            return gather(series.fanOuts(news, window).filter { $0.devices > 1 }.map(\.spread.seconds))
        case .derived(let derived): return value(of: derived, series, window, fleet: fleet, experiment.stack)
        }
    }

    /// The seconds that count; nil before the phase has begun.
    private func window(in series: RunSeries, of experiment: Experiment) -> Range<Int>? {
        let all = phase.map { experiment.window(of: $0) } ?? 0..<series.seconds.count
        guard var window = all?.clamped(to: 0..<series.seconds.count) else { return nil }
        if let last, subject != .derived(.hashrateRMS) {
            window = max(window.lowerBound, window.upperBound - Int(last.seconds))..<window.upperBound
        }
        return window
    }

    private func flow(_ count: UInt64, over window: Range<Int>) -> Double {
        gathering == .rate ? Double(count) / Double(window.count) : Double(count)
    }

    private func delays(of news: FanOut.News, _ series: RunSeries, _ window: Range<Int>) -> Double? {
        var all = LatencyHistogram()
        for fanOut in series.fanOuts(news, window) { all.add(fanOut.delays) }
        return gather(all, over: window)
    }

    private func gather(_ histogram: LatencyHistogram, over window: Range<Int>) -> Double? {
        switch gathering {
        case .count: return Double(histogram.count)
        case .rate: return Double(histogram.count) / Double(window.count)
        default: break
        }
        guard !histogram.isEmpty else { return nil }
        return switch gathering {
        case .percentile(let percent), .time(let percent): histogram.percentile(percent).seconds
        case .mean: histogram.mean.seconds
        case .greatest: histogram.max.seconds
        case .least: histogram.percentile(0).seconds
        case .count, .rate: nil
        }
    }

    private func gather(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        switch gathering {
        case .percentile(let percent), .time(let percent):
            let place = Int((Double(values.count) * percent / 100).rounded(.up)) - 1
            return values.sorted()[max(0, min(values.count - 1, place))]
        case .mean, .rate: return values.reduce(0, +) / Double(values.count)
        case .greatest: return values.max()
        case .least: return values.min()
        case .count: return Double(values.count)
        }
    }

    private func value(
        of derived: Derived, _ series: RunSeries, _ window: Range<Int>, fleet: Int?, _ stack: StackPlan
    ) -> Double? {
        let sum = series.sum(window, fleet: fleet)
        func ratio(_ part: UInt64, _ whole: UInt64) -> Double? {
            whole == 0 ? nil : Double(part) / Double(whole)
        }
        let found = sum[.sharesAccepted] + sum[.sharesRejected] + sum[.sharesDiscarded]
        switch derived {
        case .staleRate: return ratio(sum[.sharesStale] + sum[.sharesDiscarded], found)
        case .rejectRate: return ratio(sum[.sharesRejected], sum[.sharesAccepted] + sum[.sharesRejected])
        case .discardRate: return ratio(sum[.sharesDiscarded], found)
        case .hardwareErrorRate:
            return ratio(sum[.hardwareErrors], sum[.hardwareErrors] + sum[.sharesFound])
        case .hashrateEstimated: return series.hashrateEstimated(window, fleet: fleet)
        case .hashrateError:
            let levels = series.levels(.hashrateExpected, window, fleet: fleet)
            let expected = levels.reduce(0, +) / Double(max(1, levels.count))
            guard expected > 0 else { return nil }
            return abs(series.hashrateEstimated(window, fleet: fleet) - expected) / expected
        case .hashrateRMS: return hashrateRMS(series, window, fleet: fleet)
        case .miningRatio:
            let devices = series.levels(.devices, window, fleet: fleet)
            let mining = series.levels(.mining, window, fleet: fleet)
            return gather(zip(mining, devices).compactMap { $1 > 0 ? $0 / $1 : nil })
        case .recovery: return recovery(series, window, fleet: fleet)
        case .settling: return settling(series, window, fleet: fleet, goal: stack.sharesPerMinute)
        case .bytesUpPerShare: return ratio(sum[.bytesUp], sum[.sharesAccepted])
        case .jobRate:
            let devices = series.levels(.devices, window, fleet: fleet).reduce(0, +) / Double(window.count)
            return devices > 0 ? Double(sum[.jobs]) * 60 / Double(window.count) / devices : nil
        case .bytesPerShare: return ratio(sum[.bytesUp] + sum[.bytesDown], sum[.sharesAccepted])
        case .shareRate:
            let devices = series.levels(.devices, window, fleet: fleet).reduce(0, +) / Double(window.count)
            return devices > 0 ? Double(sum[.sharesAccepted]) * 60 / Double(window.count) / devices : nil
        case .dispersion: return dispersion(series, window, fleet: fleet)
        }
    }

    /// From the first second in which fewer than so many per cent of the devices mine to the one from which on as
    /// many do; zero when none ever fell out, nil when they never came back.
    private func recovery(_ series: RunSeries, _ window: Range<Int>, fleet: Int?) -> Double? {
        guard case .time(let percent) = gathering else { return nil }
        let devices = series.levels(.devices, window, fleet: fleet)
        let mining = series.levels(.mining, window, fleet: fleet)
        guard let all = devices.max(), all > 0 else { return nil }
        let isWhole = mining.map { $0 >= all * percent / 100 }
        guard let fall = isWhole.firstIndex(of: false) else { return 0 }
        guard let last = isWhole.lastIndex(of: false), last + 1 < isWhole.count else { return nil }
        return Double(last + 1 - fall)
    }

    private func hashrateRMS(_ series: RunSeries, _ window: Range<Int>, fleet: Int?) -> Double? {
        let width = max(1, Int((last ?? .minutes(10)).seconds))
        let errors = (0..<window.count / width).compactMap { place -> Double? in
            let start = window.lowerBound + place * width
            let part = start..<start + width
            let levels = series.levels(.hashrateExpected, part, fleet: fleet)
            let expected = levels.reduce(0, +) / Double(width)
            guard expected > 0 else { return nil }
            return (series.hashrateEstimated(part, fleet: fleet) - expected) / expected
        }
        guard errors.count > 1 else { return nil }
        return (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    }

    /// Nil when it has not settled at the window's end.
    private func settling(
        _ series: RunSeries, _ window: Range<Int>, fleet: Int?, goal: Double
    ) -> Double? {
        let rates = (0..<window.count / 60).map { minute -> Double in
            let start = window.lowerBound + minute * 60
            let part = start..<start + 60
            let devices = series.levels(.devices, part, fleet: fleet).reduce(0, +) / 60
            return devices > 0 ? Double(series.sum(part, fleet: fleet)[.sharesAccepted]) / devices : 0
        }
        let span = 5
        guard rates.count >= span else { return nil }
        let isNear = (0...rates.count - span).map { first in
            let mean = rates[first..<first + span].reduce(0, +) / Double(span)
            return abs(mean / goal - 1) <= 0.15
        }
        guard let last = isNear.lastIndex(of: false) else { return 0 }
        return last + 1 < isNear.count ? Double((last + 1) * 60) : nil
    }

    private func dispersion(_ series: RunSeries, _ window: Range<Int>, fleet: Int?) -> Double? {
        let minutes = window.count / 60
        guard minutes >= 10 else { return nil }
        let counts = (0..<minutes).map { minute in
            let start = window.lowerBound + minute * 60
            return Double(series.sum(start..<start + 60, fleet: fleet)[.sharesFound])
        }
        let mean = counts.reduce(0, +) / Double(minutes)
        guard mean > 0 else { return nil }
        return counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(minutes - 1) / mean
    }
}

extension Experiment {
    /// How the thresholds stand by what is known of a run.
    public func verdicts(_ series: RunSeries) -> [Verdict] {
        thresholds.map { Verdict(threshold: $0, value: $0.measure.value(in: series, of: self)) }
    }
}
