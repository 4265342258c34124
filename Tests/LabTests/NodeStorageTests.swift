import Foundation
import Testing

/// The node's files as a user meets them: kills, damage, rebuilding.
@Suite(.serialized) struct NodeStorageTests {
    private final class RunningNode: Sendable {
        let process: LabProcess
        let port: String

        init(_ data: String, _ arguments: [String] = []) async throws {
            let process = try LabProcess(
                ["node", "--data", data, "--rpc-port", "0", "--p2p-port", "0", "--template-port", "0"]
                    + arguments)
            let serves = try await Poll.until(seconds: 60) {
                !process.isRunning || process.output.contains("; height")
            }
            try #require(serves && process.isRunning, "\(process.output)\n\(process.fault)")
            self.process = process
            let match = try #require(process.output.firstMatch(of: /rpc http:\/\/127.0.0.1:([0-9]+)/))
            port = String(match.1)
        }

        /// Standard output of a call; nil when it failed.
        func cli(_ words: String...) async throws -> String? {
            let result = try await LabProcess.run(["cli", "-rpcport=\(port)"] + words)
            return result.status == 0 ? result.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil
        }

        func stop() async throws {
            process.signal(SIGTERM)
            #expect(try await process.status(within: 10) == 0)
        }

        func kill() async throws {
            process.signal(SIGKILL)
            _ = try await process.status(within: 10)
        }
    }

    private static let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

    /// LAB_KILLS makes it more.
    private static let kills = ProcessInfo.processInfo.environment["LAB_KILLS"].flatMap { Int($0) } ?? 10

    @Test("Killed in the middle of mining, a node has every block and address that it acknowledged")
    func killed() async throws {
        let directory = try TemporaryDirectory()
        var random = SystemRandomNumberGenerator()
        var acknowledged: (height: Int, hash: String) = (0, "")
        var addresses: [String] = []
        for round in 0..<Self.kills {
            let node = try await RunningNode(directory.path)
            let height = try #require(Int(try await node.cli("getblockcount") ?? ""))
            #expect(height >= acknowledged.height)
            if acknowledged.height > 0 {
                #expect(try await node.cli("getblockhash", "\(acknowledged.height)") == acknowledged.hash)
            }
            if round == 0 { _ = try await node.cli("createwallet", "w") }
            for address in addresses.suffix(3) + addresses.shuffled(using: &random).prefix(2) {
                #expect(try await node.cli("getaddressinfo", address)?.contains("\"ismine\": true") == true)
            }
            if let address = try await node.cli("getnewaddress") { addresses.append(address) }
            if let hash = try await node.cli("generatetoaddress", "3", Self.address) {
                _ = hash
                let height = try #require(Int(try await node.cli("getblockcount") ?? ""))
                acknowledged = (height, try #require(try await node.cli("getblockhash", "\(height)")))
            }
            // A long call is under way when the process ends.
            async let call = node.cli("generatetoaddress", "150", Self.address)
            let wait = UInt64.random(in: 20...400, using: &random)
            _ = try await Poll.until(seconds: Double(wait) / 1_000) { false }
            try await node.kill()
            _ = try await call
        }
        #expect(addresses.count == Self.kills)
    }

    @Test("Damaged files are named with the command that repairs, and that command repairs")
    func damaged() async throws {
        let directory = try TemporaryDirectory()
        let node = try await RunningNode(directory.path)
        _ = try await node.cli("generatetoaddress", "20", Self.address)
        let hash = try await node.cli("getblockhash", "19")
        try await node.stop()
        let root = directory.path + "/node/regtest"
        for file in ["blocks/blk00000.dat", "chain.sqlite"] {
            let path = root + "/" + file
            let bytes = try #require(FileManager.default.contents(atPath: path))
            var changed = bytes
            let places = file.hasSuffix("dat") ? (bytes.count - 20)..<bytes.count : 0..<200
            for place in places { changed[place] ^= 0xff }
            try changed.write(to: URL(fileURLWithPath: path))
            let result = try await LabProcess.run([
                "node", "--data", directory.path, "--rpc-port", "0", "--p2p-port", "0", "--template-port",
                "0",
            ])
            #expect(result.status != 0)
            #expect(result.fault.contains(path), "\(result.fault)")
            #expect(result.fault.contains("lab node --reindex"), "\(result.fault)")
            #expect(result.fault.split(separator: "\n").count == 1)
            let repaired = try await RunningNode(directory.path, ["--reindex"])
            #expect(try await repaired.cli("getblockhash", "19") == hash)
            try await repaired.stop()
        }
    }
}
