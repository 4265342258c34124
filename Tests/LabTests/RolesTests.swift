import Foundation
import Testing

/// Each role as its own process, found by its printed address, as an operator would wire them.
@Suite("Roles alone", .serialized)
struct RolesTests {
    @Test("node, pool, translator, fleets over both protocols and a CPU miner work together on labnet")
    func wiredByHand() async throws {
        let directory = try TemporaryDirectory()
        let node = try LabProcess([
            "node", "--data", directory.path, "--network", "labnet", "--block-hashes", "20000", "--rpc-port",
            "0",
            "--p2p-port", "0", "--template-port", "0",
        ])
        let templates = try await node.word(after: "templates ")
        let authority = try await node.word(after: "authority ")
        let pool = try LabProcess([
            "pool", "--data", directory.path, "--port", "0", "--jds-port", "0",
            "--templates",
            templates, "--templates-authority", authority, "--shares-per-minute", "60",
        ])
        let url = try await pool.word(after: "pool stratum2").description
        let translator = try LabProcess([
            "translator", "--port", "0", "--pool", "stratum2" + url, "--hash-rate", "1e3",
            "--shares-per-minute", "60",
        ])
        let v1 = try await translator.word(after: "translator ")
        let miner = try LabProcess(["miner", "-o", v1, "-u", "lab.cpu", "-t", "2", "--hash-rate", "100k"])
        let common = ["--ramp", "1s", "--duration", "15s"]
        async let native = LabProcess.run(
            ["fleet", "--count", "20", "--pool", "stratum2" + url] + common, within: 120)
        async let translated = LabProcess.run(
            [
                "fleet", "--count", "5", "--identity", "v1", "--pool", v1, "--profile", "antminer-s19j-pro",
                "--scale",
                "1e-13",
            ] + common, within: 120)
        for result in [try await native, try await translated] {
            #expect(result.status == 0, "\(result.output)\(result.fault)")
            let accepted = result.output.firstMatch(of: /accepted    ([0-9,]+)/).map { String($0.1) }
            #expect(accepted != nil && accepted != "0", "\(result.output)")
            for match in result.output.matches(of: /rejected as ([^:]+):/) {
                #expect(match.1 == "stale", "\(result.output)")
            }
        }
        #expect(node.output.contains("block 1 "), "\(node.output)")
        for process in [miner, translator, pool, node] {
            process.signal(SIGINT)
            #expect(try await process.status(within: 10) == 0, "\(process.output)\(process.fault)")
        }
        let hasEnded = try await Poll.until(seconds: 2) { miner.output.contains("stopped: 2 threads") }
        #expect(hasEnded && miner.output.contains("(yay!!!)"), "\(miner.output)")
    }

    @Test(
        "devices of a job declaration client mine the pool's work, solo work while it is dead, and the pool's again"
    )
    func jobDeclaration() async throws {
        let directory = try TemporaryDirectory()
        let node = try LabProcess([
            "node", "--data", directory.path, "--network", "labnet", "--block-hashes", "200", "--rpc-port",
            "0", "--p2p-port", "0", "--template-port", "0",
        ])
        let rpc = try await node.word(after: "rpc http://")
        let templates = try await node.word(after: "templates ")
        let authority = try await node.word(after: "authority ")
        let from = [
            "--templates", templates, "--templates-authority", authority, "--shares-per-minute", "60",
        ]
        func startPool(port: String, jds: String) throws -> LabProcess {
            try LabProcess(
                [
                    "pool", "--data", directory.path, "--port", port, "--jds-port", jds, "--core-rpc-url",
                    "http://\(rpc)",
                ] + from)
        }
        let pool = try startPool(port: "0", jds: "0")
        let server = try await pool.word(after: "job declaration server stratum2+tcp://")
        let url = try await pool.word(after: "pool stratum2+tcp://")
        let client = try LabProcess(
            [
                "jdc", "--data", directory.path, "--port", "0", "--pool", "stratum2+tcp://\(url)", "--jds",
                "stratum2+tcp://\(server)", "--user-identity", "alice",
            ] + from)
        let devices = try await client.word(after: "jdc stratum2+tcp://")
        let fleet = try LabProcess([
            "fleet", "--count", "5", "--pool", "stratum2+tcp://\(devices)", "--ramp", "1s", "--duration",
            "120s",
        ])
        func sees(_ process: LabProcess, _ text: String, times: Int = 1) async throws -> Bool {
            try await Poll.until(seconds: 60) {
                process.output.components(separatedBy: text).count > times || !process.isRunning
            }
        }
        #expect(try await sees(client, "jdc: works for pool"), "\(client.output)\(client.fault)")
        #expect(try await sees(client, "sent to the node and the job declaration server"), "\(client.output)")
        #expect(try await sees(node, "block 1 "), "\(node.output)")
        pool.signal(SIGKILL)
        _ = try await pool.status(within: 10)
        #expect(try await sees(client, "jdc: no pool, blocks pay this miner"), "\(client.output)")
        func port(_ text: String) -> String {
            String(text.split(separator: "/")[0].split(separator: ":").last ?? "")
        }
        let again = try startPool(port: port(url), jds: port(server))
        #expect(try await sees(client, "jdc: works for pool", times: 2), "\(client.output)\(again.fault)")
        // Long enough for acknowledgements, which come by tens or every five seconds.
        let text = "sent to the node and the job declaration server"
        let before = client.output.components(separatedBy: text).count - 1
        #expect(try await sees(client, text, times: before + 5), "\(client.output)")
        fleet.signal(SIGINT)
        for process in [client, again, node] {
            process.signal(SIGINT)
            #expect(try await process.status(within: 20) == 0, "\(process.output)\(process.fault)")
        }
        let credited = client.output.firstMatch(of: /([0-9]+) credited/).flatMap { Int($0.1) } ?? 0
        #expect(credited > 0, "\(client.output)")
    }
}
