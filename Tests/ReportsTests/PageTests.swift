import Experiments
import Foundation
import Measurement
import SansIO
import Testing

@testable import Reports

@Suite("The HTML report")
struct PageTests {
    private static func body(_ text: String) -> String { text.replacing("<!DOCTYPE html>\n", with: "") }

    @Test("is well-formed, runs no script and loads nothing")
    func selfContained() throws {
        var text = RunFormat.html.text(try SampleRuns.run(seconds: 130))
        if let path = ProcessInfo.processInfo.environment["LAB_REPORT_SAMPLE"] {
            text = RunFormat.html.text(try SampleRuns.run())
            try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/sweep.html"))
            let one = StoredRun(name: "storm-20261123-121530", records: [try SampleRuns.record()])
            try Data(RunFormat.html.text(one).utf8).write(to: URL(fileURLWithPath: path + "/one.html"))
        }
        let document = try XML.parse(Self.body(text))
        #expect(document.count("svg") > 20)
        for tag in ["script", "link", "img", "iframe", "object", "a"] { #expect(document.count(tag) == 0) }
        for word in ["http:", "https:", "url(", "@import", "src=", "href=", "onload"] {
            #expect(!text.contains(word), "\(word)")
        }
    }

    @Test("says the names of others as text, whatever they are made of")
    func escaping() throws {
        var record = try SampleRuns.record(seconds: 60)
        record.degradations = ["shard <b>2</b> & \"more\""]
        record.experiment.fleets[1].name = "'><svg onload=alert(1)>"
        let text = RunFormat.html.text(StoredRun(name: "<&\">", records: [record]))
        let document = try XML.parse(Self.body(text))
        #expect(!text.contains("<script"))
        #expect(!text.contains("<svg onload"))
        #expect(document.texts.contains("shard <b>2</b> & \"more\""))
        #expect(document.texts.contains("'><svg onload=alert(1)>"))
    }

    @Test("says verdicts in words, beside the value that was measured")
    func verdicts() throws {
        let record = try SampleRuns.record()
        let text = RunFormat.html.text(StoredRun(name: "storm", records: [record]))
        #expect(record.outcome == .failed)
        #expect(text.contains("failed: a threshold does not hold"))
        #expect(text.contains("✗ does not hold"))
        #expect(text.contains("✓ holds"))
        #expect(text.contains("✓ within the band"))
        #expect(text.contains("The generator is in doubt for 1 second"))
        for verdict in record.verdicts {
            let value = try #require(verdict.value)
            #expect(text.contains(Markup.escape(verdict.threshold.text)))
            #expect(text.contains(Markup.escape(verdict.threshold.measure.text(value))))
        }
    }

    @Test("stands for a run of which nothing was measured, too")
    func empty() throws {
        let record = try SampleRuns.record(seconds: 0)
        for records in [[], [record]] {
            let text = RunFormat.html.text(StoredRun(name: "x", records: records))
            _ = try XML.parse(Self.body(text))
        }
    }

    @Test("a long series is thinned and its only spike stays")
    func thinning() {
        var points = (0..<100_000).map { PlotPoint(x: Double($0), y: sin(Double($0) / 500)) }
        points[61_803].y = 50
        points[31_415].y = -50
        let thin = Thinning.points(points)
        #expect(thin.count <= 600)
        #expect(thin.contains(points[61_803]))
        #expect(thin.contains(points[31_415]))
        #expect(thin.map(\.x) == thin.map(\.x).sorted())
        #expect(Thinning.points(Array(points.prefix(600))).count == 600)
    }

    @Test(
        "an axis begins and ends on round numbers and covers its values",
        arguments: [[0.0, 7], [3, 96.5], [-4, 12], [0, 0.000_31], [0, 123_456_789], [5, 5]])
    func axis(values: [Double]) {
        let axis = Axis.linear("x", values)
        #expect(axis.low <= values[0] && axis.high >= values[1] && axis.high > axis.low)
        #expect((3...9).contains(axis.ticks.count))
        #expect(abs(axis.ticks[axis.ticks.count - 1].value - axis.high) < 1e-9 * axis.high)
        let log = Axis.logarithmicDuration("x", values.map { abs($0) })
        #expect(log.ticks.count >= 1)
    }
}
