import SansIO

/// Why a client's way into a connection ended.
public enum V2ClientHandshakeError: Error, Equatable, Sendable {
    case connection(V2ConnectionError)
    /// Something else than an answer to SetupConnection came first.
    case unexpectedMessage(extensionType: UInt16, messageType: UInt8)
    case malformed(V2DecodeError)
    /// The server chose a version outside the one offered.
    case versionNotOffered(UInt16)
}

/// The first exchange of every client, whatever it is: Noise acts, SetupConnection, its answer. Device,
/// translator, job declaration client and the pool's template client drive it until it says `.accepted`, then
/// go on with ``connection``; bytes that came behind the answer wait there as frames.
public struct V2ClientHandshake: Sendable {
    public enum Progress: Equatable, Sendable {
        /// Wait for more bytes.
        case pending
        /// The server takes the connection; ``V2ClientHandshake/connection`` is ready.
        case accepted(Common.SetupConnectionSuccess)
        /// The server refuses; close, and follow the state, not the code (SV2 section 3.5).
        case refused(Common.SetupConnectionError)
    }

    public var connection: V2Connection
    public let setup: Common.SetupConnection
    private var setupSent = false

    public init(connection: V2Connection, setup: Common.SetupConnection) {
        self.connection = connection
        self.setup = setup
    }

    /// Call once the link is open: appends act 1, or SetupConnection itself on a plain connection.
    public mutating func start(into out: inout ByteWriter) {
        connection.start(into: &out)
        sendSetup(into: &out)
    }

    /// Takes bytes from the link; appends what must be sent. Do not call it again after `.accepted` or
    /// `.refused`.
    public mutating func receive(
        _ bytes: RawSpan, unixTime: UInt32, into out: inout ByteWriter
    ) throws(V2ClientHandshakeError) -> Progress {
        let frame: V2Frame?
        do throws(V2ConnectionError) {
            try connection.receive(bytes, unixTime: unixTime, into: &out)
            sendSetup(into: &out)
            frame = try connection.nextFrame()
        } catch { throw .connection(error) }
        guard let frame else { return .pending }
        let message: Common.Message?
        do throws(V2DecodeError) { message = try Common.Message(frame: frame) } catch {
            throw .malformed(error)
        }
        switch message {
        case .setupConnectionSuccess(let success):
            guard setup.minVersion <= success.usedVersion, success.usedVersion <= setup.maxVersion else {
                throw .versionNotOffered(success.usedVersion)
            }
            return .accepted(success)
        case .setupConnectionError(let refusal): return .refused(refusal)
        case .setupConnection, .channelEndpointChanged, .reconnect, nil:
            throw .unexpectedMessage(extensionType: frame.extensionType, messageType: frame.messageType)
        }
    }

    private mutating func sendSetup(into out: inout ByteWriter) {
        guard !setupSent, connection.isEstablished else { return }
        setupSent = true
        connection.send(setup, into: &out)
    }
}
