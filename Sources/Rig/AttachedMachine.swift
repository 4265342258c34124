import Firmware
import Hardware
import SansIO

/// A miner whose hashing hardware is outside of the machine: real sticks, the processor's own cores, a chain at the
/// far end of a serial line.
///
/// What the firmware commands goes out as ``Firmware/MinerObservation/commanded(_:)``, in order; what the hardware
/// says comes in as ``Command/hardware(_:)``. Whoever owns the hardware carries commands out as they are observed,
/// and answers whenever the hardware does. Switched on by ``Command/powerOn``.
public struct AttachedMachine: Machine {
    public typealias Observation = MinerObservation

    public enum Command: Sendable, Equatable {
        case powerOn
        case powerOff
        /// The hardware says something.
        case hardware(HashboardEvent)
        case operate(OperatorCommand)
        case setWallClock(WallClock)
    }

    private var firmware: MinerFirmware

    public init(_ firmware: MinerFirmware) { self.firmware = firmware }

    public var snapshot: MinerSnapshot { firmware.snapshot }
    public var nextDeadline: Instant? { firmware.nextDeadline }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.connectionOpened(id, origin: origin, at: now, into: &effects, commands: &commands)
        pass(commands, into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.bytesReceived(bytes, on: id, at: now, into: &effects, commands: &commands)
        pass(commands, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.connectionClosed(id, reason: reason, at: now, into: &effects, commands: &commands)
        pass(commands, into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.dialFailed(dial, reason: reason, at: now, into: &effects, commands: &commands)
        pass(commands, into: &effects)
    }

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        switch command {
        case .powerOn: firmware.powerOn(at: now, into: &effects, commands: &commands)
        case .powerOff: firmware.powerOff(at: now, into: &effects, commands: &commands)
        case .hardware(let event):
            firmware.hardware(event, at: now, into: &effects, commands: &commands)
        case .operate(let wish):
            if let refusal = firmware.operate(wish, at: now, into: &effects, commands: &commands) {
                effects.observe(.refused(refusal))
            }
        case .setWallClock(let clock): firmware.wallClock = clock
        }
        pass(commands, into: &effects)
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        var commands: [HashboardCommand] = []
        firmware.deadlineReached(at: now, into: &effects, commands: &commands)
        pass(commands, into: &effects)
    }

    private func pass(_ commands: [HashboardCommand], into effects: inout EffectBuffer<Observation>) {
        for command in commands { effects.observe(.commanded(command)) }
    }
}
