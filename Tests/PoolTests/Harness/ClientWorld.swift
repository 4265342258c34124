import Bitcoin
import JobDeclaration
import Pool
import SansIO
import Stratum

/// A job declaration client with node, pools and devices in memory, in virtual time. Bytes travel at once and in order.
final class ClientWorld: PumpedWorld {
    var machine: JobDeclarationClientMachine
    var effects = EffectBuffer<JobDeclarationClientObservation>()
    var now = Instant.start
    var observations: [JobDeclarationClientObservation] = []
    var secrets = SecretGenerator(seed: [17])
    let provider = FakeTemplateProvider()
    var providerIsUp = true
    let upstreams: [MockUpstream]
    private var peers: [ConnectionID: WirePeer] = [:]
    private var order: [(id: ConnectionID, peer: WirePeer)] = []
    private var nextID: UInt64 = 1
    private var pendingCloses: [(ConnectionID, CloseReason)] = []
    private var dials: [(DialID, Endpoint)] = []

    static let soloScript = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 0x21, count: 20))!)

    static func configuration(
        _ mode: JobDeclarationMode = .fullTemplate, upstreams: Int = 1
    ) -> JobDeclarationClientConfiguration {
        var devices = PoolWorld.configuration()
        devices.payout = soloScript
        devices.sharesPerMinute = 6
        var configuration = JobDeclarationClientConfiguration(devices: devices)
        configuration.mode = mode
        configuration.upstreams = (0..<upstreams).map { index in
            JobDeclarationUpstream(
                pool: Endpoint(host: "pool\(index)", port: 34_254), poolAuthority: nil,
                server: Endpoint(host: "jds\(index)", port: 34_264), serverAuthority: nil,
                userIdentity: "account\(index)")
        }
        return configuration
    }

    init(_ configuration: JobDeclarationClientConfiguration = ClientWorld.configuration()) {
        machine = JobDeclarationClientMachine(configuration)
        upstreams = configuration.upstreams.indices.map { MockUpstream("\($0)") }
    }

    /// A world whose machine has begun: provider connected, pool reached if it is up.
    static func ready(
        _ configuration: JobDeclarationClientConfiguration = ClientWorld.configuration(),
        networkTarget: Target = Target(difficulty: 1), _ prepare: (ClientWorld) -> Void = { _ in }
    ) throws -> ClientWorld {
        let world = ClientWorld(configuration)
        world.provider.networkTarget = networkTarget
        prepare(world)
        try world.advance(by: .zero)
        return world
    }

    var unixTime: UInt32 { WallClock(unixSecondsAtStart: PoolWorld.unixStart).unixSeconds(at: now) }
    var snapshot: JobDeclarationClientSnapshot { machine.snapshot(at: now) }
    var upstream: MockUpstream { upstreams[0] }

    /// A device that sent SetupConnection.
    func device(flags: UInt32 = 0, version: UInt16 = 2) throws -> (ConnectionID, WirePeer) {
        let id = takeID()
        let peer = WirePeer(.initiator(expecting: machine.authorityPublicKey, secrets: &secrets))
        add(peer, id)
        machine.connectionOpened(id, origin: .accepted(on: .mining, from: "test"), at: now, into: &effects)
        peer.start()
        try pump()
        peer.send(
            Common.SetupConnection(
                protocol: .mining, minVersion: version, maxVersion: version, flags: flags,
                endpointHost: "jdc", endpointPort: 34_265, vendor: "test", hardwareVersion: "1",
                firmware: "1", deviceID: ""))
        try pump()
        return (id, peer)
    }

    func pump() throws {
        var progress = true
        while progress {
            progress = false
            try drain()
            for (id, peer) in order where peer.outgoing.count > 0 {
                let bytes = peer.outgoing.bytes
                peer.outgoing.removeAll()
                progress = true
                guard peer.closed == nil else { continue }
                machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &effects)
                try drain()
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

    func close(_ id: ConnectionID?) throws {
        guard let id, peers[id]?.closed == nil else { return }
        peers[id]?.closed = .peerClosed
        machine.connectionClosed(id, reason: .peerClosed, at: now, into: &effects)
        try pump()
    }

    /// Bytes on a connection as they are.
    func deliver(_ bytes: [UInt8], on id: ConnectionID) throws {
        machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &effects)
        try pump()
    }

    private func takeID() -> ConnectionID {
        defer { nextID += 1 }
        return ConnectionID(nextID)
    }

    private func add(_ peer: WirePeer, _ id: ConnectionID) {
        peers[id] = peer
        order.append((id, peer))
    }

    private func drain() throws {
        repeat {
            var sends: [(ConnectionID, [UInt8])] = []
            for effect in effects.effects {
                switch effect {
                case .send(let id, let range): sends.append((id, effects.bytes(range)))
                case .close(let id, let reason): pendingCloses.append((id, reason))
                case .dial(let dial, let endpoint): dials.append((dial, endpoint))
                case .observe(let observation): observations.append(observation)
                case .store, .restart, .pauseReads: break
                }
            }
            effects.reset()
            for (id, bytes) in sends where peers[id]?.closed == nil {
                try peers[id]?.receive(bytes, unixTime: unixTime)
            }
            let closes = pendingCloses
            pendingCloses = []
            for (id, reason) in closes where peers[id]?.closed == nil {
                peers[id]?.closed = reason
                machine.connectionClosed(id, reason: reason, at: now, into: &effects)
            }
            let toDial = dials
            dials = []
            for (dial, endpoint) in toDial { answer(dial, endpoint) }
        } while !effects.isEmpty
    }

    private func answer(_ dial: DialID, _ endpoint: Endpoint) {
        let id = takeID()
        let peer: WirePeer
        if endpoint == Endpoint(host: "tp", port: 8_442) {
            guard providerIsUp else { return fail(dial) }
            peer = provider.connected(id, unixTime: unixTime, secrets: &secrets)
        } else {
            let isServer = endpoint.host.hasPrefix("jds")
            guard let digit = endpoint.host.last?.wholeNumberValue, upstreams[digit].isUp else {
                return fail(dial)
            }
            peer = upstreams[digit].connected(
                id, isServer: isServer, unixTime: unixTime, secrets: &secrets)
        }
        add(peer, id)
        machine.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
    }

    private func fail(_ dial: DialID) {
        machine.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
    }
}
