/// The line that nearly every answer to a share is, `{"id":7,"result":true,"error":null}`, read without making JSON of
/// it. Whatever differs by a byte goes the long way.
enum V1AcceptedLine {
    private static let head = Array(#"{"id":"#.utf8)
    private static let tail = Array(#","result":true,"error":null}"#.utf8)

    /// The share's number, counted from the id `first`.
    static func shareNumber(_ line: [UInt8], first: UInt64) -> UInt32? {
        let digits = line.count - head.count - tail.count
        guard (1...18).contains(digits), line.starts(with: head) else { return nil }
        var id: UInt64 = 0
        for index in head.count..<(head.count + digits) {
            let digit = line[index] &- 0x30
            guard digit <= 9 else { return nil }
            id = id * 10 + UInt64(digit)
        }
        guard line[(head.count + digits)...].elementsEqual(tail) else { return nil }
        // A number does not begin with a zero.
        guard id >= first, line[head.count] != 0x30 else { return nil }
        return UInt32(exactly: id - first)
    }
}
