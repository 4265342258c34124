import Experiments
import Measurement
import SansIO

/// A run as one HTML file that loads nothing and runs no script.
struct RunPage {
    private let run: StoredRun
    /// Judged once: a verdict walks through the whole series.
    private let judged: [Judged]

    struct Judged {
        let verdicts: [Verdict]
        let comparisons: [(reference: ReferencePlan, value: Double?, isWithin: Bool)]
        let outcome: RunRecord.Outcome

        init(_ record: RunRecord) {
            verdicts = record.verdicts
            comparisons = record.comparisons
            outcome = record.outcome(verdicts)
        }
    }

    init(_ run: StoredRun) {
        self.run = run
        judged = run.records.map(Judged.init)
    }

    private var outcome: RunRecord.Outcome {
        judged.map(\.outcome).max { $0.rawValue < $1.rawValue } ?? .broken
    }

    var text: String {
        guard let first = run.records.first else {
            return Self.document(run.name, "<h1>\(Markup.escape(run.name))</h1><p>Nothing was recorded.</p>")
        }
        var body = title(first)
        if run.records.count > 1 { body += overview }
        if let sweep = SweepSection(run.records) { body += sweep.html }
        let detailed = self.detailed
        for index in detailed { body += section(run.records[index], judged[index], number: index + 1) }
        if detailed.count < run.records.count {
            body +=
                "<p class=\"note\">Shown in full are \(detailed.count) of \(run.records.count) records: the first of "
            body += "each point and those that went wrong. Any other: <code>lab report "
            body += "\(Markup.escape(run.name)):NUMBER</code>.</p>\n"
        }
        return Self.document(run.name, body + circumstances(first))
    }

    static func document(_ title: String, _ body: String) -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <title>\(Markup.escape(title))</title>
        <style>\(Style.sheet)</style></head>
        <body>
        \(body)</body></html>

        """
    }

    // MARK: The verdict

    private func title(_ record: RunRecord) -> String {
        let experiment = record.experiment
        var html = "<h1>\(Markup.escape(experiment.name))</h1>\n"
        if !experiment.summary.isEmpty { html += "<p>\(Markup.escape(experiment.summary))</p>\n" }
        let outcome = outcome
        let (kind, sign) = Self.look(outcome)
        html += "<div class=\"verdict \(kind)\">\(sign) \(Markup.escape(verdict(outcome)))</div>\n"
        let devices = Wording.grouped(UInt64(experiment.deviceCount))
        let length = DurationText.text(.seconds(UInt64(record.series.seconds.count)))
        let fleets = experiment.fleets.count == 1 ? "1 fleet" : "\(experiment.fleets.count) fleets"
        html += "<p class=\"mute\">\(devices) devices in \(fleets) for \(length), "
        html += "\(record.world.rawValue) world, begun \(Wording.timestamp(record.startedAt)); run "
        html += "<code>\(Markup.escape(run.name))</code>, \(run.records.count) "
        html += "\(run.records.count == 1 ? "record" : "records").</p>\n"
        return html
    }

    static func look(_ outcome: RunRecord.Outcome) -> (kind: String, sign: String) {
        switch outcome {
        case .passed: ("good", "✓")
        case .failed: ("bad", "✗")
        case .degraded, .broken: ("warn", "⚠")
        }
    }

    private func verdict(_ outcome: RunRecord.Outcome) -> String {
        let count = run.records.count
        let with = judged.count { $0.outcome == outcome }
        let of = count > 1 ? " in \(with) of \(count) records" : ""
        return switch outcome {
        case .passed: "passed: every threshold holds"
        case .failed: "failed: a threshold does not hold\(of)"
        case .degraded: "degraded: measured, but not what was asked for\(of)"
        case .broken: "broken: nothing was measured\(of)"
        }
    }

    private var overview: String {
        let rows = zip(run.records, judged).enumerated().map { index, pair -> [Table.Cell] in
            let (record, judged) = pair
            let failed = judged.verdicts.filter { !$0.isPassed }.map(\.threshold.text)
            let outside = judged.comparisons.filter { !$0.isWithin }.map(\.reference.measure)
            let flaws = record.degradations + failed + outside.map { "\($0) is outside its band" }
            let outcome: Table.Cell =
                switch judged.outcome {
                case .passed: .good("passed")
                case .failed: .bad("failed")
                case .degraded: .warn("degraded")
                case .broken: .warn("broken")
                }
            return [
                .number("\(index + 1)"), .text(record.sweep.map(Wording.value) ?? "–"),
                .text(record.target ?? "–"),
                .number("\(record.repetition + 1)"), .number("\(record.seed)"), outcome,
                .text(flaws.joined(separator: "; ")),
            ]
        }
        let key = run.records[0].experiment.sweep?.key ?? "sweep"
        return "<h2>Records</h2>\n"
            + Table(
                heads: ["#record", key, "target", "#repetition", "#seed", "outcome", "what is wrong"],
                rows: rows
            ).html
    }

    /// All of a few; of many the first of each point and those that are more than failed.
    private var detailed: [Int] {
        guard run.records.count > Limits.detailedRecordsMax else { return Array(run.records.indices) }
        var seen: [RunRecord] = []
        var places: [Int] = []
        for (index, record) in run.records.enumerated() {
            let isFirst = !seen.contains { $0.sweep == record.sweep && $0.target == record.target }
            if isFirst { seen.append(record) }
            if isFirst || judged[index].outcome == .degraded || judged[index].outcome == .broken {
                places.append(index)
            }
        }
        return Array(places.prefix(Limits.detailedRecordsMax))
    }

    // MARK: One record

    private func section(_ record: RunRecord, _ judged: Judged, number: Int) -> String {
        let isAlone = run.records.count == 1
        let tables = RecordTables(record, judged)
        let plots = RecordPlots(record)
        var html = ""
        if !isAlone {
            let point = Wording.point(record).joined(separator: ", ")
            html += "<h2>Record \(number)\(point.isEmpty ? "" : ": " + Markup.escape(point))</h2>\n"
        }
        html += flaws(record)
        html += "<h\(isAlone ? 2 : 3)>Thresholds</h\(isAlone ? 2 : 3)>\n" + tables.thresholds
        if !judged.comparisons.isEmpty { html += "<h3>Against references</h3>\n" + tables.references }
        html += "<h3>Over time</h3>\n" + timeline(record, plots) + plots.figures
        let distributions = Distributions(record, sum: tables.sum).figures
        if !distributions.isEmpty { html += "<h3>Distributions</h3>\n" + distributions }
        html += "<h3>Counts by fleet</h3>\n" + tables.counters + tables.reasons + tables.latencies
        return html + tables.fairness
    }

    private func flaws(_ record: RunRecord) -> String {
        var items: [String] = []
        if let endedBy = record.endedBy {
            let planned = DurationText.text(record.experiment.duration)
            items.append(
                "It ended early, after \(record.series.seconds.count) s of \(planned), by \(endedBy).")
        }
        items += record.degradations.map { "Degraded: \($0)." }
        for doubt in record.series.doubts(0..<record.series.seconds.count) {
            let seconds = doubt.seconds == 1 ? "1 second" : "\(doubt.seconds) seconds"
            items.append(
                "The generator is in doubt for \(seconds): \(doubt.reason)\(worst(doubt.reason, record)). "
                    + "What was measured then may be its own slowness.")
        }
        guard !items.isEmpty else { return "" }
        return "<ul class=\"flaws warn\">"
            + items.map { "<li>⚠ \(Markup.escape($0))</li>" }.joined() + "</ul>\n"
    }

    /// How bad it was, behind the reason.
    private func worst(_ reason: String, _ record: RunRecord) -> String {
        let health = record.series.seconds.compactMap(\.health)
        guard reason.hasPrefix("deadlines"), let lag = health.map(\.loopLag).max() else { return "" }
        return " too late, at worst by \(DurationText.text(lag))"
    }

    private func timeline(_ record: RunRecord, _ plots: RecordPlots) -> String {
        var start = Interval.zero
        let phases = record.experiment.phases.map { phase in
            defer { start = start + phase.duration }
            return
                "\(phase.name) from \(DurationText.text(start)) to \(DurationText.text(start + phase.duration))"
        }
        var html = "<p class=\"note\">Phases: \(Markup.escape(phases.joined(separator: "; "))).</p>\n"
        let actions = plots.actions.map { "(\($0.number)) at \(DurationText.text($0.at)) \($0.what)" }
        if !actions.isEmpty {
            html +=
                "<p class=\"note\">Actions, by their numbers in the plots: \(Markup.escape(actions.joined(separator: "; "))).</p>\n"
        }
        return html
    }

    // MARK: Where it came from

    private func circumstances(_ record: RunRecord) -> String {
        var rows: [[Table.Cell]] = [
            [.head("run"), .text(run.name)], [.head("experiment file"), .text(record.path)],
            [.head("seed"), .text(seeds)], [.head("world"), .text(record.world.rawValue)],
            [.head("begun"), .text(Wording.timestamp(record.startedAt))],
            [.head("took"), .text(DurationText.text(record.elapsed))],
        ]
        if let digest = record.digest {
            let text = String(digest, radix: 16)
            rows.append([.head("digest"), .text(String(repeating: "0", count: 16 - text.count) + text)])
        }
        if let events = record.events { rows.append([.head("events"), .text(Wording.grouped(events))]) }
        rows += record.circumstances.map { [.head($0.name), .text($0.value)] }
        var html = "<h2>Circumstances</h2>\n" + Table(heads: ["what", "value"], rows: rows).html
        html += "<h2>The experiment</h2>\n<pre>\(Markup.escape(record.source))</pre>\n"
        html += "<details><summary>With every default and every flag, as it ran</summary>"
        return html + "<pre>\(Markup.escape(record.experiment.text))</pre></details>\n"
    }

    private var seeds: String {
        var seeds: [UInt64] = []
        for record in run.records where !seeds.contains(record.seed) { seeds.append(record.seed) }
        return seeds.map(String.init).joined(separator: ", ")
    }
}
