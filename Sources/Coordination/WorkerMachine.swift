import JSONText
import Measurement
import SansIO

public struct WorkerConfiguration: Sendable {
    public var coordinator: Endpoint
    public var greeting: WorkerGreeting

    public init(coordinator: Endpoint, greeting: WorkerGreeting) {
        self.coordinator = coordinator
        self.greeting = greeting
    }
}

public enum WorkerObservation: Sendable, Equatable {
    /// The shard is ours: prepare its devices, then say `.ready` or `.refuse`.
    case assigned(index: Int, count: Int, plan: JSON)
    /// At this time of the calendar, in Unix nanoseconds.
    case begin(UInt64)
    /// The run is over, and whether it ended in order.
    case ended(String, isOrderly: Bool)
}

/// Claims a shard, waits at the barrier, and sends its seconds.
public struct WorkerMachine: Machine {
    public enum Command: Sendable {
        case ready(devices: Int)
        case refuse(String)
        case second(Second)
        case fault(String)
        /// After the last second.
        case done
    }
    public typealias Observation = WorkerObservation

    enum Phase: Sendable {
        case waitingToDial(until: Instant)
        case dialing
        case greeted(ConnectionID)
        case preparing(ConnectionID)
        case atBarrier(ConnectionID)
        case running(ConnectionID)
        case over
    }

    private static let dial = DialID(1)

    private let configuration: WorkerConfiguration
    private(set) var phase: Phase
    private var reader = LineReader()
    private let giveUp: Instant

    public init(_ configuration: WorkerConfiguration, at now: Instant = .start) {
        self.configuration = configuration
        phase = .waitingToDial(until: now)
        giveUp = now + Limits.dialTime
    }

    public var nextDeadline: Instant? {
        if case .waitingToDial(let time) = phase { time } else { nil }
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        guard case .waitingToDial(let time) = phase, now >= time else { return }
        phase = .dialing
        effects.emit(.dial(Self.dial, configuration.coordinator))
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard case .dialing = phase else { return }
        guard now < giveUp else {
            return end("no coordinator at \(configuration.coordinator): \(reason)", into: &effects)
        }
        phase = .waitingToDial(until: now + Limits.dialPause)
    }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        phase = .greeted(id)
        effects.send(line: WorkerMessage.hello(configuration.greeting).json, on: id)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        end("the coordinator is gone: \(reason)", into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        for outcome in reader.take(bytes, limit: Limits.lineBytes) {
            if case .over = phase { return }
            guard case .line(let json) = outcome, let message = CoordinatorMessage(json) else {
                effects.close(id, .closed("no coordinator"))
                return end("the coordinator sent what is no line of the protocol", into: &effects)
            }
            switch (message, phase) {
            case (.assign(let index, let count, let plan), .greeted(let id)):
                phase = .preparing(id)
                effects.observe(.assigned(index: index, count: count, plan: plan))
            case (.begin(let time), .atBarrier(let id)):
                phase = .running(id)
                effects.observe(.begin(time))
            case (.finish, _):
                effects.close(id, .closed("finished"))
                end("finished by the coordinator", isOrderly: true, into: &effects)
            case (.rejected(let reason), _):
                effects.close(id, .closed("rejected"))
                end("the coordinator says: \(reason)", into: &effects)
            default:
                effects.close(id, .closed("out of order"))
                end("the coordinator said what does not belong here", into: &effects)
            }
        }
    }

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        switch (command, phase) {
        case (.ready(let devices), .preparing(let id)):
            phase = .atBarrier(id)
            effects.send(line: WorkerMessage.ready(devices: devices).json, on: id)
        case (.refuse(let reason), .preparing(let id)):
            effects.send(line: WorkerMessage.refused(reason).json, on: id)
            effects.close(id, .closed("refused"))
            end(reason, into: &effects)
        case (.second(let second), .running(let id)):
            effects.send(line: WorkerMessage.second(second).json, on: id)
        case (.fault(let text), .running(let id)):
            effects.send(line: WorkerMessage.fault(text).json, on: id)
        case (.done, .running(let id)):
            effects.send(line: WorkerMessage.done.json, on: id)
            effects.close(id, .closed("done"))
            end("done", isOrderly: true, into: &effects)
        default: break
        }
    }

    private mutating func end(
        _ reason: String, isOrderly: Bool = false, into effects: inout EffectBuffer<Observation>
    ) {
        if case .over = phase { return }
        phase = .over
        effects.observe(.ended(reason, isOrderly: isOrderly))
    }
}
