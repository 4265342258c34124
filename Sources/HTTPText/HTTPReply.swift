import SansIO

/// Writing HTTP answers.
public enum HTTPReply {
    /// Appends head and body. A 204 has no body, whatever is given, and a 101 ends with its head.
    public static func write(
        _ status: Int, type: String = "application/json", headers: [(String, String)] = [], body: [UInt8],
        keepsAlive: Bool, into writer: inout ByteWriter
    ) {
        writer.write(utf8: "HTTP/1.1 \(status) \(reason(status))\r\n")
        for (name, value) in headers { writer.write(utf8: "\(name): \(value)\r\n") }
        let hasBody = status != 204 && status != 101
        if hasBody {
            writer.write(utf8: "Content-Type: \(type)\r\n")
            writer.write(utf8: "Content-Length: \(body.count)\r\n")
        }
        if !keepsAlive, status != 101 { writer.write(utf8: "Connection: close\r\n") }
        writer.write(utf8: "\r\n")
        if hasBody { writer.write(body) }
    }

    /// The content type of libevent's own error pages, which Bitcoin Core's answers have.
    public static let plain = "text/html; charset=ISO-8859-1"

    private static func reason(_ status: Int) -> String {
        switch status {
        case 101: "Switching Protocols"
        case 200: "OK"
        case 204: "No Content"
        case 302: "Found"
        case 307: "Temporary Redirect"
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
