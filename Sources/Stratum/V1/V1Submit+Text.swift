import JSONText
import SansIO

extension V1.Submit {
    /// Appends the call as a line, byte for byte what ``V1/Request/encode(into:)`` of it would be: a miner writes one
    /// every few seconds for years, and a fleet of ten thousand a thousand a second.
    public func encodeCall(id: UInt64, into writer: inout ByteWriter) {
        guard Self.isPlain(worker), Self.isPlain(jobID) else {
            return V1.ClientCall.submit(self).request(id: .int(id)).encode(into: &writer)
        }
        writer.write(utf8: #"{"id":"#)
        Self.decimal(id, into: &writer)
        writer.write(utf8: #","method":"mining.submit","params":[""#)
        writer.write(utf8: worker)
        writer.write(utf8: #"",""#)
        writer.write(utf8: jobID)
        writer.write(utf8: #"",""#)
        for byte in extranonce2 { Self.hex(byte, into: &writer) }
        for value in [nTime, nonce] { Self.member(value, into: &writer) }
        if let versionBits { Self.member(versionBits, into: &writer) }
        writer.write(utf8: "\"]}\n")
    }

    /// Needs no escapes in JSON.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x5c && $0 != 0x2f }
    }

    private static func member(_ value: UInt32, into writer: inout ByteWriter) {
        writer.write(utf8: #"",""#)
        for shift in [24, 16, 8, 0] as [UInt32] {
            hex(UInt8(truncatingIfNeeded: value >> shift), into: &writer)
        }
    }

    private static func hex(_ byte: UInt8, into writer: inout ByteWriter) {
        for digit in [byte >> 4, byte & 15] { writer.write(u8: digit < 10 ? 0x30 + digit : 0x57 + digit) }
    }

    private static func decimal(_ value: UInt64, into writer: inout ByteWriter) {
        var power: UInt64 = 1
        while value / power >= 10 { power *= 10 }
        while power > 0 {
            writer.write(u8: UInt8(value / power % 10) + 0x30)
            power /= 10
        }
    }
}
