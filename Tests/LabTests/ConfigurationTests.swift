import Foundation
import Testing

/// Where a role's options come from: files of ours and of the reference implementation, the environment, the command
/// line.
@Suite("Configuration of the roles", .serialized)
struct ConfigurationTests {
    private static let key = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72"
    private static let keys = """
        authority_public_key = "\(key)"
        authority_secret_key = "mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n"
        cert_validity_sec = 3600
        """
    private static let monitoring = """
        monitoring_address = "127.0.0.1:0"
        monitoring_cache_refresh_secs = 15
        """

    /// What a role printed when it had started, or its fault.
    private func start(
        _ command: String, file: String? = nil, _ arguments: [String] = [],
        environment: [String: String] = [:], until mark: String
    ) async throws -> String {
        let directory = try TemporaryDirectory()
        var words = [command, "--data", directory.path] + arguments
        if let file {
            let path = directory.path + "/config.toml"
            try file.write(toFile: path, atomically: true, encoding: .utf8)
            words += ["--config", path]
        }
        let process = try LabProcess(words, environment: environment)
        _ = try await Poll.until(seconds: 60) { process.output.contains(mark) || !process.isRunning }
        let output = process.output + process.fault
        process.signal(SIGKILL)
        _ = try await process.status(within: 10)
        return output
    }

    @Test("the reference pool's file starts a pool under its key, its own listener and its interface")
    func referencePool() async throws {
        let file = """
            \(Self.keys)
            listen_address = "127.0.0.1:0"
            coinbase_reward_script = "addr(tb1qa0sm0hxzj0x25rh8gw5xlzwlsfvvyz8u96w3p8)"
            server_id = 1
            pool_signature = "Stratum V2 SRI Pool"
            shares_per_minute = 6.0
            share_batch_size = 10
            max_past_jobs = 3
            supported_extensions = [
                0x0002,
            ]
            required_extensions = []
            \(Self.monitoring)
            [template_provider_type.Sv2Tp]
            address = "127.0.0.1:9"
            [jds]
            listen_address = "127.0.0.1:0"
            """
        let output = try await start("pool", file: file, until: "api http")
        #expect(output.contains("pool stratum2+tcp://127.0.0.1:"), "\(output)")
        #expect(output.contains("job declaration server stratum2+tcp://127.0.0.1:"), "\(output)")
        #expect(output.components(separatedBy: "/" + Self.key).count == 3 && output.contains("api http"))
    }

    @Test("Bitcoin Core's IPC in the reference's file is refused with what to do instead")
    func referenceIPC() async throws {
        let file =
            "\(Self.keys)\n[template_provider_type.BitcoinCoreIpc]\nversion = 31\nnetwork = \"mainnet\"\n"
        let output = try await start("pool", file: file, until: "api http")
        #expect(output.contains("config.toml:5") && output.contains("sv2-tp"), "\(output)")
    }

    @Test("the reference translator's file names its pools and difficulties")
    func referenceTranslator() async throws {
        let file = """
            downstream_address = "127.0.0.1"
            downstream_port = 0
            max_supported_version = 2
            min_supported_version = 2
            downstream_extranonce2_size = 4
            verify_payout = false
            aggregate_channels = true
            supported_extensions = [
                0x0002,
            ]
            \(Self.monitoring)
            [miner_telemetry]
            cidrs = ["192.168.1.0/24"]
            [downstream_difficulty_config]
            min_individual_miner_hashrate=10_000_000_000_000.0
            shares_per_minute = 6.0
            enable_vardiff = true
            job_keepalive_interval_secs = 60
            [[upstreams]]
            address = "127.0.0.1"
            port = 9
            authority_pubkey = "\(Self.key)"
            user_identity = "first"
            [[upstreams]]
            address = "127.0.0.2"
            port = 9
            authority_pubkey = "9awtMD5KQgvRUh2yFbjVeT7b6hjipWcAsQHd6wEhgtDT9soosna"
            user_identity = "second"
            """
        let output = try await start("translator", file: file, until: "api http")
        #expect(output.contains("-> 127.0.0.1:9, one channel for all"), "\(output)")
        #expect(output.contains("api http"), "\(output)")
    }

    @Test("the reference server's file starts a job declaration server under its key")
    func referenceServer() async throws {
        let file = """
            full_template_mode_required = true
            \(Self.keys)
            listen_jd_address = "127.0.0.1:0"
            coinbase_reward_script = "addr(tb1qa0sm0hxzj0x25rh8gw5xlzwlsfvvyz8u96w3p8)"
            core_rpc_url = "http://127.0.0.1"
            core_rpc_port = 9
            core_rpc_user = "username"
            core_rpc_pass = "password"
            \(Self.monitoring)
            [mempool_update_interval]
            unit = "secs"
            value = 1
            """
        let output = try await start("jds", file: file, until: "api http")
        #expect(output.contains("/\(Self.key)") && output.contains("api http"), "\(output)")
    }

    @Test("the reference client's file names its pools with their servers, or none for solo mining")
    func referenceClient() async throws {
        let shared = """
            listening_address = "127.0.0.1:0"
            max_supported_version = 2
            min_supported_version = 2
            \(Self.keys)
            shares_per_minute = 6.0
            share_batch_size = 10
            jdc_signature = "Sv2MinerSignature"
            coinbase_reward_script = "addr(tb1qpusf5256yxv50qt0pm0tue8k952fsu5lzsphft)"
            supported_extensions = [
                0x0002,
            ]
            \(Self.monitoring)

            """
        let pools = """
            mode = "FULLTEMPLATE"
            [miner_telemetry]
            cidrs = ["192.168.1.0/24"]
            [[upstreams]]
            authority_pubkey = "\(Self.key)"
            pool_address = "127.0.0.1"
            pool_port = 9
            jds_address = "127.0.0.1"
            jds_port = 10
            user_identity = "your_primary_username_here"
            [[upstreams]]
            authority_pubkey = "\(Self.key)"
            pool_address = "127.0.0.2"
            pool_port = 9
            jds_address = "127.0.0.2"
            jds_port = 10
            user_identity = "your_backup_username_here"
            [template_provider_type.Sv2Tp]
            address = "127.0.0.1:9"
            """
        var output = try await start("jdc", file: shared + pools, until: "api http")
        #expect(output.contains("/\(Self.key) -> 127.0.0.1:9, 127.0.0.2:9"), "\(output)")
        let solo = """
            mode = "SOLOMINING"
            upstreams = []
            [template_provider_type.Sv2Tp]
            address = "127.0.0.1:9"
            """
        output = try await start("jdc", file: shared + solo, until: "api http")
        #expect(output.contains("-> solo"), "\(output)")
    }

    @Test("the command line stands above the environment, and that above the file, lists as a whole")
    func layers() async throws {
        func url(_ host: String) -> String { "stratum2+tcp://\(host):9/\(Self.key)" }
        func output(file: Bool, environment: Bool, line: Bool) async throws -> String {
            try await start(
                "translator", file: file ? "pool = [\"\(url("127.0.0.1"))\", \"\(url("127.0.0.9"))\"]" : nil,
                ["--port", "0"] + (line ? ["--pool", url("127.0.0.3"), "--user-identity", "one"] : []),
                environment: environment ? ["LAB_TRANSLATOR_POOL": url("127.0.0.2") + "," + url("::1")] : [:],
                until: "translator stratum")
        }
        #expect(try await output(file: true, environment: false, line: false).contains("-> 127.0.0.1:9"))
        #expect(try await output(file: true, environment: true, line: false).contains("-> 127.0.0.2:9"))
        #expect(try await output(file: true, environment: true, line: true).contains("-> 127.0.0.3:9"))
        #expect(try await output(file: false, environment: true, line: false).contains("-> 127.0.0.2:9"))
    }

    @Test("the reference's keys work as variables, and tables by two underscores")
    func foreignVariables() async throws {
        let output = try await start(
            "jdc",
            environment: [
                "LAB_JDC_LISTENING_ADDRESS": "127.0.0.1:0",
                "LAB_JDC_TEMPLATE_PROVIDER_TYPE__SV2TP__ADDRESS": "127.0.0.1:9",
                "LAB_JDC_UPSTREAMS__0__POOL_ADDRESS": "127.0.0.4",
                "LAB_JDC_UPSTREAMS__0__POOL_PORT": "9", "LAB_JDC_UPSTREAMS__0__JDS_PORT": "10",
                "LAB_JDC_UPSTREAMS__0__AUTHORITY_PUBKEY": Self.key,
                "LAB_JDC_UPSTREAMS__0__USER_IDENTITY": "me",
            ], until: "jdc stratum2")
        #expect(output.contains("-> 127.0.0.4:9"), "\(output)")
    }

    @Test(
        "a wrong variable is named with the form that it should have, and ends with a usage status",
        arguments: [
            (["LAB_POOL_PORT": "abc"], ["LAB_POOL_PORT=\"abc\"", "--port <port>", "for example 34254"]),
            (["LAB_POOL_SHARES_PER_MINUTE": "0"], ["LAB_POOL_SHARES_PER_MINUTE=\"0\"", "at most 6000"]),
            (["LAB_POOL_PROT": "1"], ["LAB_POOL_PROT", "did you mean port?"]),
            (["LAB_POOL_LEDGER_SYNC": "maybe"], ["LAB_POOL_LEDGER_SYNC", "true or false", "maybe"]),
        ])
    func wrongVariable(environment: [String: String], named: [String]) async throws {
        let process = try LabProcess(["pool"], environment: environment)
        #expect(try await process.status(within: 30) == 64)
        _ = try await Poll.until(seconds: 5) { !process.fault.isEmpty }
        for text in named { #expect(process.fault.contains(text), "\(process.fault)") }
        #expect(process.fault.split(separator: "\n").count == 1, "\(process.fault)")
    }

    @Test("a wrong value in a file is named by file and line")
    func wrongLine() async throws {
        let output = try await start("pool", file: "signature = \"x\"\nport = 70000\n", until: "pool stratum")
        #expect(output.contains("config.toml:2:") && output.contains("70000"), "\(output)")
    }

    @Test("help tells of file and environment")
    func help() async throws {
        let result = try await LabProcess.run(["pool", "--help"])
        #expect(result.output.contains("LAB_POOL_SHARES_PER_MINUTE"))
    }

    @Test(
        "an unencrypted listener that others could reach is refused with a line and a usage status",
        arguments: ["0.0.0.0:3333", "192.168.1.5:3333", "[::]:3333", "localhost:3333", "128.0.0.1:1"])
    func plainListener(address: String) async throws {
        let result = try await LabProcess.run(["pool", "--plain-listen", address])
        #expect(result.status == 64)
        #expect(
            result.fault.contains("--plain-listen \(address)") && result.fault.contains("127.0.0.1:PORT"),
            "\(result.fault)")
        #expect(result.fault.split(separator: "\n").count == 1)
    }

    @Test("an unencrypted listener on loopback is opened and named")
    func plainLoopback() async throws {
        let output = try await start(
            "pool", ["--port", "0", "--no-jds", "--plain-listen", "127.0.0.1:0"], until: "without encryption")
        #expect(output.contains("pool without encryption 127.0.0.1:"), "\(output)")
    }
}
