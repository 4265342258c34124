/// Why bytes from the node are no HTTP reply.
enum HTTPReplyError: Error, Equatable, Sendable {
    case malformed(String)
    case headerTooLarge(limit: Int)
    case bodyTooLarge(limit: Int)
    case endedEarly
}

/// One complete HTTP/1.1 reply.
struct HTTPReply: Equatable, Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]
    var keepsAlive: Bool
}

/// A push decoder for HTTP/1.1 replies: bytes in, needs-more or a whole reply out. Knows Content-Length,
/// chunked bodies and bodies that end with the connection. Bounded; never shows part of a reply.
struct HTTPReplyDecoder: Sendable {
    private enum Body {
        case length(Int)
        case chunked
        case untilClose
    }

    private struct Head {
        var status: Int
        var headers: [String: String]
        var keepsAlive: Bool
        var body: Body
    }

    private var buffer: [UInt8] = []
    private var position = 0
    private var scanned = 0
    private var head: Head?
    private var chunks: [UInt8] = []
    let bodyLimit: Int

    init(bodyLimit: Int = Limits.replyBytes) { self.bodyLimit = bodyLimit }

    /// Takes bytes and returns the reply once it is whole.
    mutating func receive(_ bytes: some Collection<UInt8>) throws(HTTPReplyError) -> HTTPReply? {
        buffer.append(contentsOf: bytes)
        if head == nil {
            guard let parsed = try parseHead() else { return nil }
            head = parsed
        }
        guard let head else { return nil }
        switch head.body {
        case .length(let count):
            guard buffer.count - position >= count else { return nil }
            let body = Array(buffer[position..<position + count])
            position += count
            return finish(head, body: body)
        case .chunked:
            guard try parseChunks() else { return nil }
            return finish(head, body: chunks)
        case .untilClose:
            guard buffer.count - position <= bodyLimit else { throw .bodyTooLarge(limit: bodyLimit) }
            return nil
        }
    }

    /// The connection ended. A reply without a length is whole now; anything else is cut off.
    mutating func end() throws(HTTPReplyError) -> HTTPReply? {
        guard let head else {
            if buffer.isEmpty { return nil }
            throw .endedEarly
        }
        guard case .untilClose = head.body else { throw .endedEarly }
        return finish(head, body: Array(buffer[position...]))
    }

    private mutating func finish(_ head: Head, body: [UInt8]) -> HTTPReply {
        buffer.removeFirst(position == buffer.count ? buffer.count : min(position, buffer.count))
        if case .untilClose = head.body { buffer = [] }
        position = 0
        scanned = 0
        self.head = nil
        chunks = []
        return HTTPReply(status: head.status, headers: head.headers, body: body, keepsAlive: head.keepsAlive)
    }

    private mutating func parseHead() throws(HTTPReplyError) -> Head? {
        var index = max(scanned, 3)
        while index < buffer.count {
            if buffer[index] == 10, buffer[index - 1] == 13, buffer[index - 2] == 10, buffer[index - 3] == 13
            {
                let text = String(decoding: buffer[..<(index - 3)], as: UTF8.self)
                position = index + 1
                return try Self.head(from: text, bodyLimit: bodyLimit)
            }
            index += 1
        }
        scanned = max(0, buffer.count - 3)
        guard buffer.count <= Limits.replyHeaderBytes else {
            throw .headerTooLarge(limit: Limits.replyHeaderBytes)
        }
        return nil
    }

    private static func head(from text: String, bodyLimit: Int) throws(HTTPReplyError) -> Head {
        // "\r\n" is one Character in Swift.
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)
        guard let first = lines.first, first.hasPrefix("HTTP/1.") else {
            throw .malformed("the reply does not begin with an HTTP/1 status line")
        }
        let words = first.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, let status = Int(words[1]), (100...599).contains(status) else {
            throw .malformed("the HTTP status line is unreadable")
        }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers[line[..<colon].lowercased()] = String(value)
        }
        let connection = headers["connection"]?.lowercased() ?? ""
        var keepsAlive = first.hasPrefix("HTTP/1.1") ? connection != "close" : connection == "keep-alive"
        let body: Body
        if status == 204 || status == 304 {
            body = .length(0)
        } else if headers["transfer-encoding"]?.lowercased() == "chunked" {
            body = .chunked
        } else if let length = headers["content-length"] {
            guard let count = Int(length), count >= 0 else {
                throw .malformed("the Content-Length is unreadable")
            }
            guard count <= bodyLimit else { throw .bodyTooLarge(limit: bodyLimit) }
            body = .length(count)
        } else {
            body = .untilClose
            keepsAlive = false
        }
        return Head(status: status, headers: headers, keepsAlive: keepsAlive, body: body)
    }

    /// True when the last chunk and its trailers have arrived.
    private mutating func parseChunks() throws(HTTPReplyError) -> Bool {
        while true {
            guard let end = lineEnd(from: position) else {
                guard buffer.count - position <= 1_024 else { throw .malformed("a chunk header is too long") }
                return false
            }
            let line = String(decoding: buffer[position..<end], as: UTF8.self)
            let digits = line.prefix { $0.isHexDigit }
            guard let size = Int(digits, radix: 16), size >= 0 else {
                throw .malformed("a chunk size is unreadable")
            }
            guard chunks.count + size <= bodyLimit else { throw .bodyTooLarge(limit: bodyLimit) }
            if size == 0 { return try skipTrailers(from: end + 2) }
            guard buffer.count >= end + 2 + size + 2 else { return false }
            chunks.append(contentsOf: buffer[(end + 2)..<(end + 2 + size)])
            position = end + 2 + size + 2
        }
    }

    private mutating func skipTrailers(from start: Int) throws(HTTPReplyError) -> Bool {
        var line = start
        while let end = lineEnd(from: line) {
            if end == line {
                position = end + 2
                return true
            }
            line = end + 2
        }
        guard buffer.count - start <= Limits.replyHeaderBytes else {
            throw .headerTooLarge(limit: Limits.replyHeaderBytes)
        }
        return false
    }

    private func lineEnd(from start: Int) -> Int? {
        var index = start
        while index + 1 < buffer.count {
            if buffer[index] == 13, buffer[index + 1] == 10 { return index }
            index += 1
        }
        return nil
    }
}
