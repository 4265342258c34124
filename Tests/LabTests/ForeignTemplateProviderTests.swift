import Foundation
import Testing

/// Our pool on a template provider and a node that are not ours: LAB_SV2_TP (stratum-mining's sv2-tp) and
/// LAB_BITCOIN_NODE (Bitcoin Core's bitcoin-node, built with IPC).
@Suite("The pool works on a template provider that is not ours", .serialized)
struct ForeignTemplateProviderTests {
    static let isGiven = ForeignProvider.executable != nil && CoreNode.executable != nil
    static let missing: Comment = "LAB_SV2_TP and LAB_BITCOIN_NODE are not both set: 1 test skipped"

    @Test(
        "shares count, blocks extend Core's chain, and Core's tips and transactions become jobs",
        .enabled(if: isGiven, missing))
    func mines() async throws {
        let node = try await CoreNode()
        let coin = try await node.spendableCoin()
        let provider = try await ForeignProvider(node)
        let pool = try await LonePool(provider, tag: "/one/")
        try await pool.wait(for: "tip \(try await node.tip().prefix(20))")

        let transaction = try await node.send(coin, fee: 100_000)
        #expect(
            try await Poll.until(seconds: 20) { provider.process.output.contains("includes 100000 sat") },
            "\(provider.process.output)")
        let before = try await node.height()
        let device = try pool.device()
        #expect(try await Poll.until(seconds: 60) { try await node.height() >= before + 8 }, "\(pool.story)")
        let first = try await node.block(before + 1)
        #expect(first.contains(transaction), "the fee's template was the first job: \(first)")
        for height in before + 1...before + 8 {
            #expect(try await node.block(height).contains("/one/".hexadecimal), "block \(height)")
        }

        _ = try await node.call("generatetodescriptor", "1", "raw(51)")
        let tip = try await node.tip()
        try await pool.wait(for: "tip \(tip.prefix(20))")
        let counts = try await pool.end(with: device)
        #expect(counts.accepted >= 8 && counts.blocks >= 8, "\(pool.story)")
        #expect(!provider.process.output.contains("rror"), "\(provider.process.output)")
    }

    @Test("two pools on one provider both follow every tip", .enabled(if: isGiven, missing))
    func neighbours() async throws {
        let node = try await CoreNode()
        let provider = try await ForeignProvider(node)
        let pools = [
            try await LonePool(provider, tag: "/one/"), try await LonePool(provider, tag: "/two/"),
        ]
        for _ in 0..<6 {
            _ = try await node.call("generatetodescriptor", "1", "raw(51)")
            let tip = try await node.tip()
            for pool in pools { try await pool.wait(for: "tip \(tip.prefix(20))") }
        }
        var start = try await node.height()
        for (pool, tag) in zip(pools, ["/one/", "/two/"]) {
            let device = try pool.device()
            #expect(
                try await Poll.until(seconds: 60) { try await node.height() >= start + 4 }, "\(pool.story)")
            _ = try await pool.end(with: device)
            for height in start + 1...start + 4 {
                #expect(try await node.block(height).contains(tag.hexadecimal), "block \(height)")
            }
            start = try await node.height()
        }
    }

    @Test(
        "the pool is back by itself when the provider, and the node under it, were started again",
        .enabled(if: isGiven, missing))
    func restarts() async throws {
        let node = try await CoreNode()
        var provider = try await ForeignProvider(node)
        let pool = try await LonePool(provider, tag: "/one/")
        let device = try pool.device()
        try await node.expectGrowth(by: 3, pool)

        try await provider.stop()
        try await pool.wait(for: "template provider lost: ")
        provider = try await ForeignProvider(node, again: provider)
        try await node.expectGrowth(by: 3, pool)

        try await provider.stop()
        try await node.restart()
        provider = try await ForeignProvider(node, again: provider)
        try await node.expectGrowth(by: 3, pool)
        _ = try await pool.end(with: device)
    }

    @Test(
        "a provider with another key than expected is refused with a clear line",
        .enabled(if: isGiven, missing))
    func wrongKey() async throws {
        let node = try await CoreNode()
        let provider = try await ForeignProvider(node)
        let key = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72"
        #expect(key != provider.key)
        let pool = try await LonePool(provider, tag: "/one/", key: key)
        try await pool.wait(
            for: "template provider lost: its certificate is not signed by the authority key given for it")
        #expect(!pool.process.output.contains("tip "), "\(pool.process.output)")
    }
}

/// Bitcoin Core with IPC on regtest, in a directory and on ports of its own.
private final class CoreNode {
    static let executable = ProcessInfo.processInfo.environment["LAB_BITCOIN_NODE"]
    let directory = try! TemporaryDirectory()
    private var process: LabProcess
    private let ports: (rpc: UInt16, peer: UInt16)
    var socket: String { directory.path + "/node.sock" }

    init() async throws {
        ports = (try Loopback.freePort(), try Loopback.freePort())
        process = try CoreNode.start(directory.path, ports)
        try await ready()
        // Out of initial block download, and with coins that are mature.
        _ = try await call("generatetodescriptor", "101", "raw(51)")
    }

    private static func start(_ path: String, _ ports: (rpc: UInt16, peer: UInt16)) throws -> LabProcess {
        try LabProcess(
            [
                "-regtest", "-datadir=\(path)", "-ipcbind=unix:\(path)/node.sock", "-printtoconsole=0",
                "-rpcport=\(ports.rpc)", "-rpcuser=lab", "-rpcpassword=lab", "-port=\(ports.peer)",
                "-bind=127.0.0.1:\(ports.peer)", "-connect=0", "-dnsseed=0", "-fixedseeds=0", "-natpmp=0",
                "-discover=0", "-listenonion=0", "-acceptnonstdtxn=1",
            ], executable: try #require(executable))
    }

    private func ready() async throws {
        let answers = try await Poll.until(seconds: 60) {
            guard self.process.isRunning else { return true }
            return (try? await self.height()) != nil
        }
        try #require(answers && process.isRunning, "\(process.output)\(process.fault)")
    }

    func restart() async throws {
        process.signal(SIGTERM)
        #expect(try await process.status(within: 60) == 0, "\(process.fault)")
        process = try CoreNode.start(directory.path, ports)
        try await ready()
    }

    struct Refusal: Error { var text: String }

    func call(_ arguments: String...) async throws -> String {
        let result = try await LabProcess.run(
            ["cli", "-rpcport=\(ports.rpc)", "-rpcuser=lab", "-rpcpassword=lab"] + arguments)
        // No expectation: while it starts, a node refuses, and the caller asks again.
        guard result.status == 0 else { throw Refusal(text: "\(arguments): \(result.fault)") }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func height() async throws -> Int { try #require(Int(try await call("getblockcount"))) }
    func tip() async throws -> String { try await call("getbestblockhash") }

    /// The block with its transactions as text.
    func block(_ height: Int) async throws -> String {
        try await call("getblock", try await call("getblockhash", "\(height)"), "2")
    }

    /// The id of the first block's coinbase, which anybody may spend.
    func spendableCoin() async throws -> String {
        let block = try await call("getblock", try await call("getblockhash", "1"), "1")
        let object = try JSONSerialization.jsonObject(with: Data(block.utf8)) as? [String: Any]
        return try #require((object?["tx"] as? [String])?.first)
    }

    /// Spends a coin of 50 bitcoins, all but the fee in satoshis; the transaction's id.
    func send(_ coin: String, fee: Int) async throws -> String {
        let left = String(format: "%.8f", Double(5_000_000_000 - fee) / 1e8)
        let raw = try await call(
            "createrawtransaction", #"[{"txid":"\#(coin)","vout":0}]"#,
            #"{"bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080":\#(left)}"#)
        return try await call("sendrawtransaction", raw, "0")
    }

    func expectGrowth(by blocks: Int, _ pool: LonePool) async throws {
        let start = try await height()
        let grew = try await Poll.until(seconds: 90) { try await self.height() >= start + blocks }
        #expect(grew, "\(pool.story)")
    }
}

/// sv2-tp beside a node.
private final class ForeignProvider {
    static let executable = ProcessInfo.processInfo.environment["LAB_SV2_TP"]
    let process: LabProcess
    let port: UInt16
    let key: String

    /// `again`: on the port and with the keys of one that was stopped.
    init(_ node: CoreNode, again: ForeignProvider? = nil) async throws {
        port = try again?.port ?? Loopback.freePort()
        let process = try LabProcess(
            [
                "-regtest", "-conf=0", "-datadir=\(node.directory.path)", "-ipcconnect=unix:\(node.socket)",
                "-sv2port=\(port)", "-templateinterval=1", "-sv2feedelta=1000", "-debug=sv2",
                "-loglevel=sv2:trace", "-printtoconsole=1",
            ], executable: try #require(Self.executable))
        self.process = process
        var found: String?
        _ = try await Poll.until(seconds: 60) {
            let match = process.output.firstMatch(of: /Template Provider authority key: (\w+)/)
            if process.output.contains("sv2-tp listening") { found = match.map { String($0.1) } }
            return found != nil || !process.isRunning
        }
        key = try #require(found, "\(process.output)\(process.fault)")
    }

    func stop() async throws {
        process.signal(SIGTERM)
        #expect(try await process.status(within: 30) != nil)
    }
}

/// `lab pool` as an operator starts it for another's node.
private final class LonePool {
    let process: LabProcess
    private let directory = try! TemporaryDirectory()
    private let provider: ForeignProvider
    private let url: String

    init(_ provider: ForeignProvider, tag: String, key: String? = nil) async throws {
        self.provider = provider
        let process = try LabProcess([
            "pool", "--data", directory.path, "--port", "0", "--jds-port", "0", "--jdc-port", "0",
            "--template-provider", "127.0.0.1:\(provider.port)", "--tp-key", key ?? provider.key,
            "--shares-per-minute", "120", "--signature", tag,
        ])
        self.process = process
        var found: String?
        _ = try await Poll.until(seconds: 60) {
            found = process.output.firstMatch(of: /pool (stratum2\S+)/).map { String($0.1) }
            return found != nil || !process.isRunning
        }
        url = try #require(found, "\(process.output)\(process.fault)")
    }

    var story: String { process.output + process.fault + provider.process.output }

    func wait(for line: String) async throws {
        let process = process
        #expect(try await Poll.until(seconds: 30) { process.output.contains(line) }, "\(line): \(story)")
    }

    func device() throws -> LabProcess {
        try LabProcess(["device", "--pool", url, "--scale", "1e-10", "--instant-boot"])
    }

    /// Ends both in order; what the pool counted.
    func end(with device: LabProcess) async throws -> (accepted: Int, blocks: Int) {
        for process in [device, process] {
            process.signal(SIGTERM)
            #expect(try await process.status(within: 10) == 0, "\(process.output)\(process.fault)")
        }
        let sums = try #require(
            process.output.firstMatch(of: /(\d+) shares accepted, \d+ rejected, (\d+) blocks/), "\(story)")
        return (Int(sums.1) ?? 0, Int(sums.2) ?? 0)
    }
}

extension String {
    fileprivate var hexadecimal: String { utf8.map { String(format: "%02x", $0) }.joined() }
}
