import Bitcoin
import Chain
import JSONText
import JobDeclaration
import Pool
import SansIO
import Stratum
import Testing

/// A node, a pool, its job declaration server and a job declaration client: the real machines, in memory and in virtual
/// time. Bytes travel at once and in order.
final class StackWorld: PumpedWorld {
    enum Role: Hashable { case node, pool, server, client, device }
    private struct End: Hashable {
        var role: Role
        var id: ConnectionID
    }
    private enum Event {
        case bytes([UInt8])
        case closed(CloseReason)
        case dial(DialID, Endpoint)
    }

    var node: NodeMachine
    var pool: PoolMachine
    var server: JobDeclarationServerMachine
    var client: JobDeclarationClientMachine
    /// Who cannot be reached.
    var down: Set<Role> = []
    private(set) var now = Instant.start
    private(set) var clientObservations: [JobDeclarationClientObservation] = []
    private(set) var serverObservations: [JobDeclarationServerObservation] = []
    private(set) var nodeObservations: [NodeObservation] = []
    private var nodeEffects = EffectBuffer<NodeObservation>()
    private var poolEffects = EffectBuffer<PoolObservation>()
    private var serverEffects = EffectBuffer<JobDeclarationServerObservation>()
    private var clientEffects = EffectBuffer<JobDeclarationClientObservation>()
    private var wires: [End: End] = [:]
    private var peers: [(end: End, peer: WirePeer)] = []
    private var queue: [(End, Event)] = []
    private var nextID: UInt64 = 1
    private var secrets = SecretGenerator(seed: [9])

    static let credentials = "user:pass"
    static let tokenSecret = TokenSecret([1, 2, 3])
    static let payout = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!)
    static let soloPayout = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x21, count: 20))!)
    static let clock = WallClock(unixSecondsAtStart: 1_795_000_000)

    /// On a chain of `blocks` blocks.
    init(_ mode: JobDeclarationMode = .fullTemplate, blocks: Int = 103) throws {
        let templates = Endpoint(host: "node", port: 8_442)
        var keys = SecretGenerator(seed: [4])
        var poolConfiguration = PoolConfiguration(
            authority: AuthoritySecretKey(keys.secretKey()), staticKey: keys.secretKey(),
            clock: StackWorld.clock, secretSeed: [7], templateProvider: templates, payout: StackWorld.payout)
        poolConfiguration.customJobs = CustomJobPolicy(
            secret: StackWorld.tokenSecret, payout: CoinbasePayout(scripts: [StackWorld.payout]))
        pool = PoolMachine(poolConfiguration)
        server = JobDeclarationServerMachine(
            JobDeclarationServerConfiguration(
                authority: AuthoritySecretKey(keys.secretKey()), staticKey: keys.secretKey(),
                clock: StackWorld.clock, secretSeed: [5], tokenSecret: StackWorld.tokenSecret,
                payout: CoinbasePayout(scripts: [StackWorld.payout]),
                node: .init(
                    endpoint: Endpoint(host: "node", port: 18_443), credentials: StackWorld.credentials)))
        let devices = PoolConfiguration(
            authority: AuthoritySecretKey(keys.secretKey()), staticKey: keys.secretKey(),
            clock: StackWorld.clock, secretSeed: [11], templateProvider: templates,
            payout: StackWorld.soloPayout)
        var configuration = JobDeclarationClientConfiguration(devices: devices)
        configuration.mode = mode
        configuration.upstreams = [
            JobDeclarationUpstream(
                pool: Endpoint(host: "pool", port: 34_254), poolAuthority: pool.authorityPublicKey,
                server: Endpoint(host: "jds", port: 34_264), serverAuthority: server.authorityPublicKey,
                userIdentity: "alice")
        ]
        client = JobDeclarationClientMachine(configuration)
        node = try NodeMachine(
            NodeConfiguration(
                network: .regtest, clock: StackWorld.clock, secretSeed: [UInt8](repeating: 8, count: 32),
                rpcCredentials: StackWorld.credentials), storage: MemoryStorage())
        _ = try call("generatetodescriptor", [.int(blocks), .string("raw(\(StackWorld.coins.bytes.hex))")])
        try advance(by: .seconds(1))
    }

    /// Pay-to-witness-script-hash of OP_TRUE: coins that anybody may spend in a standard way.
    static let coins = Script([0x00, 0x20] + SHA256.hash([UInt8(0x51)]).bytes)

    /// Puts a transaction that spends the coinbase of block `height` into the node's pool.
    func spendCoinbase(of height: Int) throws {
        let hash = try call("getblockhash", [.int(height)])
        let block = try call("getblock", [hash])
        let txid = try #require(block["tx"]?.arrayValue?.first?.stringValue)
        let spend = Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: Hash256(displayHex: txid)!, index: 0),
                    sequence: 0xffff_fffd, witness: [[0x51]])
            ], outputs: [TransactionOutput(value: 4_999_999_000, scriptPubKey: StackWorld.coins)])
        _ = try call("sendrawtransaction", [.string(spend.bytes().hex)])
    }

    var height: Int { node.chain.height }

    /// The block at the tip.
    func tipBlock() throws -> Block {
        let hash = try call("getbestblockhash")
        let text = try #require(try call("getblock", [hash, .int(0)]).stringValue)
        return try Block(bytes: try #require([UInt8](hex: text)))
    }

    // MARK: Devices

    /// A device of the client that sent SetupConnection.
    func device() throws -> WirePeer {
        let peer = WirePeer(.initiator(expecting: client.authorityPublicKey, secrets: &secrets))
        join(peer, to: .client, on: .mining)
        peer.start()
        try pump()
        peer.send(
            Common.SetupConnection(
                protocol: .mining, minVersion: 2, maxVersion: 2, flags: 0, endpointHost: "jdc",
                endpointPort: 34_265, vendor: "test", hardwareVersion: "", firmware: "", deviceID: ""))
        try pump()
        return peer
    }

    private func join(_ peer: WirePeer, to role: Role, on listener: ListenerID) {
        let near = End(role: .device, id: takeID())
        let far = End(role: role, id: takeID())
        wires[near] = far
        wires[far] = near
        peers.append((near, peer))
        opened(far, .accepted(on: listener, from: "127.0.0.1:1"))
    }

    /// Ends all connections of a role, as its death does, and keeps it away.
    func kill(_ roles: Set<Role>) throws {
        down.formUnion(roles)
        for (end, other) in wires.sorted(by: { $0.key.id < $1.key.id })
        where roles.contains(end.role) && wires[end] != nil {
            queue.append((end, .closed(.shutdown)))
            queue.append((other, .closed(.peerClosed)))
        }
        try pump()
    }

    // MARK: Time and bytes

    func advance(by interval: Interval) throws {
        let end = now + interval
        try pump()
        while let deadline = deadlines.map(\.1).min(), deadline <= end {
            now = max(now, deadline)
            for (role, deadline) in deadlines where deadline <= now {
                switch role {
                case .node: node.deadlineReached(at: now, into: &nodeEffects)
                case .pool: pool.deadlineReached(at: now, into: &poolEffects)
                case .server: server.deadlineReached(at: now, into: &serverEffects)
                case .client: client.deadlineReached(at: now, into: &clientEffects)
                case .device: break
                }
            }
            try pump()
        }
        now = end
    }

    private var deadlines: [(Role, Instant)] {
        let all: [(Role, Instant?)] = [
            (.node, node.nextDeadline), (.pool, pool.nextDeadline), (.server, server.nextDeadline),
            (.client, client.nextDeadline),
        ]
        return all.compactMap { role, deadline in deadline.map { (role, $0) } }
    }

    func pump() throws {
        repeat {
            drain()
            for (end, peer) in peers where peer.outgoing.count > 0 {
                let bytes = peer.outgoing.bytes
                peer.outgoing.removeAll()
                if peer.closed == nil, let other = wires[end] { queue.append((other, .bytes(bytes))) }
            }
            if !queue.isEmpty {
                let (end, event) = queue.removeFirst()
                try perform(event, at: end)
            }
            drain()
        } while !queue.isEmpty || peers.contains { $0.peer.outgoing.count > 0 }
    }

    private func perform(_ event: Event, at end: End) throws {
        switch event {
        case .bytes(let bytes):
            guard wires[end] != nil else { return }
            let span = bytes.span.bytes
            switch end.role {
            case .node: node.bytesReceived(span, on: end.id, at: now, into: &nodeEffects)
            case .pool: pool.bytesReceived(span, on: end.id, at: now, into: &poolEffects)
            case .server: server.bytesReceived(span, on: end.id, at: now, into: &serverEffects)
            case .client: client.bytesReceived(span, on: end.id, at: now, into: &clientEffects)
            case .device:
                try peers.first { $0.end == end }?.peer.receive(
                    bytes, unixTime: StackWorld.clock.unixSeconds(at: now))
            }
        case .closed(let reason):
            guard wires.removeValue(forKey: end) != nil else { return }
            switch end.role {
            case .node: node.connectionClosed(end.id, reason: reason, at: now, into: &nodeEffects)
            case .pool: pool.connectionClosed(end.id, reason: reason, at: now, into: &poolEffects)
            case .server: server.connectionClosed(end.id, reason: reason, at: now, into: &serverEffects)
            case .client: client.connectionClosed(end.id, reason: reason, at: now, into: &clientEffects)
            case .device: peers.first { $0.end == end }?.peer.closed = reason
            }
        case .dial(let dial, let endpoint): answer(dial, endpoint, from: end.role)
        }
    }

    private func answer(_ dial: DialID, _ endpoint: Endpoint, from role: Role) {
        let target: Role = endpoint.host == "node" ? .node : endpoint.host == "pool" ? .pool : .server
        let near = End(role: role, id: takeID())
        guard !down.contains(target), !down.contains(role) else {
            let reason = CloseReason.networkFailure("refused")
            switch role {
            case .pool: pool.dialFailed(dial, reason: reason, at: now, into: &poolEffects)
            case .server: server.dialFailed(dial, reason: reason, at: now, into: &serverEffects)
            case .client: client.dialFailed(dial, reason: reason, at: now, into: &clientEffects)
            case .node, .device: break
            }
            return
        }
        let far = End(role: target, id: takeID())
        wires[near] = far
        wires[far] = near
        let listener: ListenerID =
            switch target {
            case .node: endpoint.port == 8_442 ? .templateProvider : .rpc
            case .pool: .mining
            default: .jobDeclarationServer
            }
        opened(far, .accepted(on: listener, from: "127.0.0.1:1"))
        opened(near, .dialed(dial))
    }

    private func opened(_ end: End, _ origin: ConnectionOrigin) {
        switch end.role {
        case .node: node.connectionOpened(end.id, origin: origin, at: now, into: &nodeEffects)
        case .pool: pool.connectionOpened(end.id, origin: origin, at: now, into: &poolEffects)
        case .server: server.connectionOpened(end.id, origin: origin, at: now, into: &serverEffects)
        case .client: client.connectionOpened(end.id, origin: origin, at: now, into: &clientEffects)
        case .device: break
        }
    }

    private func drain() {
        collect(.node, &nodeEffects) { nodeObservations.append($0) }
        collect(.pool, &poolEffects) { _ in }
        collect(.server, &serverEffects) { serverObservations.append($0) }
        collect(.client, &clientEffects) { clientObservations.append($0) }
    }

    private func collect<O>(_ role: Role, _ effects: inout EffectBuffer<O>, _ observe: (O) -> Void) {
        for effect in effects.effects {
            switch effect {
            case .send(let id, let range):
                if let other = wires[End(role: role, id: id)] {
                    queue.append((other, .bytes(effects.bytes(range))))
                }
            case .close(let id, let reason):
                let end = End(role: role, id: id)
                if let other = wires[end] { queue.append((other, .closed(.peerClosed))) }
                queue.append((end, .closed(reason)))
            case .dial(let dial, let endpoint):
                queue.append((End(role: role, id: ConnectionID(0)), .dial(dial, endpoint)))
            case .observe(let observation): observe(observation)
            case .store, .restart, .pauseReads: break
            }
        }
        effects.reset()
    }

    private func takeID() -> ConnectionID {
        defer { nextID += 1 }
        return ConnectionID(nextID)
    }

    /// The result of an RPC call that must succeed.
    func call(_ method: String, _ parameters: [JSON] = []) throws -> JSON {
        let caller = WirePeer(.plain())
        caller.speaksNoise = false
        join(caller, to: .node, on: .rpc)
        let request: JSON = ["id": 1, "method": .string(method), "params": .array(parameters)]
        let body = Array(request.text.utf8)
        let login = StackWorld.base64(Array(StackWorld.credentials.utf8))
        let head =
            "POST / HTTP/1.1\r\nHost: node\r\nAuthorization: Basic \(login)\r\n"
            + "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        caller.outgoing.write(Array(head.utf8) + body)
        try pump()
        let text = String(decoding: caller.raw, as: UTF8.self)
        let start = try #require(text.firstRange(of: "\r\n\r\n")?.upperBound, "\(method): no answer")
        let answer = try JSON.parse(Array(text[start...].utf8))
        let error = answer["error"]
        #expect(error == nil || error == .null, "\(method): \(text[start...].prefix(300))")
        return try #require(answer["result"])
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = Array(bytes[start..<min(start + 3, bytes.count)])
            let value = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? alphabet[value >> (18 - 6 * place) & 63] : "=")
            }
        }
        return text
    }
}
