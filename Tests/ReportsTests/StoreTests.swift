import Experiments
import Foundation
import Measurement
import Reports
import SansIO
import Testing

@Suite("Runs kept")
struct StoreTests {
    /// A directory that goes with its test.
    final class Folder {
        let path = NSTemporaryDirectory() + "runs-\(UUID().uuidString)"
        var file: String { path + "/runs.sqlite" }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test("a record that was stored is loaded as it was, news and histograms included")
    func roundTrip() throws {
        let folder = Folder()
        var record = try SampleRuns.record()
        record.digest = .max
        record.events = 12
        record.target = "stratum+tcp://pool.example:3333"
        record.degradations = ["shard 2 was lost"]
        record.endedBy = "a key"
        let name = try RunStore(directory: folder.path).begin(experiment: "storm", startedAt: 1_795_436_130)
        #expect(name == "storm-20261123-121530")
        try RunStore(directory: folder.path).save(record, to: name)
        let loaded = try RunStore(directory: folder.path).load(name)
        #expect(loaded == StoredRun(name: name, records: [record]))
    }

    @Test("an experiment changed by flags reads back to the nanosecond")
    func experimentText() throws {
        var experiment = try SampleRuns.experiment()
        experiment.actions[0].at = .nanoseconds(290_000_001)
        experiment.fleets[0].delay = .nanoseconds(12_345_679)
        experiment.fleets[1].backoff = .milliseconds(290)
        experiment.stack.isVardiffEnabled = false
        experiment.summary = "tabs\tand \"quotes\" \\ and\nlines"
        let again = try ExperimentFile(path: "x", text: experiment.text).experiment()
        #expect(again == experiment)
    }

    @Test("seconds of several shards, appended as they come, add up to the same series")
    func appended() throws {
        let folder = Folder()
        let store = try RunStore(directory: folder.path)
        let name = try store.begin(experiment: "storm", startedAt: 0)
        var record = try SampleRuns.record(seconds: 0)
        let recorder = try store.record(record, of: name)
        var random = PRNG(seed: 1)
        for index in 0..<130 {
            for _ in 0..<2 {
                let second = SampleRuns.second(index, delay: 10, &random)
                record.series.add(second)
                recorder.append(second)
            }
        }
        #expect(try store.runs()[0].outcome == nil)
        #expect(recorder.finish(record) == nil)
        #expect(try store.load(name).records == [record])
        #expect(try store.runs()[0].outcome == record.outcome)
    }

    @Test("a run that was killed keeps every committed second and says that it has no end")
    func killed() throws {
        let folder = Folder()
        let store = try RunStore(directory: folder.path)
        let name = try store.begin(experiment: "storm", startedAt: 0)
        let recorder = try store.record(try SampleRuns.record(seconds: 0), of: name)
        var random = PRNG(seed: 1)
        for index in 0..<5 { recorder.append(SampleRuns.second(index, delay: 10, &random)) }
        recorder.flush()
        // A kill leaves the files as they are: copied with the log, the last page of it torn.
        let copy = Folder()
        try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder.file, toPath: copy.file)
        var log = try Data(contentsOf: URL(fileURLWithPath: folder.file + "-wal"))
        log.append(log.suffix(3_000))
        try log.write(to: URL(fileURLWithPath: copy.file + "-wal"))
        let loaded = try RunStore(directory: copy.path).load(name)
        #expect(loaded.records[0].series.seconds.count == 5)
        #expect(loaded.records[0].endedBy?.contains("not recorded") == true)
    }

    @Test("a store that refuses does not stop the run, and takes everything once it can again")
    func refusal() throws {
        let folder = Folder()
        let store = try RunStore(directory: folder.path)
        let name = try store.begin(experiment: "storm", startedAt: 0)
        var record = try SampleRuns.record(seconds: 0)
        let recorder = try store.record(record, of: name)
        var random = PRNG(seed: 1)
        try store.limitPages(to: 1)
        for index in 0..<60 {
            let second = SampleRuns.second(index, delay: 10, &random)
            record.series.add(second)
            recorder.append(second)
        }
        let refused = recorder.finish(record)
        #expect(refused?.contains("seconds are not stored") == true)
        #expect(recorder.fault != nil)
        #expect(refused?.contains("the disk is full") == true)
        try store.limitPages(to: 1_000_000)
        #expect(recorder.finish(record) == nil)
        #expect(try store.load(name).records == [record])
    }

    @Test("a foreign, a newer and a ruined file are named and left alone")
    func foreignFiles() throws {
        let folder = Folder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        let text = Data("this is no database, it is long enough to be taken for one".utf8)
        try text.write(to: URL(fileURLWithPath: folder.file))
        #expect(throws: RunStoreFault.foreign(folder.file, "is no SQLite file")) {
            try RunStore(directory: folder.path)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.file)) == text)
        let newer = Folder()
        try RunStore(directory: newer.path).setVersion(9)
        #expect {
            try RunStore(directory: newer.path)
        } throws: {
            "\($0)".contains("version 9") && "\($0)".contains(newer.file)
        }
    }

    @Test("a name's beginning is enough where it is the only one, and last is the newest")
    func names() throws {
        let folder = Folder()
        let store = try RunStore(directory: folder.path)
        let record = try SampleRuns.record(seconds: 2)
        for (name, time) in [("alpha", 100), ("beta x/y", 200), ("beta x/y", 200)] as [(String, UInt64)] {
            try store.save(record, to: try store.begin(experiment: name, startedAt: time))
        }
        #expect(
            try store.runs().map(\.name) == [
                "beta-x-y-19700101-000320-2", "beta-x-y-19700101-000320", "alpha-19700101-000140",
            ])
        #expect(try store.name(for: "al") == "alpha-19700101-000140")
        #expect(try store.name(for: "last") == "beta-x-y-19700101-000320-2")
        #expect { try store.name(for: "be") } throws: { "\($0)".contains("any of 2 runs") }
        #expect { try store.name(for: "gamma") } throws: { "\($0)".contains("no run is called \"gamma\"") }
        try store.delete("alpha-19700101-000140")
        #expect(try store.runs().map(\.seconds) == [2, 2])
    }
}
