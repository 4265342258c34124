import Foundation
import JSONText
import Testing

/// `lab run` in the live world: sockets, our own stack, exit statuses.
@Suite(.serialized)
struct RunTests {
    /// A few seconds of the shortest experiment, with devices that share often.
    private static let short = [
        "--set", "phases.0.duration=3", "--set", "phases.1.duration=4", "--set", "fleets.0.ramp=1s",
        "--set", "fleets.1.ramp=1s", "--set", "fleets.0.count=12", "--set", "fleets.1.count=8",
        "--set", "stack.shares_per_minute=60", "--no-keep",
    ]

    /// Nothing in it depends on how fast this machine is.
    private static let lenient = short + ["--set", "thresholds=shares_accepted > 20"]

    /// What a run says of itself where other programs leave it no processor is as true as what it measured.
    private static func isTrue(_ status: Int32?, _ expected: Int32, _ output: String) -> Bool {
        status == expected || status == 2 && output.contains("degraded")
    }

    /// Any of a process's threads may have started one.
    private static func children(of process: Int32) -> [Int32] {
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        return threads.flatMap { thread in
            let path = "/proc/\(process)/task/\(thread)/children"
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
    }

    @Test("A live run of a small fleet passes its thresholds and counts every device's shares")
    func liveRunPasses() async throws {
        let result = try await LabProcess.run(["run", "hello", "--json"] + Self.lenient)
        #expect(Self.isTrue(result.status, 0, result.output), "\(result.output)\(result.fault)")
        let report = try JSON.parse(result.output)
        #expect(report["world"]?.stringValue == "live")
        #expect(report["seconds"]?.int64 == 7)
        let total = try #require(report["total"])
        #expect(total["channels"]?.int64 == 20)
        #expect(total["mining"]?.double == 20)
        let accepted = try #require(total["shares_accepted"]?.int64)
        #expect(accepted > 20)
        #expect(total["shares_rejected"] == nil, "nothing is stale without a block")
        #expect((total["work_accepted"]?.int64 ?? 0) > 0, "our own pool says what it credited")
    }

    @Test("A threshold that does not hold ends with status 1 and says what was measured")
    func failedThreshold() async throws {
        let result = try await LabProcess.run(
            ["run", "hello", "--plain", "--set", "thresholds=submit p(50) < 1us"] + Self.short)
        #expect(Self.isTrue(result.status, 1, result.output), "\(result.output)\(result.fault)")
        #expect(result.output.contains("✗ submit p(50) < 1us"))
        #expect(result.output.contains("20/20 mining"))
    }

    @Test(
        "A wrong file, key or flag ends with status 3 and one line that names it",
        arguments: [
            (["run", "helo"], "did you mean hello?"),
            (["run", "hello", "--set", "phases.0.duration=soon"], "phases.0.duration is \"soon\""),
            (["run", "hello", "--set", "fleets.0.delay_ms=20"], "--virtual"),
            (["run", "hello", "--no-such-flag"], "--no-such-flag"),
        ])
    func wrongUse(arguments: [String], says: String) async throws {
        let result = try await LabProcess.run(arguments)
        #expect(result.status == 3, "\(result.output)\(result.fault)")
        #expect(result.fault.contains(says), "\(result.fault)")
    }

    @Test("A target where nobody listens ends with status 4 and names it")
    func targetRefuses() async throws {
        let url = "stratum+tcp://127.0.0.1:\(try Loopback.freePort())"
        let result = try await LabProcess.run(
            [
                "run", "hello", "--plain", "--set", "stack.target=\(url)", "--set", "fleets.0.via=target",
                "--set", "fleets.1.via=target",
            ] + Self.short)
        #expect(result.status == 4, "\(result.output)\(result.fault)")
        #expect(result.fault.contains("\(url) cannot be reached: Connection refused"), "\(result.fault)")
    }

    @Test(
        "The same fleet in two processes is whole: every device has its channel, and the seconds are one run's"
    )
    func shards() async throws {
        let result = try await LabProcess.run(["run", "hello", "--json", "--shards", "2"] + Self.lenient)
        #expect(Self.isTrue(result.status, 0, result.output), "\(result.output)\(result.fault)")
        let report = try JSON.parse(result.output)
        #expect(report["seconds"]?.int64 == 7)
        #expect(report["total"]?["channels"]?.int64 == 20)
        #expect(report["total"]?["mining"]?.double == 20)
        #expect((report["total"]?["shares_accepted"]?.int64 ?? 0) > 20)
    }

    @Test("When a shard is killed, the run goes on with the rest, says so, and ends with status 2")
    func killedShard() async throws {
        let run = try LabProcess(
            ["run", "hello", "--plain", "--shards", "2"] + Self.short + ["--set", "phases.1.duration=12"])
        let began = try await Poll.until(seconds: 60) {
            run.output.contains("20/20 mining") || !run.isRunning
        }
        try #require(began && run.isRunning, "\(run.output)\(run.fault)")
        let shard = try #require(Self.children(of: run.identifier).max(), "the workers are its children")
        kill(shard, SIGKILL)
        let status = try await run.status(within: 60)
        #expect(status == 2, "\(run.output)\(run.fault)")
        _ = try await Poll.until(seconds: 2) { run.output.contains("connections lost") }
        #expect(run.output.contains("degraded: shard 1 is lost"), "\(run.output)")
        #expect(run.output.contains("00:00:15"), "the other one went to the end")
    }

    @Test("Workers that are started by somebody else run an experiment for `lab coordinate`")
    func coordinate() async throws {
        let port = try Loopback.freePort()
        let secrets = ["LAB_RUN_ID": "test", "LAB_TOKEN": "secret", "LAB_COORDINATOR": "127.0.0.1:\(port)"]
        let stranger = try LabProcess(
            ["worker"], environment: secrets.merging(["LAB_TOKEN": "guess"]) { $1 })
        let workers = try (0..<2).map { index in
            try LabProcess(
                ["worker"], environment: secrets.merging(["JOB_COMPLETION_INDEX": "\(index)"]) { $1 })
        }
        let coordinator = try LabProcess(
            ["coordinate", "hello", "--plain", "--expect", "2", "--listen", "127.0.0.1:\(port)"]
                + Self.lenient,
            environment: secrets)
        let status = try await coordinator.status(within: 60)
        #expect(Self.isTrue(status, 0, coordinator.output), "\(coordinator.output)\(coordinator.fault)")
        #expect(coordinator.output.contains("20/20 mining"))
        for worker in workers { #expect(try await worker.status(within: 10) == 0, "\(worker.fault)") }
        #expect(try await stranger.status(within: 10) == 4)
        #expect(stranger.fault.contains("wrong token"), "\(stranger.fault)")
    }

    @Test("An interrupted run ends in order with what was measured until then")
    func interrupted() async throws {
        let run = try LabProcess(["run", "hello", "--plain", "--no-keep"])
        let began = try await Poll.until(seconds: 60) { run.output.contains("mining") || !run.isRunning }
        try #require(began && run.isRunning, "\(run.output)\(run.fault)")
        run.signal(SIGINT)
        let status = try await run.status(within: 20)
        #expect(status != nil)
        _ = try await Poll.until(seconds: 2) { run.output.contains("connections lost") }
        #expect(run.output.contains("ended early by interrupted"), "\(run.output)\(run.fault)")
        #expect(run.output.contains("devices"))
    }

    @Test("A run is kept, and told again as a list, a page and test cases")
    func kept() async throws {
        let directory = try TemporaryDirectory()
        let store = directory.path + "/runs"
        let run = try await LabProcess.run([
            "run", "hello", "--virtual", "--plain", "--runs", store, "--set", "phases.0.duration=10",
            "--set", "phases.1.duration=50", "--set", "thresholds=shares_accepted > 20",
        ])
        #expect(run.status == 0, "\(run.output)\(run.fault)")
        let name = try #require(run.output.firstMatch(of: /kept as (hello-[0-9-]+);/)?.output.1)
        let list = try await LabProcess.run(["runs", "--data", store])
        #expect(list.output.contains(name), "\(list.output)\(list.fault)")
        let page = directory.path + "/page.html"
        let report = try await LabProcess.run(["report", "last", "--data", store, "--output", page])
        #expect(report.status == 0, "\(report.fault)")
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("</html>"))
        let cases = try await LabProcess.run(["report", "last", "--data", store, "--format", "junit"])
        #expect(cases.output.contains("<testcase"), "\(cases.output)\(cases.fault)")
        let missing = try await LabProcess.run(["report", "nothing", "--data", store])
        #expect(missing.status != 0 && missing.fault.contains("nothing"), "\(missing.fault)")
    }
}
