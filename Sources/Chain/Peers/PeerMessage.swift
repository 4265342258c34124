import Bitcoin
import SansIO

/// One framed peer-to-peer message.
struct PeerMessage: Equatable {
    var command: String
    var payload: [UInt8]

    /// Appends header and payload.
    static func write(
        _ command: String, magic: [UInt8], into writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void
    ) {
        writer.write(magic)
        let name = Array(command.utf8)
        precondition(name.count <= 12, "command \(command)")
        writer.write(name)
        writer.write(repeating: 0, count: 12 - name.count)
        let lengthAt = writer.count
        writer.write(u32: 0)
        writer.write(u32: 0)
        let start = writer.count
        body(&writer)
        let length = writer.count - start
        let checksum = SHA256.double(writer.bytes[start...]).bytes
        writer.patch(u32: UInt32(length), at: lengthAt)
        writer.patch(u32: checksum.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }, at: lengthAt + 4)
    }
}

/// A bounded push decoder for the 24-byte framing. A wrong checksum drops the message and keeps the
/// connection; wrong magic and oversize end it, as in Core.
struct PeerMessageDecoder: Sendable {
    enum Fault: Error, Equatable {
        case wrongMagic
        case tooLong(Int)
    }

    private let magic: [UInt8]
    private var buffer: [UInt8] = []
    private var start = 0

    init(magic: [UInt8]) { self.magic = magic }

    mutating func append(_ bytes: RawSpan) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    /// The next whole message with a right checksum; nil when more bytes are needed.
    mutating func next() throws(Fault) -> PeerMessage? {
        while buffer.count - start >= 24 {
            guard buffer[start..<start + 4].elementsEqual(magic) else { throw .wrongMagic }
            let length = number(at: start + 16)
            guard length <= ChainLimits.peerMessage else { throw .tooLong(length) }
            guard buffer.count - start >= 24 + length else { return nil }
            let command = buffer[start + 4..<start + 16].prefix { $0 != 0 }
            let checksum = buffer[start + 20..<start + 24]
            let payload = buffer[start + 24..<start + 24 + length]
            let isWhole = SHA256.double(payload).bytes.prefix(4).elementsEqual(checksum)
            let message =
                isWhole
                ? PeerMessage(command: String(decoding: command, as: UTF8.self), payload: Array(payload))
                : nil
            start += 24 + length
            if let message { return message }
        }
        return nil
    }

    private func number(at offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(buffer[offset + $1]) << (8 * $1) }
    }
}
