import Bitcoin
import Chain
import JSONText
import Pool
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

/// A real node, a job declaration server and a pool in memory, with virtual time. Bytes travel at once and in order.
final class DeclarationWorld {
    enum Role: Equatable { case server, pool, node }
    private enum End {
        case role(Role, ConnectionID)
        case peer(WirePeer)
    }
    private enum Event {
        case bytes(End, [UInt8])
        case closed(End, CloseReason)
        case dial(Role, DialID, Endpoint)
    }

    var server: JobDeclarationServerMachine
    var pool: PoolMachine
    var node: NodeMachine
    /// False: dials to the node fail.
    var nodeIsUp = true
    /// False: what the pool finds is kept from the server.
    var relaysPoolBlocks = true
    private(set) var now = Instant.start
    private(set) var observations: [JobDeclarationServerObservation] = []
    private(set) var poolObservations: [PoolObservation] = []
    private var serverEffects = EffectBuffer<JobDeclarationServerObservation>()
    private var poolEffects = EffectBuffer<PoolObservation>()
    private var nodeEffects = EffectBuffer<NodeObservation>()
    private var routes: [ConnectionID: End] = [:]
    private var origins: [ConnectionID: ConnectionID] = [:]
    private var peers: [(id: ConnectionID, role: Role, peer: WirePeer)] = []
    private var queue: [Event] = []
    private var nextID: UInt64 = 1
    private var secrets = SecretGenerator(seed: [9])

    static let unixStart: UInt32 = 1_795_000_000
    static let credentials = "user:pass"
    static let tokenSecret = TokenSecret([1, 2, 3])
    static let payout = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!)
    static let rpc = Endpoint(host: "node", port: 18_443)
    static let templates = Endpoint(host: "node", port: 8_442)

    static func configuration() -> JobDeclarationServerConfiguration {
        var secrets = SecretGenerator(seed: [4])
        return JobDeclarationServerConfiguration(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            clock: WallClock(unixSecondsAtStart: unixStart), secretSeed: [5], tokenSecret: tokenSecret,
            payout: CoinbasePayout(scripts: [payout]), node: .init(endpoint: rpc, credentials: credentials))
    }

    private static func poolConfiguration() -> PoolConfiguration {
        var secrets = SecretGenerator(seed: [6])
        var pool = PoolConfiguration(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            clock: WallClock(unixSecondsAtStart: unixStart), secretSeed: [7], templateProvider: templates,
            payout: payout)
        pool.customJobs = CustomJobPolicy(secret: tokenSecret, payout: CoinbasePayout(scripts: [payout]))
        pool.isVardiffEnabled = false
        // On regtest a block is easier than a share of one hash a second; here the two are alike.
        pool.minimumHashRate = 1e-6
        return pool
    }

    /// A node whose wallet-less chain has `blocks` blocks, and the two machines beside it, all in touch.
    init(
        _ configuration: JobDeclarationServerConfiguration = DeclarationWorld.configuration(),
        blocks: Int = 103,
        nodeIsUp: Bool = true
    ) throws {
        self.nodeIsUp = nodeIsUp
        server = JobDeclarationServerMachine(configuration)
        pool = PoolMachine(DeclarationWorld.poolConfiguration())
        node = try NodeMachine(
            NodeConfiguration(
                network: .regtest, clock: WallClock(unixSecondsAtStart: DeclarationWorld.unixStart),
                secretSeed: [UInt8](repeating: 8, count: 32), rpcCredentials: DeclarationWorld.credentials),
            storage: MemoryStorage())
        _ = try call("generatetodescriptor", [.int(blocks), .string("raw(\(Coins.script.bytes.hex))")])
        try advance(by: .zero)
    }

    // MARK: Peers

    /// A client that sent SetupConnection to the server or the pool.
    func client(
        of role: Role = .server, flags: UInt32 = 1, protocol: V2Protocol = .jobDeclaration,
        version: UInt16 = 2
    ) throws -> WirePeer {
        let peer = try connect(to: role)
        peer.send(
            Common.SetupConnection(
                protocol: `protocol`, minVersion: version, maxVersion: version, flags: flags,
                endpointHost: "h", endpointPort: 1, vendor: "test", hardwareVersion: "", firmware: "",
                deviceID: ""))
        try pump()
        return peer
    }

    func connect(to role: Role) throws -> WirePeer {
        let key = role == .server ? server.authorityPublicKey : pool.authorityPublicKey
        let peer = WirePeer(.initiator(expecting: key, secrets: &secrets))
        let id = takeID()
        routes[id] = .peer(peer)
        peers.append((id, role, peer))
        switch role {
        case .server:
            server.connectionOpened(
                id, origin: .accepted(on: .jobDeclarationServer, from: "test"), at: now, into: &serverEffects)
        case .pool:
            pool.connectionOpened(
                id, origin: .accepted(on: .mining, from: "test"), at: now, into: &poolEffects)
        case .node: Issue.record("nobody connects to the node by hand")
        }
        peer.start()
        try pump()
        return peer
    }

    func closeByPeer(_ peer: WirePeer) throws {
        guard let entry = peers.first(where: { $0.peer === peer }) else { return }
        peer.closed = .peerClosed
        queue.append(.closed(.role(entry.role, entry.id), .peerClosed))
        try pump()
    }

    /// What the driver would do with the pool's word of a block.
    private func relay(_ observation: PoolObservation) {
        poolObservations.append(observation)
        guard relaysPoolBlocks, case .customBlockFound(let solution) = observation else { return }
        server.handle(.solution(solution), at: now, into: &serverEffects)
    }

    func order(_ command: JobDeclarationServerCommand) throws {
        server.handle(command, at: now, into: &serverEffects)
        try pump()
    }

    // MARK: Time and bytes

    func advance(by interval: Interval) throws {
        let end = now + interval
        try pump()
        while let deadline = [server.nextDeadline, pool.nextDeadline, node.nextDeadline].compactMap({ $0 })
            .min(),
            deadline <= end
        {
            now = max(now, deadline)
            if server.nextDeadline.map({ $0 <= now }) ?? false {
                server.deadlineReached(at: now, into: &serverEffects)
            }
            if pool.nextDeadline.map({ $0 <= now }) ?? false {
                pool.deadlineReached(at: now, into: &poolEffects)
            }
            if node.nextDeadline.map({ $0 <= now }) ?? false {
                node.deadlineReached(at: now, into: &nodeEffects)
            }
            try pump()
        }
        now = end
    }

    /// Delivers everything until nobody has anything to say.
    func pump() throws {
        repeat {
            drain()
            for entry in peers where entry.peer.outgoing.count > 0 {
                let bytes = entry.peer.outgoing.bytes
                entry.peer.outgoing.removeAll()
                guard entry.peer.closed == nil else { continue }
                queue.append(.bytes(.role(entry.role, entry.id), bytes))
            }
            guard !queue.isEmpty else { continue }
            try perform(queue.removeFirst())
        } while !queue.isEmpty || !serverEffects.isEmpty || !poolEffects.isEmpty || !nodeEffects.isEmpty
            || peers.contains { $0.peer.outgoing.count > 0 && $0.peer.closed == nil }
    }

    private func perform(_ event: Event) throws {
        switch event {
        case .bytes(.peer(let peer), let bytes):
            try peer.receive(bytes, unixTime: DeclarationWorld.unixStart)
        case .bytes(.role(let role, let id), let bytes):
            guard routes[id] != nil else { return }
            switch role {
            case .server: server.bytesReceived(bytes.span.bytes, on: id, at: now, into: &serverEffects)
            case .pool: pool.bytesReceived(bytes.span.bytes, on: id, at: now, into: &poolEffects)
            case .node: node.bytesReceived(bytes.span.bytes, on: id, at: now, into: &nodeEffects)
            }
        case .closed(.peer(let peer), let reason): peer.closed = reason
        case .closed(.role(let role, let id), let reason):
            guard routes.removeValue(forKey: id) != nil else { return }
            switch role {
            case .server: server.connectionClosed(id, reason: reason, at: now, into: &serverEffects)
            case .pool: pool.connectionClosed(id, reason: reason, at: now, into: &poolEffects)
            case .node: node.connectionClosed(id, reason: reason, at: now, into: &nodeEffects)
            }
        case .dial(let role, let dial, let endpoint): answer(role, dial, endpoint)
        }
    }

    private func answer(_ role: Role, _ dial: DialID, _ endpoint: Endpoint) {
        guard nodeIsUp else {
            let reason = CloseReason.networkFailure("refused")
            if role == .server {
                server.dialFailed(dial, reason: reason, at: now, into: &serverEffects)
            } else {
                pool.dialFailed(dial, reason: reason, at: now, into: &poolEffects)
            }
            return
        }
        let near = takeID()
        let far = takeID()
        routes[near] = .role(.node, far)
        routes[far] = .role(role, near)
        node.connectionOpened(
            far,
            origin: .accepted(
                on: endpoint == DeclarationWorld.rpc ? .rpc : .templateProvider, from: "127.0.0.1:1"),
            at: now, into: &nodeEffects)
        if role == .server {
            server.connectionOpened(near, origin: .dialed(dial), at: now, into: &serverEffects)
        } else {
            pool.connectionOpened(near, origin: .dialed(dial), at: now, into: &poolEffects)
        }
    }

    private func drain() {
        // What the pool says may call the server, so it goes first.
        collect(.pool, &poolEffects) { relay($0) }
        collect(.server, &serverEffects) { observations.append($0) }
        collect(.node, &nodeEffects) { _ in }
    }

    private func collect<O>(_ role: Role, _ effects: inout EffectBuffer<O>, _ observe: (O) -> Void) {
        var seen: [O] = []
        for effect in effects.effects {
            switch effect {
            case .send(let id, let range):
                if let end = routes[id] { queue.append(.bytes(end, effects.bytes(range))) }
            case .close(let id, let reason):
                if let end = routes[id] { queue.append(.closed(end, reason)) }
                queue.append(.closed(.role(role, id), reason))
            case .dial(let dial, let endpoint): queue.append(.dial(role, dial, endpoint))
            case .observe(let observation): seen.append(observation)
            case .store, .restart, .pauseReads: break
            }
        }
        effects.reset()
        for observation in seen { observe(observation) }
    }

    private func takeID() -> ConnectionID {
        defer { nextID += 1 }
        return ConnectionID(nextID)
    }

    // MARK: The node by hand

    /// The result of a call that must succeed.
    func call(_ method: String, _ parameters: [JSON] = []) throws -> JSON {
        let id = takeID()
        let caller = WirePeer(.plain())
        caller.speaksNoise = false
        let request: JSON = [
            "jsonrpc": "1.0", "id": 1, "method": .string(method), "params": .array(parameters),
        ]
        node.connectionOpened(
            id, origin: .accepted(on: .rpc, from: "127.0.0.1:2"), at: now, into: &nodeEffects)
        let bytes = NodeLink.request(
            Array(request.text.utf8),
            to: .init(endpoint: DeclarationWorld.rpc, credentials: DeclarationWorld.credentials))
        routes[id] = .peer(caller)
        node.bytesReceived(bytes.span.bytes, on: id, at: now, into: &nodeEffects)
        try pump()
        var parser = HTTPAnswerParser(bodyLimit: 1 << 24)
        parser.take(caller.raw.span.bytes)
        let answer = try #require(try parser.next())
        let json = try JSON.parse(answer.body)
        return try #require(json["result"], "\(method): \(json.text)")
    }

    var height: Int { node.chain.height }
}

/// Coins that anybody may spend in a standard way: pay-to-witness-script-hash of OP_TRUE.
enum Coins {
    static let script = Script([0x00, 0x20] + SHA256.hash([UInt8(0x51)]).bytes)
    static let fee: Int64 = 1_000

    /// Spends an output of ``script`` to itself.
    static func spend(_ outpoint: OutPoint, value: Int64, fee: Int64 = fee) -> Transaction {
        Transaction(
            inputs: [TransactionInput(previousOutput: outpoint, sequence: 0xffff_fffd, witness: [[0x51]])],
            outputs: [TransactionOutput(value: value - fee, scriptPubKey: script)])
    }
}
