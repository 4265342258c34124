import ArgumentParser
import Bitcoin
import Experiments
import JobDeclaration
import Pool
import Runtime
import SansIO
import Stratum

extension JobDeclarationMode: ExpressibleByArgument {}

struct JobDeclarationClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jdc",
        abstract: "Runs the job declaration client: devices mine this node's templates for a pool.",
        discussion: """
            Templates come from a node of one's own; each goes to the devices at once and is declared to the pool's \
            job declaration server beside. When a pool fails the next one of the list takes over, and while there is \
            none blocks pay --payout.

            Examples:
              lab jdc --pool stratum2+tcp://127.0.0.1:34254/KEY --jds stratum2+tcp://127.0.0.1:34264/KEY
              lab jdc --pool stratum2+tcp://first:34254/KEY --jds stratum2+tcp://first:34264/KEY \\
                --user-identity me --pool stratum2+tcp://second:34254/KEY --jds stratum2+tcp://second:34264/KEY \\
                --user-identity me.too --payout bcrt1q…
              lab jdc --mode COINBASEONLY --pool stratum2+tcp://127.0.0.1:34254/KEY \\
                --jds stratum2+tcp://127.0.0.1:34264/KEY
              lab jdc --mode SOLOMINING --payout bcrt1q…
              lab jdc --config jdc-config.toml --api-port 9091 --api-token secret
            """)

    @OptionGroup var role: RoleOptions
    @Option(
        help: ArgumentHelp(
            "Pools in order of preference; may be given several times.", valueName: "url"))
    var pool: [PoolURL] = []
    @Option(
        help: ArgumentHelp("The job declaration server of each pool, in the same order.", valueName: "url"))
    var jds: [PoolURL] = []
    @Option(
        help: ArgumentHelp("The account: once for all pools, or once for each.", valueName: "name"))
    var userIdentity: [String] = []
    @Option(help: "FULLTEMPLATE, COINBASEONLY or SOLOMINING.") var mode = JobDeclarationMode.fullTemplate
    @Option(help: "Stratum V2 towards devices; 0 takes a free port.") var port: UInt16 = 34_265
    @Option(
        name: [.customLong("template-provider"), .customLong("templates")],
        help: "The template provider, ours or any other (sv2-tp with Bitcoin Core).")
    var templates = Endpoint(host: "127.0.0.1", port: 8_442)
    @Option(
        name: [.customLong("tp-key"), .customLong("templates-authority")],
        help: "Its authority key; without one its certificate is not checked.")
    var templatesAuthority: AuthorityPublicKey?
    @Option(help: "The address that blocks pay without a pool; without one a key of the data directory.")
    var payout: String?
    @Option(help: "Shares per minute and channel that vardiff aims at.") var sharesPerMinute = 6.0
    @Option(help: "Shares in one acknowledgement.") var shareBatchSize: UInt32 = 10
    @Option(
        name: [.customLong("reserved-downstream-rollable-extranonce-size")],
        help: "Bytes that a device rolls, 2 to 16.")
    var rollableExtranonceSize = 8
    @OptionGroup var authority: AuthorityOptions
    @Option(
        name: [.customLong("signature"), .customLong("jdc-signature")],
        help: "Text in the coinbase, at most 61 bytes.")
    var signature = "/mining-lab/"
    @OptionGroup var api: OperationsOptions
    @OptionGroup var logging: LogOptions

    func validate() throws {
        guard mode == .solo || !pool.isEmpty else {
            throw ValidationError(
                "--pool stratum2+tcp://host:port/KEY and --jds are needed, or --mode SOLOMINING")
        }
        guard pool.count == jds.count else {
            throw ValidationError("--pool is given \(pool.count) times and --jds \(jds.count) times")
        }
        for url in pool + jds where !url.isV2 {
            throw ValidationError("\(url) is Stratum V1; stratum2+tcp://host:port/KEY is needed")
        }
        guard userIdentity.count <= 1 || userIdentity.count == pool.count else {
            throw ValidationError(
                "--user-identity is given \(userIdentity.count) times for \(pool.count) pools; once for all "
                    + "or once for each")
        }
        guard sharesPerMinute > 0, sharesPerMinute <= 6_000 else {
            throw ValidationError("--shares-per-minute must be above 0 and at most 6000")
        }
        guard shareBatchSize > 0 else { throw ValidationError("--share-batch-size must be above 0") }
        guard (2...16).contains(rollableExtranonceSize) else {
            throw ValidationError("--reserved-downstream-rollable-extranonce-size must be 2 to 16")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = try logging.log("jdc")
        let runtime = LabRuntime(threads: 1)
        let directory = try role.directory("jdc")
        let keys = try KeyRing(directory)
        let journal = RoleJournal(clock: runtime.world.wallClock, isOn: api.isWanted)
        let client = try await JobDeclarationClientService.start(
            try settings(keys), runtime: runtime, keys: keys
        ) { observation, now in
            JobDeclarationClientLines.note(observation, in: log)
            if case .devices(let observation) = observation { journal.pool(observation, at: now) }
        }
        let whom = mode == .solo ? "solo" : pool.map { "\($0.endpoint)" }.joined(separator: ", ")
        log.note("listening", "jdc \(client.url, as: "url") -> \(whom, as: "pools")")
        let reload = try JobDeclarationClientCommand.reload(client, log: log)
        let hangUp = HangUpSignal(reload)
        let operations = try await api.serve(
            JobDeclarationClientOperations(
                client: client, pools: mode == .solo ? [] : pool.map(\.endpoint), journal: journal,
                reload: reload), log: log)
        await RoleRunner.run(log, until: stop) {
            await operations?.stop()
            if let totals = try? await client.host.query({ $0.totals }) {
                JobDeclarationClientLines.note(totals, in: log)
            }
            await client.stop()
        }
        withExtendedLifetime(hangUp) {}
    }

    /// What a running client takes anew; it goes to the side of the devices.
    static func reload(_ client: JobDeclarationClientService, log: EventLog) throws -> ReloadCall {
        let options: Set = ["shares-per-minute", "log-level"]
        return try ReloadCall(JobDeclarationClientCommand.self, takes: options, log: log) {
            command, changed in
            if changed.contains("log-level") { log.level = command.logging.logLevel }
            if changed.contains("shares-per-minute") {
                var change = PoolChange()
                change.sharesPerMinute = command.sharesPerMinute
                client.host.send(.devices(.change(change)))
            }
            return [:]
        }
    }

    private func settings(_ keys: KeyRing) throws -> JobDeclarationClientSettings {
        var settings = JobDeclarationClientSettings(templates: templates)
        settings.host = role.bind
        settings.port = port
        settings.mode = mode
        settings.upstreams = zip(pool, jds).enumerated().map { index, urls in
            JobDeclarationUpstream(
                pool: urls.0.endpoint, poolAuthority: urls.0.authority, server: urls.1.endpoint,
                serverAuthority: urls.1.authority,
                userIdentity: userIdentity.count > 1 ? userIdentity[index] : userIdentity.first ?? "")
        }
        settings.templateAuthority = templatesAuthority
        settings.payout = try Payout.script(payout)
        settings.sharesPerMinute = sharesPerMinute
        settings.shareBatchSize = shareBatchSize
        settings.rollableExtranonceSize = rollableExtranonceSize
        settings.certificateValidity = authority.validity
        settings.authority = try authority.key(keys, "jdc authority")
        settings.signature = signature
        return settings
    }
}

extension JobDeclarationClientCommand: ForeignKeys {
    /// The reference client's keys (its `jdc-config.toml`) as this command's options.
    static func options(for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry]) -> [String]? {
        let parts = entry.path.split(separator: ".").map(String.init)
        switch parts[0] {
        case "listening_address": return ReferenceKeys.listen(entry)
        case "coinbase_reward_script": return ["--payout=\(entry.text)"]
        // Extensions end here on both sides, so there is nothing to say about them.
        case "supported_extensions", "required_extensions": return []
        // Said for each pool, below.
        case "user_identity" where entries.contains { $0.path.hasPrefix("upstreams.") }: return []
        case "upstreams" where parts.count == 3 && parts[2] == "pool_address":
            return upstream(parts[1], pool: entry.text, entries)
        case "upstreams"
        where parts.count == 3
            && ["pool_port", "jds_address", "jds_port", "authority_pubkey", "user_identity"].contains(
                parts[2]):
            return []
        default: return ReferenceKeys.options(for: entry)
        }
    }

    static func refusal(of entry: SettingsFile.Entry) -> String? { ReferenceKeys.refusal(of: entry) }

    private static func upstream(
        _ number: String, pool: String, _ entries: [SettingsFile.Entry]
    ) -> [String] {
        func value(_ key: String) -> String? {
            entries.first { $0.path == "upstreams.\(number).\(key)" }?.text
        }
        let key = value("authority_pubkey").map { "/\($0)" } ?? ""
        let own = value("user_identity") ?? entries.first { $0.path == "user_identity" }?.text
        let pool = Endpoint(host: pool, port: UInt16(value("pool_port") ?? "") ?? 34_254)
        let server = Endpoint(
            host: value("jds_address") ?? pool.host, port: UInt16(value("jds_port") ?? "") ?? 34_264)
        return ["--pool=stratum2+tcp://\(pool)\(key)", "--jds=stratum2+tcp://\(server)\(key)"]
            + (own.map { ["--user-identity=\($0)"] } ?? [])
    }
}
