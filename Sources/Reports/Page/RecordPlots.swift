import Experiments
import Measurement
import SansIO

/// The time series of one record.
struct RecordPlots {
    private let record: RunRecord
    private let series: RunSeries
    private let totals: [FleetSecond]
    private let time: Axis
    private let count: Int

    init(_ record: RunRecord) {
        self.record = record
        series = record.series
        totals = series.seconds.map(\.total)
        count = totals.count
        time = .time(seconds: count)
    }

    var figures: String {
        guard count > 0 else { return "" }
        let plots = [
            devices, shares, refusals, submit, hashrate, temperature, power, fanOut, connections, generator,
            lag,
        ]
        return "<div class=\"plots\">\n" + plots.compactMap { $0?.figure }.joined() + "</div>\n"
    }

    /// What was done when, as the numbers in the plots say it.
    var actions: [(number: Int, at: Interval, what: String)] {
        let experiment = record.experiment
        return experiment.actions.sorted { $0.at < $1.at }.enumerated().map { index, action in
            var words = action.what.rawValue
            if !action.role.isEmpty { words += " \(action.role)" }
            if !action.fault.isEmpty { words += " \(action.fault)" }
            if let fleet = action.fleet { words += " of \(experiment.fleets[fleet].name)" }
            if action.percent < 100 { words += ", \(DurationText.digits(action.percent)) % of it" }
            let takesValue: [ActionPlan.What] = [
                .hashrate, .ramp, .oscillate, .ambient, .latency, .reorganisation,
            ]
            if takesValue.contains(action.what) { words += ", to \(DurationText.digits(action.value))" }
            if action.duration > .zero { words += ", \(DurationText.text(action.duration))" }
            return (index + 1, action.at, words)
        }
    }

    // MARK: Pieces

    private func plot(_ title: String, note: String = "", _ y: Axis) -> Plot {
        var plot = Plot(title, note: note, x: time, y: y)
        var start = 0.0
        for phase in record.experiment.phases where start < Double(count) {
            let end = start + phase.duration.seconds
            plot.phases.append((phase.name, start, min(end, Double(count))))
            start = end
        }
        plot.actions = actions.filter { $0.at.seconds <= Double(count) }.map { ($0.number, $0.at.seconds) }
        return plot
    }

    private func lines(
        _ title: String, note: String = "", _ y: Axis, _ series: [(name: String, values: [Double?])]
    ) -> Plot {
        var plot = plot(title, note: note, y)
        // A line that stays on the floor hides others.
        let present = series.filter { one in one.values.contains { ($0 ?? 0) != 0 } }
        for (style, one) in (present.isEmpty ? series : present).enumerated() {
            let points = one.values.enumerated().map { PlotPoint(x: Double($0.offset) + 0.5, y: $0.element) }
            plot.marks.append(.line(Thinning.points(points), style: style))
            plot.legend.append((.line(style), one.name))
        }
        return plot
    }

    private func values(_ level: Level, _ fleet: Int? = nil) -> [Double] {
        fleet.map { fleet in series.seconds.map { $0.fleets[fleet][level] } } ?? totals.map { $0[level] }
    }

    private func rates(_ counter: Counter) -> [Double] { totals.map { Double($0[counter]) } }

    /// A line for each fleet, or one for all where there are more than there are dashes.
    private func byFleet(_ level: Level, where isPresent: (Double) -> Bool) -> [(String, [Double?])] {
        let fleets = record.experiment.fleets
        guard fleets.count > 1, fleets.count <= 6 else {
            return [("all fleets", values(level).map { isPresent($0) ? $0 : nil })]
        }
        return fleets.enumerated().map { index, fleet in
            (fleet.name, values(level, index).map { isPresent($0) ? $0 : nil })
        }
    }

    // MARK: Plots

    private var devices: Plot? {
        let layers: [(String, [Double])] = [
            ("mining", zip(values(.mining), values(.throttled)).map { max(0, $0 - $1) }),
            ("mining, throttled", values(.throttled)),
            ("connecting", values(.connecting)), ("backing off", values(.backingOff)),
            ("down: booting, cooling, faulty", values(.down)),
        ]
        let tops = values(.devices)
        guard tops.contains(where: { $0 > 0 }) else { return nil }
        var plot = plot("Devices by state", note: "from the bottom up", .linear("devices", tops))
        let kept = Thinning.indices(count) { layers[0].1[$0] }
        plot.marks = [
            .stack(kept.map { Double($0) + 0.5 }, layers: layers.map { layer in kept.map { layer.1[$0] } })
        ]
        plot.legend = layers.enumerated().filter { $0.element.1.contains { $0 > 0 } }.map {
            (.area($0.offset), $0.element.0)
        }
        return plot
    }

    private var shares: Plot? {
        let accepted = rates(.sharesAccepted)
        let found = rates(.sharesFound)
        guard (accepted + found).contains(where: { $0 > 0 }) else { return nil }
        var plot = plot("Shares accepted", .linear("shares (1/s)", accepted))
        // Chance makes single seconds restless: they stand behind their mean.
        for (style, name, values) in [
            (6, "each second", accepted as [Double?]),
            (0, "mean of the last minute", Self.minuteMeans(accepted)),
        ] {
            let points = values.enumerated().map { PlotPoint(x: Double($0.offset) + 0.5, y: $0.element) }
            plot.marks.append(.line(Thinning.points(points), style: style))
            plot.legend.append((.line(style), name))
        }
        return plot
    }

    /// Nil for the first minute, of which less than a minute is known.
    private static func minuteMeans(_ values: [Double]) -> [Double?] {
        var sum = 0.0
        return values.indices.map { index in
            sum += values[index]
            if index >= 60 { sum -= values[index - 60] }
            return index >= 59 ? max(0, sum) / 60 : nil
        }
    }

    private var refusals: Plot? {
        let stale = rates(.sharesStale)
        let other = zip(rates(.sharesRejected), stale).map { max(0, $0 - $1) }
        let discarded = rates(.sharesDiscarded)
        let all: [(String, [Double?])] = [
            ("rejected as stale", stale), ("rejected for other reasons", other),
            ("discarded by the device", discarded),
        ]
        guard (stale + other + discarded).contains(where: { $0 > 0 }) else { return nil }
        return lines(
            "Shares rejected and discarded", note: "each second",
            .linear("shares (1/s)", stale + other + discarded), all)
    }

    /// A second of few shares has no percentiles worth the name: as many seconds as give a hundred in the mean stand
    /// together.
    private var submit: Plot? {
        let all = totals.reduce(UInt64(0)) { $0 + ($1.has(.submit) ? $1[.submit].count : 0) }
        guard all > 0 else { return nil }
        let enough = Double(Limits.percentileValuesMin) * Double(count) / Double(all)
        let width = [1, 2, 5, 10, 30].first { Double($0) >= enough } ?? 60
        var points: [(x: Double, median: Double?, high: Double?)] = []
        for start in stride(from: 0, to: count, by: width) {
            var histogram = LatencyHistogram()
            let end = min(count, start + width)
            for second in totals[start..<end] where second.has(.submit) { histogram.add(second[.submit]) }
            let x = Double(start + end) / 2
            let isEmpty = histogram.isEmpty
            points.append(
                (
                    x, isEmpty ? nil : histogram.nearest(50).seconds,
                    isEmpty ? nil : histogram.nearest(99).seconds
                ))
        }
        let known = points.flatMap { [$0.median, $0.high].compactMap { $0 } }
        guard let least = known.min(), let greatest = known.max() else { return nil }
        let isWide = greatest / max(least, 1e-9) > 50
        let note = width == 1 ? "each second" : "each \(width) s, for one second has few shares"
        var plot = plot(
            "Submit round trip", note: "from a share's sending to its answer, \(note)",
            isWide ? .logarithmicDuration("round trip", known) : .duration("round trip", known))
        let lines = [
            ("p50", points.map { PlotPoint(x: $0.x, y: $0.median) }),
            ("p99", points.map { PlotPoint(x: $0.x, y: $0.high) }),
        ]
        for (style, line) in lines.enumerated() {
            plot.marks.append(.line(Thinning.points(line.1), style: style))
            plot.legend.append((.line(style), line.0))
        }
        return plot
    }

    private var hashrate: Plot? {
        let expected = Self.minuteMeans(values(.hashrateExpected))
        let estimated = Self.minuteMeans(totals.map { Double($0[.workAccepted]) })
        let known = (expected + estimated).compactMap { $0 }
        guard known.contains(where: { $0 > 0 }) else { return nil }
        let (factor, prefix) = Wording.prefix(for: known.max() ?? 1)
        return lines(
            "Hash rate", note: "mean of the last minute, scaled as the fleets are",
            .linear("hash rate (\(prefix)H/s)", known, divisor: factor),
            [("estimated from accepted shares", estimated), ("expected from the devices", expected)])
    }

    private var temperature: Plot? {
        let lines = byFleet(.temperatureMax) { $0 > 0 }
        let known = lines.flatMap { $0.1.compactMap { $0 } }
        guard !known.isEmpty else { return nil }
        return self.lines(
            "Hottest chip", .linear("temperature (°C)", known, fromZero: false), lines)
    }

    private var power: Plot? {
        let lines = byFleet(.power) { _ in true }
        let known = lines.flatMap { $0.1.compactMap { $0 } }
        guard known.contains(where: { $0 > 0 }) else { return nil }
        let (factor, prefix) = Wording.prefix(for: known.max() ?? 1)
        return self.lines("Power at the plugs", .linear("power (\(prefix)W)", known, divisor: factor), lines)
    }

    private var fanOut: Plot? {
        let tips = series.fanOuts(.prevhash, 0..<count).filter { $0.devices > 1 }
        guard !tips.isEmpty else { return nil }
        func points(_ percent: Double) -> [PlotPoint] {
            tips.map {
                PlotPoint(
                    x: $0.first.map { Double($0.nanoseconds) / 1e9 } ?? 0,
                    y: $0.delay(percent: percent).seconds)
            }
        }
        let all = [(points(50), "half of the devices"), (points(100), "the last device")]
        var plot = plot(
            "A new tip's way to the devices", note: "each tip, after the first device that had it",
            .duration("delay", all.flatMap { $0.0.compactMap(\.y) }))
        for (style, one) in all.enumerated() {
            let kept = Thinning.points(one.0)
            plot.marks.append(
                .dots(kept.compactMap { point in point.y.map { (point.x, $0, nil, nil) } }, style: style))
            plot.legend.append((.dot(style), one.1))
        }
        return plot
    }

    private var connections: Plot? {
        let made = rates(.connections)
        let lost = rates(.disconnections)
        guard (made + lost).contains(where: { $0 > 0 }) else { return nil }
        return lines(
            "Connections", note: "each second", .linear("connections (1/s)", made + lost),
            [("made", made), ("lost", lost)])
    }

    private var generator: Plot? {
        let processor = series.seconds.map { $0.health?.processor }
        let known = processor.compactMap { $0 }
        guard !known.isEmpty else { return nil }
        let cores = series.seconds.compactMap { $0.health?.cores }.max() ?? 1
        var plot = lines(
            "The generator's processors", note: "of the machine that makes the load",
            .linear("processor time (cores)", known + [cores]), [("busy", processor)])
        plot.marks.append(.level(cores, "all \(DurationText.digits(cores)) cores"))
        return plot
    }

    private var lag: Plot? {
        let lag = series.seconds.map { $0.health?.loopLag.seconds }
        let known = lag.compactMap { $0 }
        guard known.contains(where: { $0 > 0 }) else { return nil }
        return lines(
            "The generator's lateness", note: "the deadline served latest, each second",
            .duration("late by", known), [("latest deadline", lag)])
    }
}
