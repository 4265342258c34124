import SansIO

/// One HTTP request.
public struct HTTPRequest: Equatable, Sendable {
    public struct Header: Equatable, Sendable {
        /// In lower case.
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public var method: String
    /// The target as it was sent, with its query.
    public var path: String
    public var headers: [Header]
    public var keepsAlive: Bool
    public var body: [UInt8]

    public init(method: String, path: String, headers: [Header], keepsAlive: Bool, body: [UInt8]) {
        self.method = method
        self.path = path
        self.headers = headers
        self.keepsAlive = keepsAlive
        self.body = body
    }

    /// The first header of this name, which is given in lower case.
    public func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The Authorization header's value.
    public var authorization: String? { header("authorization") }
}

/// A push parser for HTTP/1.x requests, as tolerant as real mining software needs: bare LF ends lines too,
/// and chunked coding wins over a Content-Length beside it. Bounded in head and body; pipelined requests wait
/// in the buffer.
public struct HTTPRequestParser: Sendable {
    public enum Step: Equatable, Sendable {
        case needsMore
        /// The client waits for `100 Continue` before it sends the body.
        case expectsContinue
        case request(HTTPRequest)
        /// Nothing more can be read: answer with this status and close.
        case failed(status: Int)
    }

    private struct Head: Sendable {
        var method = ""
        var path = ""
        var headers: [HTTPRequest.Header] = []
        var keepsAlive = true
        var contentLength = 0
        var isChunked = false
        var expectsContinue = false
    }

    private enum Phase: Sendable {
        case head
        case body(Head)
        /// The number is what is left of the current chunk; nil between chunks.
        case chunks(Head, remaining: Int?)
        case trailer(Head)
        case failed(Int)
    }

    private let headLimit: Int
    private let bodyLimit: Int
    private var phase = Phase.head
    private var buffer: [UInt8] = []
    private var start = 0
    private var scanned = 0
    private var body: [UInt8] = []

    /// - Parameter headLimit: bytes of a request's head and of a chunked body's trailer; more is a 400.
    /// - Parameter bodyLimit: bytes of a body; more is a 413.
    public init(headLimit: Int, bodyLimit: Int) {
        self.headLimit = headLimit
        self.bodyLimit = bodyLimit
    }

    public mutating func append(_ bytes: RawSpan) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            scanned = max(scanned - start, 0)
            start = 0
        }
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    /// Bytes that wait to be parsed.
    public var waiting: Int { buffer.count - start }

    /// What follows from the bytes so far; to be called until it needs more.
    public mutating func next() -> Step {
        while true {
            switch phase {
            case .failed(let status): return .failed(status: status)
            case .head:
                guard let end = endOfHead() else {
                    return waiting > headLimit ? fail(400) : .needsMore
                }
                guard end - start <= headLimit else { return fail(400) }
                guard let head = Self.parse(buffer[start..<end]) else { return fail(400) }
                start = end
                scanned = end
                body = []
                guard head.contentLength <= bodyLimit else { return fail(413) }
                phase = head.isChunked ? .chunks(head, remaining: nil) : .body(head)
                if head.expectsContinue, waiting == 0, head.isChunked || head.contentLength > 0 {
                    return .expectsContinue
                }
            case .body(let head):
                guard waiting >= head.contentLength else { return .needsMore }
                body = Array(buffer[start..<start + head.contentLength])
                start += head.contentLength
                return finish(head)
            case .chunks(let head, let remaining):
                if let step = readChunk(head, remaining) { return step }
            case .trailer(let head):
                guard let line = takeLine() else {
                    return waiting > headLimit ? fail(400) : .needsMore
                }
                if line.isEmpty { return finish(head) }
            }
        }
    }

    /// Reads a chunk's size line or content; nil when the phase moved on.
    private mutating func readChunk(_ head: Head, _ remaining: Int?) -> Step? {
        guard let remaining else {
            guard let line = takeLine() else { return waiting > 256 ? fail(400) : .needsMore }
            // The empty line is the end of the chunk before.
            if line.isEmpty { return nil }
            let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
            guard !digits.isEmpty, digits.count <= 8,
                let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
            else {
                return fail(400)
            }
            guard body.count + size <= bodyLimit else { return fail(413) }
            phase = size == 0 ? .trailer(head) : .chunks(head, remaining: size)
            return nil
        }
        let taken = min(remaining, waiting)
        body += buffer[start..<start + taken]
        start += taken
        phase = .chunks(head, remaining: remaining == taken ? nil : remaining - taken)
        return remaining == taken ? nil : .needsMore
    }

    private mutating func finish(_ head: Head) -> Step {
        let request = HTTPRequest(
            method: head.method, path: head.path, headers: head.headers, keepsAlive: head.keepsAlive,
            body: body)
        body = []
        phase = .head
        scanned = start
        return .request(request)
    }

    private mutating func fail(_ status: Int) -> Step {
        phase = .failed(status)
        buffer = []
        start = 0
        body = []
        return .failed(status: status)
    }

    /// Where the head's empty line ends; remembers how far it looked.
    private mutating func endOfHead() -> Int? {
        // Empty lines before a request are allowed (RFC 9112 section 2.2).
        while start < buffer.count, buffer[start] == 0x0a || buffer[start] == 0x0d { start += 1 }
        var at = max(scanned, start)
        while at < buffer.count {
            if buffer[at] == 0x0a {
                var next = at + 1
                if next < buffer.count, buffer[next] == 0x0d { next += 1 }
                if next < buffer.count, buffer[next] == 0x0a { return next + 1 }
            }
            at += 1
        }
        scanned = max(start, buffer.count - 2)
        return nil
    }

    private mutating func takeLine() -> ArraySlice<UInt8>? {
        guard let end = buffer[start...].firstIndex(of: 0x0a) else { return nil }
        var line = buffer[start..<end]
        if line.last == 0x0d { line.removeLast() }
        start = end + 1
        return line
    }

    private static func parse(_ bytes: ArraySlice<UInt8>) -> Head? {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: true).map { line in
            line.last == 0x0d ? line.dropLast() : line
        }
        guard let first = lines.first else { return nil }
        let words = first.split(separator: 0x20)
        guard words.count == 3, isVersion1(words[2]), !first.contains(0) else { return nil }
        var head = Head()
        var isLengthKnown = false
        head.method = String(decoding: words[0], as: UTF8.self)
        head.path = String(decoding: words[1], as: UTF8.self)
        head.keepsAlive = words[2].last == UInt8(ascii: "1")
        for line in lines.dropFirst() where !line.isEmpty {
            // Blanks before a name continue the line before, and blanks after it hide it from others on the way: both
            // are ways to be read differently by two readers (RFC 9112 section 5).
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), let start = line.first, !isBlank(start),
                colon > line.startIndex, !isBlank(line[colon - 1])
            else { return nil }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = trimmed(line[(colon + 1)...])
            head.headers.append(HTTPRequest.Header(name: name, value: value))
            switch name {
            case "content-length":
                guard let length = Int(value), length >= 0,
                    !isLengthKnown || length == head.contentLength
                else { return nil }
                isLengthKnown = true
                head.contentLength = length
            case "transfer-encoding": if value.lowercased().hasSuffix("chunked") { head.isChunked = true }
            case "connection":
                if value.lowercased() == "close" { head.keepsAlive = false }
                if value.lowercased() == "keep-alive" { head.keepsAlive = true }
            case "expect": head.expectsContinue = value.lowercased() == "100-continue"
            default: break
            }
        }
        if head.isChunked { head.contentLength = 0 }
        return head
    }

    /// HTTP/1.0 or 1.1; newer minor versions of it would be answered as 1.1.
    private static func isVersion1(_ word: ArraySlice<UInt8>) -> Bool {
        let name = Array("HTTP/1.".utf8)
        guard word.count == name.count + 1, word.starts(with: name), let minor = word.last else {
            return false
        }
        return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(minor)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func trimmed(_ value: ArraySlice<UInt8>) -> String {
        let front = value.drop(while: isBlank)
        let end = front.lastIndex { !isBlank($0) }
        return String(decoding: end.map { front[...$0] } ?? [], as: UTF8.self)
    }
}
