import DeviceModel
import Experiments
import Foundation
import JSONText
import Measurement
import Testing

@testable import Reports

@Suite("Comparison of runs")
struct ComparisonTests {
    private static func run(_ name: String, delay: Int64, seeds: Range<Int>) throws -> StoredRun {
        var records = try seeds.map { try SampleRuns.record(delay: delay, repetition: $0, seconds: 240) }
        // The same plan, whatever the link: what differs is measured.
        for index in records.indices {
            records[index].sweep = nil
            records[index].experiment = try SampleRuns.experiment()
        }
        return StoredRun(name: name, records: records)
    }

    @Test("a slower link differs in latency, and its hash rate shows no difference")
    func differs() throws {
        let comparison = RunComparison(
            try Self.run("fast", delay: 10, seeds: 0..<4), try Self.run("slow", delay: 100, seeds: 4..<8))
        let latency = try #require(comparison.lines.first { $0.name == "submit p(50)" })
        #expect(latency.test.finding == .differs)
        #expect(latency.test.difference > 0)
        let ratio = try #require(comparison.lines.first { $0.name == "mining_ratio mean" })
        #expect(ratio.test.finding == .noDifferenceShown)
        let text = comparison.text.joined(separator: "\n")
        #expect(text.contains("differs: B is greater"))
        #expect(text.contains("no difference shown at 5 %"))
    }

    @Test("one run each is too few to say, and what is doubtful is said first")
    func tooFew() throws {
        var a = try Self.run("a", delay: 10, seeds: 0..<1)
        a.records[0].degradations = ["a shard was lost"]
        let comparison = RunComparison(a, try Self.run("b <&>", delay: 10, seeds: 1..<2))
        #expect(!comparison.lines.isEmpty)
        #expect(comparison.lines.allSatisfy { $0.test.finding == .tooFew })
        #expect(comparison.text.contains { $0.contains("a: 1 of 1 records are degraded") })
        #expect(comparison.text.contains { $0.hasSuffix("too few runs to say") })
        let document = try XML.parse(comparison.html.replacing("<!DOCTYPE html>\n", with: ""))
        #expect(document.texts.contains("b <&>"))
        #expect(document.count("tr") == comparison.lines.count + 1)
        #expect(try JSON.parse(comparison.json.text)["measures"]?.arrayValue?.count == comparison.lines.count)
    }

    @Test("points of a sweep are compared with their like")
    func sweep() throws {
        let run = try SampleRuns.run(seconds: 130)
        let comparison = RunComparison(run, run)
        let points = Set(comparison.lines.map { $0.point.map(Wording.value) ?? "" })
        #expect(points == ["1", "25", "50", "100"])
        #expect(comparison.lines.allSatisfy { $0.a == $0.b && $0.test.finding != .differs })
        var other = run
        other.records.removeAll { $0.sweep == .integer(1) }
        #expect(RunComparison(run, other).cautions.contains { $0.contains("points differ") })
    }
}
