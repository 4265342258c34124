import SansIO

/// A server that sends back what it gets, or a client that dials, sends a number each second and counts answers.
struct EchoMachine: ~Copyable, Machine {
    enum Command: Sendable { case hangUp }
    enum Observation: Sendable, Equatable {
        case opened(String)
        case received([UInt8])
        case closed(CloseReason)
        case dialFailed
    }

    let dials: Endpoint?
    let echoes: Bool
    var connection: ConnectionID?
    var sent: UInt8 = 0
    var nextDeadline: Instant? = .start

    init(dials: Endpoint?, echoes: Bool = false) {
        self.dials = dials
        self.echoes = echoes
    }

    mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        connection = id
        switch origin {
        case .accepted: effects.observe(.opened("accepted"))
        case .dialed:
            effects.observe(.opened("dialed"))
            nextDeadline = now
        }
    }

    mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        let copy = bytes.withUnsafeBytes { Array($0) }
        effects.observe(.received(copy))
        if echoes { effects.send(on: id) { $0.write(copy) } }
    }

    mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        connection = nil
        nextDeadline = nil
        effects.observe(.closed(reason))
    }

    mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) { effects.observe(.dialFailed) }

    mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        if let connection { effects.close(connection, .closed("hang up")) }
    }

    mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        guard let deadline = nextDeadline, deadline <= now else { return }
        nextDeadline = nil
        if let connection, dials != nil {
            sent += 1
            effects.send(on: connection) { $0.write([sent, 0, 0, 0]) }
            if sent < 200 { nextDeadline = now + .seconds(1) }
        } else if let dials {
            effects.emit(.dial(DialID(1), dials))
        }
    }
}
