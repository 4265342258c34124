import SansIO

/// One HTTP answer, as far as a JSON-RPC client cares.
struct HTTPResponse: Equatable, Sendable {
    var status: Int
    /// The connection may carry another call.
    var keepsAlive: Bool
    var body: [UInt8]
}

/// Why an answer cannot be read.
enum HTTPReadError: Error, Equatable, Sendable {
    case notHTTP
    case headTooLong
    case badLength
    case badChunk
    case bodyTooLong
}

/// A push parser for HTTP/1.x answers of nodes and of what stands before them: lines may end in a bare LF, a body may
/// have a length, come in chunks (which win over a length beside them), or end with the connection. Interim answers
/// (1xx) are passed over. Bounded in head and body.
struct HTTPResponseReader: Sendable {
    private enum Phase: Sendable {
        case head
        case length(HTTPResponse, Int)
        /// The number is what is left of the present chunk; nil between chunks.
        case chunks(HTTPResponse, remaining: Int?)
        case trailer(HTTPResponse)
        case untilClose(HTTPResponse)
    }

    private var phase = Phase.head
    private var buffer: [UInt8] = []
    private var start = 0
    /// What the chunks so far held; beside the phase, so that it grows in place.
    private var body: [UInt8] = []

    /// Nothing of an answer has come that is not whole.
    var isIdle: Bool {
        if case .head = phase { buffer.count == start } else { false }
    }

    mutating func append(_ bytes: RawSpan) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    /// The next whole answer; nil when more bytes are needed.
    mutating func next() throws(HTTPReadError) -> HTTPResponse? {
        while true {
            switch phase {
            case .head:
                guard let lines = try takeHead() else { return nil }
                try begin(lines)
            case .length(let response, let count):
                guard buffer.count - start >= count else { return nil }
                return finish(response, body: take(count))
            case .chunks(let response, let remaining):
                guard try readChunk(response, remaining) else { return nil }
            case .trailer(let response):
                guard let line = try takeLine() else { return nil }
                if line.isEmpty { return finish(response, body: body) }
            case .untilClose:
                guard buffer.count - start <= Limits.httpBodyMax else { throw .bodyTooLong }
                return nil
            }
        }
    }

    /// The connection ended: the answer that this completes, if there is one.
    mutating func closed() -> HTTPResponse? {
        guard case .untilClose(let response) = phase else { return nil }
        return finish(response, body: take(buffer.count - start))
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        defer { start += count }
        return Array(buffer[start..<start + count])
    }

    private mutating func finish(_ response: HTTPResponse, body: [UInt8]) -> HTTPResponse {
        phase = .head
        self.body = []
        var response = response
        response.body = body
        return response
    }

    private mutating func takeLine() throws(HTTPReadError) -> [UInt8]? {
        guard let end = buffer[start...].firstIndex(of: 0x0a) else {
            guard buffer.count - start <= Limits.httpHeadMax else { throw .headTooLong }
            return nil
        }
        var line = Array(buffer[start..<end])
        if line.last == 0x0d { line.removeLast() }
        start = end + 1
        return line
    }

    /// The lines of a head, once its empty line is there.
    private mutating func takeHead() throws(HTTPReadError) -> [[UInt8]]? {
        while start < buffer.count, buffer[start] == 0x0a || buffer[start] == 0x0d { start += 1 }
        let before = start
        var lines: [[UInt8]] = []
        while let line = try takeLine() {
            guard start - before <= Limits.httpHeadMax else { throw .headTooLong }
            if line.isEmpty { return lines }
            lines.append(line)
        }
        guard buffer.count - before <= Limits.httpHeadMax else { throw .headTooLong }
        start = before
        return nil
    }

    private mutating func begin(_ lines: [[UInt8]]) throws(HTTPReadError) {
        let words = (lines.first ?? []).split(separator: 0x20, maxSplits: 2)
        guard words.count >= 2, words[0].starts(with: Array("HTTP/1.".utf8)), words[1].count == 3,
            let status = Int(String(decoding: words[1], as: UTF8.self)), status >= 100
        else { throw .notHTTP }
        var response = HTTPResponse(
            status: status, keepsAlive: words[0].last != UInt8(ascii: "0"), body: [])
        var length: Int?
        var isChunked = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = Self.trimmed(line[(colon + 1)...])
            switch Self.trimmed(line[..<colon]) {
            case "content-length":
                guard let number = Int(value), number >= 0, length == nil || length == number else {
                    throw .badLength
                }
                length = number
            case "transfer-encoding": isChunked = value.hasSuffix("chunked")
            case "connection":
                if value == "close" { response.keepsAlive = false }
                if value == "keep-alive" { response.keepsAlive = true }
            default: break
            }
        }
        if (100..<200).contains(status) { return }
        if status == 204 || status == 304 { length = 0 }
        if isChunked {
            phase = .chunks(response, remaining: nil)
        } else if let length {
            guard length <= Limits.httpBodyMax else { throw .bodyTooLong }
            phase = .length(response, length)
        } else {
            response.keepsAlive = false
            phase = .untilClose(response)
        }
    }

    /// One step into a chunked body; false when more bytes are needed.
    private mutating func readChunk(
        _ response: HTTPResponse, _ remaining: Int?
    ) throws(HTTPReadError) -> Bool {
        guard let remaining else {
            guard let line = try takeLine() else { return false }
            // The empty line ends the chunk before.
            if line.isEmpty { return true }
            let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 }
            guard digits.count <= 8, let size = Int(String(decoding: digits, as: UTF8.self), radix: 16),
                size >= 0
            else { throw .badChunk }
            guard body.count + size <= Limits.httpBodyMax else { throw .bodyTooLong }
            phase = size == 0 ? .trailer(response) : .chunks(response, remaining: size)
            return true
        }
        let taken = min(remaining, buffer.count - start)
        guard taken > 0 else { return false }
        body.append(contentsOf: buffer[start..<start + taken])
        start += taken
        phase = .chunks(response, remaining: taken == remaining ? nil : remaining - taken)
        return true
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> String {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let front = text.drop(while: isBlank)
        let end = front.lastIndex { !isBlank($0) }
        return String(decoding: end.map { front[...$0] } ?? [], as: UTF8.self).lowercased()
    }
}
