/// An unsigned number of 256 bits. `l0` is the least significant limb.
@frozen
public struct UInt256: Hashable, Sendable {
    public var l0: UInt64
    public var l1: UInt64
    public var l2: UInt64
    public var l3: UInt64

    @inlinable
    public init(l0: UInt64, l1: UInt64, l2: UInt64, l3: UInt64) {
        self.l0 = l0
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
    }

    @inlinable
    public init(_ value: UInt64) { self.init(l0: value, l1: 0, l2: 0, l3: 0) }

    /// The hash read as Bitcoin compares hashes: its first byte is the least significant.
    @inlinable
    public init(littleEndian hash: Hash256) {
        self.init(
            l0: UInt64(littleEndian: hash.w0), l1: UInt64(littleEndian: hash.w1),
            l2: UInt64(littleEndian: hash.w2), l3: UInt64(littleEndian: hash.w3))
    }

    @inlinable
    public var littleEndianHash: Hash256 {
        Hash256(words: l0.littleEndian, l1.littleEndian, l2.littleEndian, l3.littleEndian)
    }

    /// 1 to 64 hexadecimal digits, the most significant first.
    public init?(hex: String) {
        guard (1...64).contains(hex.utf8.count) else { return nil }
        let digits = String(repeating: "0", count: 64 - hex.utf8.count) + hex
        guard let hash = Hash256(displayHex: digits) else { return nil }
        self.init(littleEndian: hash)
    }

    /// 64 hexadecimal digits, the most significant first.
    public var hex: String { littleEndianHash.displayHex }

    @inlinable
    public static var zero: UInt256 { UInt256(0) }
    @inlinable
    public static var one: UInt256 { UInt256(1) }
    @inlinable
    public static var max: UInt256 { UInt256(l0: .max, l1: .max, l2: .max, l3: .max) }

    @inlinable
    public var isZero: Bool { l0 | l1 | l2 | l3 == 0 }

    /// The place of the highest set bit, counted from 1; 0 for zero. (Core: `bits()`.)
    public var bitWidth: Int {
        if l3 != 0 { return 256 - l3.leadingZeroBitCount }
        if l2 != 0 { return 192 - l2.leadingZeroBitCount }
        if l1 != 0 { return 128 - l1.leadingZeroBitCount }
        return 64 - l0.leadingZeroBitCount
    }

    subscript(limb index: Int) -> UInt64 {
        get {
            switch index {
            case 0: l0
            case 1: l1
            case 2: l2
            default: l3
            }
        }
        set {
            switch index {
            case 0: l0 = newValue
            case 1: l1 = newValue
            case 2: l2 = newValue
            default: l3 = newValue
            }
        }
    }
}

extension UInt256: Comparable {
    @inlinable
    public static func < (a: UInt256, b: UInt256) -> Bool {
        if a.l3 != b.l3 { return a.l3 < b.l3 }
        if a.l2 != b.l2 { return a.l2 < b.l2 }
        if a.l1 != b.l1 { return a.l1 < b.l1 }
        return a.l0 < b.l0
    }
}

extension UInt256: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: UInt64) { self.init(value) }
}

extension UInt256: CustomStringConvertible {
    /// In hexadecimal.
    public var description: String { hex }
}

extension UInt256 {
    public static func & (a: UInt256, b: UInt256) -> UInt256 {
        UInt256(l0: a.l0 & b.l0, l1: a.l1 & b.l1, l2: a.l2 & b.l2, l3: a.l3 & b.l3)
    }
    public static func | (a: UInt256, b: UInt256) -> UInt256 {
        UInt256(l0: a.l0 | b.l0, l1: a.l1 | b.l1, l2: a.l2 | b.l2, l3: a.l3 | b.l3)
    }
    public static func ^ (a: UInt256, b: UInt256) -> UInt256 {
        UInt256(l0: a.l0 ^ b.l0, l1: a.l1 ^ b.l1, l2: a.l2 ^ b.l2, l3: a.l3 ^ b.l3)
    }
    public static prefix func ~ (a: UInt256) -> UInt256 {
        UInt256(l0: ~a.l0, l1: ~a.l1, l2: ~a.l2, l3: ~a.l3)
    }

    /// Bits shifted out are lost; a count of 256 or more gives zero. The count must not be negative.
    public static func << (a: UInt256, count: Int) -> UInt256 {
        precondition(count >= 0, "a shift count is not negative")
        guard count < 256 else { return .zero }
        let limbs = count / 64
        let bits = count % 64
        var result = UInt256.zero
        for i in limbs..<4 {
            var limb = a[limb: i - limbs] << UInt64(bits)
            if bits > 0 && i > limbs { limb |= a[limb: i - limbs - 1] >> UInt64(64 - bits) }
            result[limb: i] = limb
        }
        return result
    }

    /// Bits shifted out are lost; a count of 256 or more gives zero. The count must not be negative.
    public static func >> (a: UInt256, count: Int) -> UInt256 {
        precondition(count >= 0, "a shift count is not negative")
        guard count < 256 else { return .zero }
        let limbs = count / 64
        let bits = count % 64
        var result = UInt256.zero
        for i in 0..<4 - limbs {
            var limb = a[limb: i + limbs] >> UInt64(bits)
            if bits > 0 && i + limbs < 3 { limb |= a[limb: i + limbs + 1] << UInt64(64 - bits) }
            result[limb: i] = limb
        }
        return result
    }
}
