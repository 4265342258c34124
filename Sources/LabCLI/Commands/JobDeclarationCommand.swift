import ArgumentParser
import Bitcoin
import Experiments
import Foundation
import JobDeclaration
import Pool
import Runtime
import SansIO
import Stratum

/// A node's RPC port, with the reference implementation's key names.
struct CoreRPCOptions: ParsableArguments {
    @Option(help: "The node's JSON-RPC, Bitcoin Core's or ours: http://host or http://host:port.")
    var coreRpcUrl: String?
    @Option(help: "Its port, if the URL names none.") var coreRpcPort: UInt16 = 18_443
    @Option(help: "RPC user.") var coreRpcUser = "lab"
    @Option(help: "RPC password.") var coreRpcPass = "lab"
    @Option(help: ArgumentHelp("The node's cookie file instead of user and password.", valueName: "file"))
    var coreRpcCookie: String?
    @Option(help: ArgumentHelp("How often the mempool is looked through.", valueName: "seconds"))
    var mempoolUpdateInterval = DurationArgument(.seconds(5))

    /// Nil when no node is named.
    func node() throws -> JobDeclarationServerConfiguration.Node? {
        guard let coreRpcUrl else { return nil }
        var text = coreRpcUrl
        if text.hasPrefix("http://") { text.removeFirst("http://".count) }
        while text.hasSuffix("/") { text.removeLast() }
        guard !text.contains("/"), let endpoint = Endpoint(text) ?? Endpoint("\(text):\(coreRpcPort)") else {
            throw ValidationError("--core-rpc-url \(coreRpcUrl) is no http://host or http://host:port")
        }
        var credentials = "\(coreRpcUser):\(coreRpcPass)"
        if let coreRpcCookie {
            guard let cookie = NodeCookie.read(coreRpcCookie) else {
                throw CommandFault("\(coreRpcCookie) cannot be read; the node writes it while it runs")
            }
            credentials = cookie
        }
        var node = JobDeclarationServerConfiguration.Node(endpoint: endpoint, credentials: credentials)
        node.mempoolInterval = mempoolUpdateInterval.interval
        return node
    }
}

struct JobDeclarationServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jds",
        abstract: "Runs the job declaration server apart from its pool.",
        discussion: """
            Miners declare blocks of their own making here; a node judges them, and the pool believes the tokens that \
            are given out, because both know one secret. A token tells the pool for whom it is, what outputs the pool \
            was promised and, in full-template mode, exactly which work was judged; it expires after 30 minutes.

            Without --core-rpc-url only coinbase-only clients are served.

            Examples:
              lab jds --jds-secret 5e… --payout bcrt1q… --core-rpc-url http://127.0.0.1:18443
              lab jds --config jds-config.toml
              LAB_JDS_JDS_SECRET=5e… lab jds --payout bcrt1q… --api-port 9091 --api-token secret
            """)

    @OptionGroup var role: RoleOptions
    @Option(
        name: [.customLong("port")], help: "Stratum V2 job declaration; 0 takes a free port.")
    var port: UInt16 = 34_264
    @Option(help: "Address and port in one, instead of --bind and --port.") var listenJdAddress: Endpoint?
    @OptionGroup var node: CoreRPCOptions
    @Option(help: "What tokens are sealed with; the pool needs the same.") var jdsSecret: String?
    @OptionGroup var authority: AuthorityOptions
    @Option(help: "The address that rewards go to: the pool's.") var payout: String?
    @Option(help: "The same as a descriptor: addr(ADDRESS), wpkh(KEY).") var coinbaseRewardScript: String?
    @Flag(help: "Refuse coinbase-only clients.") var fullTemplateModeRequired = false
    @OptionGroup var api: OperationsOptions
    @OptionGroup var logging: LogOptions

    func validate() throws {
        if fullTemplateModeRequired, node.coreRpcUrl == nil {
            throw ValidationError(
                "--full-template-mode-required needs --core-rpc-url: a node judges templates")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = try logging.log("jds")
        let runtime = LabRuntime(threads: 1)
        let keys = try KeyRing(try role.directory("jds"))
        let authority = try self.authority.key(keys, "jds authority")
        var settings = JobDeclarationSettings(host: role.bind, port: port, node: try node.node())
        if let listenJdAddress {
            (settings.host, settings.port) = (listenJdAddress.host, listenJdAddress.port)
        }
        settings.cookiePath = node.coreRpcCookie
        settings.certificateValidity = self.authority.validity
        if fullTemplateModeRequired { settings.modes = .fullTemplate }
        let secret = jdsSecret.map { TokenSecret(Array($0.utf8)) } ?? TokenSecret(authority: authority.secret)
        let journal = RoleJournal(clock: runtime.world.wallClock, isOn: api.isWanted)
        let server = try await JobDeclarationService.start(
            settings, authority: authority, staticKey: keys.secretKey("jds static"), secret: secret,
            payout: CoinbasePayout(scripts: [try payoutScript()]), runtime: runtime
        ) { observation, now in
            JobDeclarationLines.note(observation, in: log)
            journal.jobDeclarationServer(observation, at: now)
        }
        log.note("listening", "job declaration server \(server.url, as: "url")")
        if jdsSecret == nil, self.authority.authoritySecretKey == nil {
            log.note("no_secret", "without --jds-secret no pool takes these tokens")
        }
        let reload = try JobDeclarationServerCommand.reload(server, log: log)
        let hangUp = HangUpSignal(reload)
        let operations = try await api.serve(
            JobDeclarationOperations(server: server, journal: journal, reload: reload), log: log)
        await RoleRunner.run(log, until: stop) {
            await operations?.stop()
            await server.stop()
        }
        withExtendedLifetime(hangUp) {}
    }

    /// What a running server takes anew. The payout is not among it: the pool must change it at the same moment.
    static func reload(_ server: JobDeclarationService, log: EventLog) throws -> ReloadCall {
        try ReloadCall(
            JobDeclarationServerCommand.self, takes: ["log-level", "core-rpc-user", "core-rpc-pass"], log: log
        ) { command, changed in
            if changed.contains("log-level") { log.level = command.logging.logLevel }
            if changed.contains("core-rpc-user") || changed.contains("core-rpc-pass") {
                guard command.node.coreRpcCookie == nil else {
                    let reason = "the cookie file is used"
                    return ["core-rpc-user": reason, "core-rpc-pass": reason].filter {
                        changed.contains($0.key)
                    }
                }
                server.host.send(
                    .setNodeCredentials("\(command.node.coreRpcUser):\(command.node.coreRpcPass)"))
            }
            return [:]
        }
    }

    private func payoutScript() throws -> Script {
        let text = coinbaseRewardScript ?? payout
        guard let script = try Payout.script(text) else {
            throw ValidationError("--payout ADDRESS is needed: clients must pay the pool")
        }
        return script
    }
}

extension JobDeclarationServerCommand: ForeignKeys {
    /// The reference server's keys (its `jds-config.toml`) as this command's options.
    static func options(for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry]) -> [String]? {
        switch entry.path {
        case "mempool_update_interval.value":
            let unit = entries.first { $0.path == "mempool_update_interval.unit" }?.text ?? "secs"
            let suffix = ["secs": "s", "millis": "ms", "mins": "m"][unit] ?? unit
            return ["--mempool-update-interval=\(entry.text)\(suffix)"]
        // Said with the value; and jobs are always answered when they are judged.
        case "mempool_update_interval.unit", "async_mining_allowed": return []
        // The node's port is a key of its own there, whatever the URL says.
        case "core_rpc_url": return ["--core-rpc-url=\(entry.text)"]
        default: return ReferenceKeys.options(for: entry)
        }
    }

    static func refusal(of entry: SettingsFile.Entry) -> String? { ReferenceKeys.refusal(of: entry) }
}
