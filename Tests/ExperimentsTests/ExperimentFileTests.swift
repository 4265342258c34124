import DeviceModel
import Foundation
import JSONText
import SansIO
import Testing

@testable import Experiments

@Suite("Experiment files")
struct ExperimentFileTests {
    static let directory = ProfileFileTests.root + "/Profiles/experiments"
    static let library = ExperimentLibrary(devices: ProfileFileTests.library, links: LinkFileTests.library)

    static let minimal = """
        name = "mine"
        thresholds = ["stale_rate < 1% of home in steady"]
        [[fleets]]
        name = "home"
        count = 2
        profiles = ["bitaxe-gamma"]
        [[phases]]
        name = "steady"
        duration = "1m"
        """

    private func faults(_ from: String, _ to: String) throws -> [String] {
        #expect(Self.minimal.contains(from))
        let text = Self.minimal.replacingOccurrences(of: from, with: to)
        return try ExperimentFile(path: "mine.toml", text: text).faults(in: Self.library).map(\.description)
    }

    @Test(
        "every experiment of the library is free of faults and says what it shows and how to read it",
        arguments: ProfileLibrary(directory: directory).names)
    func library(name: String) throws {
        let file = try ExperimentFile(path: "\(Self.directory)/\(name).toml")
        #expect(file.faults(in: Self.library).map(\.description) == [])
        let points = try file.experiments(isLong: true)
        for point in points {
            #expect(point.experiment.name == name && !point.experiment.summary.isEmpty)
            #expect(!point.experiment.thresholds.isEmpty)
        }
        if name != "hello" {
            #expect(file.text.contains("How to read it"))
            #expect(points.allSatisfy { !$0.experiment.references.isEmpty })
        }
    }

    @Test("the cookbook has its twelve experiments")
    func twelve() {
        let names = Set(ProfileLibrary(directory: Self.directory).names)
        let expected: Set = [
            "stale-rate", "vardiff-convergence", "prevhash-fanout", "empty-work", "bandwidth", "job-interval",
            "thermal-throttling", "hashrate-estimation", "reconnect-storm", "declaration-fallback",
            "translator-aggregation", "mixed-hardware",
        ]
        #expect(expected.subtracting(names) == [])
    }

    @Test("a misspelt key tells file, line and the nearest right spelling")
    func misspeltKey() throws {
        let found = try faults("count = 2", "counts = 2")
        #expect(
            found.contains(
                "mine.toml:5: fleets.0.counts is not a key of an experiment: did you mean \"fleets.*.count\"?"
            ))
    }

    @Test("a wrong value tells line, key, what was found and what was expected")
    func wrongValue() throws {
        #expect(
            try faults("count = 2", "count = 0") == [
                "mine.toml:5: fleets.0.count is 0: it must be a whole number from 1 to 1000000"
            ])
        let length = try faults("duration = \"1m\"", "duration = \"soon\"")
        #expect(length.count == 1 && length[0].hasPrefix("mine.toml:9: phases.0.duration is \"soon\""))
    }

    @Test("a threshold names fleet or phase that are not there: line and nearest spelling")
    func unknownScope() throws {
        let fleet = try faults("of home", "of hom")
        #expect(
            fleet == [
                "mine.toml:2: thresholds: \"stale_rate < 1% of hom in steady\": no fleet is called \"hom\": "
                    + "did you mean \"home\"?"
            ])
        let phase = try faults("in steady", "in stedy")
        #expect(phase.count == 1 && phase[0].contains("did you mean \"steady\"?"))
    }

    @Test(
        "what is no threshold is named with its line",
        arguments: [
            ("stail_rate < 1%", "did you mean \"stale_rate\"?"), ("stale_rate 1%", "\"1%\" is no comparison"),
            ("stale_rate <", "a value is missing after <"), ("submit p(99) < 250", "no length of time"),
            ("submit p(101) < 1s", "at most 100"), ("stale_rate < 1% forever", "\"forever\" is too much"),
            ("stale_rate < many", "\"many\" is no number"),
        ])
    func badThreshold(text: String, part: String) throws {
        let found = try faults("stale_rate < 1% of home in steady", text)
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("mine.toml:2: thresholds ") && found[0].contains(part), "\(found)")
    }

    @Test("a device or link profile that is not there is named with its line")
    func unknownProfile() throws {
        let found = try faults("bitaxe-gamma", "bitaxe-gama")
        #expect(found.count == 1 && found[0].hasPrefix("mine.toml:6: fleets.0.profiles: "))
        #expect(found[0].contains("did you mean bitaxe-gamma?"))
        let link = try faults("count = 2", "count = 2\nlink = \"fibr\"")
        #expect(link.count == 1 && link[0].hasPrefix("mine.toml:6: fleets.0.link: "))
    }

    @Test("a reference must have a measure of this file, a band and a value of the sweep")
    func badReference() throws {
        let tail = """
            "1m"
            [sweep]
            key = "fleets.0.count"
            values = [2]
            [[references]]
            measure = "submit p(99) in steddy"
            sweep = 3
            expected = 1
            low = 2
            high = 1
            source = "nobody"
            """
        let found = try faults("\"1m\"", tail)
        #expect(found.contains { $0.contains("no phase is called \"steddy\"") })
        #expect(found.contains { $0.contains("low is above high") })
        #expect(found.contains { $0.contains("3 is no value of the sweep") })
    }

    @Test("long values of a sweep are runs only when asked for, and a sweep may have words for values")
    func sweeps() throws {
        let text =
            Self.minimal
            + "\n[sweep]\nkey = \"stack.vardiff\"\nvalues = [\"classic\", \"lab\"]\nlong = [\"ckpool\"]\n"
        let file = try ExperimentFile(path: "mine.toml", text: text)
        #expect(try file.experiments().map(\.experiment.stack.vardiff) == ["classic", "lab"])
        #expect(try file.experiments(isLong: true).map(\.experiment.stack.vardiff).last == "ckpool")
        let wrong = try ExperimentFile(
            path: "mine.toml", text: text.replacingOccurrences(of: "\"ckpool\"", with: "\"ckpol\""))
        #expect(wrong.faults.first?.description.contains("did you mean \"ckpool\"?") == true)
    }

    @Test("the published schema is the one that the program checks by")
    func schema() throws {
        let path = ProfileFileTests.root + "/Profiles/schema/experiment.schema.json"
        #expect(
            try String(contentsOfFile: path, encoding: .utf8) == ExperimentSchema.text,
            "write it anew with: lab experiment schema > Profiles/schema/experiment.schema.json")
        for key in Experiment.schema {
            var node = ExperimentSchema.json
            for part in key.path.split(separator: ".") {
                node = try #require(
                    part == "*" ? node["items"] : node["properties"]?[String(part)], "\(key.path)")
            }
            #expect(node["description"]?.stringValue?.contains(key.documentation) == true, "\(key.path)")
        }
    }
}

@Suite("Thresholds")
struct ThresholdTests {
    @Test("percent, lengths of time and plain numbers become one unit")
    func units() throws {
        #expect(try Threshold("stale_rate < 0.2%").limit == 0.002)
        #expect(try Threshold("submit p(99) < 250ms").limit == 0.25)
        #expect(try Threshold("recovery t(99%) <= 1m30s").limit == 90)
        #expect(try Threshold("shares_accepted rate >= 12.5").limit == 12.5)
        #expect(try Threshold("disconnections == 0").comparison == .equal)
    }

    @Test("spaces around operators are free, and the scope may stand on either side")
    func grammar() throws {
        let plain = try Threshold("hashrate_error < 3% @ 1h of home in steady abort")
        #expect(plain.aborts && plain.measure.last == .hours(1))
        #expect(plain.measure.fleet == "home" && plain.measure.phase == "steady")
        let tight = try Threshold("hashrate_error of home in steady @1h<3% abort")
        #expect(tight.measure == plain.measure && tight.limit == plain.limit && tight.aborts)
        #expect(try Threshold("submit p( 99 )<1s").measure.gathering == .percentile(99))
        #expect(try Threshold("reconnect t(99%) < 60s").measure.subject == .derived(.recovery))
    }

    @Test("each comparison holds where it should, and what was not measured holds nowhere")
    func comparisons() throws {
        for (text, low, same, high) in [
            ("<", true, false, false), ("<=", true, true, false), (">", false, false, true),
            (">=", false, true, true), ("==", false, true, false),
        ] {
            let threshold = try Threshold("jobs \(text) 5")
            #expect([4, 5, 6].map { threshold.holds($0) } == [low, same, high], "\(text)")
        }
        #expect(!Verdict(threshold: try Threshold("jobs < 5"), value: nil).isPassed)
    }
}
