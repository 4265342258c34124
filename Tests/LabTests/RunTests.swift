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
        "--set", "stack.shares_per_minute=60",
    ]

    @Test("A live run of a small fleet passes its thresholds and counts every device's shares")
    func liveRunPasses() async throws {
        let result = try await LabProcess.run(["run", "hello", "--json"] + Self.short)
        #expect(result.status == 0, "\(result.output)\(result.fault)")
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
        #expect(result.status == 1, "\(result.output)\(result.fault)")
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

    @Test("An interrupted run ends in order with what was measured until then")
    func interrupted() async throws {
        let run = try LabProcess(["run", "hello", "--plain"])
        let began = try await Poll.until(seconds: 60) { run.output.contains("mining") || !run.isRunning }
        try #require(began && run.isRunning, "\(run.output)\(run.fault)")
        run.signal(SIGINT)
        let status = try await run.status(within: 20)
        #expect(status != nil)
        _ = try await Poll.until(seconds: 2) { run.output.contains("connections lost") }
        #expect(run.output.contains("ended early by interrupted"), "\(run.output)\(run.fault)")
        #expect(run.output.contains("devices"))
    }
}
