import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

/// A pool, a template provider and miners in memory, with virtual time. Bytes travel at once and in order.
final class PoolWorld: PumpedWorld {
    var machine: PoolMachine
    var effects = EffectBuffer<PoolObservation>()
    var now = Instant.start
    var observations: [PoolObservation] = []
    private(set) var peers: [ConnectionID: WirePeer] = [:]
    /// The same in the order of their ids.
    private var order: [(id: ConnectionID, peer: WirePeer)] = []
    var secrets = SecretGenerator(seed: [9])
    var provider = FakeTemplateProvider()
    /// Nil: dials fail.
    var providerIsUp = true
    /// What the machine stored, by stream.
    private(set) var stored: [StoreID: [[UInt8]]] = [:]
    /// The process is killed when so many more effects were carried out.
    var effectsLeft: Int?
    private(set) var isKilled = false
    /// Bytes of one delivery to the machine; nil for all at once.
    var chunk: Int?
    private var nextID: UInt64 = 1
    private var pendingCloses: [(ConnectionID, CloseReason)] = []
    private var dials: [DialID] = []

    static let unixStart: UInt32 = 1_795_000_000

    static func configuration() -> PoolConfiguration {
        var secrets = SecretGenerator(seed: [1, 2, 3])
        return PoolConfiguration(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            clock: WallClock(unixSecondsAtStart: unixStart), secretSeed: [7],
            templateProvider: Endpoint(host: "tp", port: 8442),
            payout: .p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!))
    }

    init(_ configuration: PoolConfiguration = PoolWorld.configuration()) {
        machine = PoolMachine(configuration)
    }

    /// A pool with its first template and tip.
    static func ready(
        _ configuration: PoolConfiguration = PoolWorld.configuration(),
        networkTarget: Target = Target(difficulty: 1)
    ) throws -> PoolWorld {
        let world = PoolWorld(configuration)
        world.provider.networkTarget = networkTarget
        try world.advance(by: .zero)
        return world
    }

    var unixTime: UInt32 { WallClock(unixSecondsAtStart: PoolWorld.unixStart).unixSeconds(at: now) }

    /// An operator's call.
    func command(_ command: PoolCommand) throws {
        machine.handle(command, at: now, into: &effects)
        try pump()
    }

    /// A connection whose handshake is not begun.
    func connect(to listener: ListenerID = .mining, noise: Bool = true) throws -> (ConnectionID, WirePeer) {
        let id = ConnectionID(nextID)
        nextID += 1
        let peer = WirePeer(.initiator(expecting: machine.authorityPublicKey, secrets: &secrets))
        peer.speaksNoise = noise
        add(peer, id)
        machine.connectionOpened(id, origin: .accepted(on: listener, from: "test"), at: now, into: &effects)
        if noise { peer.start() }
        try pump()
        return (id, peer)
    }

    private func add(_ peer: WirePeer, _ id: ConnectionID) {
        peers[id] = peer
        order.append((id, peer))
    }

    /// A connection that sent SetupConnection.
    func miner(
        flags: UInt32 = 0, version: UInt16 = 2, protocol: V2Protocol = .mining,
        listener: ListenerID = .mining
    ) throws -> (ConnectionID, WirePeer) {
        let (id, peer) = try connect(to: listener)
        peer.send(
            Common.SetupConnection(
                protocol: `protocol`, minVersion: version, maxVersion: version, flags: flags,
                endpointHost: "pool", endpointPort: 3333, vendor: "test", hardwareVersion: "1",
                firmware: "1", deviceID: ""))
        try pump()
        return (id, peer)
    }

    /// The peer ends its connection.
    func leave(_ id: ConnectionID) throws {
        machine.connectionClosed(id, reason: .peerClosed, at: now, into: &effects)
        try pump()
    }

    func deliver(_ bytes: [UInt8], on id: ConnectionID) throws {
        machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &effects)
        try drain()
    }

    /// Delivers everything until nobody has anything to say.
    func pump() throws {
        var progress = true
        while progress {
            progress = false
            try drain()
            for (id, peer) in order {
                guard peer.outgoing.count > 0 else { continue }
                let bytes = peer.outgoing.bytes
                peer.outgoing.removeAll()
                progress = true
                guard peer.closed == nil, !isKilled else { continue }
                let size = chunk ?? bytes.count
                var start = 0
                while start < bytes.count {
                    let end = min(start + size, bytes.count)
                    machine.bytesReceived(
                        Array(bytes[start..<end]).span.bytes, on: id, at: now, into: &effects)
                    try drain()
                    start = end
                }
            }
        }
    }

    /// Time passes; deadlines are met in order.
    func advance(by interval: Interval) throws {
        let end = now + interval
        try pump()
        while let deadline = machine.nextDeadline, deadline <= end {
            now = max(now, deadline)
            machine.deadlineReached(at: now, into: &effects)
            try pump()
        }
        now = end
    }

    func closeByPeer(_ id: ConnectionID) throws {
        machine.connectionClosed(id, reason: .peerClosed, at: now, into: &effects)
        peers[id]?.closed = .peerClosed
        try pump()
    }

    func loseProvider() throws {
        guard let id = provider.connection else { return }
        provider.connection = nil
        try closeByPeer(id)
    }

    private func drain() throws {
        repeat {
            let list = effects.effects
            var sends: [(ConnectionID, [UInt8])] = []
            for effect in list {
                if effectsLeft == 0 { isKilled = true }
                if isKilled { break }
                effectsLeft = effectsLeft.map { $0 - 1 }
                switch effect {
                case .send(let id, let range): sends.append((id, Array(effects.bytes(range))))
                case .close(let id, let reason): pendingCloses.append((id, reason))
                case .dial(let dial, _): dials.append(dial)
                case .observe(let observation): observations.append(observation)
                case .store(let store, let range): stored[store, default: []].append(effects.bytes(range))
                case .restart(let store): stored[store] = []
                case .pauseReads: break
                }
            }
            effects.reset()
            if isKilled {
                // What was sent has left; nobody is there any more.
                for (id, bytes) in sends { try peers[id]?.receive(bytes, unixTime: unixTime) }
                pendingCloses = []
                dials = []
                return
            }
            for (id, bytes) in sends { try peers[id]?.receive(bytes, unixTime: unixTime) }
            let closes = pendingCloses
            pendingCloses = []
            for (id, reason) in closes {
                peers[id]?.closed = reason
                machine.connectionClosed(id, reason: reason, at: now, into: &effects)
            }
            let toDial = dials
            dials = []
            for dial in toDial { answer(dial) }
        } while !effects.isEmpty
    }

    private func answer(_ dial: DialID) {
        guard providerIsUp else {
            machine.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
            return
        }
        let id = ConnectionID(nextID)
        nextID += 1
        add(provider.connected(id, unixTime: unixTime, secrets: &secrets), id)
        machine.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
    }
}
