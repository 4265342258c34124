import ArgumentParser
import Bitcoin
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
    @Option(help: "How long a certificate is good, in seconds.") var certValiditySec: UInt64 = 3_600
    @Option(
        name: [.customLong("signature"), .customLong("jdc-signature")],
        help: "Text in the coinbase, at most 61 bytes.")
    var signature = "/mining-lab/"

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
        guard certValiditySec >= 60, certValiditySec <= 315_360_000 else {
            throw ValidationError("--cert-validity-sec must be from 60 to 315360000")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = EventLog(prints: true)
        let runtime = LabRuntime(threads: 1)
        let directory = try role.directory("jdc")
        let client = try await JobDeclarationClientService.start(
            try settings(), runtime: runtime, keys: KeyRing(directory)
        ) { observation, _ in JobDeclarationClientLines.note(observation, in: log) }
        let whom = mode == .solo ? "solo" : pool.map { "\($0.endpoint)" }.joined(separator: ", ")
        log.note("jdc \(client.url) -> \(whom)")
        await RoleRunner.run(log, until: stop) {
            if let totals = try? await client.host.query({ $0.totals }) {
                JobDeclarationClientLines.note(totals, in: log)
            }
            await client.stop()
        }
    }

    private func settings() throws -> JobDeclarationClientSettings {
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
        settings.certificateValidity = .seconds(certValiditySec)
        settings.signature = signature
        return settings
    }
}
