import Foundation
import Testing

/// A node, a pool and a translator of ours, for miners that speak Stratum V1. Every share may be a block.
final class TranslatedPool: Sendable {
    let directory: TemporaryDirectory
    let node: LabProcess
    let pool: LabProcess
    let translator: LabProcess
    /// Where miners go: `stratum+tcp://127.0.0.1:PORT`.
    let address: String

    /// - Parameter identity: the account that the translator mines for.
    init(identity: String, hashRate: String = "2e5", aggregates: Bool = false) async throws {
        directory = try TemporaryDirectory()
        node = try LabProcess([
            "node", "--data", directory.path, "--network", "labnet", "--block-hashes", "2000000",
            "--rpc-port", "0", "--p2p-port", "0", "--template-port", "0",
        ])
        let templates = try await node.word(after: "templates ")
        let authority = try await node.word(after: "authority ")
        pool = try LabProcess([
            "pool", "--data", directory.path, "--port", "0", "--jds-port", "0", "--templates", templates,
            "--templates-authority", authority, "--shares-per-minute", "60",
        ])
        let url = try await pool.word(after: "pool stratum2")
        translator = try LabProcess(
            [
                "translator", "--port", "0", "--pool", "stratum2" + url, "--hash-rate", hashRate,
                "--shares-per-minute", "60", "--user-identity", identity,
            ] + (aggregates ? ["--aggregate-channels"] : []))
        address = try await translator.word(after: "translator ")
    }

    var said: String { "\(translator.output)\(pool.output)\(node.output)" }

    func stop() async throws {
        for process in [translator, pool, node] {
            process.signal(SIGTERM)
            _ = try await process.status(within: 10)
        }
    }

    /// The pool's own word on who earned what; after ``stop()``.
    func credited() async throws -> String {
        let result = try await LabProcess.run(["ledger", "--data", directory.path, "workers", "--json"])
        return result.output + result.fault
    }
}
