import Foundation
import Testing

/// `lab miner` as its users run it: minerd's options, minerd's lines.
@Suite("The processor miner", .serialized)
struct MinerTests {
    /// The last line, which is the figures.
    private static func lastLine(_ process: LabProcess) -> String {
        process.output.split(separator: "\n").last.map(String.init) ?? ""
    }

    private static func stop(_ miner: LabProcess) async throws {
        miner.signal(SIGTERM)
        #expect(try await miner.status(within: 10) == 0, "\(miner.output)\(miner.fault)")
        _ = try await Poll.until(seconds: 2) { lastLine(miner).contains("stopped: ") }
    }

    @Test("Two threads find blocks on our node's templates, and the last line counts them")
    func templates() async throws {
        let node = try await MinedNode(data: try TemporaryDirectory())
        let miner = try LabProcess([
            "miner", "-a", "sha256d", "-o", "http://127.0.0.1:\(node.port)/", "-O", "lab:lab", "-t", "2",
            "--coinbase-addr=\(node.address)", "--coinbase-sig=lab", "--no-getwork", "-s", "1",
        ])
        let goal = MinedNode.premined + 20
        #expect(
            try await Poll.until(seconds: 60) { try await node.height() >= goal },
            "\(miner.output)\(miner.fault)\(node.process.output)")
        try await Self.stop(miner)
        #expect(!node.process.output.contains("refused"), "\(node.process.output)")
        let mined = try await node.height() - MinedNode.premined
        #expect(Self.lastLine(miner).contains("stopped: 2 threads"), "\(miner.output)")
        let counted = Self.lastLine(miner).firstMatch(of: /accepted ([0-9]+)\//).flatMap { Int($0.1) }
        // A block that was on its way when the signal came is on the chain and not in the count.
        #expect(counted == mined || counted == mined - 1, "\(mined): \(Self.lastLine(miner))")
        #expect(miner.output.contains(/thread [01]: [0-9]+ hashes, [0-9.]+ khash\/s/), "\(miner.output)")
        #expect(miner.output.contains("(yay!!!)"))
    }

    @Test("A benchmark needs no pool, measures each thread and ends with status 0")
    func benchmark() async throws {
        let miner = try LabProcess(["miner", "--benchmark", "-t", "2"])
        _ = try await Poll.until(seconds: 30) { miner.output.contains("Total: ") || !miner.isRunning }
        miner.signal(SIGINT)
        #expect(try await miner.status(within: 10) == 0)
        _ = try await Poll.until(seconds: 2) { Self.lastLine(miner).contains("stopped: ") }
        for thread in 0..<2 { #expect(miner.output.contains("thread \(thread): "), "\(miner.output)") }
        #expect(!Self.lastLine(miner).contains(" 0 hashes"), "\(miner.output)")
    }

    @Test(
        "What cannot be mined is said in one line, with the status of a usage error",
        arguments: [
            (["-a", "scrypt", "-o", "stratum+tcp://127.0.0.1:1"], "sha256d and nothing else"),
            (["-o", "ftp://127.0.0.1:1"], "ftp://127.0.0.1:1"),
            (["-o", "http://127.0.0.1:1"], "--coinbase-addr is needed"),
            (["-o", "http://127.0.0.1:1", "--coinbase-addr", "nobody"], "nobody is no Bitcoin address"),
            (["-o", "127.0.0.1:1", "-t", "0"], "-t must be from 1"),
            (["-o", "127.0.0.1:1", "-O", "user"], "-O is user:password"),
            ([], "-o URL is needed"),
        ])
    func usage(arguments: [String], message: String) async throws {
        let result = try await LabProcess.run(["miner"] + arguments)
        #expect(result.status == 64)
        #expect(result.fault.contains(message), "\(result.fault)")
        #expect(result.output == "")
    }

    @Test("A miner that may give up does so with the reason and status 1")
    func givesUp() async throws {
        let port = try Loopback.freePort()
        let result = try await LabProcess.run([
            "miner", "-o", "stratum+tcp://a:b@127.0.0.1:\(port)", "-r", "2", "-R", "0.1", "-t", "1",
        ])
        #expect(result.status == 1)
        #expect(result.fault.hasPrefix("lab: stratum+tcp://127.0.0.1:\(port): "), "\(result.fault)")
        #expect(result.output.contains("as a\n"), "\(result.output)")
    }

    @Test("A wrong password for the node is said in plain words")
    func wrongPassword() async throws {
        let node = try await MinedNode(data: try TemporaryDirectory())
        let result = try await LabProcess.run([
            "miner", "-o", "http://lab:wrong@127.0.0.1:\(node.port)", "--coinbase-addr", node.address, "-r",
            "0", "-t", "1",
        ])
        #expect(result.status == 1)
        #expect(result.fault.contains("the node refuses user and password (HTTP 401)"), "\(result.fault)")
        #expect(!result.output.contains("wrong"), "no password in any line")
    }
}
