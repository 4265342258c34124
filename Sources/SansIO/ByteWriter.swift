/// Appends bytes to a reused array. Multi-byte integers are little-endian unless the name says otherwise.
public struct ByteWriter: Sendable {
    public var bytes: [UInt8]

    @inlinable
    public init() { bytes = [] }
    @inlinable
    public init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable
    public var count: Int { bytes.count }

    @inlinable
    public mutating func reserveCapacity(_ count: Int) { bytes.reserveCapacity(count) }

    @inlinable
    public mutating func write(u8 value: UInt8) { append(value) }
    @inlinable
    public mutating func write(u16 value: UInt16) { integer(value.littleEndian) }
    /// The low 24 bits.
    @inlinable
    public mutating func write(u24 value: UInt32) {
        append(UInt8(truncatingIfNeeded: value))
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value >> 16))
    }
    @inlinable
    public mutating func write(u32 value: UInt32) { integer(value.littleEndian) }
    @inlinable
    public mutating func write(u64 value: UInt64) { integer(value.littleEndian) }
    @inlinable
    public mutating func write(bigEndian16 value: UInt16) { integer(value.bigEndian) }
    @inlinable
    public mutating func write(bigEndian32 value: UInt32) { integer(value.bigEndian) }
    @inlinable
    public mutating func write(bigEndian64 value: UInt64) { integer(value.bigEndian) }

    @inlinable
    public mutating func write(_ source: [UInt8]) { bytes.append(contentsOf: source) }
    @inlinable
    public mutating func write(_ source: ArraySlice<UInt8>) { bytes.append(contentsOf: source) }
    @inlinable
    public mutating func write(_ span: RawSpan) {
        span.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
    @inlinable
    public mutating func write(_ raw: UnsafeRawBufferPointer) { bytes.append(contentsOf: raw) }
    @inlinable
    public mutating func write(utf8 text: String) { bytes.append(contentsOf: text.utf8) }
    @inlinable
    public mutating func write(repeating byte: UInt8, count: Int) {
        bytes.append(contentsOf: repeatElement(byte, count: count))
    }

    /// Bitcoin's CompactSize: 1, 3, 5 or 9 bytes.
    @inlinable
    public mutating func write(compactSize value: UInt64) {
        switch value {
        case ..<0xfd: write(u8: UInt8(value))
        case ...0xffff:
            write(u8: 0xfd)
            write(u16: UInt16(value))
        case ...0xffff_ffff:
            write(u8: 0xfe)
            write(u32: UInt32(value))
        default:
            write(u8: 0xff)
            write(u64: value)
        }
    }

    /// Overwrites bytes already written, for lengths that are known only afterwards.
    public mutating func patch(u24 value: UInt32, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
        bytes[offset + 2] = UInt8(truncatingIfNeeded: value >> 16)
    }

    public mutating func patch(u16 value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }

    public mutating func patch(u32 value: UInt32, at offset: Int) {
        for i in 0..<4 { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(i))) }
    }

    /// Lends the bytes from `offset` to the end for in-place change (encryption).
    @inlinable
    public mutating func withMutableBytes<R>(
        from offset: Int, _ body: (UnsafeMutableRawBufferPointer) -> R
    ) -> R {
        precondition(offset >= 0 && offset <= bytes.count)
        return bytes.withUnsafeMutableBytes { raw in
            body(UnsafeMutableRawBufferPointer(rebasing: raw[offset...]))
        }
    }

    @inlinable
    public mutating func truncate(to count: Int) {
        bytes.removeSubrange(count...)
    }

    /// Empties and keeps the storage.
    @inlinable
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    @inlinable
    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    @inlinable
    mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }
}
