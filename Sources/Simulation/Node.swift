import SansIO

/// Names a machine in a virtual world.
public struct NodeID: Hashable, Sendable {
    public let index: Int32
}

/// A machine in its world, with its kind erased: what the world calls for each event.
class Node {
    /// The deadline that is in the heap for this node; later entries are stale.
    var armed = Instant.distantFuture
    var lastConnection: UInt64 = 0
    /// Connection ids of this node to the world's connections.
    var connections: [ConnectionID: Int32] = [:]

    func opened(_ id: ConnectionID, _ origin: ConnectionOrigin, at now: Instant) { fatalError("abstract") }
    func received(_ bytes: [UInt8], on id: ConnectionID, at now: Instant) { fatalError("abstract") }
    func closed(_ id: ConnectionID, _ reason: CloseReason, at now: Instant) { fatalError("abstract") }
    func dialFailed(_ dial: DialID, _ reason: CloseReason, at now: Instant) { fatalError("abstract") }
    func deadlineReached(at now: Instant) { fatalError("abstract") }
    var nextDeadline: Instant? { fatalError("abstract") }

    func nextConnectionID() -> ConnectionID {
        lastConnection += 1
        return ConnectionID(lastConnection)
    }
}

final class MachineNode<M: Machine & ~Copyable>: Node {
    var machine: M
    var effects = EffectBuffer<M.Observation>()
    unowned let world: VirtualWorld
    let id: NodeID
    let observer: (M.Observation, Instant) -> Void

    init(
        _ machine: consuming M, id: NodeID, world: VirtualWorld,
        observer: @escaping (M.Observation, Instant) -> Void
    ) {
        self.machine = machine
        self.id = id
        self.world = world
        self.observer = observer
    }

    override var nextDeadline: Instant? { machine.nextDeadline }

    override func opened(_ id: ConnectionID, _ origin: ConnectionOrigin, at now: Instant) {
        machine.connectionOpened(id, origin: origin, at: now, into: &effects)
        drain(at: now)
    }

    override func received(_ bytes: [UInt8], on id: ConnectionID, at now: Instant) {
        machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &effects)
        drain(at: now)
    }

    override func closed(_ id: ConnectionID, _ reason: CloseReason, at now: Instant) {
        machine.connectionClosed(id, reason: reason, at: now, into: &effects)
        drain(at: now)
    }

    override func dialFailed(_ dial: DialID, _ reason: CloseReason, at now: Instant) {
        machine.dialFailed(dial, reason: reason, at: now, into: &effects)
        drain(at: now)
    }

    override func deadlineReached(at now: Instant) {
        machine.deadlineReached(at: now, into: &effects)
        drain(at: now)
    }

    func handle(_ command: consuming M.Command, at now: Instant) {
        machine.handle(command, at: now, into: &effects)
        drain(at: now)
    }

    private func drain(at now: Instant) {
        for effect in effects.effects {
            switch effect {
            case .send(let connection, let range):
                guard let index = connections[connection] else { continue }
                world.send(Array(effects.bytes(range)), on: index, from: id, at: now)
            case .close(let connection, let reason):
                guard let index = connections[connection] else { continue }
                world.close(index, from: id, reason: reason, at: now)
            case .dial(let dial, let endpoint): world.dial(dial, to: endpoint, from: id, at: now)
            case .store: world.storedRecords += 1
            case .pauseReads: break
            case .observe(let observation): observer(observation, now)
            }
        }
        effects.reset()
        world.arm(self, id: id)
    }
}
