import SansIO

/// The 80 bytes that a miner hashes.
public struct BlockHeader: Hashable, Sendable {
    public static let byteCount = 80

    /// Signed in Core; the bits are what counts (BIP9, BIP323).
    public var version: UInt32
    public var previousBlockHash: Hash256
    public var merkleRoot: Hash256
    /// Seconds since 1970.
    public var time: UInt32
    public var bits: CompactTarget
    public var nonce: UInt32

    public init(
        version: UInt32, previousBlockHash: Hash256, merkleRoot: Hash256, time: UInt32, bits: CompactTarget,
        nonce: UInt32
    ) {
        self.version = version
        self.previousBlockHash = previousBlockHash
        self.merkleRoot = merkleRoot
        self.time = time
        self.bits = bits
        self.nonce = nonce
    }

    /// The double SHA-256 of the bytes. Computed at every reading: keep it if you need it twice.
    public var hash: Hash256 { withEncoded { SHA256.double($0) } }

    public func encode(into writer: inout ByteWriter) { withEncoded { writer.write($0) } }

    public init(from reader: inout ByteReader) throws(ByteReaderError) {
        let available = reader.remaining
        guard available >= Self.byteCount else {
            throw .truncated(needed: Self.byteCount, available: available)
        }
        version = try reader.u32()
        previousBlockHash = try reader.hash256()
        merkleRoot = try reader.hash256()
        time = try reader.u32()
        bits = CompactTarget(bits: try reader.u32())
        nonce = try reader.u32()
    }

    /// Reads a header that is all of `bytes`.
    public init(bytes: [UInt8]) throws(ByteReaderError) {
        var reader = ByteReader(bytes.span.bytes)
        try self.init(from: &reader)
        try reader.end()
    }

    public var bytes: [UInt8] { withEncoded { Array($0) } }

    /// Lends the 80 bytes, which are laid out on the stack.
    func withEncoded<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { raw in
            raw.storeBytes(of: version.littleEndian, toByteOffset: 0, as: UInt32.self)
            raw.storeBytes(of: previousBlockHash, toByteOffset: 4, as: Hash256.self)
            raw.storeBytes(of: merkleRoot, toByteOffset: 36, as: Hash256.self)
            raw.storeBytes(of: time.littleEndian, toByteOffset: 68, as: UInt32.self)
            raw.storeBytes(of: bits.bits.littleEndian, toByteOffset: 72, as: UInt32.self)
            raw.storeBytes(of: nonce.littleEndian, toByteOffset: 76, as: UInt32.self)
            return body(UnsafeRawBufferPointer(raw))
        }
    }
}
