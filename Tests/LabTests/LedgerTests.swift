import Foundation
import Testing

/// The pool's books as an operator meets them: kills, and looking while it runs.
@Suite(.serialized) struct LedgerCommandTests {
    /// LAB_KILLS makes it more.
    private static let kills = ProcessInfo.processInfo.environment["LAB_KILLS"].flatMap { Int($0) } ?? 3

    private struct Channel: Decodable {
        let shares: Int
        let last_sequence_number: Int
    }

    private func channels(_ data: String) async throws -> [Channel] {
        let result = try await LabProcess.run(
            ["ledger", "channels", "--data", data, "--json", "--limit", "100000"])
        guard result.status == 0 else { return [] }
        return try JSONDecoder().decode([Channel].self, from: Data(result.output.utf8))
    }

    private func shares(_ data: String) async throws -> Int {
        try await channels(data).reduce(0) { $0 + $1.shares }
    }

    private func start(_ arguments: [String], until text: String) async throws -> LabProcess {
        let process = try LabProcess(arguments)
        let serves = try await Poll.until(seconds: 60) { !process.isRunning || process.output.contains(text) }
        try #require(serves && process.isRunning, "\(process.output)\n\(process.fault)")
        return process
    }

    @Test("Killed while miners mine, a pool has every share in its books that a miner saw acknowledged, once")
    func killed() async throws {
        let directory = try TemporaryDirectory()
        let data = directory.path
        let node = try await start(
            [
                "node", "--data", data, "--network", "labnet", "--block-hashes", "1e7", "--rpc-port", "0",
                "--p2p-port", "0", "--template-port", "0",
            ], until: "; height")
        let templates = try #require(node.output.firstMatch(of: /templates (127.0.0.1:[0-9]+)/))
        var port = "0"
        func startPool() async throws -> LabProcess {
            try await start(
                [
                    "pool", "--data", data, "--port", port, "--jds-port", "0", "--jdc-port", "0",
                    "--template-provider", String(templates.1), "--shares-per-minute", "600",
                ], until: "pool stratum2+tcp")
        }
        var pool = try await startPool()
        let url = try #require(pool.output.firstMatch(of: /pool (stratum2\+tcp:\S+:([0-9]+)\/\S+)/))
        port = String(url.2)
        let fleet = try LabProcess([
            "fleet", "--pool", String(url.1), "--count", "10", "--ramp", "1s", "--scale", "1e-10",
        ])
        for _ in 0..<Self.kills {
            let before = try await shares(data)
            let grows = try await Poll.until(seconds: 60) { try await shares(data) > before + 30 }
            try #require(grows, "\(pool.output)\n\(fleet.output)\n\(fleet.fault)")
            pool.signal(SIGKILL)
            _ = try await pool.status(within: 10)
            pool = try await startPool()
        }
        let before = try await shares(data)
        _ = try await Poll.until(seconds: 60) { try await shares(data) > before }
        fleet.signal(SIGINT)
        _ = try await fleet.status(within: 20)
        pool.signal(SIGTERM)
        #expect(try await pool.status(within: 10) == 0)
        let summary = try #require(
            fleet.output.firstMatch(of: /accepted    ([0-9,]+) \(/), "\(fleet.output)\n\(fleet.fault)")
        let acknowledged = try #require(Int(summary.1.filter(\.isNumber)))
        let books = try await channels(data)
        #expect(acknowledged > 0)
        #expect(books.reduce(0) { $0 + $1.shares } >= acknowledged)
        // A miner numbers what it submits, so a share that counted twice would be one more than there were.
        for channel in books { #expect(channel.shares <= channel.last_sequence_number + 1) }
        node.signal(SIGTERM)
        _ = try await node.status(within: 10)
    }

    @Test("without books the command says where it looked")
    func nothing() async throws {
        let directory = try TemporaryDirectory()
        let result = try await LabProcess.run(["ledger", "--data", directory.path])
        #expect(result.status == 1)
        #expect(
            result.fault
                == "lab: \(directory.path) holds no pool's books; name the pool's directory with --data\n")
        let wrong = try await LabProcess.run(["ledger", "payouts", "--fee", "120"])
        #expect(wrong.status != 0 && wrong.fault.contains("--fee is a percentage"))
    }
}
