import SansIO

/// 32 bytes in wire order: a digest, a transaction or block id, a merkle node.
///
/// Four words instead of an array, so that a copy costs no reference count and a dictionary key no
/// indirection. The words hold the bytes as memory holds them; to read a hash as a number, use
/// `UInt256(littleEndian:)`.
@frozen
public struct Hash256: Hashable, Sendable {
    @usableFromInline var w0: UInt64
    @usableFromInline var w1: UInt64
    @usableFromInline var w2: UInt64
    @usableFromInline var w3: UInt64

    @inlinable
    init(words w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        self.w0 = w0
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
    }

    public static let byteCount = 32
    @inlinable
    public static var zero: Hash256 { Hash256(words: 0, 0, 0, 0) }
    @inlinable
    public var isZero: Bool { w0 | w1 | w2 | w3 == 0 }

    /// The first eight bytes in wire order, as a name that is short and hardly ever shared.
    @inlinable
    public var prefix64: UInt64 { UInt64(littleEndian: w0) }

    /// Copies exactly 32 bytes; another count is a bug of the caller and traps.
    @inlinable
    public init(_ raw: UnsafeRawBufferPointer) {
        precondition(raw.count == 32, "a Hash256 has 32 bytes")
        self.init(
            words: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
            raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
            raw.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    }

    /// Nil unless there are 32 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self = bytes.withUnsafeBytes { Hash256($0) }
    }

    /// 64 hexadecimal digits in wire order.
    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// 64 hexadecimal digits as explorers and Core's RPC print ids: the bytes reversed.
    public init?(displayHex: String) {
        guard let bytes = [UInt8](hex: displayHex) else { return nil }
        self.init(bytes: bytes.reversed())
    }

    /// Lets `body` fill 32 bytes.
    @inlinable
    public static func filled(by body: (UnsafeMutablePointer<UInt8>) -> Void) -> Hash256 {
        var hash = Hash256.zero
        Swift.withUnsafeMutableBytes(of: &hash) {
            body($0.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
        return hash
    }

    @inlinable
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Swift.withUnsafeBytes(of: self, body)
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
    public var hex: String { bytes.hex }
    public var displayHex: String { [UInt8](bytes.reversed()).hex }
}

extension Hash256: CustomStringConvertible {
    /// As ids are printed everywhere: reversed.
    public var description: String { displayHex }
}

/// 20 bytes in wire order: RIPEMD-160 of SHA-256, as addresses hold it.
public struct Hash160: Hashable, Sendable {
    private var low: UInt64
    private var middle: UInt64
    private var high: UInt32

    public static let byteCount = 20
    public static var zero: Hash160 { Hash160(low: 0, middle: 0, high: 0) }

    private init(low: UInt64, middle: UInt64, high: UInt32) {
        self.low = low
        self.middle = middle
        self.high = high
    }

    /// Copies exactly 20 bytes; another count is a bug of the caller and traps.
    public init(_ raw: UnsafeRawBufferPointer) {
        precondition(raw.count == 20, "a Hash160 has 20 bytes")
        self.init(
            low: raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
            middle: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
            high: raw.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
    }

    /// Nil unless there are 20 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 20 else { return nil }
        self = bytes.withUnsafeBytes { Hash160($0) }
    }

    /// 40 hexadecimal digits in wire order.
    public init?(hex: String) {
        guard let bytes = [UInt8](hex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// 40 hexadecimal digits, reversed, as Core prints its `uint160`.
    public init?(displayHex: String) {
        guard let bytes = [UInt8](hex: displayHex) else { return nil }
        self.init(bytes: bytes.reversed())
    }

    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        // The struct has four bytes of padding at its end.
        try Swift.withUnsafeBytes(of: self) { try body(UnsafeRawBufferPointer(rebasing: $0[..<20])) }
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
    public var hex: String { bytes.hex }
    public var displayHex: String { [UInt8](bytes.reversed()).hex }
}

extension Hash160: CustomStringConvertible {
    public var description: String { hex }
}

extension ByteWriter {
    public mutating func write(hash: Hash256) { hash.withUnsafeBytes { write($0) } }
    public mutating func write(hash: Hash160) { hash.withUnsafeBytes { write($0) } }
}

extension ByteReader {
    @_lifetime(self: copy self)
    public mutating func hash256() throws(ByteReaderError) -> Hash256 {
        try withBytes(32) { Hash256($0) }
    }

    @_lifetime(self: copy self)
    public mutating func hash160() throws(ByteReaderError) -> Hash160 {
        try withBytes(20) { Hash160($0) }
    }
}
