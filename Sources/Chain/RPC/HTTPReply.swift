import SansIO

/// Writing HTTP answers the way Core does.
enum HTTPReply {
    static func write(
        _ status: Int, type: String = "application/json", headers: [(String, String)] = [], body: [UInt8],
        keepsAlive: Bool, into writer: inout ByteWriter
    ) {
        writer.write(utf8: "HTTP/1.1 \(status) \(reason(status))\r\n")
        for (name, value) in headers { writer.write(utf8: "\(name): \(value)\r\n") }
        if status != 204 {
            writer.write(utf8: "Content-Type: \(type)\r\n")
            writer.write(utf8: "Content-Length: \(body.count)\r\n")
        }
        if !keepsAlive { writer.write(utf8: "Connection: close\r\n") }
        writer.write(utf8: "\r\n")
        if status != 204 { writer.write(body) }
    }

    static let plain = "text/html; charset=ISO-8859-1"

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 204: "No Content"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content too large"
        case 503: "Service Unavailable"
        default: "Internal Server Error"
        }
    }
}

/// RFC 4648, for HTTP's basic authentication.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            bits <<= UInt32(8 * (3 - group.count))
            for i in 0..<4 {
                text.append(
                    i <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * i) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
}
