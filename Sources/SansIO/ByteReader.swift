/// Why bytes could not be read.
public enum ByteReaderError: Error, Equatable, Sendable {
    case truncated(needed: Int, available: Int)
    /// A CompactSize that a shorter form could have said, or that exceeds the caller's bound.
    case compactSizeNotCanonical(UInt64)
    case tooLarge(UInt64, limit: UInt64)
    case trailingBytes(Int)
}

/// Reads a borrowed span from front to back. Integers are little-endian unless the name says otherwise. Every
/// read is checked; a failed read throws and leaves the position where it was.
public struct ByteReader: ~Escapable {
    @usableFromInline let span: RawSpan
    public private(set) var offset: Int = 0

    @_lifetime(copy span)
    public init(_ span: RawSpan) { self.span = span }

    public var remaining: Int { span.byteCount - offset }
    public var isAtEnd: Bool { offset == span.byteCount }

    @_lifetime(self: copy self)
    public mutating func u8() throws(ByteReaderError) -> UInt8 { try load() }
    @_lifetime(self: copy self)
    public mutating func u16() throws(ByteReaderError) -> UInt16 { UInt16(littleEndian: try load()) }
    @_lifetime(self: copy self)
    public mutating func u24() throws(ByteReaderError) -> UInt32 {
        try require(3)
        let low = UInt32(span.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        let middle = UInt32(span.unsafeLoad(fromByteOffset: offset + 1, as: UInt8.self))
        let high = UInt32(span.unsafeLoad(fromByteOffset: offset + 2, as: UInt8.self))
        offset += 3
        return low | middle << 8 | high << 16
    }
    @_lifetime(self: copy self)
    public mutating func u32() throws(ByteReaderError) -> UInt32 { UInt32(littleEndian: try load()) }
    @_lifetime(self: copy self)
    public mutating func u64() throws(ByteReaderError) -> UInt64 { UInt64(littleEndian: try load()) }
    @_lifetime(self: copy self)
    public mutating func bigEndian16() throws(ByteReaderError) -> UInt16 { UInt16(bigEndian: try load()) }
    @_lifetime(self: copy self)
    public mutating func bigEndian32() throws(ByteReaderError) -> UInt32 { UInt32(bigEndian: try load()) }

    /// The next `count` bytes, copied.
    @_lifetime(self: copy self)
    public mutating func bytes(_ count: Int) throws(ByteReaderError) -> [UInt8] {
        try require(count)
        let start = offset
        offset += count
        return span.extracting(start..<start + count).withUnsafeBytes { Array($0) }
    }

    /// The next `count` bytes, borrowed.
    @_lifetime(self: copy self)
    @_lifetime(copy self)
    public mutating func slice(_ count: Int) throws(ByteReaderError) -> RawSpan {
        try require(count)
        let start = offset
        offset += count
        return span.extracting(start..<start + count)
    }

    /// Lends the next `count` bytes.
    @_lifetime(self: copy self)
    public mutating func withBytes<R>(
        _ count: Int, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(ByteReaderError) -> R {
        try require(count)
        let start = offset
        offset += count
        return span.extracting(start..<start + count).withUnsafeBytes(body)
    }

    @_lifetime(self: copy self)
    public mutating func skip(_ count: Int) throws(ByteReaderError) {
        try require(count)
        offset += count
    }

    /// Bitcoin's CompactSize; refuses non-minimal forms and values over `limit` (Core's MAX_SIZE by default).
    @_lifetime(self: copy self)
    public mutating func compactSize(limit: UInt64 = 0x0200_0000) throws(ByteReaderError) -> UInt64 {
        let start = offset
        do throws(ByteReaderError) {
            let value = try readCompactSize()
            guard value <= limit else { throw .tooLarge(value, limit: limit) }
            return value
        } catch {
            offset = start
            throw error
        }
    }

    @_lifetime(self: copy self)
    private mutating func readCompactSize() throws(ByteReaderError) -> UInt64 {
        let first = try u8()
        let (value, least): (UInt64, UInt64)
        switch first {
        case 0xfd: (value, least) = (UInt64(try u16()), 0xfd)
        case 0xfe: (value, least) = (UInt64(try u32()), 0x1_0000)
        case 0xff: (value, least) = (try u64(), 0x1_0000_0000)
        default: return UInt64(first)
        }
        guard value >= least else { throw .compactSizeNotCanonical(value) }
        return value
    }

    /// Throws unless everything was read.
    public func end() throws(ByteReaderError) {
        guard isAtEnd else { throw .trailingBytes(remaining) }
    }

    private func require(_ count: Int) throws(ByteReaderError) {
        guard count >= 0, remaining >= count else { throw .truncated(needed: count, available: remaining) }
    }

    @_lifetime(self: copy self)
    private mutating func load<T: FixedWidthInteger & BitwiseCopyable>() throws(ByteReaderError) -> T {
        let size = MemoryLayout<T>.size
        try require(size)
        let value = span.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self)
        offset += size
        return value
    }
}
