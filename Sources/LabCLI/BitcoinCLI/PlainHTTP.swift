import Foundation

/// One HTTP exchange over a fresh connection, as bitcoin-cli makes it: no keep-alive, no limit of time unless one is
/// set.
struct PlainHTTP {
    struct Answer {
        let status: Int
        let body: [UInt8]
    }

    /// The server cannot be reached or broke off; worth another try.
    struct Unreachable: Error { let reason: String }

    static func post(
        host: String, port: UInt16, path: String, authorization: String, body: [UInt8], timeoutSeconds: Int
    ) throws -> Answer {
        let socket = try connect(host, port)
        defer { close(socket) }
        if timeoutSeconds > 0 {
            var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        let head =
            "POST \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + "Authorization: Basic \(authorization)\r\nContent-Length: \(body.count)\r\n\r\n"
        try send(Array(head.utf8) + body, on: socket)
        return try read(socket)
    }

    private static func connect(_ host: String, _ port: UInt16) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else {
            throw Unreachable(reason: "the name \(host) is unknown")
        }
        defer { freeaddrinfo(list) }
        var next = list
        var reason = "no address"
        while let address = next {
            let socket = Glibc.socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue), 0)
            if socket >= 0 {
                if Glibc.connect(socket, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 {
                    return socket
                }
                reason = String(cString: strerror(errno))
                close(socket)
            }
            next = address.pointee.ai_next
        }
        throw Unreachable(reason: reason)
    }

    private static func send(_ bytes: [UInt8], on socket: Int32) throws {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    socket, $0.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Unreachable(reason: String(cString: strerror(errno))) }
            offset += count
        }
    }

    private static func read(_ socket: Int32) throws -> Answer {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var headEnd: Int?
        var expected: Int?
        while true {
            let count = recv(socket, &chunk, chunk.count, 0)
            if count < 0 {
                throw Unreachable(
                    reason: errno == EAGAIN ? "timeout reached" : String(cString: strerror(errno)))
            }
            if count == 0 { break }
            bytes += chunk[..<count]
            if headEnd == nil, let end = firstBlankLine(bytes) {
                headEnd = end
                expected = contentLength(String(decoding: bytes[..<end], as: UTF8.self)).map { end + $0 }
            }
            if let expected, bytes.count >= expected { break }
        }
        guard let headEnd else { throw Unreachable(reason: "EOF reached") }
        let words = String(decoding: bytes.prefix(64), as: UTF8.self).split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { throw Unreachable(reason: "no HTTP answer") }
        return Answer(status: status, body: Array(bytes[headEnd...]))
    }

    private static func firstBlankLine(_ bytes: [UInt8]) -> Int? {
        let mark: [UInt8] = [13, 10, 13, 10]
        guard bytes.count >= 4 else { return nil }
        for start in 0...(bytes.count - 4) where bytes[start..<start + 4].elementsEqual(mark) {
            return start + 4
        }
        return nil
    }

    private static func contentLength(_ head: String) -> Int? {
        for line in head.split(whereSeparator: \.isNewline)
        where line.lowercased().hasPrefix("content-length:") {
            return Int(line.dropFirst("content-length:".count).trimmingCharacters(in: .whitespaces))
        }
        return nil
    }
}
