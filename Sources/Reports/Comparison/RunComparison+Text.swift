import DeviceModel
import Experiments
import JSONText
import SansIO

extension RunComparison {
    /// For a terminal, a line each.
    public var text: [String] {
        var lines = ["A  \(nameA)", "B  \(nameB)"]
        lines += cautions.map { "!  \($0)" }
        let cells = self.lines.map { self.cells($0) }
        let heads = ["measure", "at", "A", "B", "B − A, 95 % interval", "finding"]
        let rows = [heads] + cells
        let hasPoints = self.lines.contains { $0.point != nil }
        let columns = hasPoints ? Array(heads.indices) : [0, 2, 3, 4, 5]
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let padded = zip(columns, widths).map { column, width in
                row[column] + String(repeating: " ", count: width - row[column].count)
            }
            var line = padded.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            lines.append(line)
        }
        return lines
    }

    /// Measure, point, both means with their numbers, difference, finding.
    private func cells(_ line: Line) -> [String] {
        func mean(_ sample: Sample) -> String {
            sample.values.isEmpty ? "not measured" : "\(line.measure.text(sample.mean)) (n \(sample.count))"
        }
        return [
            line.name, line.point.map(Wording.value) ?? "", mean(line.a), mean(line.b), difference(line),
            finding(line),
        ]
    }

    private func difference(_ line: Line) -> String {
        guard !line.a.values.isEmpty, !line.b.values.isEmpty else { return "–" }
        let sign = line.test.difference < 0 ? "−" : "+"
        let size = sign + line.measure.text(abs(line.test.difference))
        return line.test.halfWidth.map { "\(size) ± \(line.measure.text($0))" } ?? size
    }

    private func finding(_ line: Line) -> String {
        guard line.test.finding == .differs, let probability = line.test.probability else {
            return line.test.finding.rawValue
        }
        let word = line.test.difference > 0 ? "B is greater" : "B is less"
        let chance = probability < 0.0001 ? "p < 0.0001" : "p = \(DurationText.digits(probability))"
        return "differs: \(word) (\(chance))"
    }

    /// As one HTML file that loads nothing.
    public var html: String {
        var body = "<h1>Comparison</h1>\n<p>A is <code>\(Markup.escape(nameA))</code>, "
        body += "B is <code>\(Markup.escape(nameB))</code>.</p>\n"
        if !cautions.isEmpty {
            body += "<ul class=\"flaws warn\">"
            body += cautions.map { "<li>⚠ \(Markup.escape($0))</li>" }.joined() + "</ul>\n"
        }
        let differing = lines.count { $0.test.finding == .differs }
        body += "<p><strong>\(differing) of \(lines.count) measures differ at 5 %.</strong> "
        body +=
            "<span class=\"note\">Means over repetitions; the interval of the difference by Welch's t test, which asks for "
        body +=
            "neither equal variances nor equal numbers. “No difference shown” does not say that there is none: the "
        body += "interval says how large one could be.</span></p>\n"
        let rows = lines.map { line -> [Table.Cell] in
            let cells = self.cells(line)
            return [
                .head(cells[0]), .text(cells[1]), .number(cells[2]), .number(cells[3]), .number(cells[4]),
            ]
                + [
                    line.test.finding == .differs
                        ? .markup("<strong>\(Markup.escape(cells[5]))</strong>") : .text(cells[5])
                ]
        }
        body +=
            Table(
                heads: ["measure", "at", "#A", "#B", "#B − A, 95 % interval", "finding"], rows: rows
            ).html
        return RunPage.document("\(nameA) and \(nameB)", body)
    }

    public var json: JSON {
        func sample(_ sample: Sample) -> JSON {
            .object([
                "n": .int(sample.count), "mean": sample.values.isEmpty ? .null : .double(sample.mean),
                "values": .array(sample.values.map { .double($0) }),
            ])
        }
        return .object([
            "schema": "mining-lab/comparison/1", "a": .string(nameA), "b": .string(nameB),
            "cautions": .array(cautions.map { .string($0) }),
            "measures": .array(
                lines.map { line in
                    .object([
                        "measure": .string(line.name), "point": line.point.map(RecordJSON.value) ?? .null,
                        "a": sample(line.a), "b": sample(line.b),
                        "difference": line.a.values.isEmpty || line.b.values.isEmpty
                            ? .null : .double(line.test.difference),
                        "half_width": line.test.halfWidth.map { .double($0) } ?? .null,
                        "p": line.test.probability.map { .double($0) } ?? .null,
                        "finding": .string(line.test.finding.rawValue),
                    ])
                }),
        ])
    }
}
