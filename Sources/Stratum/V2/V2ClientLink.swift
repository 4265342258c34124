import Bitcoin
import SansIO

/// One connection of a client through its whole life: dial, Noise, SetupConnection, frames, end. An inner machine for
/// roles that have several of them: bytes come in by ``receive(_:unixTime:)``, events are pulled by ``next()``, and
/// ``flush(into:)`` sends what was written.
///
/// A link is used once. To try again make a new one; what the driver still says of the old one's dial or connection
/// is then recognised as foreign by its number.
public struct V2ClientLink: Sendable {
    public enum Event: Sendable, Equatable {
        /// The server takes the connection; messages may be sent.
        case ready(Common.SetupConnectionSuccess)
        case refused(Common.SetupConnectionError)
        case frame(V2Frame)
        /// It cannot go on: bad bytes or a failed handshake. The text is for the operator.
        case failed(String)
    }

    private enum Phase: Sendable {
        /// Not begun.
        case idle
        case dialing
        case settingUp(V2ClientHandshake)
        case ready(V2Connection)
        /// Nothing more is read or sent.
        case ended
    }

    private var phase = Phase.idle
    private var out = ByteWriter()
    /// The attempt's number; nil before ``dial(_:to:into:)``.
    public private(set) var attempt: DialID?
    public private(set) var connection: ConnectionID?

    public init() {}

    public var isReady: Bool {
        if case .ready = phase { return true }
        return false
    }

    public mutating func dial<O: Sendable & Equatable>(
        _ attempt: DialID, to endpoint: Endpoint, into effects: inout EffectBuffer<O>
    ) {
        guard case .idle = phase else { return }
        phase = .dialing
        self.attempt = attempt
        effects.emit(.dial(attempt, endpoint))
    }

    /// The dial was answered: begins Noise, then SetupConnection.
    public mutating func opened(
        _ id: ConnectionID, setup: Common.SetupConnection, expecting authority: AuthorityPublicKey?,
        secrets: inout SecretGenerator, maximumPayload: Int
    ) {
        guard case .dialing = phase else { return }
        connection = id
        var handshake = V2ClientHandshake(
            connection: .initiator(
                expecting: authority, secrets: &secrets, maximumPayload: maximumPayload), setup: setup)
        handshake.start(into: &out)
        phase = .settingUp(handshake)
    }

    /// Takes bytes; answers the first event they make. Call ``next()`` until it is nil afterwards.
    public mutating func receive(_ bytes: RawSpan, unixTime: UInt32) -> Event? {
        switch phase {
        case .idle, .dialing, .ended: return nil
        case .settingUp(var handshake):
            phase = .ended
            do throws(V2ClientHandshakeError) {
                let progress = try handshake.receive(bytes, unixTime: unixTime, into: &out)
                switch progress {
                case .pending:
                    phase = .settingUp(handshake)
                    return nil
                case .accepted(let success):
                    phase = .ready(handshake.connection)
                    return .ready(success)
                case .refused(let refusal): return .refused(refusal)
                }
            } catch { return .failed("\(error)") }
        case .ready(var link):
            phase = .ended
            do throws(V2ConnectionError) {
                try link.receive(bytes, unixTime: unixTime, into: &out)
                phase = .ready(link)
                return next()
            } catch { return .failed("\(error)") }
        }
    }

    /// The next event of bytes that came.
    public mutating func next() -> Event? {
        guard case .ready(var link) = phase else { return nil }
        phase = .ended
        do throws(V2ConnectionError) {
            let frame = try link.nextFrame()
            phase = .ready(link)
            return frame.map { .frame($0) }
        } catch { return .failed("\(error)") }
    }

    /// Queues a message; nothing happens on a link that is not ready.
    public mutating func send(_ message: some V2Message) {
        guard case .ready(var link) = phase else { return }
        phase = .ended
        link.send(message, into: &out)
        phase = .ready(link)
    }

    /// Sends what was queued.
    public mutating func flush<O: Sendable & Equatable>(into effects: inout EffectBuffer<O>) {
        guard out.count > 0 else { return }
        if let connection {
            effects.send(on: connection) { writer in out.bytes.withUnsafeBytes { writer.write($0) } }
        }
        out.removeAll()
    }

    /// The driver said that the dial failed or the connection ended.
    public mutating func lost() {
        phase = .ended
        connection = nil
        attempt = nil
        out.removeAll()
    }

    /// Gives a connection that is ready to somebody else, with what came on it and was not read; the link is over.
    public mutating func handOver() -> (id: ConnectionID, link: V2Connection)? {
        guard case .ready(let link) = phase, let connection else { return nil }
        lost()
        return (connection, link)
    }

    /// Ends the connection from this side.
    public mutating func leave<O: Sendable & Equatable>(
        _ text: String, into effects: inout EffectBuffer<O>
    ) {
        flush(into: &effects)
        phase = .ended
        if let connection { effects.close(connection, .closed(text)) }
        connection = nil
        attempt = nil
    }
}
