import Foundation
import Testing

/// Miners and pools that are not ours, where their paths are given: LAB_MINERD (pooler's cpuminer) and LAB_CKPOOL.
@Suite("Programs that are not ours mine on the node and at the pool", .serialized)
struct ForeignMinersTests {
    static let minerd = ProcessInfo.processInfo.environment["LAB_MINERD"]
    static let ckpool = ProcessInfo.processInfo.environment["LAB_CKPOOL"]
    static let bitcoind = ProcessInfo.processInfo.environment["LAB_BITCOIND"]

    @Test(
        "minerd mines by getblocktemplate, and no block of it is refused",
        .enabled(if: minerd != nil, "LAB_MINERD is not set: 1 test skipped"))
    func templates() async throws {
        let node = try await MinedNode(data: try TemporaryDirectory())
        let path = try #require(Self.minerd)
        let miner = try LabProcess(
            [
                "-a", "sha256d", "-o", "http://127.0.0.1:\(node.port)/", "-O", "lab:lab",
                "--coinbase-addr=\(node.address)", "--coinbase-sig=lab", "-t", "1", "--no-getwork", "-s", "1",
            ], executable: path)
        #expect(try await Poll.until(seconds: 60) { try await node.height() >= MinedNode.premined + 20 })
        miner.signal(SIGTERM)
        _ = try await miner.status(within: 5)
        #expect(!node.process.output.contains("refused"), "\(node.process.output)")
    }

    @Test(
        "ckpool takes the node for bitcoind, and its miner's blocks extend the chain",
        .enabled(
            if: minerd != nil && ckpool != nil,
            "LAB_MINERD and LAB_CKPOOL are not both set: 1 test skipped"))
    func pool() async throws {
        let directory = try TemporaryDirectory()
        let node = try await MinedNode(data: directory)
        let port = try Self.lowPort()
        let configuration = try Self.configure(in: directory, node: node, port: port)
        let (pool, miner) = (try #require(Self.ckpool), try #require(Self.minerd))
        let server = try LabProcess(
            ["-B", "-c", configuration, "-s", directory.path + "/sockets", "-l", "6"], executable: pool)
        let client = try LabProcess(
            [
                "-a", "sha256d", "-o", "stratum+tcp://127.0.0.1:\(port)", "-O", "\(node.address).w:x", "-t",
                "1", "-R", "1",
            ], executable: miner)
        let mined = try await Poll.until(seconds: 90) { try await node.height() >= MinedNode.premined + 5 }
        #expect(mined, "\(server.output)\(client.fault)\(node.process.output)")
        #expect(!node.process.output.contains("refused"), "\(node.process.output)")
        for process in [client, server] {
            process.signal(SIGTERM)
            _ = try await process.status(within: 5)
        }
    }

    @Test(
        "minerd mines through the translator, on a channel of its own and on the shared one",
        .enabled(if: minerd != nil, "LAB_MINERD is not set: 1 test skipped"), arguments: [false, true])
    func translated(aggregates: Bool) async throws {
        let path = try #require(Self.minerd)
        let lab = try await TranslatedPool(identity: "farm", aggregates: aggregates)
        let miners = try ["a", "b"].map { name in
            try LabProcess(
                ["-a", "sha256d", "-o", lab.address, "-O", "farm.\(name):x", "-t", "1", "-R", "1"],
                executable: path)
        }
        let mined = try await Poll.until(seconds: 120) {
            miners.allSatisfy { $0.fault.components(separatedBy: "yay!!!").count > 5 }
                && lab.node.output.contains("block 2 ")
        }
        #expect(mined, "\(miners[0].fault)\(lab.said)")
        #expect(!lab.node.output.contains("refused"), "\(lab.node.output)")
        // What was refused was late for a new block, and nothing else.
        for line in miners.flatMap({ $0.fault.split(separator: "\n") }) where line.contains("reject reason") {
            #expect(line.contains("Job not found"), "\(line)")
        }
        for process in miners {
            process.signal(SIGTERM)
            _ = try await process.status(within: 10)
        }
        try await lab.stop()
        // The pool's own word: it credited what the miners were told is good.
        let credited = try await lab.credited()
        #expect(credited.contains("\"farm\""), "\(credited)")
    }

    @Test(
        "our miner works for ckpool: shares are accepted, and its blocks extend the chain",
        .enabled(if: ckpool != nil, "LAB_CKPOOL is not set: 1 test skipped"))
    func minerOnPool() async throws {
        let directory = try TemporaryDirectory()
        let node = try await MinedNode(data: directory)
        let port = try Self.lowPort()
        let server = try LabProcess(
            [
                "-B", "-c", try Self.configure(in: directory, node: node, port: port), "-s",
                directory.path + "/sockets", "-l", "6",
            ], executable: try #require(Self.ckpool))
        let miner = try LabProcess([
            "miner", "-o", "stratum+tcp://127.0.0.1:\(port)", "-O", "\(node.address).w:x", "-t", "2", "-R",
            "1",
        ])
        let mined = try await Poll.until(seconds: 90) { try await node.height() >= MinedNode.premined + 2 }
        #expect(mined, "\(server.output)\(miner.output)\(miner.fault)\(node.process.output)")
        #expect(miner.output.contains("(yay!!!)"), "\(miner.output)")
        #expect(!node.process.output.contains("refused"), "\(node.process.output)")
        miner.signal(SIGTERM)
        #expect(try await miner.status(within: 10) == 0)
        server.signal(SIGTERM)
        _ = try await server.status(within: 5)
    }

    @Test(
        "our miner mines Bitcoin Core's templates, and Core takes every block",
        .enabled(if: bitcoind != nil, "LAB_BITCOIND is not set: 1 test skipped"))
    func minerOnCore() async throws {
        let directory = try TemporaryDirectory()
        let port = try Loopback.freePort()
        let core = try LabProcess(
            [
                "-regtest", "-datadir=\(directory.path)", "-server=1", "-listen=0", "-connect=0",
                "-rpcport=\(port)", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-printtoconsole=1",
                "-disablewallet=1",
            ], executable: try #require(Self.bitcoind))
        let cookie = directory.path + "/regtest/.cookie"
        _ = try await Poll.until(seconds: 60) { FileManager.default.fileExists(atPath: cookie) }
        // No wait for the end of loading: the miner's own patience is part of the test.
        let miner = try LabProcess([
            "miner", "-o", "http://127.0.0.1:\(port)", "--cookie", cookie, "--coinbase-addr",
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "-t", "2", "-R", "1",
        ])
        let mined = try await Poll.until(seconds: 90) {
            let result = try await LabProcess.run([
                "cli", "-rpcport=\(port)", "-rpccookiefile=\(cookie)", "getblockcount",
            ])
            return Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 >= 20
        }
        #expect(mined, "\(miner.output)\(miner.fault)\(core.output)")
        miner.signal(SIGINT)
        #expect(try await miner.status(within: 10) == 0)
        #expect(!miner.output.contains("(booooo)"), "\(miner.output)")
        core.signal(SIGTERM)
        _ = try await core.status(within: 30)
    }

    /// Writes ckpool's configuration and answers its path.
    private static func configure(
        in directory: TemporaryDirectory, node: MinedNode, port: UInt16
    ) throws -> String {
        let configuration = directory.path + "/ckpool.conf"
        let text = """
            {"btcd": [{"url": "127.0.0.1:\(node.port)", "auth": "lab", "pass": "lab", "notify": false}],
             "btcaddress": "\(node.address)", "btcsig": "/lab/", "blockpoll": 100, "update_interval": 5,
             "serverurl": ["127.0.0.1:\(port)"], "mindiff": 0.0005, "startdiff": 0.0005,
             "allow_low_diff": true, "logdir": "\(directory.path)/logs"}
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: configuration))
        for name in ["/logs", "/sockets"] {
            try FileManager.default.createDirectory(
                atPath: directory.path + name, withIntermediateDirectories: true)
        }
        return configuration
    }

    /// ckpool gives high difficulties on ports from 4,000 on.
    private static func lowPort() throws -> UInt16 {
        for port in UInt16(3_333)..<4_000 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if bound == 0 { return port }
        }
        throw CocoaError(.fileNoSuchFile)
    }
}

/// A node of its own with a wallet, above the heights whose coinbase ckpool and minerd write in a form that no
/// Bitcoin node takes (1 to 16 must be OP_1 to OP_16).
final class MinedNode: Sendable {
    static let premined = 20
    let process: LabProcess
    let port: UInt16
    let address: String
    private let directory: TemporaryDirectory

    init(data: TemporaryDirectory) async throws {
        directory = data
        process = try LabProcess([
            "node", "--data", data.path, "--rpc-port", "0", "--p2p-port", "0", "--template-port", "0",
            "--rpc-user", "lab", "--rpc-password", "lab",
        ])
        let process = process
        var port: UInt16?
        _ = try await Poll.until(seconds: 60) {
            let match = process.output.firstMatch(of: /rpc http:\/\/127\.0\.0\.1:([0-9]+)/)
            port = match.flatMap { UInt16($0.1) }
            return port != nil || !process.isRunning
        }
        let number = try #require(port, "\(process.output)\(process.fault)")
        self.port = number
        _ = try await Self.call(number, "createwallet", "w")
        address = try await Self.call(number, "getnewaddress")
        _ = try await Self.call(number, "generatetoaddress", "\(Self.premined)", address)
    }

    func height() async throws -> Int { try #require(Int(try await Self.call(port, "getblockcount"))) }

    private static func call(_ port: UInt16, _ arguments: String...) async throws -> String {
        let result = try await LabProcess.run(
            ["cli", "-rpcport=\(port)", "-rpcuser=lab", "-rpcpassword=lab"] + arguments)
        try #require(result.status == 0, "\(arguments): \(result.fault)")
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
