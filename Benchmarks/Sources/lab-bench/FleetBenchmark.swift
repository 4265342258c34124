import Foundation

/// Budget: 5,000 live devices, 6 shares a minute each, nothing rejected but true stales; at most 24 KiB of the pool's
/// memory per connection. LAB_BENCH_DEVICES and LAB_BENCH_SECONDS change the size.
enum FleetBenchmark {
    static func run() -> Bool {
        let environment = ProcessInfo.processInfo.environment
        let devices = environment["LAB_BENCH_DEVICES"].flatMap { Int($0) } ?? 5_000
        let seconds = environment["LAB_BENCH_SECONDS"].flatMap { Int($0) } ?? 120
        let data = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lab-bench-\(UUID().uuidString)"
        ).path
        defer { try? FileManager.default.removeItem(atPath: data) }
        do {
            return try run(devices: devices, seconds: seconds, data: data)
        } catch {
            print("\(error)")
            return false
        }
    }

    private static func run(devices: Int, seconds: Int, data: String) throws -> Bool {
        // One block in about a minute with the whole fleet at 107 hashes a share and 6 shares a minute.
        let hashes = String(Double(devices) * 10.7 * 60)
        let node = try Program([
            "node", "--data", data, "--network", "labnet", "--block-hashes", hashes, "--rpc-port", "0",
            "--p2p-port",
            "0", "--template-port", "0",
        ])
        guard let templates = node.waitFor(/templates (127.0.0.1:[0-9]+)/, seconds: 30) else {
            print("the node did not start:\n\(node.output)")
            return false
        }
        let pool = try Program([
            "pool", "--data", data, "--templates", templates, "--port", "0", "--jds-port", "0",
        ])
        guard let url = pool.waitFor(/(stratum2\+tcp:\/\/\S+)/, seconds: 30) else {
            print("the pool did not start:\n\(pool.output)")
            return false
        }
        let idle = pool.residentBytes
        let fleet = try Program([
            "fleet", "--count", "\(devices)", "--pool", url, "--ramp", "20s", "--duration", "\(seconds)s",
        ])
        usleep(UInt32(max(1, seconds - 10)) * 1_000_000)
        let loaded = pool.residentBytes
        let processor = pool.processorSeconds
        fleet.process.waitUntilExit()
        print(fleet.output, terminator: "")
        let perConnection = Double(loaded - idle) / Double(devices) / 1_024
        print(
            "pool memory \(loaded >> 20) MiB, \(String(format: "%.1f", perConnection)) KiB per connection (budget 24)"
        )
        print("pool processor time \(String(format: "%.1f", processor)) s in \(seconds) s")
        let rejected = fleet.output.firstMatch(of: /rejected\s+([0-9,]+)\n/).map { $0.1 } ?? "?"
        let others = fleet.output.matches(of: /rejected as ([^:]+):/).filter { $0.1 != "stale" }
        print("rejected \(rejected), \(others.isEmpty ? "none" : "some") for another reason than stale")
        pool.process.terminate()
        node.process.terminate()
        return others.isEmpty && perConnection <= 24 && fleet.process.terminationStatus == 0
    }
}
