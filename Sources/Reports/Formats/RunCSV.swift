import Experiments
import Measurement
import SansIO

/// A row for each second and fleet, with a head line. Times in milliseconds, hash rates in H/s, power in watts.
struct RunCSV {
    private let run: StoredRun

    init(_ run: StoredRun) { self.run = run }

    private static let head: [String] =
        ["run", "record", "sweep", "repetition", "seed", "second", "phase", "fleet"]
        + Counter.allCases.map(\.name) + Level.allCases.map(\.name)
        + Latency.allCases.flatMap { latency in
            ["count", "p50_ms", "p99_ms", "max_ms"].map { "\(latency.name)_\($0)" }
        } + ["reasons"]

    var text: String {
        var text = Self.head.joined(separator: ",") + "\n"
        for (number, record) in run.records.enumerated() { append(record, number + 1, to: &text) }
        return text
    }

    private func append(_ record: RunRecord, _ number: Int, to text: inout String) {
        let experiment = record.experiment
        let start =
            "\(Self.field(run.name)),\(number),\(Self.field(record.sweep.map(Wording.value) ?? ""))"
            + ",\(record.repetition),\(record.seed),"
        for second in record.series.seconds {
            let phase = experiment.phase(at: .seconds(UInt64(second.index)))?.plan.name ?? ""
            for (fleet, values) in zip(experiment.fleets, second.fleets) {
                text += start + "\(second.index),\(Self.field(phase)),\(Self.field(fleet.name))"
                for counter in Counter.allCases { text += ",\(values[counter])" }
                for level in Level.allCases { text += ",\(DurationText.digits(values[level]))" }
                for latency in Latency.allCases { text += Self.fields(values, latency) }
                let reasons = values.reasons.map { "\($0.name)=\($0.count)" }.joined(separator: ";")
                text += ",\(Self.field(reasons))\n"
            }
        }
    }

    private static func fields(_ second: FleetSecond, _ latency: Latency) -> String {
        guard second.has(latency), !second[latency].isEmpty else { return ",0,,," }
        let histogram = second[latency]
        let (median, high) = (histogram.nearest(50), histogram.nearest(99))
        return ",\(histogram.count),"
            + [median, high, histogram.max].map { DurationText.digits($0.seconds * 1_000) }
            .joined(separator: ",")
    }

    /// Quoted where RFC 4180 asks for it. A spreadsheet must not take a pool's word for a formula.
    static func field(_ text: String) -> String {
        var text = text
        if let first = text.first, "=+-@\t".contains(first), Double(text) == nil { text = "'" + text }
        guard text.contains(where: { ",\"\r\n".contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
