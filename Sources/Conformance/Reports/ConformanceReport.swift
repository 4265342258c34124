import JSONText
import SansIO

/// What a run found, clause by clause.
public struct ConformanceReport: Sendable {
    public struct Row: Sendable {
        public var check: Check
        /// Nil for a check whose number no clause has; the suite's own tests forbid it.
        public var clause: Clause?
        public var result: CheckResult
    }

    /// The address, as the operator wrote it.
    public var target: String
    public var role: ConformanceRole
    /// Unix seconds.
    public var unixTime: UInt32
    /// In the suite's order.
    public var rows: [Row]

    public init(
        target: String, role: ConformanceRole, unixTime: UInt32, results: [CheckResult],
        checks: [Check] = ConformanceSuite.checks
    ) {
        self.target = target
        self.role = role
        self.unixTime = unixTime
        rows = checks.compactMap { check in
            guard let result = results.first(where: { $0.id == check.id }) else { return nil }
            return Row(check: check, clause: Clause.find(check.id), result: result)
        }
    }

    public func count(_ word: String) -> Int { rows.count { $0.result.verdict.word == word } }
    public var failures: Int { count("fail") }

    /// `61 pass, 1 fail, 4 skip, 0 unknown of 66 checks`.
    public var summary: String {
        "\(count("pass")) pass, \(count("fail")) fail, \(count("skip")) skip, \(count("unknown")) unknown "
            + "of \(rows.count) checks"
    }

    /// Clauses that concern servers of this suite and that no check tests, with the reason.
    public static var untested: [(clause: Clause, reason: String)] {
        Clause.all.compactMap { clause in
            if case .notFromOutside(let reason) = clause.test { (clause, reason) } else { nil }
        }
    }

    // MARK: text

    /// One line per check; failures and unknowns with what was seen.
    public func text(showsEvidence: Bool = true) -> String {
        var lines = ["conformance of \(role.rawValue) \(target)", ""]
        for row in rows {
            lines.append(ConformanceReport.line(row.result, title: row.check.title))
            if showsEvidence, row.result.verdict.isFailure { lines.append(evidence(of: row)) }
        }
        lines += ["", summary]
        return lines.joined(separator: "\n") + "\n"
    }

    /// The clause and the last of what was said, for a failure.
    public func evidence(of row: Row) -> String {
        var text = "\(row.check.id): \(row.result.verdict.reason)\n"
        if let clause = row.clause { text += "    \(clause.level.rawValue): \(clause.text)\n" }
        for exchange in row.result.evidence.suffix(12) { text += "    \(exchange.line)\n" }
        return text
    }

    /// `FAIL    SV2-3.6.3-01  title: reason`.
    public static func line(_ result: CheckResult, title: String) -> String {
        let word = result.verdict.word
        let shown = word == "fail" ? "FAIL" : word
        let pad = { (text: String, width: Int) in
            text + String(repeating: " ", count: max(1, width - text.count))
        }
        return pad(shown, 9) + pad(result.id, 16) + title + ": " + result.verdict.reason
    }

    // MARK: JSON

    public var json: JSON {
        var object = JSONObject()
        object.append("target", .string(target))
        object.append("role", .string(role.rawValue))
        object.append("time", .int(unixTime))
        object.append("specification", "stratum-mining/sv2-spec 0f38d51, 2026-08-20")
        var counts = JSONObject()
        for word in ["pass", "fail", "skip", "unknown"] { counts.append(word, .int(count(word))) }
        object.append("counts", .object(counts))
        object.append("checks", .array(rows.map(ConformanceReport.json)))
        object.append(
            "untested",
            .array(
                ConformanceReport.untested.map { entry in
                    [
                        "id": .string(entry.clause.id), "level": .string(entry.clause.level.rawValue),
                        "text": .string(entry.clause.text), "reason": .string(entry.reason),
                    ]
                }))
        return .object(object)
    }

    private static func json(_ row: Row) -> JSON {
        var object = JSONObject()
        object.append("id", .string(row.check.id))
        object.append("title", .string(row.check.title))
        object.append("level", .string(row.clause?.level.rawValue ?? ""))
        object.append("clause", .string(row.clause?.text ?? ""))
        object.append("verdict", .string(row.result.verdict.word))
        object.append("reason", .string(row.result.verdict.reason))
        object.append("seconds", .double(row.result.duration.seconds))
        object.append("evidence", .array(row.result.evidence.map(json)))
        return .object(object)
    }

    private static func json(_ exchange: Exchange) -> JSON {
        [
            "seconds": .double(exchange.at.seconds), "connection": .int(exchange.slot),
            "direction": .string(exchange.direction.rawValue), "text": .string(exchange.text),
            "hex": .string(exchange.hex),
        ]
    }
}

extension Exchange {
    /// One line for a person.
    var line: String {
        let arrow =
            switch direction {
            case .sent: "->"
            case .received: "<-"
            case .event: "--"
            }
        let millis = at.nanoseconds / 1_000_000
        return "\(millis) ms #\(slot) \(arrow) \(text)" + (hex.isEmpty ? "" : "  \(hex.prefix(96))")
    }
}
