import Experiments
import Measurement
import SansIO

/// The tables of one record: what was asked, what was counted, fleet by fleet.
struct RecordTables {
    let record: RunRecord
    private let judged: RunPage.Judged
    let fleets: [FleetSecond]
    let sum: FleetSecond

    init(_ record: RunRecord, _ judged: RunPage.Judged) {
        self.record = record
        self.judged = judged
        let window = 0..<record.series.seconds.count
        fleets = record.experiment.fleets.indices.map { record.series.sum(window, fleet: $0) }
        sum = record.series.sum(window)
    }

    var thresholds: String {
        guard !judged.verdicts.isEmpty else {
            return "<p class=\"note\">The experiment states no thresholds.</p>\n"
        }
        let rows = judged.verdicts.map { verdict -> [Table.Cell] in
            let value = verdict.value.map { verdict.threshold.measure.text($0) } ?? "not measured"
            return [
                .text(verdict.threshold.text), .number(value),
                verdict.isPassed ? .good("holds") : .bad("does not hold"),
            ]
        }
        return Table(heads: ["threshold", "#measured", "verdict"], rows: rows).html
    }

    var references: String {
        guard !judged.comparisons.isEmpty else { return "" }
        let rows = judged.comparisons.map { reference, value, isWithin -> [Table.Cell] in
            let words = Wording.reference(reference, value)
            return [
                .text(reference.measure), .number(words.measured), .number(words.expected), .text(words.band),
                isWithin
                    ? .good("within the band") : .bad(value == nil ? "not measured" : "outside the band"),
                .text(reference.source),
            ]
        }
        return Table(
            heads: ["measure", "#measured", "#expected", "pass band", "verdict", "source"], rows: rows
        ).html
    }

    private var columns: [(name: String, values: FleetSecond)] {
        let all = [("all", sum)]
        guard fleets.count > 1 else { return all }
        return zip(record.experiment.fleets.map(\.name), fleets).map { ($0, $1) } + all
    }

    var counters: String {
        let heads = ["counted"] + columns.map { "#" + $0.name }
        var rows: [[Table.Cell]] = []
        for counter in Counter.allCases where sum[counter] > 0 {
            let isWork = counter == .workAccepted
            rows.append(
                [.head(counter.summary)]
                    + columns.map {
                        .number(
                            isWork
                                ? Wording.scaled(Double($0.values[counter]), "H")
                                : Wording.grouped($0.values[counter]))
                    })
        }
        return Table("Over the whole run", heads: heads, rows: rows).html
    }

    var reasons: String {
        guard !sum.reasons.isEmpty else { return "" }
        let rows = sum.reasons.sorted { $0.count > $1.count }.prefix(Limits.reasonsShownMax).map { reason in
            [Table.Cell.head(reason.name)]
                + columns.map { column in
                    let count = column.values.reasons.first { $0.name == reason.name }?.count ?? 0
                    return .number(Wording.grouped(count))
                }
        }
        return "<h3>Rejected shares by the pool's reason</h3>\n"
            + Table(heads: ["reason"] + columns.map { "#" + $0.name }, rows: Array(rows)).html
    }

    var latencies: String {
        var rows: [[Table.Cell]] = []
        for latency in Latency.allCases {
            for column in columns where column.values.has(latency) && !column.values[latency].isEmpty {
                rows.append(Self.row(latency.name, column.name, column.values[latency]))
            }
        }
        for news in FanOut.News.allCases {
            let all = record.series.fanOuts(news, 0..<record.series.seconds.count).filter { $0.devices > 1 }
            guard !all.isEmpty else { continue }
            var delays = LatencyHistogram()
            var last = LatencyHistogram()
            for one in all {
                delays.add(one.delays)
                last.record(one.spread)
            }
            rows.append(Self.row("\(news.rawValue) after the first device", "all", delays))
            rows.append(Self.row("\(news.rawValue) to the last device", "all", last))
        }
        guard !rows.isEmpty else { return "" }
        return "<h3>Lengths of time</h3>\n"
            + Table(
                heads: [
                    "measured", "fleet", "#values", "#mean", "#p50", "#p90", "#p99", "#p99.9", "#greatest",
                ],
                rows: rows
            ).html
    }

    private static func row(_ name: String, _ fleet: String, _ histogram: LatencyHistogram) -> [Table.Cell] {
        [
            .head(name), .text(fleet), .number(Wording.grouped(histogram.count)),
            .number(DurationText.text(histogram.mean)),
        ]
            + [50, 90, 99, 99.9].map { .number(DurationText.text(histogram.percentile($0))) }
            + [.number(DurationText.text(histogram.max))]
    }

    /// Whether each fleet is credited for what it does: shares for a device and hour against what vardiff aims at, and
    /// credited against expected work, with the interval that chance alone gives so many shares.
    var fairness: String {
        let experiment = record.experiment
        var rows: [[Table.Cell]] = []
        var dots: [(x: Double, y: Double, low: Double?, high: Double?)] = []
        var names: [String] = []
        let window = 0..<record.series.seconds.count
        for (index, fleet) in experiment.fleets.enumerated() {
            let hours = record.series.levels(.mining, window, fleet: index).reduce(0, +) / 3_600
            let shares = fleets[index][.sharesAccepted]
            let hashes = record.series.levels(.hashrateExpected, window, fleet: index).reduce(0, +)
            guard hours > 0, shares > 0 else { continue }
            let aimed = experiment.stack.sharesPerMinute * 60
            let rate = Double(shares) / hours
            var row: [Table.Cell] = [
                .head(fleet.name), .number(DurationText.digits((hours * 100).rounded() / 100)),
                .number(Wording.grouped(shares)),
                .number(DurationText.digits((rate * 10).rounded() / 10)), .number(Self.percent(rate / aimed)),
            ]
            if hashes > 0 {
                let credit = Double(fleets[index][.workAccepted]) / hashes
                let half = credit * 1.96 / Double(shares).squareRoot()
                row.append(.number("\(Self.percent(credit)) ± \(Self.percent(half))"))
                dots.append((Double(names.count), credit * 100, (credit - half) * 100, (credit + half) * 100))
                names.append(fleet.name)
            } else {
                row.append(.number("–"))
            }
            rows.append(row)
        }
        guard !rows.isEmpty else { return "" }
        let table = Table(
            "Aimed: \(DurationText.digits(experiment.stack.sharesPerMinute)) shares a minute for each device that mines",
            heads: [
                "fleet", "#device-hours mining", "#shares accepted", "#shares per device-hour", "#of the aim",
                "#credited of expected work",
            ], rows: rows
        ).html
        var html = "<h3>Fairness</h3>\n" + table
        if names.count > 1, names.count <= 40 {
            let values = dots.map { $0.low ?? $0.y } + dots.map { $0.high ?? $0.y } + [100]
            var plot = Plot(
                "Credited work by fleet",
                note: "of what the devices' physics gives; bars: 95 % by chance of arrival",
                x: .names("fleet", names), y: .linear("credited (%)", values, fromZero: false))
            plot.marks = [.level(100, "all work credited"), .dots(dots, style: 0)]
            html += "<div class=\"plots\">\(plot.figure)</div>\n"
        }
        return html
    }

    static func percent(_ ratio: Double) -> String {
        "\(DurationText.digits((ratio * 10_000).rounded() / 100)) %"
    }
}
