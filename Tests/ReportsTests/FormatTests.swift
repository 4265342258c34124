import Experiments
import Foundation
import FoundationXML
import JSONText
import Measurement
import Testing

@testable import Reports

@Suite("Forms of a run")
struct FormatTests {
    @Test("JSON holds the whole run: read again it is the same")
    func json() throws {
        var run = try SampleRuns.run(seconds: 130)
        run.records = Array(run.records.suffix(2))
        let text = RunFormat.json.text(run)
        #expect(try StoredRun(JSON.parse(text)) == run)
        #expect(throws: RunStoreFault.self) {
            try StoredRun(JSON.parse("{\"schema\": \"mining-lab/run/2\"}"))
        }
    }

    @Test("CSV has a row for each second and fleet, all of one width, and its sums are the run's")
    func csv() throws {
        var record = try SampleRuns.record(seconds: 130)
        record.experiment.fleets[0].name = "home, \"sweet\""
        let text = RunFormat.csv.text(StoredRun(name: "a", records: [record]))
        let rows = text.split(separator: "\n").map { Self.fields(String($0)) }
        #expect(rows.count == 1 + 130 * 2)
        #expect(Set(rows.map(\.count)).count == 1)
        let column = try #require(rows[0].firstIndex(of: "shares_accepted"))
        let accepted = rows.dropFirst().reduce(0) { $0 + (UInt64($1[column]) ?? 0) }
        #expect(accepted == record.series.sum(0..<130)[.sharesAccepted])
        let fleet = try #require(rows[0].firstIndex(of: "fleet"))
        #expect(rows[1][fleet] == "home, \"sweet\"")
        #expect(RunCSV.field("=cmd()") == "'=cmd()")
    }

    /// RFC 4180, one line.
    private static func fields(_ line: String) -> [String] {
        var fields = [""]
        var isQuoted = false
        var previous: Character = ","
        for character in line {
            if character == "\"" {
                isQuoted.toggle()
                if isQuoted, previous == "\"" { fields[fields.count - 1].append("\"") }
            } else if character == ",", !isQuoted {
                fields.append("")
            } else {
                fields[fields.count - 1].append(character)
            }
            previous = character
        }
        return fields
    }

    @Test("JUnit is well-formed, with thresholds and references as cases and a flaw as an error")
    func junit() throws {
        var run = try SampleRuns.run(seconds: 200)
        run.records[0].degradations = ["shard <2> was lost & \"gone\"\u{1}"]
        let document = try XML.parse(RunFormat.junit.text(run))
        #expect(document.count("testsuite") == run.records.count)
        // Four thresholds; one reference for every point and one for 50 ms; the flaw.
        #expect(document.count("testcase") == 12 * 4 + 12 + 3 + 1)
        #expect(document.count("error") == 1)
        let failures = run.records.reduce(0) {
            $0 + $1.verdicts.count { !$0.isPassed } + $1.comparisons.count { !$0.isWithin }
        }
        #expect(failures > 0)
        #expect(document.count("failure") == failures)
    }
}

/// Well-formed XML: tag names in their order.
final class XML: NSObject, XMLParserDelegate {
    private(set) var tags: [String] = []
    private(set) var texts = ""

    func count(_ tag: String) -> Int { tags.count { $0 == tag } }

    static func parse(_ text: String) throws -> XML {
        let parser = XMLParser(data: Data(text.utf8))
        let document = XML()
        parser.delegate = document
        if !parser.parse() { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
        return document
    }

    func parser(
        _: XMLParser, didStartElement name: String, namespaceURI _: String?, qualifiedName _: String?,
        attributes _: [String: String]
    ) {
        tags.append(name)
    }

    func parser(_: XMLParser, foundCharacters text: String) { texts += text }
}
