import Bitcoin
import HTTPText
import JSONText
import SansIO
import Testing

@testable import Chain

/// A node and the smallest driver there can be: it drains after each call, keeps what is stored and observed,
/// and what is sent on each connection.
struct NodeUnderTest: ~Copyable {
    var machine: NodeMachine
    var now = Instant.start
    var sent: [UInt64: [UInt8]] = [:]
    var closed: [UInt64: CloseReason] = [:]
    var observations: [NodeObservation] = []
    var records: [(StoreID, [UInt8])] = []
    /// Connections that the node wants, not answered yet.
    var dials: [(DialID, Endpoint)] = []
    /// Where the chain lies; `restarted` opens it once more.
    let storage: MemoryStorage
    private var effects = EffectBuffer<NodeObservation>()
    private var nextConnection: UInt64 = 1

    static let credentials = "user:pass"

    init(
        _ configuration: NodeConfiguration, storage: MemoryStorage = MemoryStorage(),
        restoring records: [(StoreID, [UInt8])] = []
    ) {
        self.storage = storage
        do throws(StorageFault) { machine = try NodeMachine(configuration, storage: storage) } catch {
            fatalError("a storage that cannot be opened: \(error)")
        }
        for (store, record) in records { machine.restore(record.span.bytes, from: store) }
        self.records = records
    }

    init(_ network: NetworkParameters = .regtest, time: UInt32 = 1_700_020_000) {
        self.init(Self.configuration(network, time: time))
    }

    /// The same node after its process was killed: what was committed and stored is there, and nothing else.
    func restarted(_ configuration: NodeConfiguration = configuration()) -> NodeUnderTest {
        NodeUnderTest(configuration, storage: storage.recovered(), restoring: records)
    }

    /// Every block that the node stored, in the order of arrival, without the genesis.
    var blocks: [[UInt8]] {
        machine.chain.tree.entries.indices.dropFirst().compactMap { machine.chain.body($0) }
    }

    static func configuration(_ network: NetworkParameters = .regtest, time: UInt32 = 1_700_020_000)
        -> NodeConfiguration
    {
        NodeConfiguration(
            network: network, clock: WallClock(unixSecondsAtStart: time),
            secretSeed: [UInt8](repeating: 7, count: 32), rpcCredentials: credentials)
    }

    mutating func open(_ listener: ListenerID, from address: String = "127.0.0.1:9") -> ConnectionID {
        open(.accepted(on: listener, from: address))
    }

    /// Answers a dial.
    mutating func open(_ origin: ConnectionOrigin) -> ConnectionID {
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        machine.connectionOpened(id, origin: origin, at: now, into: &effects)
        drain()
        return id
    }

    mutating func fail(_ dial: DialID) {
        machine.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
        drain()
    }

    mutating func receive(_ bytes: [UInt8], on id: ConnectionID) {
        machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &effects)
        drain()
    }

    mutating func disconnect(_ id: ConnectionID, reason: CloseReason = .peerClosed) {
        machine.connectionClosed(id, reason: reason, at: now, into: &effects)
        drain()
    }

    mutating func handle(_ command: NodeCommand) {
        machine.handle(command, at: now, into: &effects)
        drain()
    }

    /// Lets time pass and every deadline in it be met.
    mutating func wait(_ interval: Interval) {
        let end = now + interval
        while let deadline = machine.nextDeadline, deadline <= end {
            now = max(now, deadline)
            machine.deadlineReached(at: now, into: &effects)
            drain()
        }
        now = end
    }

    /// What was sent on a connection since the last call.
    mutating func take(_ id: ConnectionID) -> [UInt8] { sent.removeValue(forKey: id.raw) ?? [] }

    private mutating func drain() {
        for effect in effects.effects {
            switch effect {
            case .send(let id, let range): sent[id.raw, default: []] += effects.bytes(range)
            case .close(let id, let reason): closed[id.raw] = reason
            case .store(let store, let range): records.append((store, Array(effects.bytes(range))))
            case .restart(let store): records.removeAll { $0.0 == store }
            case .observe(let observation): observations.append(observation)
            case .dial(let dial, let endpoint): dials.append((dial, endpoint))
            case .pauseReads: Issue.record("the node does not pause")
            }
        }
        effects.reset()
    }

    // MARK: RPC

    /// One call over a fresh connection; the body's text without its line end, and the status.
    mutating func post(_ body: String, path: String = "/", authorization: String? = credentials) -> (
        status: Int, body: String
    ) {
        let id = open(.rpc)
        var head =
            "POST \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n"
        if let authorization {
            head += "Authorization: Basic \(Base64.encode(Array(authorization.utf8)))\r\n"
        }
        receive(Array((head + "\r\n" + body).utf8), on: id)
        waitForPenalty(id)
        return Self.split(take(id))
    }

    /// Lets the time pass for which a wrong password is left without an answer.
    mutating func waitForPenalty(_ id: ConnectionID) {
        let connection = machine.rpc.connections.first { $0.id == id }
        if connection?.penalty != nil { wait(ChainLimits.rpcPenalty) }
    }

    static func split(_ bytes: [UInt8]) -> (status: Int, body: String) {
        let text = String(decoding: bytes, as: UTF8.self)
        let status = Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0
        guard let range = text.firstRange(of: "\r\n\r\n") else { return (status, "") }
        return (status, String(text[range.upperBound...]))
    }

    /// The result of a call that must succeed.
    mutating func call(_ method: String, _ params: JSON = [], wallet: String? = nil) throws -> JSON {
        let request: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        let answer = try JSON.parse(post(request.text, path: wallet.map { "/wallet/\($0)" } ?? "/").body)
        return try #require(answer["result"], "\(method): \(answer.text)")
    }

    /// The error of a call that must fail.
    mutating func failure(_ method: String, _ params: JSON = []) throws -> (code: Int, message: String) {
        let request: JSON = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        let answer = try JSON.parse(post(request.text).body)
        let error = try #require(answer["error"], "\(method): \(answer.text)")
        return (Int(error["code"]?.int64 ?? 0), error["message"]?.stringValue ?? "")
    }
}

extension Script {
    /// Anybody may spend it.
    static let anyone = Script(bytes: [0x51])
}
