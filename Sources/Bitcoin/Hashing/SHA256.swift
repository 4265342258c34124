import CSHA256

/// SHA-256 in one call, with the fastest kernel that the machine has.
public enum SHA256 {
    @inlinable
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> Hash256 {
        .filled { csha256_hash(bytes.baseAddress, bytes.count, $0) }
    }
    @inlinable
    public static func hash(_ bytes: [UInt8]) -> Hash256 { bytes.withUnsafeBytes { hash($0) } }
    @inlinable
    public static func hash(_ bytes: ArraySlice<UInt8>) -> Hash256 { bytes.withUnsafeBytes { hash($0) } }

    /// SHA-256 of the SHA-256: what Bitcoin calls a hash where it says nothing else.
    @inlinable
    public static func double(_ bytes: UnsafeRawBufferPointer) -> Hash256 {
        .filled { csha256_double(bytes.baseAddress, bytes.count, $0) }
    }
    @inlinable
    public static func double(_ bytes: [UInt8]) -> Hash256 { bytes.withUnsafeBytes { double($0) } }
    @inlinable
    public static func double(_ bytes: ArraySlice<UInt8>) -> Hash256 { bytes.withUnsafeBytes { double($0) } }

    /// Double SHA-256 of two hashes one behind the other: a merkle node.
    public static func doublePair(_ left: Hash256, _ right: Hash256) -> Hash256 {
        var pair = (left, right)
        return .filled { out in
            Swift.withUnsafeBytes(of: &pair) {
                csha256_double64(out, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), 1)
            }
        }
    }
}

/// SHA-256 over a message that comes in pieces. A value without heap storage: copy it to keep a hashed
/// prefix.
public struct SHA256Stream: Sendable {
    private var state: csha256_stream

    public init() {
        state = csha256_stream()
        csha256_stream_init(&state)
    }

    /// Bytes taken so far.
    public var count: UInt64 { state.length }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        csha256_stream_update(&state, bytes.baseAddress, bytes.count)
    }
    public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }
    public mutating func update(_ bytes: ArraySlice<UInt8>) { bytes.withUnsafeBytes { update($0) } }
    public mutating func update(_ hash: Hash256) { hash.withUnsafeBytes { update($0) } }
    public mutating func update(_ bytes: RawSpan) { bytes.withUnsafeBytes { update($0) } }
    public mutating func update(byte: UInt8) { Swift.withUnsafeBytes(of: byte) { update($0) } }

    /// The hash of what was taken. The stream stays as it is and can take more.
    public func finalize() -> Hash256 {
        withUnsafePointer(to: state) { stream in .filled { csha256_stream_finish(stream, $0) } }
    }

    /// SHA-256 of `finalize()`.
    public func finalizeDouble() -> Hash256 {
        withUnsafePointer(to: state) { stream in .filled { csha256_stream_finish_double(stream, $0) } }
    }
}

/// SHA-256 after 64 bytes: what is left of a header's first block, and all that midstate chips are told of it.
public struct SHA256Midstate: Hashable, Sendable {
    /// Eight words a to h.
    public let words: [UInt32]

    public init(words: [UInt32]) {
        precondition(words.count == 8, "a state has eight words")
        self.words = words
    }

    /// After the first 64 bytes of this header.
    public init(_ header: BlockHeader) {
        var state: [UInt32] = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab,
            0x5be0_cd19,
        ]
        header.withEncoded {
            csha256_compress(&state, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), 1)
        }
        words = state
    }

    /// The double hash of the 64 bytes and what follows them.
    public func doubleHash(then tail: [UInt8]) -> Hash256 {
        var stream = csha256_stream()
        words.withUnsafeBufferPointer { csha256_stream_resume(&stream, $0.baseAddress!, 64) }
        tail.withUnsafeBytes { csha256_stream_update(&stream, $0.baseAddress, $0.count) }
        return withUnsafePointer(to: stream) { stream in .filled { csha256_stream_finish_double(stream, $0) }
        }
    }
}
