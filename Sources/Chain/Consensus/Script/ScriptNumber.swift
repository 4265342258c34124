/// Script's little-endian sign-magnitude integers.
public enum ScriptNumber {
    /// Reads a number of at most `size` bytes; with `minimal` refuses forms a shorter one could have said.
    public static func decode(
        _ bytes: [UInt8], minimal: Bool, size: Int = 4
    ) throws(ScriptError) -> Int64 {
        guard bytes.count <= size else { throw .scriptNumber }
        guard let last = bytes.last else { return 0 }
        if minimal, last & 0x7f == 0, bytes.count <= 1 || bytes[bytes.count - 2] & 0x80 == 0 {
            throw .scriptNumber
        }
        var value: Int64 = 0
        for (index, byte) in bytes.enumerated() { value |= Int64(byte) << Int64(8 * index) }
        if last & 0x80 != 0 { return -(value & ~(Int64(0x80) << Int64(8 * (bytes.count - 1)))) }
        return value
    }

    public static func encode(_ value: Int64) -> [UInt8] {
        guard value != 0 else { return [] }
        var magnitude = value.magnitude
        var bytes: [UInt8] = []
        while magnitude > 0 {
            bytes.append(UInt8(truncatingIfNeeded: magnitude))
            magnitude >>= 8
        }
        let sign: UInt8 = value < 0 ? 0x80 : 0
        if bytes[bytes.count - 1] & 0x80 != 0 {
            bytes.append(sign)
        } else {
            bytes[bytes.count - 1] |= sign
        }
        return bytes
    }

    /// False for empty and for any zero, also the negative one.
    public static func isTrue(_ bytes: [UInt8]) -> Bool {
        for (index, byte) in bytes.enumerated() where byte != 0 {
            return !(index == bytes.count - 1 && byte == 0x80)
        }
        return false
    }
}
