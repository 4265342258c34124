import Foundation
import Runtime
import Testing

/// The whole stack over real sockets: device, translator and CPU miner mine real regtest blocks.
@Suite("lab up", .serialized)
struct UpTests {
    @Test(
        "device and CPU miner mine blocks that Bitcoin Core's own engine accepts, byte for byte",
        .enabled(if: Kernel.isThere, "py-bitcoinkernel is not installed: 1 test of mined blocks skipped"))
    func minesValidBlocks() async throws {
        let directory = try TemporaryDirectory()
        let lab = try await RunningLab(data: directory.path)
        #expect(lab.network == "regtest")
        for role in ["pool", "template_provider", "jds", "jdc"] {
            #expect(try lab.value(role, "authority").hasPrefix("9"), "an authority key starts with 9")
            #expect(try lab.value(role, "address").hasPrefix("127.0.0.1:"))
        }
        let mined = try await Poll.until(seconds: 120) {
            lab.process.output.contains("found by lab.bitaxe-gamma")
                && lab.process.output.contains("found by lab.cpu")
        }
        #expect(mined, "\(lab.process.output)\n\(lab.process.fault)")
        let height = try await lab.height()
        #expect(height >= 2)
        var blocks: [String] = []
        for number in 1...height {
            let hash = try await lab.cli("getblockhash", "\(number)")
            blocks.append(try await lab.cli("getblock", hash, "0"))
        }
        try await lab.stop()
        try Kernel.verify(blocks)
    }

    @Test("SIGTERM ends it within three seconds, and a restart has every block")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        let first = try await RunningLab(data: directory.path)
        let mined = try await Poll.until(seconds: 60) { try await first.height() >= 3 }
        #expect(mined, "\(first.process.output)")
        let before = try await first.height()
        let hash = try await first.cli("getblockhash", "\(before)")
        let started = ContinuousClock.now
        first.process.signal(SIGTERM)
        #expect(try await first.process.status(within: 3) == 0)
        #expect(started.duration(to: .now) < .seconds(3))
        let second = try await RunningLab(data: directory.path)
        #expect(try await second.height() >= before)
        #expect(try await second.cli("getblockhash", "\(before)") == hash)
        try await second.stop()
    }

    @Test("a kill in the middle of mining loses no block that was acknowledged")
    func killed() async throws {
        let directory = try TemporaryDirectory()
        let first = try await RunningLab(data: directory.path, arguments: ["--shares-per-minute", "120"])
        let mined = try await Poll.until(seconds: 60) { try await first.height() >= 5 }
        #expect(mined, "\(first.process.output)")
        let acknowledged = try await first.height()
        let hash = try await first.cli("getblockhash", "\(acknowledged)")
        first.process.signal(SIGKILL)
        _ = try await first.process.status(within: 5)
        let second = try await RunningLab(data: directory.path)
        #expect(try await second.height() >= acknowledged)
        #expect(try await second.cli("getblockhash", "\(acknowledged)") == hash)
        let grew = try await Poll.until(seconds: 60) { try await second.height() > acknowledged }
        #expect(grew, "it does not mine on: \(second.process.output)")
        try await second.stop()
    }

    @Test("the wallet receives and spends, and the explorer shows the transaction")
    func spends() async throws {
        let directory = try TemporaryDirectory()
        let lab = try await RunningLab(data: directory.path)
        let address = try await lab.cli("getnewaddress")
        #expect(address.hasPrefix("bcrt1q"))
        _ = try await lab.cli("generatetoaddress", "101", address)
        let txid = try await lab.cli("sendtoaddress", address, "0.001")
        #expect(txid.count == 64)
        let confirmed = try await Poll.until(seconds: 60) {
            try await lab.cli("getrawtransaction", txid, "1").contains("\"confirmations\"")
        }
        #expect(confirmed)
        let explorer = try lab.port("explorer")
        let shown = try await Poll.until(seconds: 30) {
            let page = try Loopback.get("/tx/\(txid)", port: explorer)
            return page.hasPrefix("HTTP/1.1 200") && page.contains(txid)
        }
        #expect(shown)
        try await lab.stop()
    }

    @Test("`stop` by RPC ends the lab in order")
    func stopByRPC() async throws {
        let directory = try TemporaryDirectory()
        let lab = try await RunningLab(data: directory.path)
        _ = try await lab.cli("stop")
        #expect(try await lab.process.status(within: 5) == 0)
    }

    @Test("A reader that leaves, as in `lab up | head`, ends the lab in order")
    func readerLeaves() async throws {
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            LabProcess.binary, ["up", "--plain", "--ports", "auto", "--data", directory.path],
            output: .pipe, errors: .null)
        let first = process.output?.availableData
        #expect(first?.isEmpty == false)
        try process.output?.close()
        let ended = try await Poll.until(seconds: 60) { process.exitStatus != nil }
        #expect(ended && process.exitStatus == 0)
        process.signal(SIGKILL)
    }
}

/// Bitcoin Core's consensus engine (py-bitcoinkernel), installed by `./lab test` where PyPI can be reached.
enum Kernel {
    static let packages = "\(LabProcess.root)/.build/python"
    static var isThere: Bool { FileManager.default.fileExists(atPath: packages + "/pbk") }

    static func verify(_ blocks: [String]) throws {
        var environment = ProcessInfo.processInfo.environment
        environment["PYTHONPATH"] = packages
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data((blocks.joined(separator: "\n") + "\n").utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = try ChildProcess(
            "/usr/bin/env", ["python3", "\(LabProcess.root)/Tests/LabTests/verify_blocks.py", file.path],
            environment: environment, output: .pipe)
        let text = String(decoding: process.output?.readDataToEndOfFile() ?? Data(), as: UTF8.self)
        let status = process.wait()
        #expect(status == 0, "\(text)")
        #expect(text.contains("tip \(blocks.count) "), "\(text)")
    }
}
