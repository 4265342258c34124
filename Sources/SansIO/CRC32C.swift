/// CRC-32C (Castagnoli): the check of iSCSI and of most journals.
public enum CRC32C {
    /// Four tables, so that four bytes are folded at a time.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 1_024)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            tables[index] = value
        }
        for index in 0..<256 {
            for row in 1..<4 {
                let before = tables[(row - 1) * 256 + index]
                tables[row * 256 + index] = tables[Int(before & 0xff)] ^ before >> 8
            }
        }
        return tables
    }()

    public static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var value: UInt32 = 0xffff_ffff
        tables.withUnsafeBufferPointer { tables in
            var offset = 0
            while bytes.count - offset >= 4 {
                value ^= UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                value =
                    tables[768 + Int(value & 0xff)] ^ tables[512 + Int(value >> 8 & 0xff)]
                    ^ tables[256 + Int(value >> 16 & 0xff)] ^ tables[Int(value >> 24)]
                offset += 4
            }
            while offset < bytes.count {
                value = tables[Int(UInt8(truncatingIfNeeded: value) ^ bytes[offset])] ^ value >> 8
                offset += 1
            }
        }
        return value ^ 0xffff_ffff
    }

    public static func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { checksum($0) } }
}
