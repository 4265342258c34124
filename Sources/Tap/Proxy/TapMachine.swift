import Bitcoin
import SansIO
import Stratum

/// A proxy that can read what passes: Noise ends here on both sides. Every client gets its own connection to the
/// upstream, every message is observed as a ``TapRecord``, and ``TapRule``s may change the conversation. It knows
/// nothing of what the messages mean, so it serves every protocol of Stratum V2, and V1 lines.
public struct TapMachine: Machine {
    public typealias Command = TapCommand
    public typealias Observation = TapRecord

    let configuration: TapConfiguration
    private var secrets: SecretGenerator
    private var rules: [TapRule]
    private var lastSession: UInt32 = 0
    /// Looked up, never walked.
    private var sessions: [UInt32: TapSession] = [:]
    private var places: [ConnectionID: UInt32] = [:]
    /// Ascending.
    private var order: [UInt32] = []
    private var timers = TimerQueue<UInt32>()
    private var out = ByteWriter()

    public init(_ configuration: TapConfiguration) {
        precondition(
            (configuration.wireToClients == .lines) == (configuration.wireToUpstream == .lines),
            "both sides of a tap speak the same generation")
        self.configuration = configuration
        secrets = SecretGenerator(seed: configuration.secretSeed)
        rules = configuration.rules
    }

    public var nextDeadline: Instant? { timers.next }
    public var sessionCount: Int { order.count }

    // MARK: connections

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<TapRecord>
    ) {
        switch origin {
        case .accepted(_, let address): accept(id, from: address, at: now, into: &effects)
        case .dialed(let dial): link(dial.raw, to: id, at: now, into: &effects)
        }
    }

    private mutating func accept(
        _ id: ConnectionID, from address: String, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard order.count < TapLimits.sessions else {
            effects.close(id, .closed("the tap has \(TapLimits.sessions) sessions already"))
            return
        }
        lastSession += 1
        let number = lastSession
        sessions[number] = TapSession(number: number, client: clientSide(id, at: now))
        order.append(number)
        places[id] = number
        timers.set(number, now + .seconds(TapLimits.handshakeSeconds))
        record(
            .opened(from: address, upstream: configuration.upstream.description), .up, .forwarded, number,
            at: now, into: &effects)
        effects.emit(.dial(DialID(number), configuration.upstream))
    }

    private mutating func clientSide(_ id: ConnectionID, at now: Instant) -> TapSide {
        switch configuration.wireToClients {
        case .lines: return TapSide(id, lines: V1Limits.lineFromClientMax)
        case .plain: return TapSide(id, frames: .plain())
        case .noise:
            let unixTime = Int64(configuration.clock.unixSeconds(at: now))
            let begins = unixTime + configuration.certificateBegins
            let ends = begins + Int64(configuration.certificateValidity.nanoseconds / 1_000_000_000)
            let credentials = NoiseCredentials.issue(
                authority: configuration.authority, staticKey: configuration.staticKey,
                validFrom: UInt32(clamping: begins), notValidAfter: UInt32(clamping: ends))
            return TapSide(id, frames: .responder(credentials: credentials, secrets: &secrets))
        }
    }

    private mutating func link(
        _ number: UInt32, to id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard var session = sessions[number], !session.isClosing else {
            effects.close(id, .closed("its client left"))
            return
        }
        places[id] = number
        var side: TapSide
        switch configuration.wireToUpstream {
        case .lines: side = TapSide(id, lines: V1Limits.lineFromServerMax)
        case .plain: side = TapSide(id, frames: .plain())
        case .noise:
            side = TapSide(
                id, frames: .initiator(expecting: configuration.upstreamAuthority, secrets: &secrets))
        }
        side.start(into: &out)
        flush(to: id, into: &effects)
        session.upstream = side.isEstablished ? .linked(side) : .handshaking(side)
        sessions[number] = session
        if side.isEstablished { forwardEarly(number, at: now, into: &effects) }
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        end(dial.raw, "upstream \(configuration.upstream): \(reason)", at: now, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard let number = places.removeValue(forKey: id), let session = sessions[number] else { return }
        let who = session.client.id == id ? "client" : "upstream"
        end(number, "\(who): \(reason)", at: now, into: &effects)
    }

    // MARK: bytes

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard let number = places[id], var session = sessions[number], !session.isClosing else { return }
        let unixTime = configuration.clock.unixSeconds(at: now)
        let direction: TapDirection
        let received: (messages: [TapMessage], fault: String?)
        var isNewlyLinked = false
        if session.client.id == id {
            direction = .up
            received = session.client.receive(bytes, unixTime: unixTime, into: &out)
        } else {
            direction = .down
            switch session.upstream {
            case .linked(var side):
                received = side.receive(bytes, unixTime: unixTime, into: &out)
                session.upstream = .linked(side)
            case .handshaking(var side):
                received = side.receive(bytes, unixTime: unixTime, into: &out)
                isNewlyLinked = side.isEstablished && received.fault == nil
                session.upstream = isNewlyLinked ? .linked(side) : .handshaking(side)
            case .dialing, .closing: return
            }
        }
        sessions[number] = session
        flush(to: id, into: &effects)
        if isNewlyLinked { forwardEarly(number, at: now, into: &effects) }
        for message in received.messages {
            pass(message, direction, in: number, at: now, into: &effects)
        }
        if let fault = received.fault {
            end(number, "\(direction == .up ? "client" : "upstream"): \(fault)", at: now, into: &effects)
        }
    }

    private mutating func forwardEarly(
        _ number: UInt32, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        timers.stop(number)
        let waiting = sessions[number]?.early ?? []
        sessions[number]?.early = []
        for message in waiting {
            sessions[number]?.waitingBytes -= message.byteCount
            pass(message, .up, in: number, at: now, into: &effects)
        }
    }

    // MARK: messages

    private mutating func pass(
        _ message: TapMessage, _ direction: TapDirection, in number: UInt32, at now: Instant,
        into effects: inout EffectBuffer<TapRecord>
    ) {
        guard let session = sessions[number], !session.isClosing else { return }
        if direction == .up, session.upstreamID == nil || !isLinked(session) {
            wait(message, in: number, at: now, into: &effects)
            return
        }
        let seen = TapRecord(
            unixNanoseconds: 0, session: number, direction: direction, content: message.content)
        let isBehindHeld = session.held.contains { $0.direction == direction }
        let action = isBehindHeld ? TapRule.Action.hold(until: nil) : action(for: seen)
        switch action {
        case .pass:
            record(message.content, direction, .forwarded, number, at: now, into: &effects)
            deliver(message, direction, in: number, into: &effects)
        case .drop: record(message.content, direction, .dropped, number, at: now, into: &effects)
        case .close(let reason):
            record(message.content, direction, .dropped, number, at: now, into: &effects)
            end(number, reason, at: now, into: &effects)
        case .replace(let frames):
            record(message.content, direction, .replaced, number, at: now, into: &effects)
            inject(frames, direction, in: number, at: now, into: &effects)
        case .rewrite(let body):
            guard case .frame(let frame) = message else {
                record(message.content, direction, .forwarded, number, at: now, into: &effects)
                deliver(message, direction, in: number, into: &effects)
                return
            }
            record(message.content, direction, .replaced, number, at: now, into: &effects)
            inject(body(frame), direction, in: number, at: now, into: &effects)
        case .hold(let until):
            record(message.content, direction, .held, number, at: now, into: &effects)
            sessions[number]?.held.append((direction, message, until))
            sessions[number]?.waitingBytes += message.byteCount
            checkBounds(number, at: now, into: &effects)
        }
        releaseAfter(seen, in: number, at: now, into: &effects)
    }

    private func isLinked(_ session: TapSession) -> Bool {
        if case .linked = session.upstream { return true }
        return false
    }

    private mutating func wait(
        _ message: TapMessage, in number: UInt32, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        sessions[number]?.early.append(message)
        sessions[number]?.waitingBytes += message.byteCount
        checkBounds(number, at: now, into: &effects)
    }

    private mutating func checkBounds(
        _ number: UInt32, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard sessions[number]?.isWithinBounds == false else { return }
        end(number, "more waits than the tap may keep", at: now, into: &effects)
    }

    /// What the first rule that fits says, which is used once by this.
    private mutating func action(for record: TapRecord) -> TapRule.Action {
        for index in rules.indices where rules[index].times > 0 && rules[index].message.matches(record) {
            if rules[index].skips > 0 {
                rules[index].skips -= 1
                continue
            }
            rules[index].times -= 1
            return rules[index].action
        }
        return .pass
    }

    /// Lets go what waited for a message as this one.
    private mutating func releaseAfter(
        _ seen: TapRecord, in number: UInt32, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard let held = sessions[number]?.held, !held.isEmpty,
            held.contains(where: { $0.until?.matches(seen) ?? false })
        else { return }
        release(number, at: now, into: &effects)
    }

    private mutating func release(
        _ number: UInt32, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        let held = sessions[number]?.held ?? []
        sessions[number]?.held = []
        for (direction, message, _) in held {
            sessions[number]?.waitingBytes -= message.byteCount
            record(message.content, direction, .injected, number, at: now, into: &effects)
            deliver(message, direction, in: number, into: &effects)
        }
    }

    private mutating func inject(
        _ frames: [V2Frame], _ direction: TapDirection, in number: UInt32, at now: Instant,
        into effects: inout EffectBuffer<TapRecord>
    ) {
        for frame in frames {
            record(.frame(frame), direction, .injected, number, at: now, into: &effects)
            deliver(.frame(frame), direction, in: number, into: &effects)
        }
    }

    /// Sends to the side that the message travels to, if it is there.
    private mutating func deliver(
        _ message: TapMessage, _ direction: TapDirection, in number: UInt32,
        into effects: inout EffectBuffer<TapRecord>
    ) {
        guard var session = sessions[number] else { return }
        switch (direction, session.upstream) {
        case (.up, .linked(var side)):
            side.send(message, into: &out)
            session.upstream = .linked(side)
            sessions[number] = session
            flush(to: side.id, into: &effects)
        case (.down, _) where session.client.isEstablished && !session.isClosing:
            session.client.send(message, into: &out)
            let id = session.client.id
            sessions[number] = session
            flush(to: id, into: &effects)
        default: break
        }
    }

    private mutating func flush(to id: ConnectionID, into effects: inout EffectBuffer<TapRecord>) {
        guard out.count > 0 else { return }
        effects.send(on: id) { writer in out.bytes.withUnsafeBytes { writer.write($0) } }
        out.removeAll()
    }

    // MARK: ends, commands, time

    private mutating func end(
        _ number: UInt32, _ reason: String, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        guard var session = sessions[number] else { return }
        if !session.isClosing {
            record(.closed(reason: reason), .down, .forwarded, number, at: now, into: &effects)
            let upstream = session.upstreamID
            session.upstream = .closing
            timers.stop(number)
            for id in [session.client.id, upstream] {
                if let id, places[id] != nil { effects.close(id, .closed(reason)) }
            }
        }
        session.early = []
        session.held = []
        sessions[number] = nil
        order.removeAll { $0 == number }
    }

    public mutating func handle(
        _ command: consuming TapCommand, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        switch command {
        case .add(let rule): if rules.count < TapLimits.rules { rules.append(rule) }
        case .removeRules: rules = []
        case .release(let session?): release(session, at: now, into: &effects)
        case .release(nil): for number in order { release(number, at: now, into: &effects) }
        case .inject(let frame, let direction, let session):
            guard configuration.wireToClients != .lines else { return }
            inject([frame], direction, in: session, at: now, into: &effects)
        case .close(let session): end(session, "closed by command", at: now, into: &effects)
        }
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<TapRecord>) {
        while let number = timers.popDue(at: now) {
            end(number, "the handshakes took too long", at: now, into: &effects)
        }
    }

    private func record(
        _ content: TapRecord.Content, _ direction: TapDirection, _ handling: TapRecord.Handling,
        _ session: UInt32, at now: Instant, into effects: inout EffectBuffer<TapRecord>
    ) {
        effects.observe(
            TapRecord(
                unixNanoseconds: configuration.clock.unixNanosecondsAtStart &+ now.nanoseconds,
                session: session, direction: direction, handling: handling, content: content))
    }
}
