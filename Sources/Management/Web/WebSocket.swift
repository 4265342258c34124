import HTTPText
import SansIO

/// As much of web sockets (RFC 6455) as a device's live log needs: the handshake, text to the peer, and the peer's pings
/// and farewell.
enum WebSocket {
    /// The value of `Sec-WebSocket-Accept`; nil when the request is no upgrade.
    static func accept(_ request: HTTPRequest) -> String? {
        guard request.method == "GET", request.header("upgrade")?.lowercased() == "websocket",
            request.header("sec-websocket-version") == "13", let key = request.header("sec-websocket-key"),
            Base64.bytes(of: key)?.count == 16
        else { return nil }
        return Base64.encode(MessageDigest.sha1(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }

    static func text(_ text: String) -> [UInt8] { frame(0x81, Array(text.utf8)) }

    static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = [first]
        switch payload.count {
        case ..<126: frame.append(UInt8(payload.count))
        case ..<65_536: frame += [126, UInt8(payload.count >> 8), UInt8(truncatingIfNeeded: payload.count)]
        default:
            frame.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                frame.append(UInt8(truncatingIfNeeded: payload.count >> shift))
            }
        }
        return frame + payload
    }

    /// What the peer sends: masked frames of bounded length.
    struct Reader: Sendable {
        enum Event: Equatable {
            case ping([UInt8])
            case close
            /// Text and bytes, which a log does not care for, and pongs.
            case other
            /// Not masked, too long, or reserved bits.
            case violation
        }

        private var buffer: [UInt8] = []

        init() {}

        mutating func append(_ bytes: [UInt8]) { buffer += bytes }

        mutating func next() -> Event? {
            guard buffer.count >= 2 else { return nil }
            guard buffer[0] & 0x70 == 0, buffer[1] & 0x80 != 0 else { return .violation }
            var length = Int(buffer[1] & 0x7f)
            var start = 2
            if length == 126 {
                guard buffer.count >= 4 else { return nil }
                length = Int(buffer[2]) << 8 | Int(buffer[3])
                start = 4
            }
            guard length < Limits.webSocketMessage, buffer[1] & 0x7f != 127 else { return .violation }
            guard buffer.count >= start + 4 + length else { return nil }
            let mask = Array(buffer[start..<start + 4])
            let payload = buffer[(start + 4)..<(start + 4 + length)].enumerated().map { $1 ^ mask[$0 & 3] }
            let code = buffer[0] & 0x0f
            buffer.removeSubrange(..<(start + 4 + length))
            switch code {
            case 8: return .close
            case 9: return .ping(payload)
            default: return .other
            }
        }
    }
}
