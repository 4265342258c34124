import ArgumentParser
import Bitcoin
import Experiments
import Ledger
import Pool
import Runtime
import SansIO
import Stratum
import Vardiff

struct PoolCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool",
        abstract: "Runs the Stratum V2 pool server.",
        discussion: """
            Examples:
              lab pool --template-provider 127.0.0.1:8442
              lab pool --template-provider 127.0.0.1:8442 --tp-key 9c… --shares-per-minute 20
              lab pool --core-rpc-url http://127.0.0.1 --core-rpc-port 18443 --core-rpc-user lab --core-rpc-pass lab
              lab pool --no-jds --jds-secret 5e…
              lab pool --payout pplns --coinbase 'wpkh(tpub…/0/*)'

            The books of users, workers, shares and blocks are shown by `lab ledger`.

            Miners may bring their own jobs. The job declaration server in the pool serves coinbase-only clients; with a \
            node's RPC port it takes whole templates too. With --no-jds it stands elsewhere (`lab jds`), and both need \
            one --jds-secret; without that the pool takes no custom jobs.
              lab pool --api-port 9090 --api-token secret
              curl -H 'Authorization: Bearer secret' -d '{"host":"b.example","port":34254}' \\
                http://127.0.0.1:9090/api/v1/control/drain
            """)

    @OptionGroup var role: RoleOptions
    @OptionGroup var keys: AuthorityOptions
    @OptionGroup var admission: AdmissionOptions
    @Option(help: "Stratum V2 mining; 0 takes a free port.") var port: UInt16 = 34_254
    @Option(
        help: ArgumentHelp(
            "Stratum V2 without encryption as well, for tools on this machine: 127.0.0.1:PORT and nothing else.",
            valueName: "address"))
    var plainListen: Endpoint?
    @Flag(inversion: .prefixedNo, help: "Job declaration server in the pool.") var jds = true
    @Option(help: "Job declaration server; 0 takes a free port.") var jdsPort: UInt16 = 34_264
    @OptionGroup var node: CoreRPCOptions
    @Option(help: "What tokens are sealed with; without one it follows from the authority key.")
    var jdsSecret: String?
    /// From before `lab jdc` was a role of its own; says nothing any more.
    @Option(help: .hidden) var jdcPort: UInt16?
    @Option(
        name: [.customLong("template-provider"), .customLong("templates")],
        help: "The template provider, ours or any other (sv2-tp with Bitcoin Core).")
    var templates = Endpoint(host: "127.0.0.1", port: 8_442)
    @Option(
        name: [.customLong("tp-key"), .customLong("templates-authority")],
        help: "Its authority key; without one its certificate is not checked.")
    var templatesAuthority: AuthorityPublicKey?
    @Option(
        name: [.customLong("coinbase"), .customLong("coinbase-reward-script")],
        help: "The address or descriptor that rewards go to; without one a key of the data directory.")
    var coinbase: String?
    @Option(
        help: """
            How rewards are divided. solo: identities that are addresses, sri/solo/ADDRESS/worker and \
            sri/donate/PERCENT/ADDRESS/worker mine for themselves, all others for the pool.
            """)
    var payout = PayoutScheme.solo
    @Flag(
        help:
            "Force the ledger to the disk before each acknowledgement: shares survive a power cut, at a cost."
    )
    var ledgerSync = false
    @Option(help: "Shares per minute and channel that vardiff aims at.") var sharesPerMinute = 6.0
    @Option(help: "Difficulty control: lab, or classic or ckpool as others have it; see lab vardiff.")
    var vardiff = VardiffAlgorithm.lab
    @Option(help: "Shares in one acknowledgement.") var shareBatchSize: UInt32 = 10
    @Option(help: "First byte of every extranonce: pools with different ids never give out the same work.")
    var serverId: UInt8 = 0
    @Option(
        name: [.customLong("signature"), .customLong("pool-signature")],
        help: "Text in the coinbase, at most 61 bytes.")
    var signature = "/mining-lab/"
    @OptionGroup var api: OperationsOptions
    @OptionGroup var logging: LogOptions

    func validate() throws {
        guard sharesPerMinute > 0, sharesPerMinute <= 6_000 else {
            throw ValidationError("--shares-per-minute must be above 0 and at most 6000")
        }
        guard shareBatchSize > 0 else { throw ValidationError("--share-batch-size must be above 0") }
    }

    func run() async throws {
        if let plainListen, !plainListen.isLoopback {
            throw UsageFault(
                "--plain-listen \(plainListen): an unencrypted listener stays on this machine; 127.0.0.1:PORT or "
                    + "[::1]:PORT")
        }
        let stop = StopSignal()
        let log = try logging.log("pool")
        let runtime = LabRuntime(threads: 1)
        let directory = try role.directory("pool")
        let ring = try KeyRing(directory)
        let settings = try settings(ring)
        let observatory = Observatory(log: log, isPoolAlone: true)
        let journal = RoleJournal(clock: runtime.world.wallClock, isOn: api.isWanted)
        let pool = try await PoolService.start(
            settings, runtime: runtime, directory: directory, keys: ring,
            declarationObserver: { observation, _ in JobDeclarationLines.note(observation, in: log) }
        ) { observation, now in
            observatory.pool(observation, at: now)
            journal.pool(observation, at: now)
        }
        log.note("listening", "pool \(pool.url, as: "url")")
        if let plain = pool.plain {
            log.note("listening_plain", "pool without encryption \(plain, as: "address")")
        }
        if let declaration = pool.jobDeclarationServer {
            log.note("listening", "job declaration server \(declaration.url, as: "url")", as: "jds")
        }
        let reload = try PoolCommand.reload(pool, takesCustomJobs: settings.takesCustomJobs, log: log)
        let hangUp = HangUpSignal(reload)
        let operations = try await api.serve(
            PoolOperations(pool: pool, journal: journal, reload: reload), log: log)
        await RoleRunner.run(log, until: stop) {
            await operations?.stop()
            await pool.stop()
        }
        withExtendedLifetime(hangUp) {}
        let counts = observatory.counts
        log.note(
            "totals",
            "\(counts.accepted, as: "accepted") shares accepted, \(counts.rejected, as: "rejected") rejected, "
                + "\(counts.blocksFound, as: "blocks") blocks")
    }

    private func settings(_ ring: KeyRing) throws -> PoolSettings {
        var settings = PoolSettings(templates: templates)
        settings.host = role.bind
        settings.port = port
        settings.tokenSecret = jdsSecret.map { TokenSecret(Array($0.utf8)) }
        settings.takesCustomJobs = jds || jdsSecret != nil
        settings.jobDeclaration =
            jds ? JobDeclarationSettings(host: role.bind, port: jdsPort, node: try node.node()) : nil
        settings.templateAuthority = templatesAuthority
        settings.coinbase = try Payout.script(coinbase)
        settings.payout = payout
        settings.forcesLedger = ledgerSync
        settings.sharesPerMinute = sharesPerMinute
        settings.vardiff = vardiff
        settings.signature = signature
        settings.authority = try keys.key(ring, "pool authority")
        settings.certificateValidity = keys.validity
        settings.plain = plainListen
        settings.shareBatchSize = shareBatchSize
        settings.serverID = serverId
        settings.admission = admission.rules
        return settings
    }
}

extension PoolCommand {
    /// What a running pool takes anew.
    static func reload(_ pool: PoolService, takesCustomJobs: Bool, log: EventLog) throws -> ReloadCall {
        let options: Set = [
            "shares-per-minute", "vardiff", "signature", "coinbase", "connections-per-address",
            "arrivals-per-second", "frames-per-second", "refuse", "log-level",
        ]
        return try ReloadCall(PoolCommand.self, takes: options, log: log) { command, changed in
            var change = PoolChange()
            var refused: [String: String] = [:]
            if changed.contains("shares-per-minute") { change.sharesPerMinute = command.sharesPerMinute }
            if changed.contains("vardiff") { change.vardiff = command.vardiff }
            if changed.contains("signature") { change.signature = command.signature }
            if changed.contains("coinbase") {
                if takesCustomJobs {
                    refused["coinbase"] = "tokens of miners' own jobs promise the old outputs"
                } else if let script = try Payout.script(command.coinbase) {
                    change.payout = script
                } else {
                    refused["coinbase"] = "there is none any more"
                }
            }
            if !changed.isDisjoint(with: AdmissionOptions.names) {
                change.admission = command.admission.rules
            }
            if changed.contains("log-level") { log.level = command.logging.logLevel }
            if !change.isEmpty { pool.host.send(.change(change)) }
            return refused
        }
    }
}

/// Who may connect to a pool, how often, and how much it may say.
struct AdmissionOptions: ParsableArguments {
    static let names: Set = [
        "connections-per-address", "arrivals-per-second", "frames-per-second", "refuse",
    ]

    @Option(
        help: ArgumentHelp("Live connections of one address; loopback is not counted.", valueName: "count"))
    var connectionsPerAddress: Int?
    @Option(
        help: ArgumentHelp(
            "New connections a second of one address; loopback is not counted.", valueName: "rate"))
    var arrivalsPerSecond: Double?
    @Option(help: ArgumentHelp("Frames a second on one connection.", valueName: "rate"))
    var framesPerSecond = 10_000.0
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp("An address that never gets in; may be given several times.", valueName: "address")
    )
    var refuse: [String] = []

    func validate() throws {
        if let most = connectionsPerAddress, most < 1 {
            throw ValidationError("--connections-per-address must be above 0")
        }
        if let rate = arrivalsPerSecond, !(rate > 0 && rate.isFinite) {
            throw ValidationError("--arrivals-per-second must be above 0")
        }
        guard framesPerSecond > 0, framesPerSecond.isFinite else {
            throw ValidationError("--frames-per-second must be above 0")
        }
    }

    var rules: AdmissionRules {
        var rules = AdmissionRules()
        rules.connectionsPerAddress = connectionsPerAddress
        rules.arrivalsPerSecond = arrivalsPerSecond
        rules.framesPerSecond = framesPerSecond
        rules.refusedAddresses = refuse
        return rules
    }
}

extension Endpoint {
    /// An address of this machine alone; names are none, because who knows what they stand for.
    var isLoopback: Bool {
        if host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
    }
}

extension PoolCommand: ForeignKeys {
    /// The reference pool's keys (its `pool-config.toml`) as this command's options.
    static func options(for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry]) -> [String]? {
        switch entry.path {
        case "listen_address": ReferenceKeys.listen(entry)
        case "jds.listen_address":
            ReferenceKeys.endpoint(entry.text).map { ["--jds", "--jds-port=\($0.port)"] }
        // Extension 2 is always spoken and never demanded.
        case "supported_extensions": []
        default: ReferenceKeys.options(for: entry)
        }
    }

    static func refusal(of entry: SettingsFile.Entry) -> String? {
        entry.path == "required_extensions"
            ? "this pool demands no extension of its miners" : ReferenceKeys.refusal(of: entry)
    }
}
