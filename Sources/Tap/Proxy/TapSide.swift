import SansIO
import Stratum

/// A message of either generation.
enum TapMessage: Sendable {
    case frame(V2Frame)
    case line([UInt8])

    var content: TapRecord.Content {
        switch self {
        case .frame(let frame): .frame(frame)
        case .line(let line): .line(line)
        }
    }

    var byteCount: Int {
        switch self {
        case .frame(let frame): frame.payload.count
        case .line(let line): line.count
        }
    }
}

/// One connection of a session: bytes to messages and back.
struct TapSide: Sendable {
    private enum Codec: Sendable {
        case frames(V2Connection)
        case lines(V1LineDecoder)
    }

    let id: ConnectionID
    private var codec: Codec

    init(_ id: ConnectionID, frames connection: V2Connection) {
        self.id = id
        codec = .frames(connection)
    }

    init(_ id: ConnectionID, lines limit: Int) {
        self.id = id
        codec = .lines(V1LineDecoder(lineMax: limit))
    }

    var isEstablished: Bool {
        switch codec {
        case .frames(let connection): connection.isEstablished
        case .lines: true
        }
    }

    mutating func start(into out: inout ByteWriter) {
        guard case .frames(var connection) = codec else { return }
        connection.start(into: &out)
        codec = .frames(connection)
    }

    /// The messages that these bytes complete; what the handshake answers is appended to `out`. Messages before the
    /// fault are returned with it.
    mutating func receive(
        _ bytes: RawSpan, unixTime: UInt32, into out: inout ByteWriter
    ) -> (messages: [TapMessage], fault: String?) {
        var messages: [TapMessage] = []
        switch codec {
        case .frames(var connection):
            defer { codec = .frames(connection) }
            do throws(V2ConnectionError) {
                try connection.receive(bytes, unixTime: unixTime, into: &out)
                while let frame = try connection.nextFrame() { messages.append(.frame(frame)) }
            } catch { return (messages, "\(error)") }
        case .lines(var decoder):
            defer { codec = .lines(decoder) }
            decoder.receive(bytes)
            do throws(V1Error) {
                while let line = try decoder.nextLine() { messages.append(.line(line)) }
            } catch { return (messages, "\(error)") }
        }
        return (messages, nil)
    }

    mutating func send(_ message: TapMessage, into out: inout ByteWriter) {
        switch (codec, message) {
        case (.frames(var connection), .frame(let frame)):
            connection.send(frame: frame, into: &out)
            codec = .frames(connection)
        case (.lines, .line(let line)):
            out.write(line)
            out.write(u8: 0x0a)
        case (.frames, .line), (.lines, .frame):
            preconditionFailure("both sides of a tap speak the same generation")
        }
    }
}
