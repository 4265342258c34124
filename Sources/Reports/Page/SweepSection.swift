import DeviceModel
import Experiments
import Measurement
import SansIO

/// What several records say together: the points of a sweep, and repetitions with their means' intervals.
struct SweepSection {
    struct Point {
        var value: ProfileValue?
        var target: String?
        var records: [RunRecord]
    }

    let points: [Point]
    private let experiment: Experiment

    init?(_ records: [RunRecord]) {
        guard records.count > 1 else { return nil }
        experiment = records[0].experiment
        var points: [Point] = []
        for record in records {
            if let place = points.firstIndex(where: { $0.value == record.sweep && $0.target == record.target }
            ) {
                points[place].records.append(record)
            } else {
                points.append(Point(value: record.sweep, target: record.target, records: [record]))
            }
        }
        self.points = points
    }

    /// Those of references and thresholds, each once.
    private var measures: [(text: String, measure: Measure)] {
        var list: [(String, Measure)] = []
        for text in experiment.references.map(\.measure) {
            if let measure = Measure.scoped(text), !list.contains(where: { $0.1 == measure }) {
                list.append((text, measure))
            }
        }
        for threshold in experiment.thresholds where !list.contains(where: { $0.1 == threshold.measure }) {
            list.append((Self.words(threshold), threshold.measure))
        }
        return list
    }

    /// A threshold's text up to its comparison.
    static func words(_ threshold: Threshold) -> String {
        let text = threshold.text
        let end = text.firstIndex { "<>=".contains($0) } ?? text.endIndex
        var words = String(text[..<end])
        while words.last == " " { words.removeLast() }
        if let last = threshold.measure.last { words += " @ \(DurationText.text(last))" }
        if let fleet = threshold.measure.fleet, !words.contains(" of ") { words += " of \(fleet)" }
        if let phase = threshold.measure.phase, !words.contains(" in ") { words += " in \(phase)" }
        return words
    }

    static func sample(_ measure: Measure, _ records: [RunRecord]) -> Sample {
        Sample(records.compactMap { measure.value(in: $0.series, of: $0.experiment) })
    }

    var html: String {
        var html = ""
        let measured = measures.map { text, measure in
            (text, measure, points.map { Self.sample(measure, $0.records) })
        }
        if points.count > 1, experiment.sweep != nil {
            let plots = measured.compactMap { plot($0.0, $0.1, $0.2)?.figure }
            if !plots.isEmpty {
                html += "<h2>The sweep</h2>\n<div class=\"plots\">\n\(plots.joined())</div>\n"
            }
        }
        return html + table(measured)
    }

    private func name(_ point: Point) -> String {
        [point.value.map(Wording.value), point.target].compactMap { $0 }.joined(separator: ", ")
    }

    private func table(_ measured: [(String, Measure, [Sample])]) -> String {
        var rows: [[Table.Cell]] = []
        for (text, measure, samples) in measured {
            for (point, sample) in zip(points, samples) {
                let range =
                    sample.values.isEmpty
                    ? "–"
                    : "\(measure.text(sample.values.min() ?? 0)) to \(measure.text(sample.values.max() ?? 0))"
                let half = sample.halfWidth.map { "± \(measure.text($0))" } ?? "too few runs"
                rows.append([
                    .head(text), .text(name(point)), .number("\(sample.count)"),
                    .number(sample.values.isEmpty ? "not measured" : measure.text(sample.mean)),
                    .number(half), .number(range),
                ])
            }
        }
        guard !rows.isEmpty else { return "" }
        let key = experiment.sweep?.key ?? "target"
        return
            "<h2>Repetitions</h2>\n<p class=\"note\">Mean over n runs with different seeds; the interval holds the true mean "
            + "with 95 % confidence (Student's t with n − 1 degrees of freedom).</p>\n"
            + Table(
                heads: ["measure", key, "#n", "#mean", "#95 % interval", "#least to greatest"], rows: rows
            ).html
    }

    /// A measure over the sweep's values, beside what references expect.
    private func plot(_ text: String, _ measure: Measure, _ samples: [Sample]) -> Plot? {
        let numbers = points.map { Self.number($0.value) }
        let isNumeric = numbers.allSatisfy { $0 != nil } && Set(points.map(\.target)).count == 1
        let xs = points.indices.map { isNumeric ? numbers[$0] ?? 0 : Double($0) }
        let key = experiment.sweep?.key ?? "value"
        let unit = Experiment.schema.first { $0.path == Self.pattern(key) }?.unit ?? ""
        let label = unit.isEmpty ? key : "\(key) (\(unit))"
        let x: Axis =
            isNumeric ? .linear(label, xs, fromZero: (xs.min() ?? 0) >= 0) : .names(label, points.map(name))
        let width = isNumeric ? (x.high - x.low) / Double(max(2, points.count)) / 2 : 0.6
        var marks: [Plot.Mark] = []
        var values: [Double] = []
        for reference in experiment.references where Measure.scoped(reference.measure) == measure {
            // A band without an end goes on to the plot's.
            let (low, high) = (reference.low, reference.high)
            values += [low, high, reference.expected].filter(\.isFinite)
            if let sweep = reference.sweep {
                guard let place = points.firstIndex(where: { $0.value == sweep }) else { continue }
                let from = max(x.low, xs[place] - width / 2)
                marks.append(
                    .band(
                        from: from, to: min(x.high, xs[place] + width / 2), low: low, high: high,
                        expected: reference.expected))
            } else {
                marks.append(
                    .band(from: x.low, to: x.high, low: low, high: high, expected: reference.expected))
            }
        }
        let hasBand = !marks.isEmpty
        var dots: [(x: Double, y: Double, low: Double?, high: Double?)] = []
        var line: [PlotPoint] = []
        for (index, sample) in samples.enumerated() where !sample.values.isEmpty {
            let half = sample.halfWidth
            dots.append(
                (xs[index], sample.mean, half.map { sample.mean - $0 }, half.map { sample.mean + $0 }))
            values += [sample.mean, sample.mean - (half ?? 0), sample.mean + (half ?? 0)]
            line.append(PlotPoint(x: xs[index], y: sample.mean))
        }
        guard !dots.isEmpty else { return nil }
        if isNumeric { marks.append(.line(line.sorted { $0.x < $1.x }, style: 0)) }
        marks.append(.dots(dots, style: 0))
        let y: Axis =
            measure.isTime
            ? .duration(text, values)
            : measure.isRatio ? .linear("\(text) (%)", values, divisor: 0.01) : .linear(text, values)
        var plot = Plot(
            text, note: "mean and 95 % interval of \(Self.counts(samples)) runs a point", x: x, y: y)
        plot.marks = marks
        plot.legend = [(.dot(0), "measured")] + (hasBand ? [(.band, "expected, with the pass band")] : [])
        return plot
    }

    private static func counts(_ samples: [Sample]) -> String {
        let counts = samples.map(\.count)
        guard let least = counts.min(), let greatest = counts.max() else { return "0" }
        return least == greatest ? "\(least)" : "\(least) to \(greatest)"
    }

    private static func number(_ value: ProfileValue?) -> Double? {
        switch value {
        case .number(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }

    /// `fleets.0.delay_ms` is `fleets.*.delay_ms` in the dictionary.
    private static func pattern(_ key: String) -> String {
        key.split(separator: ".").map { Int($0) == nil ? String($0) : "*" }.joined(separator: ".")
    }
}
