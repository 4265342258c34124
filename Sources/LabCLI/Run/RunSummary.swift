import DeviceModel
import Experiments
import Foundation
import JSONText
import Measurement
import SansIO

/// What a person reads at the end of a run: thresholds first, then figures.
struct RunSummary {
    let record: RunRecord

    init(_ record: RunRecord) { self.record = record }

    private var window: Range<Int> { 0..<record.series.seconds.count }

    var lines: [String] {
        var lines = [title]
        if let failure = record.failure { lines.append("  broken: \(failure)") }
        if let target = record.target { lines.append("  target \(target)") }
        if let endedBy = record.endedBy { lines.append("  ended early by \(endedBy)") }
        lines += record.degradations.map { "  degraded: \($0)" }
        for verdict in record.verdicts {
            let value = verdict.value.map { verdict.threshold.measure.text($0) } ?? "not measured"
            lines.append(
                "  \(verdict.isPassed ? "✓" : "✗") \(StyledText.pad(verdict.threshold.text, 44)) \(value)")
        }
        for (reference, value, isWithin) in record.comparisons {
            let measure = Measure.scoped(reference.measure)
            let measured = value.map { measure?.text($0) ?? "\($0)" } ?? "not measured"
            let expected = measure?.text(reference.expected) ?? "\(reference.expected)"
            lines.append(
                "  \(isWithin ? "≈" : "≠") \(StyledText.pad(reference.measure, 44)) \(measured), reference \(expected) (\(reference.source))"
            )
        }
        lines += figures
        return lines
    }

    private var title: String {
        let point = record.sweep.map { "  \(record.experiment.sweep?.key ?? "") = \($0.description)" } ?? ""
        return "\(record.experiment.name)\(point)  seed \(record.seed)  \(record.outcome.text)"
    }

    private var figures: [String] {
        let sum = record.series.sum(window)
        let seconds = Double(window.count)
        var rows: [(String, String)] = [
            ("devices", Figures.grouped(record.experiment.deviceCount)),
            (
                "shares",
                "\(Figures.grouped(sum[.sharesAccepted])) accepted, \(Figures.grouped(sum[.sharesRejected])) rejected "
                    + "(\(Figures.grouped(sum[.sharesStale])) stale), \(Figures.grouped(sum[.sharesDiscarded])) discarded"
            ),
        ]
        rows += sum.reasons.map { ("  rejected as \($0.name)", Figures.grouped($0.count)) }
        for latency in Latency.allCases where sum.has(latency) {
            rows.append((latency.name, text(sum[latency])))
        }
        let tips = record.series.fanOuts(.prevhash, window).filter { $0.devices > 1 }
        if !tips.isEmpty {
            let spreads = tips.map(\.spread).sorted()
            rows.append(
                (
                    "prevhash to the last device",
                    "median \(DurationText.text(spreads[spreads.count / 2])), worst \(DurationText.text(spreads[spreads.count - 1])) "
                        + "of \(tips.count) tips"
                ))
        }
        rows.append(("reconnections", "\(Figures.grouped(sum[.disconnections])) connections lost"))
        if record.elapsed > .zero {
            let speed = Figures.decimal(seconds / record.elapsed.seconds, 0)
            rows.append(
                (
                    "time",
                    "\(Figures.duration(seconds)) in \(Figures.decimal(record.elapsed.seconds, 1)) s"
                        + (record.world == .virtual ? ", \(speed) times real time" : "")
                ))
        }
        if let digest = record.digest { rows.append(("digest", Self.hex(digest))) }
        return rows.map { "    \(StyledText.pad($0.0, 28)) \($0.1)" }
    }

    private func text(_ histogram: LatencyHistogram) -> String {
        [("p50", 50.0), ("p90", 90), ("p99", 99)].map {
            "\($0.0) \(DurationText.text(histogram.percentile($0.1)))"
        }
        .joined(separator: ", ") + ", max \(DurationText.text(histogram.max))"
    }

    static func hex(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    var json: JSON {
        var object: JSONObject = [
            "experiment": .string(record.experiment.name), "world": .string(record.world.rawValue),
            "seed": .int(record.seed), "outcome": .string(record.outcome.text),
            "degradations": .array(record.degradations.map { .string($0) }),
            "seconds": .int(window.count), "total": record.series.sum(window).json,
            "thresholds": .array(
                record.verdicts.map { verdict in
                    .object([
                        "text": .string(verdict.threshold.text),
                        "value": verdict.value.map { .double($0) } ?? .null,
                        "passed": .bool(verdict.isPassed),
                    ])
                }),
        ]
        if let digest = record.digest { object.append("digest", .string(Self.hex(digest))) }
        return .object(object)
    }
}
