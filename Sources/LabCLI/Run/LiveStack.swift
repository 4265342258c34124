import Bitcoin
import Chain
import Experiments
import Foundation
import JobDeclaration
import Measurement
import NIOCore
import Pool
import Runtime
import SansIO
import Stratum
import Synchronization
import Translator

/// The roles of an experiment in the live world, on loopback with ports of the system's choice, each as it comes again
/// after a kill: at the same port, with the same keys, from what it had stored.
actor LiveStack {
    private struct Heard {
        var observer: FleetObserver
        var credit: PoolCredit
        var isReady = false
    }

    private let experiment: Experiment
    private let target: PoolURL?
    private let runtime = LabRuntime(threads: 4)
    private let directory: DataDirectory
    private let keys: KeyRing
    private let network: NetworkParameters
    private let heard: Mutex<Heard>
    private let log: EventLog

    private var node: NodeService?
    private var pool: PoolService?
    private var server: JobDeclarationService?
    private var client: JobDeclarationClientService?
    private var translator: TranslatorService?
    /// Where a role was first and will be again.
    private var places: [String: Endpoint] = [:]
    private var urls: [StackRole: PoolURL] = [:]
    private var blocks: PRNG
    private var tasks: [Task<Void, Never>] = []

    /// - Parameter target: a pool that is not ours instead of node and pool.
    init(
        _ experiment: Experiment, seed: UInt64, fleetHashRate: Double, target: PoolURL?,
        directory: DataDirectory, log: EventLog
    ) throws {
        self.experiment = experiment
        self.target = target
        self.directory = directory
        self.log = log
        keys = try KeyRing(directory)
        network = experiment.network.parameters(
            fleetHashRate: fleetHashRate, over: experiment.duration)
        blocks = PRNG(seed: seed, stream: 0xb10c)
        heard = Mutex(
            Heard(
                observer: FleetObserver(fleets: [], fleetCount: experiment.fleets.count),
                credit: PoolCredit(experiment)))
    }

    nonisolated var roles: [StackRole] {
        guard target != nil else { return experiment.roles }
        return experiment.roles.filter { $0 == .translator }
    }

    /// Starts what the fleets need and waits until the pool has work.
    func start() async throws {
        for role in roles { try await start(role) }
        guard roles.contains(.pool) else { return }
        let deadline = ContinuousClock.now + Self.patience
        while !heard.withLock({ $0.isReady }) {
            guard ContinuousClock.now < deadline else {
                throw CommandFault("the pool got no work from the node within \(Self.patience)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// How long a fresh pool may be without work.
    private static let patience = Duration.seconds(20)

    /// Where each fleet's devices dial.
    var pools: [PoolURL] {
        experiment.fleets.map { fleet in
            let role: StackRole =
                switch fleet.via {
                case .translator: .translator
                case .jdc: .jdc
                case .pool, .target: .pool
                }
            guard let url = urls[role] ?? target else { preconditionFailure("\(role) was started") }
            return url
        }
    }

    /// The pool's view of what came since the last call, as a second of the run.
    nonisolated func closeSecond(as index: Int) -> Second {
        let closed = heard.withLock { $0.observer.close() }
        var second = Second(index: index, fleetCount: closed.fleets.count)
        second.fleets = closed.fleets
        return second
    }

    func stop() async {
        for task in tasks { task.cancel() }
        for role in roles.reversed() { await stop(role) }
        try? await runtime.group.shutdownGracefully()
    }

    // MARK: Roles come and go

    private func place(_ name: String) -> UInt16 { places[name]?.port ?? 0 }

    private func start(_ role: StackRole) async throws {
        switch role {
        case .node: try await startNode()
        case .pool: try await startPool()
        case .jds: try await startServer()
        case .jdc: try await startClient()
        case .translator: try await startTranslator()
        }
    }

    private func stop(_ role: StackRole) async {
        switch role {
        case .node: await node?.stop()
        case .pool: await pool?.stop()
        case .jds: await server?.stop()
        case .jdc: await client?.stop()
        case .translator: await translator?.stop()
        }
        switch role {
        case .node: node = nil
        case .pool: pool = nil
        case .jds: server = nil
        case .jdc: client = nil
        case .translator: translator = nil
        }
    }

    private func startNode() async throws {
        var settings = NodeSettings()
        settings.network = network
        (settings.rpcUser, settings.rpcPassword) = ("lab", "lab")
        settings.rpcPort = place("rpc")
        settings.peerPort = place("peer")
        settings.templatePort = place("templates")
        let node = try await NodeService.start(
            settings, runtime: runtime, directory: directory, keys: keys
        ) { _, _ in }
        (places["rpc"], places["peer"], places["templates"]) = (node.rpc, node.peer, node.templates)
        self.node = node
    }

    private var authority: AuthoritySecretKey { AuthoritySecretKey(keys.secretKey("pool authority")) }

    private func startPool() async throws {
        guard let templates = places["templates"] else { return }
        var settings = PoolSettings(templates: templates, templateAuthority: node?.templateAuthority)
        settings.jobDeclaration = nil
        settings.port = place("pool")
        settings.authority = authority
        let plan = experiment.stack
        let pool = try await PoolService.start(
            settings, runtime: runtime, directory: directory, keys: keys, change: { plan.settle(&$0) }
        ) { [self] observation, _ in
            heard.withLock { heard in
                heard.credit.hear(observation, into: &heard.observer)
                if case .templateProvider(.ready) = observation { heard.isReady = true }
            }
        }
        places["pool"] = pool.mining
        urls[.pool] = pool.url
        self.pool = pool
    }

    private func startServer() async throws {
        guard let rpc = places["rpc"] else { return }
        var settings = JobDeclarationSettings()
        settings.port = place("jds")
        settings.node = JobDeclarationServerConfiguration.Node(endpoint: rpc, credentials: "lab:lab")
        let payout = Script.p2wpkh(hash160(keys.secretKey("pool payout").publicKey.bytes))
        let server = try await JobDeclarationService.start(
            settings, authority: authority, staticKey: keys.secretKey("jds static"),
            secret: TokenSecret(authority: authority.secret), payout: CoinbasePayout(scripts: [payout]),
            runtime: runtime
        ) { _, _ in }
        places["jds"] = server.endpoint
        self.server = server
    }

    private func startClient() async throws {
        guard let templates = places["templates"], let pool = places["pool"], let jds = places["jds"] else {
            return
        }
        var settings = JobDeclarationClientSettings(templates: templates)
        settings.templateAuthority = node?.templateAuthority
        settings.port = place("jdc")
        settings.mode = experiment.stack.declaration == "coinbase-only" ? .coinbaseOnly : .fullTemplate
        settings.upstreams = [
            JobDeclarationUpstream(
                pool: pool, poolAuthority: authority.publicKey, server: jds,
                serverAuthority: authority.publicKey, userIdentity: "jdc")
        ]
        let plan = experiment.stack
        let client = try await JobDeclarationClientService.start(
            settings, runtime: runtime, keys: keys, change: { plan.settle(&$0) }
        ) { _, _ in }
        places["jdc"] = client.mining
        urls[.jdc] = client.url
        self.client = client
    }

    private func startTranslator() async throws {
        guard let upstream = target ?? urls[.pool] else { return }
        let plan = experiment.stack
        let translator = try await TranslatorService.start(
            upstreams: [TranslatorUpstream(url: upstream)],
            listen: Endpoint(host: "127.0.0.1", port: place("translator")), runtime: runtime,
            change: { plan.settle(&$0) }
        ) { _, _ in }
        places["translator"] = translator.stratumV1
        urls[.translator] = PoolURL(scheme: .stratumV1, endpoint: translator.stratumV1)
        self.translator = translator
    }

    // MARK: The timeline

    /// Schedules what the experiment does to the stack, counted from the run's beginning.
    ///
    /// - Parameter failed: called when a role that was killed does not come again.
    func begin(at start: ContinuousClock.Instant, failed: @escaping @Sendable (String) -> Void) {
        for action in experiment.actions {
            tasks.append(
                Task {
                    try? await Task.sleep(until: start + .seconds(action.at.seconds))
                    guard !Task.isCancelled else { return }
                    do { try await self.perform(action) } catch { failed("\(action.role): \(error)") }
                })
        }
        guard roles.contains(.node) else { return }
        if experiment.network.blockSource != .fleet {
            tasks.append(Task { await self.makeBlocks(from: start) })
        }
        if experiment.network.reorganisationsPerHour > 0 {
            let mean = Interval(seconds: 3_600 / experiment.network.reorganisationsPerHour)
            tasks.append(
                Task {
                    try? await Task.sleep(until: start)
                    while !Task.isCancelled {
                        try? await Task.sleep(for: .seconds(self.blocks.exponential(mean: mean).seconds))
                        if !Task.isCancelled { try? await self.reorganise(depth: 1) }
                    }
                })
        }
    }

    private func perform(_ action: ActionPlan) async throws {
        switch action.what {
        case .kill:
            guard let role = StackRole(rawValue: action.role) else { return }
            log.note("killed", "\(role.rawValue, as: "role") is killed")
            await stop(role)
            guard action.duration > .zero else { return }
            try? await Task.sleep(for: .seconds(action.duration.seconds))
            guard !Task.isCancelled else { return }
            try await start(role)
            log.note("restarted", "\(role.rawValue, as: "role") is back")
        case .drain:
            pool?.host.send(.drain(host: "", port: 0, grace: Interval(seconds: action.duration.seconds / 2)))
            try? await Task.sleep(for: .seconds(action.duration.seconds))
            pool?.host.send(.resume)
        case .block: generate(max(1, Int(action.value)))
        case .reorganisation: try await reorganise(depth: max(1, Int(action.value)))
        default: break
        }
    }

    private func makeBlocks(from start: ContinuousClock.Instant) async {
        let interval = experiment.network.blockInterval
        var next = start
        while !Task.isCancelled {
            let pause =
                experiment.network.blockSource == .chance ? blocks.exponential(mean: interval) : interval
            next += .seconds(max(0.001, pause.seconds))
            try? await Task.sleep(until: next)
            if !Task.isCancelled { generate(1) }
        }
    }

    private func generate(_ count: Int) {
        let script = Script.p2wpkh(hash160(keys.secretKey("blocks").publicKey.bytes))
        node?.host.send(.generate(count: count, script: script, maxTries: .max))
    }

    /// The last `depth` blocks give way to one more.
    private func reorganise(depth: Int) async throws {
        guard let node else { return }
        let branch = try await node.host.query { node -> Hash256? in
            guard node.chain.height >= depth else { return nil }
            return node.chain.entry(at: node.chain.height - depth + 1)?.hash
        }
        guard let branch else { return }
        node.host.send(.invalidateBlock(branch))
        generate(depth + 1)
        node.host.send(.reconsiderBlock(branch))
    }
}
