import Bitcoin
import Foundation
import JSONText
import SansIO
import Stratum
import Testing

@testable import Firmware
@testable import LabCLI
@testable import Pool

/// `--log-format json`: what a program reads.
@Suite("Structured logs", .serialized)
struct StructuredLogTests {
    private func lines(_ process: LabProcess) throws -> [[String: Any]] {
        try process.output.split(separator: "\n").map { line in
            try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
    }

    @Test("a pool with devices tells connections, channels, shares and blocks as objects, one a line")
    func live() async throws {
        let directory = try TemporaryDirectory()
        let node = try LabProcess([
            "node", "--data", directory.path, "--network", "labnet", "--block-hashes", "5000", "--rpc-port",
            "0", "--p2p-port", "0", "--template-port", "0",
        ])
        let templates = try await node.word(after: "templates ")
        let authority = try await node.word(after: "authority ")
        // One option of the command line, one of the environment.
        let pool = try LabProcess(
            [
                "pool", "--data", directory.path, "--port", "0", "--jds-port", "0", "--templates", templates,
                "--templates-authority", authority, "--shares-per-minute", "60", "--log-format", "json",
            ], environment: ["LAB_POOL_LOG_LEVEL": "debug"])
        defer { for process in [pool, node] { process.signal(SIGKILL) } }
        let url = try await pool.word(after: "\"url\":\"stratum2+tcp://").split(separator: "\"")[0]
        let fleet = try await LabProcess.run(
            [
                "fleet", "--count", "5", "--pool", "stratum2+tcp://\(url)", "--ramp", "1s", "--scale",
                // Twelve blocks in the mean in that time.
                "1e-9", "--duration", "10s",
                "--log-format", "json",
            ], within: 120)
        #expect(fleet.status == 0, "\(fleet.output)\(fleet.fault)")
        #expect(fleet.output.contains("\"role\":\"fleet\",\"event\":\"totals\",\"accepted\":"))
        pool.signal(SIGINT)
        #expect(try await pool.status(within: 20) == 0)
        _ = try await Poll.until(seconds: 5) { pool.output.contains("\"event\":\"totals\"") }
        let lines = try lines(pool)
        let shape = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z/
        for line in lines {
            let time = try #require(line["time"] as? String)
            #expect(time.wholeMatch(of: shape) != nil, "\(time)")
            #expect(["debug", "info", "warning"].contains(line["level"] as? String))
            #expect(["pool", "jds"].contains(line["role"] as? String))
        }
        let times = lines.compactMap { $0["time"] as? String }
        #expect(times == times.sorted())
        func all(_ event: String) -> [[String: Any]] { lines.filter { $0["event"] as? String == event } }
        let opened = try #require(all("connection_opened").first)
        #expect(opened["address"] is String && opened["connection"] is Int)
        let channels = all("channel_opened")
        #expect(Set(channels.compactMap { $0["user"] as? String }).contains("fleet.0"))
        #expect(channels.allSatisfy { $0["channel"] is Int && $0["nominal_hash_rate"] != nil })
        let known = Set(channels.map { "\($0["connection"] ?? "") \($0["channel"] ?? "")" })
        let shares = all("share_accepted")
        #expect(!shares.isEmpty && shares.allSatisfy { $0["difficulty"] != nil })
        for share in shares + all("share_rejected") {
            #expect(known.contains("\(share["connection"] ?? "") \(share["channel"] ?? "")"))
        }
        let block = try #require(all("block_found").first, "\(pool.output.suffix(2_000))")
        #expect((block["hash"] as? String)?.count == 64 && block["height"] is Int)
        #expect((block["user"] as? String)?.hasPrefix("fleet.") == true)
        // Nothing is told twice, as a sentence's fields and as what was observed.
        #expect(all("channel_opened").count == Set(known).count)
        #expect(all("channel_closed").allSatisfy { $0["reason"] is String && $0["user"] is String })
    }

    @Test("a wrong format or level is one line", arguments: ["log-format", "log-level"])
    func wrong(option: String) async throws {
        for role in ["node", "pool", "jds", "jdc", "translator", "device", "fleet", "miner", "up"] {
            let result = try await LabProcess.run([role, "--\(option)", "loud"])
            #expect(result.status == 64, "\(role): \(result.fault)")
            let first = try #require(result.fault.split(separator: "\n").first)
            #expect(first.contains("loud") && first.contains(option), "\(role): \(result.fault)")
            let variable = "LAB_\(role.uppercased())_\(option.uppercased().replacing("-", with: "_"))"
            let process = try LabProcess([role], environment: [variable: "loud"])
            #expect(try await process.status(within: 20) != 0)
            _ = try await Poll.until(seconds: 5) { process.fault.contains("\n") }
            #expect(process.fault.contains(variable), "\(role): \(process.fault)")
        }
    }

    @Test("an observation's case is the event and its values are the fields, states inside of it too")
    func observations() {
        let key = ChannelKey(connection: ConnectionID(7), channel: 3)
        func json(_ observation: some Sendable) -> String {
            let event = ObservedEvent(observation)
            return event.name + " " + JSON.object(event.fields).text
        }
        #expect(
            json(PoolObservation.shareRejected(key, .stale))
                == #"share_rejected {"connection":7,"channel":3,"reason":"stale-share"}"#)
        #expect(
            json(PoolObservation.templateProvider(.lost(.closed("gone"))))
                == #"template_provider_lost {"reason":"gone"}"#)
        #expect(
            json(PoolObservation.blockFound(key, hash: .zero, height: nil, isSubmitted: true))
                == #"block_found {"connection":7,"channel":3,"hash":""# + String(repeating: "0", count: 64)
                + #"","is_submitted":true}"#)
        #expect(
            json(PoolObservation.setupRefused(ConnectionID(1), code: "x"))
                == #"setup_refused {"connection":1,"reason":"x"}"#)
        #expect(json(PoolObservation.drained) == "drained {}")
        #expect(
            json(MinerObservation.shareRejected(sequence: 4, reason: .other("no")))
                == #"share_rejected {"sequence":4,"reason":"no"}"#)
        #expect(json(MinerObservation.phaseChanged(.mining)) == #"phase_changed {"phase":"mining"}"#)
    }

    @Test("a sentence and its fields are one text")
    func sentences() {
        let rate = 1_234.5
        let sentence: LogSentence =
            "thread \(2, as: "thread"): \(rate, as: "hash_rate", shown: "1.2 kh/s")\(only: true, as: "quiet")"
        #expect(sentence.text == "thread 2: 1.2 kh/s")
        #expect(
            JSON.object(sentence.fields).text == #"{"thread":2,"hash_rate":1234.5,"quiet":true}"#)
    }

    @Test("times are UTC with microseconds")
    func times() {
        #expect(RFC3339.text(seconds: 1_709_210_096, microseconds: 42) == "2024-02-29T12:34:56.000042Z")
    }
}
