import SansIO

/// Cuts a stream into lines. Bytes in, lines out, bounded: a line that grows over the limit is an error,
/// after which the connection must be closed. Ends are `\n` or `\r\n`; empty lines are skipped.
public struct V1LineDecoder: Sendable {
    public let lineMax: Int
    private var input: [UInt8] = []
    private var start = 0
    /// Bytes from `start` that are known to hold no line end.
    private var searched = 0

    /// - Parameter lineMax: bytes of a line without its end; see ``V1Limits``.
    public init(lineMax: Int = V1Limits.lineFromClientMax) {
        precondition(lineMax > 0)
        self.lineMax = lineMax
    }

    /// Takes bytes. Pull ``nextLine()`` until nil afterwards.
    public mutating func receive(_ bytes: RawSpan) {
        if start > 0 {
            input.removeSubrange(..<start)
            start = 0
        }
        bytes.withUnsafeBytes { input.append(contentsOf: $0) }
    }

    /// The next whole line without its end, or nil.
    public mutating func nextLine() throws(V1Error) -> [UInt8]? {
        while true {
            let from = start + searched
            guard let end = input[from...].firstIndex(of: 0x0a) else {
                searched = input.count - start
                guard searched <= lineMax else { throw .lineTooLong(limit: lineMax) }
                releaseIfRead()
                return nil
            }
            var line = input[start..<end]
            start = end + 1
            searched = 0
            if line.last == 0x0d { line.removeLast() }
            guard line.count <= lineMax else { throw .lineTooLong(limit: lineMax) }
            if line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }) { return Array(line) }
        }
    }

    /// The next message; a line that is none throws, and the one behind it can still be pulled, unless the
    /// error is `lineTooLong`.
    public mutating func nextMessage() throws(V1Error) -> V1.Message? {
        guard let line = try nextLine() else { return nil }
        return try V1.Message(line: line)
    }

    private mutating func releaseIfRead() {
        guard start == input.count else { return }
        start = 0
        searched = 0
        if input.capacity > V2Limits.idleInputCapacity {
            input = []
        } else {
            input.removeAll(keepingCapacity: true)
        }
    }
}
