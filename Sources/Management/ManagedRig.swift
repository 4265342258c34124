import Firmware
import Hardware
import Rig
import SansIO

/// A rig with its management interfaces: one machine, so that an answer and what it changes happen together. A rig
/// that nobody manages is a plain ``RigMachine`` and pays nothing for this.
public struct ManagedRig: Machine {
    public typealias Observation = MinerObservation
    public typealias Command = RigMachine.Command

    private var rig: RigMachine
    private var interfaces: ManagementInterfaces
    private var watch: DeviceWatch

    public init(_ configuration: RigConfiguration, management: ManagementSettings, at now: Instant = .start) {
        rig = RigMachine(configuration, at: now)
        let labels = DeviceLabels(
            profile: configuration.profile, personality: configuration.personality, seed: configuration.seed,
            stream: configuration.stream, address: management.address)
        var seed = PRNG(seed: configuration.seed ^ 0x776f_7264, stream: configuration.stream)
        interfaces = ManagementInterfaces(labels: labels, settings: management, seed: PRNG(seed: seed.next()))
        watch = DeviceWatch(
            labels: labels, wallClock: configuration.wallClock, seed: PRNG(seed: seed.next()), at: now)
    }

    public var labels: DeviceLabels { interfaces.labels }
    public var snapshot: RigSnapshot { rig.snapshot }

    /// What the interfaces show.
    public func status(at now: Instant) -> DeviceStatus {
        var watch = watch
        watch.advance(to: now)
        return watch.status(rig.snapshot, at: now)
    }

    // MARK: Machine

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard case .accepted(let listener, _) = origin else {
            return withRig(at: now, into: &effects) { rig, effects in
                rig.connectionOpened(id, origin: origin, at: now, into: &effects)
            }
        }
        guard rig.snapshot.phase != .off, interfaces.open(id, on: listener, at: now) else {
            return effects.close(id, .closed("device off or busy"))
        }
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard interfaces.owns(id) else {
            advance(to: now)
            let first = effects.count
            rig.bytesReceived(bytes, on: id, at: now, into: &effects)
            return settle(from: first, at: now, into: &effects)
        }
        interfaces.receive(bytes, on: id, at: now)
        serve(id, at: now, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard !interfaces.owns(id) else { return interfaces.close(id) }
        withRig(at: now, into: &effects) { rig, effects in
            rig.connectionClosed(id, reason: reason, at: now, into: &effects)
        }
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        withRig(at: now, into: &effects) { rig, effects in
            rig.dialFailed(dial, reason: reason, at: now, into: &effects)
        }
    }

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        let command = command
        if case .setWallClock(let clock) = command { watch.wallClock = clock }
        withRig(at: now, into: &effects) { rig, effects in rig.handle(command, at: now, into: &effects) }
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        if let due = rig.nextDeadline, due <= now {
            withRig(at: now, into: &effects) { rig, effects in rig.deadlineReached(at: now, into: &effects) }
        }
        if interfaces.wantsRecord(at: now) {
            advance(to: now)
            interfaces.record(watch.status(rig.snapshot, at: now), at: now)
        }
        for (id, isImpatient) in interfaces.overdue(at: now) {
            if isImpatient { serve(id, at: now, into: &effects) }
            guard interfaces.owns(id), !isImpatient else { continue }
            interfaces.shut(id)
            effects.close(id, .closed("nothing was asked"))
        }
    }

    public var nextDeadline: Instant? {
        switch (rig.nextDeadline, interfaces.nextDeadline) {
        case (let a?, let b?): min(a, b)
        case (let a, let b): a ?? b
        }
    }

    // MARK: Serving

    private mutating func serve(
        _ id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        while let step = interfaces.next(on: id, at: now) {
            switch step {
            case .send(let bytes): effects.send(on: id) { $0.write(bytes) }
            case .close(let why): effects.close(id, .closed(why))
            case .request:
                advance(to: now)
                let outcome = interfaces.respond(on: id, watch.status(rig.snapshot, at: now), at: now)
                let isDone = carryOut(outcome.commands, at: now, into: &effects)
                effects.send(on: id) { $0.write(isDone ? outcome.bytes : outcome.refused ?? outcome.bytes) }
                if outcome.closes { effects.close(id, .closed("answered")) }
            }
        }
    }

    /// False when the device refused one; those before it are done.
    private mutating func carryOut(
        _ commands: [OperatorCommand], at now: Instant, into effects: inout EffectBuffer<Observation>
    ) -> Bool {
        for command in commands {
            var refusal: OperatorRefusal?
            withRig(at: now, into: &effects) { rig, effects in
                refusal = rig.operate(command, at: now, into: &effects)
            }
            if refusal != nil { return false }
            if command == .resetCounters { watch.reset(at: now) }
        }
        return true
    }

    // MARK: The rig

    private mutating func withRig(
        at now: Instant, into effects: inout EffectBuffer<Observation>,
        _ body: (inout RigMachine, inout EffectBuffer<Observation>) -> Void
    ) {
        advance(to: now)
        let first = effects.count
        body(&rig, &effects)
        settle(from: first, at: now, into: &effects)
    }

    private mutating func advance(to now: Instant) { watch.advance(to: now) }

    /// Takes notice of what the rig told, and shows it to whoever reads its log.
    private mutating func settle(
        from first: Int, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var facts: [MinerObservation] = []
        for index in first..<effects.count {
            if case .observe(let fact) = effects[index] { facts.append(fact) }
        }
        for fact in facts {
            watch.note(fact, at: now)
            guard labels.dialect == .axeOS, let line = ESPLog.line(fact, uptime: rig.snapshot.uptime(at: now))
            else {
                continue
            }
            let (readers, frame) = interfaces.log(line)
            for reader in readers { effects.send(on: reader) { $0.write(frame) } }
        }
        watch.settle(rig.snapshot)
    }
}
