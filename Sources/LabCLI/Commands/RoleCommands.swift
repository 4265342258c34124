import ArgumentParser
import Bitcoin
import Chain
import Pool
import Runtime
import SansIO
import Stratum

/// Options that every live role has.
struct RoleOptions: ParsableArguments {
    @Option(help: "The directory of state and keys, locked while in use.")
    var data = LabRuntime.defaultData

    @Option(help: "The address to listen on.")
    var bind = "127.0.0.1"

    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    func directory(_ role: String) throws -> DataDirectory { try DataDirectory("\(data)/\(role)") }
}

/// Runs until a signal and then stops in order.
enum RoleRunner {
    static func run(_ log: EventLog, until stop: StopSignal, ending: () async -> Void) async {
        let why = await stop.wait()
        log.note("\(why), stopping")
        await ending()
    }
}

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Runs the Bitcoin node: JSON-RPC, peer-to-peer port, template provider.",
        discussion: """
            Examples:
              lab node
              lab node --data /tmp/node --rpc-port 18443 --template-port 8442
              lab node --network labnet --block-hashes 1e7
            """)

    @OptionGroup var role: RoleOptions
    @OptionGroup var network: NetworkOptions
    @Option(help: "JSON-RPC over HTTP; 0 takes a free port.") var rpcPort: UInt16 = 18_443
    @Option(help: "Bitcoin's peer-to-peer protocol; 0 takes a free port.") var p2pPort: UInt16 = 18_444
    @Option(help: "Stratum V2 template distribution; 0 takes a free port.") var templatePort: UInt16 = 8_442
    @Option(help: "RPC user beside the cookie.") var rpcUser = "lab"
    @Option(help: "RPC password.") var rpcPassword = "lab"
    @Flag(help: "Build the database anew from the block files.") var reindex = false
    @Flag(inversion: .prefixedNo, help: "Find every transaction by its id; the explorer needs it.")
    var txindex = true
    @Flag(inversion: .prefixedNo, help: "Keep history and coins of each script.") var addressindex = false

    func run() async throws {
        let stop = StopSignal()
        let log = EventLog(prints: true)
        let runtime = LabRuntime(threads: 1)
        let directory = try role.directory("node")
        var settings = NodeSettings()
        settings.network = network.parameters
        settings.host = role.bind
        (settings.rpcPort, settings.peerPort, settings.templatePort) = (rpcPort, p2pPort, templatePort)
        (settings.rpcUser, settings.rpcPassword) = (rpcUser, rpcPassword)
        settings.reindexes = reindex
        settings.chain = ChainOptions(transactionIndex: txindex, addressIndex: addressindex)
        let observatory = Observatory(log: log)
        let node = try await NodeService.start(
            settings, runtime: runtime, directory: directory, keys: KeyRing(directory)
        ) { observation, now in
            observatory.node(observation, at: now)
            if observation == .stopRequested { stop.request("stop was called") }
        }
        log.note("node on \(settings.network.name): rpc http://\(node.rpc), peers \(node.peer)")
        log.note("templates \(node.templates), authority \(node.templateAuthority)")
        log.note("cookie \(node.cookiePath); height \(node.restoredHeight)")
        await RoleRunner.run(log, until: stop) { await node.stop() }
    }
}

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

            Miners may bring their own jobs. The job declaration server in the pool serves coinbase-only clients; with a \
            node's RPC port it takes whole templates too. With --no-jds it stands elsewhere (`lab jds`), and both need \
            one --jds-secret; without that the pool takes no custom jobs.
              lab pool --api-port 9090 --api-token secret
              curl -H 'Authorization: Bearer secret' -d '{"host":"b.example","port":34254}' \\
                http://127.0.0.1:9090/api/v1/control/drain
            """)

    @OptionGroup var role: RoleOptions
    @Option(help: "Stratum V2 mining; 0 takes a free port.") var port: UInt16 = 34_254
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
    @Option(help: "The address that rewards go to; without one a key of the data directory.") var payout:
        String?
    @Option(help: "Shares per minute and channel that vardiff aims at.") var sharesPerMinute = 6.0
    @Option(help: "Text in the coinbase, at most 61 bytes.") var signature = "/mining-lab/"
    @OptionGroup var api: OperationsOptions

    func validate() throws {
        guard sharesPerMinute > 0, sharesPerMinute <= 6_000 else {
            throw ValidationError("--shares-per-minute must be above 0 and at most 6000")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = EventLog(prints: true)
        let runtime = LabRuntime(threads: 1)
        let directory = try role.directory("pool")
        var settings = PoolSettings(templates: templates)
        settings.host = role.bind
        settings.port = port
        settings.tokenSecret = jdsSecret.map { TokenSecret(Array($0.utf8)) }
        settings.takesCustomJobs = jds || jdsSecret != nil
        settings.jobDeclaration =
            jds ? JobDeclarationSettings(host: role.bind, port: jdsPort, node: try node.node()) : nil
        settings.templateAuthority = templatesAuthority
        settings.payout = try Payout.script(payout)
        settings.sharesPerMinute = sharesPerMinute
        settings.signature = signature
        let observatory = Observatory(log: log)
        let pool = try await PoolService.start(
            settings, runtime: runtime, keys: KeyRing(directory),
            declarationObserver: { observation, _ in JobDeclarationLines.note(observation, in: log) }
        ) { observation, now in observatory.pool(observation, at: now) }
        log.note("pool \(pool.url)")
        if let declaration = pool.jobDeclarationServer {
            log.note("job declaration server \(declaration.url)")
        }
        let operations = try await api.serve(PoolOperations(pool: pool), log: log)
        await RoleRunner.run(log, until: stop) {
            await operations?.stop()
            await pool.stop()
        }
        let counts = observatory.counts
        log.note(
            "\(counts.accepted) shares accepted, \(counts.rejected) rejected, \(counts.blocksFound) blocks")
    }
}

struct TranslatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "translator",
        abstract: "Translates Stratum V1 miners to a Stratum V2 pool.",
        discussion: """
            Examples:
              lab translator --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab translator --pool stratum2+tcp://pool.example:34254/KEY --identity account --port 34255
            """)

    @OptionGroup var role: RoleOptions
    @Option(help: "Upstream pools in order of preference; may be given several times.") var pool: [PoolURL]
    @Option(help: "Stratum V1; 0 takes a free port.") var port: UInt16 = 34_255
    @Option(help: "The account at the pool; channels open as identity.worker.") var identity = ""
    @Option(help: "Announced for a miner that suggests no difficulty.") var hashRate = HashRateArgument(1e9)
    @Option(help: "Shares per minute that the pool aims at.") var sharesPerMinute = 6.0

    func validate() throws {
        guard !pool.isEmpty else { throw ValidationError("--pool stratum2+tcp://host:port/KEY is needed") }
        for url in pool where !url.isV2 {
            throw ValidationError(
                "--pool \(url) is Stratum V1; a translator needs stratum2+tcp://host:port/KEY")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = EventLog(prints: true)
        let runtime = LabRuntime(threads: 1)
        let translator = try await TranslatorService.start(
            upstreams: pool, listen: Endpoint(host: role.bind, port: port), identity: identity,
            hashRate: hashRate.hashesPerSecond, sharesPerMinute: sharesPerMinute, runtime: runtime
        ) { observation, _ in TranslatorLines.note(observation, in: log) }
        log.note("translator stratum+tcp://\(translator.stratumV1) -> \(pool[0].endpoint)")
        await RoleRunner.run(log, until: stop) { await translator.stop() }
    }
}

/// A translator's observations as lines.
enum TranslatorLines {
    static func note(_ observation: TranslatorObservation, in log: EventLog) {
        switch observation {
        case .minerAuthorized(_, let worker, let agent): log.note("V1 miner \(worker) (\(agent))")
        case .minerDisconnected(_, let reason): log.note("V1 miner left: \(reason)")
        case .channelRefused(_, let code): log.note("translator: the pool refused a channel: \(code)")
        case .shareRejectedUpstream(_, let code): log.note("translator: the pool refused a share: \(code)")
        case .upstream(.ready(let endpoint)): log.note("translator: pool \(endpoint) ready")
        case .upstream(.refused(let endpoint, let code)):
            log.note("translator: pool \(endpoint) refused: \(code)")
        case .upstream(.lost(let endpoint, let reason)):
            log.note("translator: pool \(endpoint) lost: \(reason)")
        case .upstream(.dialing), .minerConnected, .channelOpened, .jobForwarded, .targetChanged,
            .shareForwarded,
            .shareRefused, .sharesCredited:
            break
        }
    }
}
