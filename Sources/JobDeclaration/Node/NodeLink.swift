import Bitcoin
import SansIO

/// One way to the node: questions in order, one at a time, over a connection that is dialled when there is something
/// to ask.
struct NodeLink: Sendable {
    enum Phase: Sendable, Equatable {
        case idle
        /// The last attempt failed; waits for its timer.
        case pausing
        case dialing
        case open(ConnectionID)
    }

    var phase = Phase.idle
    /// The first is being asked while ``isAsking``.
    var queue: [NodeCall] = []
    var isAsking = false
    /// Failures in a row.
    var failures = 0
    var parser: HTTPAnswerParser

    init(limits: JobDeclarationServerLimits) { parser = HTTPAnswerParser(bodyLimit: limits.nodeAnswer) }

    var connection: ConnectionID? {
        if case .open(let id) = phase { return id }
        return nil
    }

    func pause(first: Interval, longest: Interval) -> Interval {
        min(first * (UInt64(1) << UInt64(min(max(failures - 1, 0), 16))), longest)
    }

    /// A whole HTTP request.
    static func request(_ body: [UInt8], to node: JobDeclarationServerConfiguration.Node) -> [UInt8] {
        let head =
            "POST / HTTP/1.1\r\nHost: \(node.endpoint)\r\nAuthorization: Basic "
            + base64(Array(node.credentials.utf8))
            + "\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }

    /// RFC 4648.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for i in 0..<3 { bits = bits << 8 | UInt32(i < group.count ? group[start + i] : 0) }
            for i in 0..<4 {
                let digit = alphabet[Int(bits >> UInt32(18 - 6 * i)) & 63]
                text.append(i <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
