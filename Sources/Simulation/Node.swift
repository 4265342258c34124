import SansIO

/// Names a machine in a virtual world.
public struct NodeID: Hashable, Sendable {
    public let index: Int32

    @usableFromInline
    init(index: Int32) { self.index = index }
}

/// A machine in its world, with its kind erased into closures. They are made where the machine's type is known, so
/// the compiler makes a driver for that very type; methods of a generic class would run unspecialised.
@usableFromInline
final class Node {
    /// The deadline that is in the heap for this node; later entries are stale.
    var armed = Instant.distantFuture
    var lastConnection: UInt64 = 0
    var state = State.up
    /// Effects until the process dies; negative for a process that lives on.
    var effectsLeft = -1
    /// Which start of the machine this is: what was on its way to an earlier one is for nobody.
    let life: UInt32
    /// The world's connection for each of this node's connection ids, which count up from 1; -1 once it ended.
    private var connections: [Int32] = []
    /// On which account the bytes of connections that it dialled are counted; negative for none.
    var account: Int32 = -1
    let calls: NodeCalls
    /// The `MachineBox` of the machine, for whoever knows its type.
    let box: AnyObject

    enum State {
        case up
        /// The process is gone and its host answers for it.
        case killed
        /// The host is gone: nobody answers.
        case dark
    }

    @usableFromInline
    init(calls: NodeCalls, box: AnyObject, life: UInt32 = 0) {
        self.calls = calls
        self.box = box
        self.life = life
    }

    func nextConnectionID() -> ConnectionID {
        lastConnection += 1
        connections.append(-1)
        return ConnectionID(lastConnection)
    }

    func connection(_ id: ConnectionID) -> Int32? {
        let index = connections[Int(id.raw) - 1]
        return index < 0 ? nil : index
    }

    func setConnection(_ id: ConnectionID, _ index: Int32?) { connections[Int(id.raw) - 1] = index ?? -1 }
}

/// What the world tells a machine.
@usableFromInline
struct NodeCalls {
    @usableFromInline var opened: (ConnectionID, ConnectionOrigin, Instant) -> Void
    @usableFromInline var received: ([UInt8], ConnectionID, Instant) -> Void
    @usableFromInline var closed: (ConnectionID, CloseReason, Instant) -> Void
    @usableFromInline var dialFailed: (DialID, CloseReason, Instant) -> Void
    @usableFromInline var deadlineReached: (Instant) -> Void
    @usableFromInline var nextDeadline: () -> Instant?

    @inlinable
    init<M: Machine & ~Copyable>(_ box: MachineBox<M>) {
        opened = { id, origin, now in
            box.machine.connectionOpened(id, origin: origin, at: now, into: &box.effects)
            box.drain(at: now)
        }
        received = { bytes, id, now in
            box.machine.bytesReceived(bytes.span.bytes, on: id, at: now, into: &box.effects)
            box.drain(at: now)
        }
        closed = { id, reason, now in
            box.machine.connectionClosed(id, reason: reason, at: now, into: &box.effects)
            box.drain(at: now)
        }
        dialFailed = { dial, reason, now in
            box.machine.dialFailed(dial, reason: reason, at: now, into: &box.effects)
            box.drain(at: now)
        }
        deadlineReached = { now in
            box.machine.deadlineReached(at: now, into: &box.effects)
            box.drain(at: now)
        }
        nextDeadline = { box.machine.nextDeadline }
    }
}

/// A machine with its effects and its observer.
@usableFromInline
final class MachineBox<M: Machine & ~Copyable> {
    @usableFromInline var machine: M
    @usableFromInline var effects = EffectBuffer<M.Observation>()
    @usableFromInline unowned let world: VirtualWorld
    @usableFromInline let id: NodeID
    @usableFromInline let observer: (M.Observation, Instant) -> Void

    @inlinable
    init(
        _ machine: consuming M, id: NodeID, world: VirtualWorld,
        observer: @escaping (M.Observation, Instant) -> Void
    ) {
        self.machine = machine
        self.id = id
        self.world = world
        self.observer = observer
    }

    @inlinable
    func handle(_ command: consuming M.Command, at now: Instant) {
        machine.handle(command, at: now, into: &effects)
        drain(at: now)
    }

    /// Carries out the effects of the last call, in order.
    @inlinable
    func drain(at now: Instant) {
        for index in 0..<effects.count {
            guard world.performs(id) else { break }
            switch effects[index] {
            case .send(let connection, let range):
                world.send(effects.bytes(range), on: connection, from: id)
            case .close(let connection, let reason): world.close(connection, from: id, reason: reason)
            case .dial(let dial, let endpoint): world.dial(dial, to: endpoint, from: id)
            case .store(let store, let range):
                world.storedRecords += 1
                if world.keepsRecords { world.keep(effects.bytes(range), in: store, of: id) }
            case .restart(let store): world.forgetRecords(in: store, of: id)
            case .pauseReads: break
            case .observe(let observation): observer(observation, now)
            }
        }
        effects.reset()
        world.arm(id)
    }
}
