import JSONText
import SansIO

/// Cuts a stream into lines of JSON, each of a bounded length.
struct LineReader: Sendable {
    enum Outcome: Sendable {
        case line(JSON)
        /// What was received is no line of this protocol.
        case garbage
    }

    private var bytes: [UInt8] = []

    /// Takes what was received and answers whole lines; garbage is the last one.
    mutating func take(_ span: RawSpan, limit: Int) -> [Outcome] {
        var lines: [Outcome] = []
        for index in 0..<span.byteCount {
            let byte = span.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            guard byte == UInt8(ascii: "\n") else {
                guard bytes.count < limit else { return lines + [.garbage] }
                bytes.append(byte)
                continue
            }
            guard let json = try? JSON.parse(bytes) else { return lines + [.garbage] }
            lines.append(.line(json))
            bytes.removeAll(keepingCapacity: true)
        }
        return lines
    }
}

extension EffectBuffer {
    mutating func send(line: JSON, on id: ConnectionID) {
        send(on: id) { (writer: inout ByteWriter) in
            writer.write(Array(line.text.utf8) + [UInt8(ascii: "\n")])
        }
    }
}
