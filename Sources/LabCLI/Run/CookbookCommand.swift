import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import JSONText
import SansIO

struct CookbookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cookbook",
        abstract: "Runs the cookbook's experiments in virtual time and holds them against their references.",
        discussion: """
            Each experiment is a file in Profiles/experiments; Documentation/Cookbook.md says what it shows. A figure \
            outside its band or a threshold that does not hold makes the exit status 1.

            Examples:
              lab cookbook
              lab cookbook stale-rate prevhash-fanout
              lab cookbook prevhash-fanout --long
              lab cookbook --json
            """)

    @Argument(help: "Names from `lab experiment list`; all without one.") var names: [String] = []
    @Flag(help: "Also the values of sweeps that take minutes to hours.") var long = false
    @Option(help: "Seed instead of the files'.") var seed: UInt64?
    @Flag(help: "One JSON object for each run instead of text.") var json = false

    func run() async throws {
        let names = names.isEmpty ? ExperimentLibraryFiles.names : names
        let files = try names.map { try ExperimentLibraryFiles.file(named: $0) }
        let changes: [(key: String, value: ProfileValue)] =
            seed.map { [("seed", .integer(Int64(clamping: $0)))] } ?? []
        // Every file is read before the first one runs.
        let plans = try files.map { (file: $0, points: try $0.experiments(changing: changes, isLong: long)) }
        var rows: [CookbookRow] = []
        for plan in plans {
            for point in plan.points {
                for repetition in 0..<point.experiment.repetitions {
                    let record = try VirtualExperiment.run(
                        point.experiment, of: plan.file, sweep: point.value, repetition: repetition,
                        showsProgress: !json)
                    let found = CookbookRow.rows(of: record)
                    rows += found
                    if json {
                        Output.line(CookbookRow.json(of: record, found).text)
                    } else {
                        progress(record, found)
                    }
                }
            }
        }
        let missed = rows.filter { !$0.isPassed }.count
        if !json {
            Output.line("")
            CookbookRow.table(rows).forEach(Output.line)
            Output.line("")
            Output.line(
                missed == 0
                    ? "\(rows.count) figures, all within their bands"
                    : "\(missed) of \(rows.count) figures missed")
        }
        if missed > 0 { throw ExitCode(1) }
    }

    private func progress(_ record: RunRecord, _ rows: [CookbookRow]) {
        let point = record.sweep.map { " at \(CookbookRow.text(of: $0))" } ?? ""
        let seconds = Figures.decimal(record.elapsed.seconds, 1)
        let missed = rows.filter { !$0.isPassed }.count
        let mark = missed == 0 ? "✓" : "✗"
        Output.line(
            "\(mark) \(StyledText.pad(record.experiment.name + point, 44)) "
                + "\(DurationText.text(record.experiment.duration)) in \(seconds) s"
                + (missed == 0 ? "" : ", \(missed) missed"))
    }
}

/// A measured figure beside what it must be.
struct CookbookRow {
    let experiment: String
    /// The sweep's value; empty without one.
    let point: String
    let measure: String
    let measured: String
    let expected: String
    /// Its source, or that a threshold says so.
    let source: String
    let value: Double?
    let isPassed: Bool

    static func rows(of record: RunRecord) -> [CookbookRow] {
        let name = record.experiment.name
        let point = record.sweep.map(text) ?? ""
        let references = record.comparisons.map { reference, value, isWithin in
            let measure = Measure.scoped(reference.measure)
            func text(_ value: Double) -> String {
                value.isInfinite ? "any" : measure?.text(value) ?? DurationText.digits(value)
            }
            return CookbookRow(
                experiment: name, point: point, measure: reference.measure,
                measured: value.map(text) ?? "not measured",
                expected: "\(text(reference.expected)) (\(text(reference.low)) to \(text(reference.high)))",
                source: reference.source, value: value, isPassed: isWithin)
        }
        let thresholds = record.verdicts.map { verdict in
            let threshold = verdict.threshold
            return CookbookRow(
                experiment: name, point: point, measure: threshold.text,
                measured: verdict.value.map { threshold.measure.text($0) } ?? "not measured",
                expected: "must hold",
                source: "threshold: \(threshold.text)", value: verdict.value, isPassed: verdict.isPassed)
        }
        return references + thresholds
    }

    static func text(of value: ProfileValue) -> String {
        if case .text(let text) = value { text } else { value.description }
    }

    /// Columns as wide as their widest cell.
    static func table(_ rows: [CookbookRow]) -> [String] {
        let head = ["", "experiment", "at", "measure", "measured", "reference"]
        let cells =
            [head]
            + rows.map {
                [$0.isPassed ? "✓" : "✗", $0.experiment, $0.point, $0.measure, $0.measured, $0.expected]
            }
        let widths = head.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { line in
            line.indices.map { StyledText.pad(line[$0], widths[$0]) }.joined(separator: "  ")
                .trimmingSuffixSpaces()
        }
    }

    static func json(of record: RunRecord, _ rows: [CookbookRow]) -> JSON {
        var object: JSONObject = [
            "experiment": .string(record.experiment.name),
            "sweep": record.sweep.map { .string(text(of: $0)) } ?? .null,
            "seed": .int(record.seed), "seconds": .double(record.elapsed.seconds),
            "passed": .bool(rows.allSatisfy(\.isPassed)),
            "figures": .array(
                rows.map { row in
                    .object([
                        "measure": .string(row.measure), "value": row.value.map { .double($0) } ?? .null,
                        "measured": .string(row.measured), "reference": .string(row.expected),
                        "source": .string(row.source), "passed": .bool(row.isPassed),
                    ])
                }),
        ]
        if let digest = record.digest { object.append("digest", .string(RunSummary.hex(digest))) }
        return .object(object)
    }
}

extension String {
    fileprivate func trimmingSuffixSpaces() -> String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
