import Foundation

/// Budgets: 10,000 empty blocks generated in 20 s; with 100,000 blocks a start to the first answer in 3 s, and at rest
/// 120 MiB. LAB_BENCH_BLOCKS changes the 100,000.
enum NodeBenchmark {
    private static let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    private static let batch = 10_000

    static func run() -> Bool {
        let blocks = ProcessInfo.processInfo.environment["LAB_BENCH_BLOCKS"].flatMap { Int($0) } ?? 100_000
        let data = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lab-bench-\(UUID().uuidString)"
        )
        .path
        defer { try? FileManager.default.removeItem(atPath: data) }
        do { return try run(blocks: blocks, data: data) } catch {
            print("\(error)")
            return false
        }
    }

    private static func run(blocks: Int, data: String) throws -> Bool {
        var slowest = 0.0
        var first: Double?
        do {
            let (node, port, _) = try start(data)
            for number in 0..<max(1, blocks / batch) {
                let seconds = try time {
                    for part in 0..<10 {
                        // Blocks of one second would be two hours ahead after 43,000 of them.
                        let time = 1_700_000_000 + (number * 10 + part) * batch / 10
                        _ = try call(port, ["setmocktime", "\(time)"])
                        _ = try call(port, ["generatetoaddress", "\(batch / 10)", address])
                    }
                }
                first = first ?? seconds
                slowest = max(slowest, seconds)
            }
            node.process.terminate()
            node.process.waitUntilExit()
        }
        let (node, port, seconds) = try start(data)
        let height = try call(port, ["getblockcount"]).trimmingCharacters(in: .whitespacesAndNewlines)
        usleep(5_000_000)
        let resident = Double(node.residentBytes) / 1_048_576
        node.process.terminate()
        node.process.waitUntilExit()
        print(
            String(
                format: "10,000 empty blocks: first %.1f s, slowest %.1f s (budget 20)", first ?? 0, slowest))
        print(String(format: "start at height %@: %.2f s (budget 3)", height, seconds))
        print(String(format: "at rest: %.0f MiB (budget 120)", resident))
        return slowest <= 20 && seconds <= 3 && resident <= 120
    }

    /// A node, its RPC port, and the seconds until it served.
    private static func start(_ data: String) throws -> (Program, String, Double) {
        let begin = ContinuousClock.now
        let node = try Program([
            "node", "--data", data, "--rpc-port", "0", "--p2p-port", "0", "--template-port", "0",
        ])
        guard let port = node.waitFor(/rpc http:\/\/127.0.0.1:([0-9]+)/, seconds: 60) else {
            throw BenchmarkFailure(description: "the node did not start:\n\(node.output)")
        }
        return (node, port, Self.seconds(ContinuousClock.now - begin))
    }

    private static func call(_ port: String, _ words: [String]) throws -> String {
        let program = try Program(
            ["cli", "-rpcport=\(port)", "-rpcuser=lab", "-rpcpassword=lab"] + words)
        program.process.waitUntilExit()
        guard program.process.terminationStatus == 0 else {
            throw BenchmarkFailure(description: "\(words[0]) failed: \(program.output.suffix(500))")
        }
        return program.output
    }

    private static func time(_ body: () throws -> some Any) rethrows -> Double {
        let begin = ContinuousClock.now
        _ = try body()
        return seconds(ContinuousClock.now - begin)
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}

struct BenchmarkFailure: Error, CustomStringConvertible {
    let description: String
}
