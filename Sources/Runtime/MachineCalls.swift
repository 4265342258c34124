import SansIO

/// What the driver tells a machine. The closures are made where the machine's type is known, so the compiler makes a
/// driver for that very type; methods of a generic class would run unspecialised, which cost a pool a tenth of its
/// shares.
@usableFromInline
struct MachineCalls {
    @usableFromInline var bound: (ConnectionID, Endpoint) -> Void
    @usableFromInline var opened: (ConnectionID, ConnectionOrigin, Instant) -> Void
    @usableFromInline var received: (RawSpan, ConnectionID, Instant) -> Void
    @usableFromInline var closed: (ConnectionID, CloseReason, Instant) -> Void
    @usableFromInline var dialFailed: (DialID, CloseReason, Instant) -> Void
    @usableFromInline var deadlineReached: (Instant) -> Void
    @usableFromInline var nextDeadline: () -> Instant?

    @inlinable
    init<M: Machine & ~Copyable>(_ box: MachineBox<M>) {
        bound = { id, local in box.machine.connectionBound(id, to: local) }
        opened = { id, origin, now in
            box.machine.connectionOpened(id, origin: origin, at: now, into: &box.effects)
            box.drain(at: now)
        }
        received = { bytes, id, now in
            box.machine.bytesReceived(bytes, on: id, at: now, into: &box.effects)
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
            // A timer may be early; it costs one empty turn.
            if let next = box.machine.nextDeadline, next > now { return box.drain(at: now) }
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
    /// Holds the calls into this box, and so outlives it.
    @usableFromInline unowned let driver: HostDriver
    @usableFromInline let observer: @Sendable (M.Observation, Instant) -> Void

    @inlinable
    init(
        _ machine: consuming M, driver: HostDriver,
        observer: @escaping @Sendable (M.Observation, Instant) -> Void
    ) {
        self.machine = machine
        self.driver = driver
        self.observer = observer
    }

    /// Carries out the effects of the last call, in order, as long as the storage holds.
    @inlinable
    func drain(at now: Instant) {
        var holds = driver.beginDrain()
        var index = 0
        while holds, index < effects.count {
            switch effects[index] {
            case .send(let id, let range): holds = effects.withBytes(range) { driver.send($0, on: id) }
            case .close(let id, let reason): holds = driver.close(id, reason)
            case .dial(let dial, let endpoint): driver.dial(dial, to: endpoint)
            case .store(let store, let range):
                holds = effects.withBytes(range) { driver.append($0, to: store) }
            case .restart(let store): holds = driver.restart(store)
            case .pauseReads(let id, let pause): driver.pauseReads(id, pause)
            case .observe(let observation): observer(observation, now)
            }
            index += 1
        }
        effects.reset()
        if holds { driver.endDrain(next: machine.nextDeadline) }
    }
}
