import Bitcoin
import SansIO
import Stratum

/// Holds the ports of job declaration, server's and client's, until the service is there: it completes Noise, answers
/// SetupConnection with an honest error, and closes. Nothing that a peer sends keeps it from serving the next one.
public struct JobDeclarationMachine: Machine {
    /// There is nothing to ask of it.
    public enum Command: Sendable, Equatable {
        /// The operating system's clock stepped.
        case setClock(WallClock)
    }

    public enum Observation: Sendable, Equatable {
        case connectionOpened(ConnectionID, from: String)
        case setupRefused(ConnectionID, code: String)
        case connectionClosed(ConnectionID, reason: CloseReason)
    }

    private struct Visitor: Sendable {
        var link: V2Connection
        var isClosing = false
    }

    private let authority: AuthoritySecretKey
    private let staticKey: SecretKey
    private var clock: WallClock
    private var secrets: SecretGenerator
    private let limits: PoolLimits
    /// Looked up, never walked.
    private var visitors: [ConnectionID: Visitor] = [:]
    private var timers = TimerQueue<ConnectionID>()

    public init(
        authority: AuthoritySecretKey, staticKey: SecretKey, clock: WallClock, secretSeed: [UInt8],
        limits: PoolLimits = PoolLimits()
    ) {
        self.authority = authority
        self.staticKey = staticKey
        self.clock = clock
        secrets = SecretGenerator(seed: secretSeed)
        self.limits = limits
    }

    public var nextDeadline: Instant? { timers.next }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard case .accepted(_, let address) = origin, visitors.count < limits.connections else {
            effects.close(id, .closed("not wanted"))
            return
        }
        let unixTime = clock.unixSeconds(at: now)
        let credentials = NoiseCredentials.issue(
            authority: authority, staticKey: staticKey, validFrom: unixTime,
            notValidAfter: unixTime > .max - 3_600 ? .max : unixTime + 3_600)
        visitors[id] = Visitor(
            link: .responder(
                credentials: credentials, secrets: &secrets, maximumPayload: limits.frameBeforeSetup))
        timers.set(id, now + limits.handshakeDeadline)
        effects.observe(.connectionOpened(id, from: address))
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard var visitor = visitors.removeValue(forKey: id) else { return }
        var out = ByteWriter()
        let outcome =
            visitor.isClosing
            ? nil : answer(bytes, from: id, on: &visitor, at: now, out: &out, into: &effects)
        if out.count > 0 { effects.send(on: id) { $0.write(out.bytes) } }
        if let outcome {
            visitor.isClosing = true
            timers.stop(id)
            effects.close(id, .closed(outcome))
        }
        visitors[id] = visitor
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard visitors.removeValue(forKey: id) != nil else { return }
        timers.stop(id)
        effects.observe(.connectionClosed(id, reason: reason))
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {}

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        switch command {
        case .setClock(let clock): self.clock = clock
        }
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        while let id = timers.popDue(at: now) {
            visitors[id]?.isClosing = true
            effects.close(id, .closed("handshake deadline"))
        }
    }

    /// The text to close with, once there is a reason to.
    private func answer(
        _ bytes: RawSpan, from id: ConnectionID, on visitor: inout Visitor, at now: Instant,
        out: inout ByteWriter, into effects: inout EffectBuffer<Observation>
    ) -> String? {
        do {
            try visitor.link.receive(bytes, unixTime: clock.unixSeconds(at: now), into: &out)
            guard let frame = try visitor.link.nextFrame() else { return nil }
            let refusal = DeclarationGate.refusal(of: try Common.SetupConnection(frame: frame))
            visitor.link.send(refusal, into: &out)
            effects.observe(.setupRefused(id, code: refusal.errorCode))
            return "setup refused: \(refusal.errorCode)"
        } catch {
            return "\(error)"
        }
    }
}

extension ListenerID {
    /// The job declaration client's port towards devices.
    public static let jobDeclarationClient = ListenerID(4)
}
