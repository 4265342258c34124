import Bitcoin
import Chain
import DeviceModel
import Explorer
import Firmware
import Hardware
import JSONText
import JobDeclaration
import NIOPosix
import Pool
import Rig
import Runtime
import SansIO
import Stratum
import Translator

/// What `lab up` starts.
struct LabStackSettings: Sendable {
    var network = NetworkParameters.regtest
    var ports = Ports(.standard)
    var profile: DeviceProfile
    var profileName: String
    var hashrateScale: Double
    var sharesPerMinute: Double
    /// Hashes a second of the CPU miner.
    var minerHashRate: Double
    /// Builds the node's database anew from its block files.
    var reindexes = false
    /// Nil: devices without management interfaces.
    var management: ManagementAddresses?
}

/// The whole stack on loopback: node, pool, translator, a device, a CPU miner, explorer.
final class LabStack: Sendable {
    let settings: LabStackSettings
    let runtime: LabRuntime
    let observatory: Observatory
    let node: NodeService
    let pool: PoolService
    let client: JobDeclarationClientService
    let translator: TranslatorService
    let rigs: RigService
    let explorer: HTTPTask
    private let feed: LabFeedSource

    static func start(
        _ settings: LabStackSettings, directory: DataDirectory, log: EventLog,
        onStopRequest: @escaping @Sendable () -> Void
    ) async throws -> LabStack {
        let runtime = LabRuntime(threads: 4)
        let keys = try KeyRing(directory)
        let observatory = Observatory(log: log)
        let ports = settings.ports

        var nodeSettings = NodeSettings()
        nodeSettings.network = settings.network
        nodeSettings.reindexes = settings.reindexes
        nodeSettings.repair = "lab up --reindex"
        (nodeSettings.rpcPort, nodeSettings.peerPort) = (ports.rpc, ports.peer)
        nodeSettings.templatePort = ports.templates
        let node = try await NodeService.start(
            nodeSettings, runtime: runtime, directory: directory, keys: keys
        ) { observation, now in
            observatory.node(observation, at: now)
            if observation == .stopRequested { onStopRequest() }
        }
        log.note(
            "listening",
            "node: height \(node.restoredHeight, as: "height"), rpc \("http://\(node.rpc)", as: "rpc")",
            as: "node")

        var poolSettings = PoolSettings(templates: node.templates, templateAuthority: node.templateAuthority)
        poolSettings.port = ports.pool
        poolSettings.jobDeclaration?.port = ports.jobDeclarationServer
        poolSettings.jobDeclaration?.node = JobDeclarationServerConfiguration.Node(
            endpoint: node.rpc, credentials: "\(node.rpcUser):\(node.rpcPassword)")
        poolSettings.sharesPerMinute = settings.sharesPerMinute
        let payout = try await LabStack.payout(from: node)
        poolSettings.coinbase = payout
        let pool = try await PoolService.start(
            poolSettings, runtime: runtime, directory: directory, keys: keys,
            declarationObserver: { observation, _ in JobDeclarationLines.note(observation, in: log) }
        ) { observation, now in
            observatory.pool(observation, at: now)
        }
        log.note("listening", "pool: \(pool.url, as: "url")", as: "pool")
        if let declaration = pool.jobDeclarationServer {
            log.note("listening", "job declaration: \(declaration.url, as: "url")", as: "jds")
        }
        let client = try await startClient(
            settings, node: node, pool: pool, payout: payout, runtime: runtime, keys: keys, log: log)
        log.note("listening", "job declaration client: \(client.url, as: "url")", as: "jdc")

        let translator = try await TranslatorService.start(
            upstreams: [TranslatorUpstream(url: pool.url)],
            listen: Endpoint(host: "127.0.0.1", port: ports.translator), runtime: runtime,
            change: {
                $0.nominalHashRate = settings.minerHashRate
                $0.sharesPerMinute = settings.sharesPerMinute
            }
        ) { observation, _ in TranslatorLines.note(observation, in: log) }
        log.note(
            "listening", "translator: \("stratum+tcp://\(translator.stratumV1)", as: "url")", as: "translator"
        )

        let rigs = try await startRigs(
            settings, pool: pool, translator: translator, runtime: runtime, observatory: observatory)
        if let management = settings.management {
            log.note(
                "interfaces",
                "interfaces: \(management.address(0), as: "device") (device), \(management.address(1), as: "miner") (CPU miner)"
            )
        }
        let feed = LabFeedSource(
            observatory: observatory, node: node, pool: pool, translator: translator, rigs: rigs,
            runtime: runtime,
            network: settings.network.name)
        let explorer = try await HTTPTask(
            explorer: ExplorerConfiguration(
                port: Int(ports.explorer),
                node: RPCEndpoint(
                    host: node.rpc.host, port: Int(node.rpc.port), credentials: .cookie(path: node.cookiePath)
                ),
                feed: { await feed.feed() }))
        log.note(
            "listening", "explorer: \("http://127.0.0.1:\(explorer.port)", as: "url")", as: "explorer")
        return LabStack(
            settings: settings, runtime: runtime, observatory: observatory, node: node, pool: pool,
            client: client, translator: translator, rigs: rigs, explorer: explorer, feed: feed)
    }

    private init(
        settings: LabStackSettings, runtime: LabRuntime, observatory: Observatory, node: NodeService,
        pool: PoolService, client: JobDeclarationClientService,
        translator: TranslatorService, rigs: RigService, explorer: HTTPTask, feed: LabFeedSource
    ) {
        self.settings = settings
        self.runtime = runtime
        self.observatory = observatory
        self.node = node
        self.pool = pool
        self.client = client
        self.translator = translator
        self.rigs = rigs
        self.explorer = explorer
        self.feed = feed
    }

    var ready: JSON {
        ReadyFile.value(
            network: settings.network.name, node: node, pool: pool, client: client, translator: translator,
            explorerPort: explorer.port)
    }

    func currentFeed() async -> LabFeed { await feed.feed() }

    /// Miners first, so that nothing is found that nobody can take; the node last.
    func stop() async {
        await rigs.stop()
        async let explorer: Void = explorer.stop()
        await translator.stop()
        await client.stop()
        await pool.stop()
        await explorer
        await node.stop()
    }

    /// Devices pointed at it mine the pool's work on this node's templates.
    private static func startClient(
        _ settings: LabStackSettings, node: NodeService, pool: PoolService, payout: Script,
        runtime: LabRuntime, keys: KeyRing, log: EventLog
    ) async throws -> JobDeclarationClientService {
        var client = JobDeclarationClientSettings(templates: node.templates)
        client.port = settings.ports.jobDeclarationClient
        client.templateAuthority = node.templateAuthority
        client.payout = payout
        client.sharesPerMinute = settings.sharesPerMinute
        if let server = pool.jobDeclarationServer {
            client.upstreams = [
                JobDeclarationUpstream(
                    pool: pool.mining, poolAuthority: pool.authority, server: server.endpoint,
                    serverAuthority: server.authority, userIdentity: "lab.jdc")
            ]
        }
        return try await JobDeclarationClientService.start(client, runtime: runtime, keys: keys) {
            observation, _ in JobDeclarationClientLines.note(observation, in: log)
        }
    }

    private static func startRigs(
        _ settings: LabStackSettings, pool: PoolService, translator: TranslatorService, runtime: LabRuntime,
        observatory: Observatory
    ) async throws -> RigService {
        let seed = runtime.world.wallClock.unixNanosecondsAtStart
        var device = RigConfiguration(
            profile: settings.profile, pools: [pool.url], userIdentity: "lab.\(settings.profileName)",
            seed: seed,
            stream: 1, wallClock: runtime.world.wallClock)
        device.hashrateScale = settings.hashrateScale
        device.secretSeed = LiveWorld.entropy(32)
        let miner = DeviceRunner.cpuMiner(
            pools: [PoolURL(scheme: .stratumV1, endpoint: translator.stratumV1)], identity: "lab.cpu",
            hashRate: settings.minerHashRate, runtime: runtime)
        let configurations = [device, miner]
        let names = configurations.map(\.userIdentity)
        return try await RigService.start(
            configurations, runtime: runtime, loops: [runtime.group.next(), runtime.group.next()],
            management: settings.management
        ) { index, observation, _ in observatory.rig(names[index], observation) }
    }

    /// An address of the node's own wallet `lab`, so that what the lab mines can be spent.
    private static func payout(from node: NodeService) async throws -> Script {
        let client = RPCClient(
            endpoint: RPCEndpoint(
                host: node.rpc.host, port: Int(node.rpc.port),
                credentials: .password(user: node.rpcUser, password: node.rpcPassword)))
        defer { Task { await client.close() } }
        // The wallet exists already when the data directory is not new, loaded or not.
        _ = try await client.call("createwallet", ["lab"])
        _ = try await client.call("loadwallet", ["lab"])
        let address = try await client.call("getnewaddress", ["pool"]).get()
        guard let text = address.stringValue, let parsed = Address(text, network: .regtest) else {
            throw CommandFault("the node's wallet gave no address: \(address.text)")
        }
        return parsed.scriptPubKey
    }
}
