/// The number that a block or share hash must not exceed. Targets compare as numbers: the smaller, the
/// harder.
public struct Target: Hashable, Sendable, Comparable {
    public var value: UInt256

    public init(_ value: UInt256) { self.value = value }
    public init(value: UInt256) { self.value = value }
    /// From 32 bytes as SV2 writes a U256.
    public init(littleEndian hash: Hash256) { value = UInt256(littleEndian: hash) }
    public var littleEndianHash: Hash256 { value.littleEndianHash }

    /// Every hash meets it.
    public static var max: Target { Target(.max) }
    /// Difficulty 1 of Bitcoin: 0xffff * 2^208.
    public static var difficultyOne: Target { Target(UInt256(0xffff) << 208) }

    @inlinable
    public static func < (a: Target, b: Target) -> Bool { a.value < b.value }

    /// Whether the hash, read as a little-endian number, is at most this target.
    @inlinable
    public func isMet(by hash: Hash256) -> Bool { UInt256(littleEndian: hash) <= value }

    /// The target of a difficulty, `difficultyOne / difficulty`, kept within 1 ... 2^256 - 1. Difficulties
    /// that are no positive number give the easiest target.
    public init(difficulty: Double) {
        guard difficulty > 0 else {
            self = .max
            return
        }
        if difficulty == 1 {
            self = .difficultyOne
            return
        }
        let number = UInt256(clamping: Self.difficultyOne.value.double / difficulty)
        value = number.isZero ? .one : number
    }

    /// How many times harder than `difficultyOne`. Infinite for a target of zero.
    public var difficulty: Double { Self.difficultyOne.value.double / value.double }

    /// The mean number of hashes until one meets the target: 2^256 / (value + 1).
    public var expectedHashes: Double { 0x1p256 / (value.double + 1) }

    /// What a block at this target adds to a chain's work: floor(2^256 / (value + 1)), as Core's
    /// `GetBlockProof`, which gives zero for a target of zero.
    public var work: UInt256 {
        if value.isZero { return .zero }
        // 2^256 does not fit, but 2^256 / (t + 1) = (2^256 - t - 1) / (t + 1) + 1 = ~t / (t + 1) + 1.
        let (next, overflow) = value.addingReportingOverflow(.one)
        return overflow ? .one : ~value / next + .one
    }
}

/// A target in the 32 bits of a block header ("nBits"): an exponent of base 256 and 23 bits of significand
/// with sign.
public struct CompactTarget: Hashable, Sendable {
    public var bits: UInt32

    public init(bits: UInt32) { self.bits = bits }

    /// What the bits say, read as Core's `arith_uint256::SetCompact` does. The value is modulo 2^256.
    public var decoded: (value: UInt256, isNegative: Bool, overflows: Bool) {
        let size = Int(bits >> 24)
        var word = bits & 0x007f_ffff
        let value: UInt256
        if size <= 3 {
            word >>= UInt32(8 * (3 - size))
            value = UInt256(UInt64(word))
        } else {
            value = UInt256(UInt64(word)) << (8 * (size - 3))
        }
        let isNegative = word != 0 && bits & 0x0080_0000 != 0
        let overflows = word != 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32))
        return (value, isNegative, overflows)
    }

    /// Nil if negative, zero or larger than 256 bits: no hash is checked against such a target.
    public var target: Target? {
        let (value, isNegative, overflows) = decoded
        return isNegative || overflows || value.isZero ? nil : Target(value)
    }

    /// The nearest target from below that fits, as Core's `GetCompact`.
    public init(_ target: Target) {
        let value = target.value
        var size = (value.bitWidth + 7) / 8
        var word =
            size <= 3 ? UInt32(value.l0 << UInt64(8 * (3 - size))) : UInt32((value >> (8 * (size - 3))).l0)
        // The top bit is the sign, so a significand that would set it moves down by a byte.
        if word & 0x0080_0000 != 0 {
            word >>= 8
            size += 1
        }
        bits = word | UInt32(size) << 24
    }
}

extension CompactTarget: CustomStringConvertible {
    /// Eight hexadecimal digits, as Core's RPC prints `bits`.
    public var description: String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
