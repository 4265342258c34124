import Experiments
import Measurement
import SansIO

/// Thresholds and references as test cases, a suite for each record, for the programs that collect test results.
struct RunJUnit {
    private let run: StoredRun

    init(_ run: StoredRun) { self.run = run }

    private struct Case {
        var name: String
        var failure: String?
        var isError = false
    }

    var text: String {
        let suites = run.records.map { ($0, cases($0)) }
        let all = suites.flatMap(\.1)
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites name=\"\(Markup.escape(run.name))\" \(Self.counts(all))>\n"
        for (record, cases) in suites { append(record, cases, to: &text) }
        return text + "</testsuites>\n"
    }

    private func append(_ record: RunRecord, _ cases: [Case], to text: inout String) {
        let name = record.experiment.name + Wording.point(record).map { ", \($0)" }.joined()
        let seconds = DurationText.digits(record.elapsed.seconds)
        text += "  <testsuite name=\"\(Markup.escape(name))\" \(Self.counts(cases)) time=\"\(seconds)\" "
        text += "timestamp=\"\(Wording.timestamp(record.startedAt))\">\n    <properties>\n"
        let properties: [(String, String)] =
            [("seed", "\(record.seed)"), ("world", record.world.rawValue), ("path", record.path)]
            + record.circumstances.map { ($0.name, $0.value) }
        for (name, value) in properties {
            text += "      <property name=\"\(Markup.escape(name))\" value=\"\(Markup.escape(value))\"/>\n"
        }
        text += "    </properties>\n"
        for one in cases {
            text += "    <testcase classname=\"\(Markup.escape(record.experiment.name))\" "
            text += "name=\"\(Markup.escape(one.name))\""
            guard let failure = one.failure else {
                text += "/>\n"
                continue
            }
            let kind = one.isError ? "error" : "failure"
            text += "><\(kind) message=\"\(Markup.escape(failure))\"/></testcase>\n"
        }
        text += "  </testsuite>\n"
    }

    private func cases(_ record: RunRecord) -> [Case] {
        var cases = record.verdicts.map { verdict in
            let value = verdict.value.map { verdict.threshold.measure.text($0) }
            let failure = value.map { "is \($0)" } ?? "nothing was measured"
            return Case(name: verdict.threshold.text, failure: verdict.isPassed ? nil : failure)
        }
        cases += record.comparisons.map { reference, value, isWithin in
            let words = Wording.reference(reference, value)
            return Case(
                name: "\(reference.measure) as \(reference.source)",
                failure: isWithin ? nil : "\(words.measured), expected \(words.expected) (\(words.band))")
        }
        // What makes a run other than asked for is no verdict on the pool.
        let flaws = record.degradations + (record.series.seconds.isEmpty ? ["nothing was measured"] : [])
        if !flaws.isEmpty {
            cases.append(
                Case(
                    name: "the run is what was asked for", failure: flaws.joined(separator: "; "),
                    isError: true))
        }
        return cases
    }

    private static func counts(_ cases: [Case]) -> String {
        let failed = cases.filter { $0.failure != nil }
        let errors = failed.count(where: \.isError)
        return "tests=\"\(cases.count)\" failures=\"\(failed.count - errors)\" errors=\"\(errors)\""
    }
}
