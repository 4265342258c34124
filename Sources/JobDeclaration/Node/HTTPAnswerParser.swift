import SansIO

/// Reads the answers of a node's RPC port (HTTP/1.1): a status, a length, a body. Bounded.
struct HTTPAnswerParser: Sendable {
    struct Answer: Sendable, Equatable {
        var status: Int
        var body: [UInt8]
        /// False: the server closes behind this answer.
        var keepsAlive: Bool
    }

    enum Fault: Error, Equatable {
        case headTooLong(Int)
        case malformedHead
        /// Neither bitcoind nor ours sends a body without its length.
        case noLength
        case bodyTooLong(Int, limit: Int)
    }

    private var input: [UInt8] = []
    /// What the head said, while the body is not whole.
    private var head: (status: Int, length: Int, keepsAlive: Bool)?
    let bodyLimit: Int

    private static let headLimit = 16 * 1024

    init(bodyLimit: Int) { self.bodyLimit = bodyLimit }

    mutating func take(_ bytes: RawSpan) { bytes.withUnsafeBytes { input.append(contentsOf: $0) } }

    /// The next whole answer, or nil when there is none yet.
    mutating func next() throws(Fault) -> Answer? {
        if head == nil {
            guard let end = headEnd() else {
                guard input.count <= HTTPAnswerParser.headLimit else { throw .headTooLong(input.count) }
                return nil
            }
            head = try HTTPAnswerParser.read(head: input[..<end])
            input.removeSubrange(..<end)
            guard head!.length <= bodyLimit else { throw .bodyTooLong(head!.length, limit: bodyLimit) }
        }
        guard let known = head, input.count >= known.length else { return nil }
        let body = Array(input[..<known.length])
        input.removeSubrange(..<known.length)
        head = nil
        return Answer(status: known.status, body: body, keepsAlive: known.keepsAlive)
    }

    /// Behind the empty line.
    private func headEnd() -> Int? {
        guard input.count >= 4 else { return nil }
        for i in 3..<min(input.count, HTTPAnswerParser.headLimit)
        where input[i] == 0x0a && input[i - 1] == 0x0d && input[i - 2] == 0x0a && input[i - 3] == 0x0d {
            return i + 1
        }
        return nil
    }

    private static func read(
        head bytes: ArraySlice<UInt8>
    ) throws(Fault) -> (status: Int, length: Int, keepsAlive: Bool) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw .malformedHead
        }
        var length: Int?
        var keepsAlive = words[0] != "HTTP/1.0"
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw .malformedHead }
            let name = line[..<colon].lowercased()
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            switch name {
            case "content-length":
                guard let count = Int(value), count >= 0 else { throw .malformedHead }
                length = count
            case "connection": keepsAlive = value.lowercased() != "close"
            default: break
            }
        }
        guard let length else { throw .noLength }
        return (status, length, keepsAlive)
    }
}
