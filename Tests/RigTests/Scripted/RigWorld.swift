import Bitcoin
import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Stratum

/// A pool as a script: bytes in, bytes out.
protocol ScriptedPool {
    mutating func opened()
    mutating func receive(_ bytes: [UInt8]) throws
    /// What is to be sent since the last call.
    mutating func takeOutput() -> [UInt8]
    /// True once: close the connection.
    mutating func takeClose() -> Bool
}

/// One rig and one scripted pool in virtual time, on a link without delay.
struct RigWorld<Pool: ScriptedPool>: ~Copyable {
    var rig: RigMachine
    var pool: Pool
    var now = Instant.start
    var observations: [(at: Instant, what: MinerObservation)] = []
    var dials: [(at: Instant, to: Endpoint)] = []
    /// Whether the pool answers dials.
    var isReachable = true
    /// Hosts that do not, whatever the others do.
    var deadHosts: Set<String> = []
    /// Set to keep what the rig sends from the pool, as a dead pool does.
    var isDeaf = false
    /// Deliver the pool's bytes one by one.
    var dripFeed = false
    private(set) var events = 0
    private(set) var connection: ConnectionID?
    private var nextConnection: UInt64 = 1
    private var effects = EffectBuffer<MinerObservation>()

    init(rig: consuming RigMachine, pool: Pool) {
        self.rig = rig
        self.pool = pool
    }

    /// Runs until the instant, handling every deadline on the way.
    mutating func run(until end: Instant) throws {
        while let due = rig.nextDeadline, due <= end {
            if due > now { now = due }
            events += 1
            rig.deadlineReached(at: now, into: &effects)
            try drain()
        }
        now = end
    }

    mutating func run(for length: Interval) throws { try run(until: now + length) }

    mutating func command(_ command: RigMachine.Command) throws {
        rig.handle(command, at: now, into: &effects)
        try drain()
    }

    /// Delivers what the pool has to say.
    mutating func flush() throws {
        deliver(pool.takeOutput())
        if pool.takeClose(), let connection {
            self.connection = nil
            rig.connectionClosed(connection, reason: .peerClosed, at: now, into: &effects)
        }
        if !effects.isEmpty { try drain() }
    }

    /// Raw bytes from the pool's side, whatever the pool thinks.
    mutating func inject(_ bytes: [UInt8]) throws {
        guard let connection else { return }
        rig.bytesReceived(bytes.span.bytes, on: connection, at: now, into: &effects)
        try drain()
    }

    private mutating func drain() throws {
        var rounds = 0
        while !effects.isEmpty {
            rounds += 1
            precondition(rounds < 1_000, "rig and pool talk in circles")
            var dialed: (DialID, Endpoint)?
            var closed: ConnectionID?
            for effect in effects.effects {
                switch effect {
                case .observe(let what): observations.append((now, what))
                case .send(_, let range): if !isDeaf { try pool.receive(Array(effects.bytes(range))) }
                case .close(let id, _): if id == connection { closed = id }
                case .dial(let id, let endpoint):
                    dials.append((now, endpoint))
                    dialed = (id, endpoint)
                case .store, .restart, .pauseReads: break
                }
            }
            effects.reset()
            if let closed {
                connection = nil
                rig.connectionClosed(closed, reason: .closed("by the machine"), at: now, into: &effects)
            }
            if let dialed { answer(dialed.0, dialed.1) }
            deliver(pool.takeOutput())
            if pool.takeClose(), let connection {
                self.connection = nil
                rig.connectionClosed(connection, reason: .peerClosed, at: now, into: &effects)
            }
        }
    }

    private mutating func deliver(_ bytes: [UInt8]) {
        guard let connection, !bytes.isEmpty else { return }
        for piece in dripFeed ? bytes.map({ [$0] }) : [bytes] {
            rig.bytesReceived(piece.span.bytes, on: connection, at: now, into: &effects)
        }
    }

    private mutating func answer(_ dial: DialID, _ endpoint: Endpoint) {
        guard isReachable, !deadHosts.contains(endpoint.host) else {
            rig.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
            return
        }
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        // A second connection only looks whether somebody is there.
        if connection == nil {
            connection = id
            pool.opened()
        }
        rig.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
    }
}

extension RigWorld {
    func count(_ matches: (MinerObservation) -> Bool) -> Int {
        observations.reduce(0) { $0 + (matches($1.what) ? 1 : 0) }
    }

    var phases: [MinerPhase] {
        observations.compactMap { if case .phaseChanged(let phase) = $0.what { phase } else { nil } }
    }
}
