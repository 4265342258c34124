import Bitcoin
import SansIO

// The data types of SV2 section 3.1, read and written. Every count is checked against the bytes that are
// there before anything is allocated for it.

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func readU8() throws(V2DecodeError) -> UInt8 {
        do throws(ByteReaderError) { return try u8() } catch { throw V2DecodeError(error) }
    }

    @_lifetime(self: copy self)
    mutating func readU16() throws(V2DecodeError) -> UInt16 {
        do throws(ByteReaderError) { return try u16() } catch { throw V2DecodeError(error) }
    }

    @_lifetime(self: copy self)
    mutating func readU24() throws(V2DecodeError) -> UInt32 {
        do throws(ByteReaderError) { return try u24() } catch { throw V2DecodeError(error) }
    }

    @_lifetime(self: copy self)
    mutating func readU32() throws(V2DecodeError) -> UInt32 {
        do throws(ByteReaderError) { return try u32() } catch { throw V2DecodeError(error) }
    }

    @_lifetime(self: copy self)
    mutating func readU64() throws(V2DecodeError) -> UInt64 {
        do throws(ByteReaderError) { return try u64() } catch { throw V2DecodeError(error) }
    }

    /// `F32`: IEEE 754, little-endian. NaN and infinities pass; the caller judges them.
    @_lifetime(self: copy self)
    mutating func readF32() throws(V2DecodeError) -> Float { Float(bitPattern: try readU32()) }

    /// `BOOL`: only bit 0 means something, the others may be set.
    @_lifetime(self: copy self)
    mutating func readBool() throws(V2DecodeError) -> Bool { try readU8() & 1 == 1 }

    /// `U256` as raw hash output.
    @_lifetime(self: copy self)
    mutating func readHash() throws(V2DecodeError) -> Hash256 {
        do throws(ByteReaderError) { return try hash256() } catch { throw V2DecodeError(error) }
    }

    /// `U256` as a number: the most significant byte comes last.
    @_lifetime(self: copy self)
    mutating func readTarget() throws(V2DecodeError) -> Target { Target(littleEndian: try readHash()) }

    @_lifetime(self: copy self)
    mutating func readRaw(_ count: Int) throws(V2DecodeError) -> [UInt8] {
        if count == 0 { return [] }
        do throws(ByteReaderError) { return try bytes(count) } catch { throw V2DecodeError(error) }
    }

    /// `STR0_255`. Bytes that are no UTF-8 (the text only recommends it) become replacement characters.
    @_lifetime(self: copy self)
    mutating func readString() throws(V2DecodeError) -> String {
        let count = Int(try readU8())
        do throws(ByteReaderError) {
            return try withBytes(count) { String(decoding: $0, as: UTF8.self) }
        } catch { throw V2DecodeError(error) }
    }

    /// `B0_32`.
    @_lifetime(self: copy self)
    mutating func readBytes32() throws(V2DecodeError) -> [UInt8] {
        let count = Int(try readU8())
        guard count <= 32 else { throw .tooLong(count, limit: 32) }
        return try readRaw(count)
    }

    /// `B0_255`.
    @_lifetime(self: copy self)
    mutating func readBytes255() throws(V2DecodeError) -> [UInt8] { try readRaw(Int(try readU8())) }

    /// `B0_64K`.
    @_lifetime(self: copy self)
    mutating func readBytes64K() throws(V2DecodeError) -> [UInt8] { try readRaw(Int(try readU16())) }

    /// `OPTION[U32]`.
    @_lifetime(self: copy self)
    mutating func readOptionU32() throws(V2DecodeError) -> UInt32? {
        switch try readU8() {
        case 0: return nil
        case 1: return try readU32()
        case let count: throw .optionCount(count)
        }
    }

    /// `SEQ0_255[U256]` of hashes.
    @_lifetime(self: copy self)
    mutating func readHashes255() throws(V2DecodeError) -> [Hash256] { try readHashes(Int(try readU8())) }

    /// `SEQ0_64K[U256]` of hashes.
    @_lifetime(self: copy self)
    mutating func readHashes64K() throws(V2DecodeError) -> [Hash256] { try readHashes(Int(try readU16())) }

    /// `SEQ0_64K[U16]`.
    @_lifetime(self: copy self)
    mutating func readU16s64K() throws(V2DecodeError) -> [UInt16] {
        let count = Int(try readU16())
        try need(2 * count)
        var values: [UInt16] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try readU16()) }
        return values
    }

    /// `SEQ0_64K[U32]`.
    @_lifetime(self: copy self)
    mutating func readU32s64K() throws(V2DecodeError) -> [UInt32] {
        let count = Int(try readU16())
        try need(4 * count)
        var values: [UInt32] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try readU32()) }
        return values
    }

    /// `SEQ0_64K[B0_16M]`.
    @_lifetime(self: copy self)
    mutating func readBlobs64K() throws(V2DecodeError) -> [[UInt8]] {
        let count = Int(try readU16())
        try need(3 * count)
        var values: [[UInt8]] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try readRaw(Int(try readU24()))) }
        return values
    }

    @_lifetime(self: copy self)
    private mutating func readHashes(_ count: Int) throws(V2DecodeError) -> [Hash256] {
        try need(32 * count)
        var values: [Hash256] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try readHash()) }
        return values
    }

    private func need(_ count: Int) throws(V2DecodeError) {
        guard remaining >= count else { throw .truncated(needed: count, available: remaining) }
    }
}

extension ByteWriter {
    mutating func write(f32 value: Float) { write(u32: value.bitPattern) }
    mutating func write(bool value: Bool) { write(u8: value ? 1 : 0) }
    mutating func write(target value: Target) { write(hash: value.littleEndianHash) }

    /// `STR0_255`: a longer string is cut at the last whole character's bytes that fit.
    mutating func write(string value: String) {
        let utf8 = value.utf8
        guard utf8.count > 255 else {
            write(u8: UInt8(utf8.count))
            write(utf8: value)
            return
        }
        var end = utf8.index(utf8.startIndex, offsetBy: 255)
        while UTF8.isContinuation(utf8[end]) { end = utf8.index(before: end) }
        let kept = Array(utf8[..<end])
        write(u8: UInt8(kept.count))
        write(kept)
    }

    mutating func write(bytes32 value: [UInt8]) {
        precondition(value.count <= 32, "B0_32 of \(value.count) bytes")
        write(bytes255: value)
    }

    mutating func write(bytes255 value: [UInt8]) {
        precondition(value.count <= 255, "B0_255 of \(value.count) bytes")
        write(u8: UInt8(value.count))
        write(value)
    }

    mutating func write(bytes64K value: [UInt8]) {
        precondition(value.count <= 0xffff, "B0_64K of \(value.count) bytes")
        write(u16: UInt16(value.count))
        write(value)
    }

    mutating func write(optionU32 value: UInt32?) {
        write(u8: value == nil ? 0 : 1)
        if let value { write(u32: value) }
    }

    mutating func write(hashes255 values: [Hash256]) {
        precondition(values.count <= 255, "SEQ0_255 of \(values.count) elements")
        write(u8: UInt8(values.count))
        for value in values { write(hash: value) }
    }

    mutating func write(hashes64K values: [Hash256]) {
        write(count64K: values.count)
        for value in values { write(hash: value) }
    }

    mutating func write(u16s64K values: [UInt16]) {
        write(count64K: values.count)
        for value in values { write(u16: value) }
    }

    mutating func write(u32s64K values: [UInt32]) {
        write(count64K: values.count)
        for value in values { write(u32: value) }
    }

    mutating func write(blobs64K values: [[UInt8]]) {
        write(count64K: values.count)
        for value in values {
            precondition(value.count <= 0xff_ffff, "B0_16M of \(value.count) bytes")
            write(u24: UInt32(value.count))
            write(value)
        }
    }

    private mutating func write(count64K count: Int) {
        precondition(count <= 0xffff, "SEQ0_64K of \(count) elements")
        write(u16: UInt16(count))
    }
}
