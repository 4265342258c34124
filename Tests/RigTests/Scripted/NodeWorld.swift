import Bitcoin
import Firmware
import Hardware
import Rig
import SansIO
import Stratum

/// One rig and one scripted node in virtual time, on links without delay.
struct NodeWorld: ~Copyable {
    var rig: RigMachine
    var node: ScriptedNode
    var now = Instant.start
    var observations: [MinerObservation] = []
    var isReachable = true
    /// So many dials fail once both connections have stood.
    var refusesDials = 0
    /// Deliver the node's bytes one by one.
    var dripFeed = false
    private(set) var dials = 0
    private(set) var open: [ConnectionID] = []
    private var nextConnection: UInt64 = 1
    private var effects = EffectBuffer<MinerObservation>()

    init(
        hashes: Double = 1_000, url: String = "http://user:pass@node.example:18443",
        _ change: (inout ScriptedNode) -> Void = { _ in },
        rig adjust: (inout RigConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = TestRigs.configuration()
        guard let pool = PoolURL(url) else { throw NodeWorldError.noURL(url) }
        configuration.pools = [pool]
        configuration.instantBoot = true
        configuration.payout = Script.p2wpkh(Hash160(bytes: Array(repeating: 7, count: 20)) ?? .zero)
        adjust(&configuration)
        node = ScriptedNode(
            payout: configuration.payout ?? Script(), target: TestRigs.target(hashes: hashes))
        change(&node)
        rig = RigMachine(configuration)
    }

    mutating func run(for length: Interval) {
        let end = now + length
        while let due = rig.nextDeadline, due <= end {
            if due > now { now = due }
            rig.deadlineReached(at: now, into: &effects)
            drain()
        }
        now = end
    }

    /// Delivers what the node has to say.
    mutating func flush() {
        deliver()
        drain()
    }

    mutating func command(_ command: RigMachine.Command) {
        rig.handle(command, at: now, into: &effects)
        drain()
    }

    /// Raw bytes to the first connection, whatever the node thinks.
    mutating func inject(_ text: String) {
        guard let id = open.first else { return }
        rig.bytesReceived(Array(text.utf8).span.bytes, on: id, at: now, into: &effects)
        drain()
    }

    private mutating func drain() {
        var rounds = 0
        while !effects.isEmpty {
            rounds += 1
            precondition(rounds < 1_000, "rig and node talk in circles")
            let batch = effects.effects.map { effect -> (Effect<MinerObservation>, [UInt8]) in
                if case .send(_, let range) = effect { (effect, effects.bytes(range)) } else { (effect, []) }
            }
            effects.reset()
            for (effect, bytes) in batch { carryOut(effect, bytes) }
            deliver()
        }
    }

    private mutating func carryOut(_ effect: Effect<MinerObservation>, _ bytes: [UInt8]) {
        switch effect {
        case .observe(let what): observations.append(what)
        case .send(let id, _): if open.contains(id) { node.receive(bytes, on: id) }
        case .close(let id, _): close(id, .closed("by the machine"))
        case .dial(let dial, _):
            dials += 1
            let isRefused = refusesDials > 0 && dials > 2
            if isRefused { refusesDials -= 1 }
            guard isReachable, !isRefused else {
                return rig.dialFailed(dial, reason: .networkFailure("refused"), at: now, into: &effects)
            }
            let id = ConnectionID(nextConnection)
            nextConnection += 1
            open.append(id)
            node.opened(id)
            rig.connectionOpened(id, origin: .dialed(dial), at: now, into: &effects)
        case .store, .restart, .pauseReads: break
        }
    }

    private mutating func deliver() {
        for (id, bytes) in node.takeOutput() where open.contains(id) {
            for piece in dripFeed ? bytes.map({ [$0] }) : [bytes] {
                rig.bytesReceived(piece.span.bytes, on: id, at: now, into: &effects)
            }
        }
        for id in node.takeClosings() { close(id, .peerClosed) }
    }

    private mutating func close(_ id: ConnectionID, _ reason: CloseReason) {
        guard let index = open.firstIndex(of: id) else { return }
        open.remove(at: index)
        node.closed(id)
        rig.connectionClosed(id, reason: reason, at: now, into: &effects)
    }
}

enum NodeWorldError: Error { case noURL(String) }

extension NodeWorld {
    var disconnections: [String] {
        observations.compactMap {
            if case .disconnected(_, let reason) = $0 { reason } else { nil }
        }
    }

    var refusals: [String] {
        observations.compactMap {
            if case .shareRejected(_, let reason) = $0 { reason.name } else { nil }
        }
    }

    var excuses: [String] {
        observations.compactMap {
            if case .poolNotReady(_, let reason) = $0 { reason } else { nil }
        }
    }
}
