import Bitcoin
import Chain
import JobDeclaration
import Ledger
import Pool
import SansIO
import Simulation
import Stratum
import Translator
import Vardiff

/// The roles of an experiment in the virtual world: those that its fleets need, each with the settings that the file
/// gives, and each as it starts again after a kill.
final class VirtualStack {
    typealias Role = StackRole

    enum Place {
        static let templates = Endpoint(host: "node", port: 8_442)
        static let rpc = Endpoint(host: "node", port: 18_443)
        static let pool = Endpoint(host: "pool", port: 34_254)
        static let jds = Endpoint(host: "jds", port: 34_264)
        static let jdc = Endpoint(host: "jdc", port: 34_265)
        static let translator = Endpoint(host: "translator", port: 34_255)
    }

    /// What the run wants to hear.
    struct Ears {
        var pool: (PoolObservation, Instant) -> Void
        var node: (NodeObservation, Instant) -> Void
        /// Of the translator and of the client's own channels.
        var client: (JobDeclarationClientObservation, Instant) -> Void
    }

    private static let credentials = "lab:lab"
    private let experiment: Experiment
    private let seed: UInt64
    private let clock: WallClock
    let world: VirtualWorld
    private let ears: Ears
    private let network: NetworkParameters
    private var places: [Role: NodeID] = [:]
    private var lives: [Role: UInt32] = [:]
    private var storage = MemoryStorage()

    /// - Parameter fleetHashRate: of all devices, scaled; sets labnet's difficulty where the fleet finds the blocks.
    init(
        _ experiment: Experiment, seed: UInt64, fleetHashRate: Double, clock: WallClock, world: VirtualWorld,
        ears: Ears
    ) throws {
        self.experiment = experiment
        self.seed = seed
        self.clock = clock
        self.world = world
        self.ears = ears
        network = experiment.network.parameters(fleetHashRate: fleetHashRate, over: experiment.duration)
        for role in experiment.roles { try add(role) }
    }

    func id(_ role: Role) -> NodeID? { places[role] }

    /// Where a fleet's devices dial.
    func url(for fleet: FleetPlan) -> PoolURL {
        switch fleet.via {
        case .translator: PoolURL(scheme: .stratumV1, endpoint: Place.translator)
        case .jdc: PoolURL(scheme: .stratumV2(authority: keys(.jdc).0.publicKey), endpoint: Place.jdc)
        case .pool, .target:
            PoolURL(scheme: .stratumV2(authority: keys(.pool).0.publicKey), endpoint: Place.pool)
        }
    }

    // MARK: Roles come and go

    private func add(_ role: Role) throws {
        switch role {
        case .node:
            places[role] = world.add(
                try node(), listening: [(.templateProvider, Place.templates), (.rpc, Place.rpc)],
                observer: ears.node)
        case .pool:
            places[role] = world.add(pool(), listening: [(.mining, Place.pool)], observer: ears.pool)
        case .jds:
            places[role] = world.add(
                server(), listening: [(.jobDeclarationServer, Place.jds)], observer: { _, _ in })
        case .jdc:
            places[role] = world.add(client(), listening: [(.mining, Place.jdc)], observer: ears.client)
        case .translator:
            places[role] = world.add(
                translator(), listening: [(.stratumV1, Place.translator)], observer: { _, _ in })
        }
    }

    func kill(_ role: Role) {
        guard let id = places[role] else { return }
        world.kill(id)
    }

    /// Starts a role that was killed; the node from what it had stored.
    func restart(_ role: Role) throws {
        guard let id = places[role], !world.isUp(id) else { return }
        lives[role, default: 0] += 1
        switch role {
        case .node:
            storage = storage.recovered()
            world.start(try node(), as: id, observer: ears.node)
        case .pool: world.start(pool(), as: id, observer: ears.pool)
        case .jds: world.start(server(), as: id, observer: { _, _ in })
        case .jdc: world.start(client(), as: id, observer: ears.client)
        case .translator: world.start(translator(), as: id, observer: { _, _ in })
        }
    }

    // MARK: The chain's events

    func makeBlocks(_ count: Int) {
        guard let id = places[.node], world.isUp(id) else { return }
        world.send(
            .generate(count: count, script: script("blocks"), maxTries: .max), to: id, as: NodeMachine.self)
    }

    /// Mines coins for the transactions before the run begins, and splits them.
    func prepareTraffic(_ traffic: inout TransactionTraffic) {
        guard let id = places[.node] else { return }
        let first = world.query(id, as: NodeMachine.self) { $0.chain.height } + 1
        world.send(
            .generate(
                count: Limits.trafficBlocks, script: TransactionTraffic.script, maxTries: .max), to: id,
            as: NodeMachine.self)
        world.send(
            .generate(count: 100, script: script("blocks"), maxTries: .max), to: id, as: NodeMachine.self)
        for height in first..<first + Limits.trafficBlocks {
            let coinbase = world.query(id, as: NodeMachine.self) { node in
                node.chain.block(node.chain.active[height])?.transactions.first
            }
            guard let coinbase else { continue }
            send(traffic.split(coinbase))
        }
        // The smallest blocks hold one of them each.
        makeBlocks(Limits.trafficBlocks)
    }

    func send(_ transaction: Transaction) {
        guard let id = places[.node], world.isUp(id) else { return }
        world.send(.submitTransaction(transaction.bytes()), to: id, as: NodeMachine.self)
    }

    /// The last `depth` blocks give way to one more.
    func reorganise(depth: Int) {
        guard let id = places[.node], world.isUp(id) else { return }
        let branch = world.query(id, as: NodeMachine.self) { node -> Hash256? in
            guard node.chain.height >= depth else { return nil }
            return node.chain.entry(at: node.chain.height - depth + 1)?.hash
        }
        guard let branch else { return }
        world.send(.invalidateBlock(branch), to: id, as: NodeMachine.self)
        makeBlocks(depth + 1)
        world.send(.reconsiderBlock(branch), to: id, as: NodeMachine.self)
    }

    func drain(for time: Interval) {
        guard let id = places[.pool], world.isUp(id) else { return }
        world.send(
            .drain(host: "", port: 0, grace: Interval(seconds: time.seconds / 2)), to: id,
            as: PoolMachine.self)
        world.schedule(at: world.now + time) { world in
            guard world.isUp(id) else { return }
            world.send(.resume, to: id, as: PoolMachine.self)
        }
    }

    // MARK: Machines

    /// Keys that stay the same from life to life.
    private func secrets(_ purpose: String) -> SecretGenerator {
        SecretGenerator(seed: Array("experiment \(seed) \(purpose)".utf8))
    }

    private func keys(_ role: Role) -> (AuthoritySecretKey, SecretKey) {
        var secrets = secrets(role.rawValue)
        return (AuthoritySecretKey(secrets.secretKey()), secrets.secretKey())
    }

    private func session(_ role: Role) -> [UInt8] {
        var secrets = secrets("\(role.rawValue) \(lives[role, default: 0])")
        return secrets.bytes(32)
    }

    private func script(_ purpose: String) -> Script {
        var secrets = secrets(purpose)
        return .p2wpkh(hash160(secrets.secretKey().publicKey.bytes))
    }

    private func node() throws -> NodeMachine {
        var secrets = secrets("node")
        var configuration = NodeConfiguration(
            network: network, clock: clock, secretSeed: secrets.bytes(32), rpcCredentials: Self.credentials)
        configuration.sessionSeed = session(.node)
        configuration.seed = seed
        configuration.hasWallets = false
        configuration.templates.weightMax = experiment.stack.blockWeight
        configuration.speculativePool = experiment.stack.speculativePool
        return try NodeMachine(configuration, storage: storage)
    }

    private func pool() -> PoolMachine {
        var configuration = server(.pool, templates: Place.templates)
        configuration.customJobs = CustomJobPolicy(
            secret: tokenSecret, payout: CoinbasePayout(scripts: [script("pool payout")]))
        return PoolMachine(configuration)
    }

    /// What pool and job declaration client have in common: serving devices.
    private func server(_ role: Role, templates: Endpoint) -> PoolConfiguration {
        let (authority, staticKey) = keys(role)
        var configuration = PoolConfiguration(
            authority: authority, staticKey: staticKey, clock: clock, secretSeed: session(role),
            templateProvider: templates, payout: script("\(role.rawValue) payout"))
        experiment.stack.settle(&configuration)
        return configuration
    }

    private var tokenSecret: TokenSecret {
        var secrets = secrets("tokens")
        return TokenSecret(secrets.bytes(32))
    }

    private func server() -> JobDeclarationServerMachine {
        let (authority, staticKey) = keys(.jds)
        return JobDeclarationServerMachine(
            JobDeclarationServerConfiguration(
                authority: authority, staticKey: staticKey, clock: clock, secretSeed: session(.jds),
                tokenSecret: tokenSecret, payout: CoinbasePayout(scripts: [script("pool payout")]),
                node: .init(endpoint: Place.rpc, credentials: Self.credentials)))
    }

    private func client() -> JobDeclarationClientMachine {
        var configuration = JobDeclarationClientConfiguration(
            devices: server(.jdc, templates: Place.templates))
        configuration.mode = experiment.stack.declaration == "coinbase-only" ? .coinbaseOnly : .fullTemplate
        configuration.upstreams = [
            JobDeclarationUpstream(
                pool: Place.pool, poolAuthority: keys(.pool).0.publicKey, server: Place.jds,
                serverAuthority: keys(.jds).0.publicKey, userIdentity: "jdc")
        ]
        return JobDeclarationClientMachine(configuration)
    }

    private func translator() -> TranslatorMachine {
        let url = PoolURL(scheme: .stratumV2(authority: keys(.pool).0.publicKey), endpoint: Place.pool)
        var configuration = TranslatorConfiguration(
            upstreams: [TranslatorUpstream(url: url)], clock: clock, secretSeed: session(.translator))
        configuration.userIdentity = "translator"
        experiment.stack.settle(&configuration)
        return TranslatorMachine(configuration)
    }
}
