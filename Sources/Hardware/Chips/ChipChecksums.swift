/// CRC5 of the BM13xx serial protocol: x^5 + x^2 + 1, initial value 0x1f, most significant bit first, no final
/// exclusive or (`REFERENCE.md`, checksums).
public struct CRC5: Sendable {
    public private(set) var value: UInt8 = 0x1f

    public init() {}

    public mutating func add(_ byte: UInt8) { value = Self.table[Int(value << 3 ^ byte)] }

    /// Takes only the `count` most significant bits of a byte.
    public mutating func add(_ byte: UInt8, bits count: Int) {
        for bit in 0..<count {
            let top = (value >> 4) ^ (byte >> (7 - UInt8(bit)) & 1)
            value = value << 1 & 0x1f ^ (top & 1 == 1 ? 0x05 : 0)
        }
    }

    public static func of(_ bytes: some Sequence<UInt8>) -> UInt8 {
        var crc = CRC5()
        for byte in bytes { crc.add(byte) }
        return crc.value
    }

    /// By the register's five bits above a byte's eight, of which the upper five overlap.
    private static let table: [UInt8] = (0..<256).map { index in
        var value = UInt8(index)
        for _ in 0..<8 { value = value & 0x80 != 0 ? value << 1 ^ 0x05 << 3 : value << 1 }
        return value >> 3
    }
}

/// CRC-16/CCITT-FALSE, which closes job frames: polynomial 0x1021, initial value 0xffff, most significant bit first.
public enum CRC16 {
    public static func of(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var value: UInt16 = 0xffff
        for byte in bytes { value = value << 8 ^ table[Int(UInt8(value >> 8) ^ byte)] }
        return value
    }

    private static let table: [UInt16] = (0..<256).map { index in
        var value = UInt16(index) << 8
        for _ in 0..<8 { value = value & 0x8000 != 0 ? value << 1 ^ 0x1021 : value << 1 }
        return value
    }
}
