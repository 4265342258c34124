/// A number modulo secp256k1's p = 2^256 - 2^32 - 977, always fully reduced; four limbs, least significant
/// first.
///
/// Its only use is ElligatorSwift, whose inputs are public keys and public encodings. It is **not**
/// constant-time: nothing secret may pass through it. Secret scalars stay inside libsecp256k1.
struct FieldElement: Equatable, Sendable {
    var l0: UInt64
    var l1: UInt64
    var l2: UInt64
    var l3: UInt64

    /// 2^256 modulo p.
    private static let fold: UInt64 = 0x1_0000_03d1
    private static let p0: UInt64 = 0xffff_fffe_ffff_fc2f

    static let zero = FieldElement(0)
    static let one = FieldElement(1)
    static let seven = FieldElement(7)
    static let half = FieldElement(
        l0: 0xffff_ffff_7fff_fe18, l1: .max, l2: .max, l3: 0x7fff_ffff_ffff_ffff)
    /// The square root of -3 that is itself a square (BIP324).
    static let rootOfMinus3 = FieldElement(
        l0: 0x7d8d_27ae_1cd5_f852, l1: 0xc61f_6d15_da14_ecd4, l2: 0x2337_70c2_a797_962c,
        l3: 0x0a2d_2ba9_3507_f1df)

    init(_ value: UInt64) { self.init(l0: value, l1: 0, l2: 0, l3: 0) }

    init(l0: UInt64, l1: UInt64, l2: UInt64, l3: UInt64) {
        (self.l0, self.l1, self.l2, self.l3) = (l0, l1, l2, l3)
    }

    /// 32 bytes, most significant first, reduced modulo p.
    init(bigEndian bytes: ArraySlice<UInt8>) {
        precondition(bytes.count == 32)
        var limbs: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var index = bytes.startIndex
        func word() -> UInt64 {
            var value: UInt64 = 0
            for _ in 0..<8 {
                value = value << 8 | UInt64(bytes[index])
                index += 1
            }
            return value
        }
        limbs.3 = word()
        limbs.2 = word()
        limbs.1 = word()
        limbs.0 = word()
        self.init(l0: limbs.0, l1: limbs.1, l2: limbs.2, l3: limbs.3)
        reduceOnce()
    }

    /// 32 bytes, most significant first.
    var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(32)
        for limb in [l3, l2, l1, l0] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                out.append(UInt8(truncatingIfNeeded: limb >> shift))
            }
        }
        return out
    }

    var isZero: Bool { l0 | l1 | l2 | l3 == 0 }

    /// Subtracts p if the limbs are p or more.
    private mutating func reduceOnce() {
        guard l3 == .max, l2 == .max, l1 == .max, l0 >= Self.p0 else { return }
        self = FieldElement(l0: l0 &- Self.p0, l1: 0, l2: 0, l3: 0)
    }

    /// a * b + c + d, which never overflows 128 bits.
    @inline(__always)
    private static func multiplyAdd(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) -> (UInt64, UInt64) {
        let product = a.multipliedFullWidth(by: b)
        let (first, carry1) = product.low.addingReportingOverflow(c)
        let (low, carry2) = first.addingReportingOverflow(d)
        return (product.high &+ (carry1 ? 1 : 0) &+ (carry2 ? 1 : 0), low)
    }

    static func * (a: FieldElement, b: FieldElement) -> FieldElement {
        var (carry, r0) = multiplyAdd(a.l0, b.l0, 0, 0)
        var (r1, r2, r3, r4): (UInt64, UInt64, UInt64, UInt64)
        (carry, r1) = multiplyAdd(a.l0, b.l1, 0, carry)
        (carry, r2) = multiplyAdd(a.l0, b.l2, 0, carry)
        (r4, r3) = multiplyAdd(a.l0, b.l3, 0, carry)

        (carry, r1) = multiplyAdd(a.l1, b.l0, r1, 0)
        (carry, r2) = multiplyAdd(a.l1, b.l1, r2, carry)
        (carry, r3) = multiplyAdd(a.l1, b.l2, r3, carry)
        var r5: UInt64
        (r5, r4) = multiplyAdd(a.l1, b.l3, r4, carry)

        (carry, r2) = multiplyAdd(a.l2, b.l0, r2, 0)
        (carry, r3) = multiplyAdd(a.l2, b.l1, r3, carry)
        (carry, r4) = multiplyAdd(a.l2, b.l2, r4, carry)
        var r6: UInt64
        (r6, r5) = multiplyAdd(a.l2, b.l3, r5, carry)

        (carry, r3) = multiplyAdd(a.l3, b.l0, r3, 0)
        (carry, r4) = multiplyAdd(a.l3, b.l1, r4, carry)
        (carry, r5) = multiplyAdd(a.l3, b.l2, r5, carry)
        let r7: UInt64
        (r7, r6) = multiplyAdd(a.l3, b.l3, r6, carry)

        return reduced((r0, r1, r2, r3), (r4, r5, r6, r7))
    }

    /// Each product of two different limbs is made once and counted twice: 10 multiplications instead of 16.
    var square: FieldElement {
        var (carry, r1) = Self.multiplyAdd(l0, l1, 0, 0)
        var (r2, r3, r4, r5, r6): (UInt64, UInt64, UInt64, UInt64, UInt64)
        (carry, r2) = Self.multiplyAdd(l0, l2, 0, carry)
        (r4, r3) = Self.multiplyAdd(l0, l3, 0, carry)
        (carry, r3) = Self.multiplyAdd(l1, l2, r3, 0)
        (r5, r4) = Self.multiplyAdd(l1, l3, r4, carry)
        (r6, r5) = Self.multiplyAdd(l2, l3, r5, 0)

        var r7 = r6 >> 63
        r6 = r6 << 1 | r5 >> 63
        r5 = r5 << 1 | r4 >> 63
        r4 = r4 << 1 | r3 >> 63
        r3 = r3 << 1 | r2 >> 63
        r2 = r2 << 1 | r1 >> 63
        r1 <<= 1

        let (s0, s1) = (l0.multipliedFullWidth(by: l0), l1.multipliedFullWidth(by: l1))
        let (s2, s3) = (l2.multipliedFullWidth(by: l2), l3.multipliedFullWidth(by: l3))
        var over: Bool
        (r1, over) = r1.addingReportingOverflow(s0.high)
        (r2, over) = Self.sum(r2, s1.low, over)
        (r3, over) = Self.sum(r3, s1.high, over)
        (r4, over) = Self.sum(r4, s2.low, over)
        (r5, over) = Self.sum(r5, s2.high, over)
        (r6, over) = Self.sum(r6, s3.low, over)
        (r7, _) = Self.sum(r7, s3.high, over)
        return Self.reduced((s0.low, r1, r2, r3), (r4, r5, r6, r7))
    }

    /// The upper half counts 2^256, which is `fold` modulo p; what spills over that counts it once more.
    @inline(__always)
    private static func reduced(
        _ low: (UInt64, UInt64, UInt64, UInt64), _ high: (UInt64, UInt64, UInt64, UInt64)
    ) -> FieldElement {
        let (carry0, r0) = multiplyAdd(high.0, fold, low.0, 0)
        let (carry1, r1) = multiplyAdd(high.1, fold, low.1, carry0)
        let (carry2, r2) = multiplyAdd(high.2, fold, low.2, carry1)
        let (carry3, r3) = multiplyAdd(high.3, fold, low.3, carry2)
        return FieldElement(l0: r0, l1: r1, l2: r2, l3: r3).adding(spill: carry3)
    }

    /// Adds `spill` times 2^256, where spill is below 2^34.
    @inline(__always)
    private func adding(spill: UInt64) -> FieldElement {
        var result = self
        var overflow: Bool
        // spill * fold is below 2^67: two limbs.
        let extra = spill.multipliedFullWidth(by: Self.fold)
        (result.l0, overflow) = l0.addingReportingOverflow(extra.low)
        let second = extra.high &+ (overflow ? 1 : 0)
        (result.l1, overflow) = l1.addingReportingOverflow(second)
        if overflow {
            (result.l2, overflow) = l2.addingReportingOverflow(1)
            if overflow {
                (result.l3, overflow) = l3.addingReportingOverflow(1)
                // After a wrap the value is tiny, so one more fold cannot carry beyond two limbs.
                if overflow {
                    (result.l0, overflow) = result.l0.addingReportingOverflow(Self.fold)
                    if overflow { result.l1 &+= 1 }
                }
            }
        }
        result.reduceOnce()
        return result
    }

    static func + (a: FieldElement, b: FieldElement) -> FieldElement {
        var result = a
        var carry: Bool
        (result.l0, carry) = a.l0.addingReportingOverflow(b.l0)
        (result.l1, carry) = sum(a.l1, b.l1, carry)
        (result.l2, carry) = sum(a.l2, b.l2, carry)
        (result.l3, carry) = sum(a.l3, b.l3, carry)
        return result.adding(spill: carry ? 1 : 0)
    }

    @inline(__always)
    private static func sum(_ a: UInt64, _ b: UInt64, _ carry: Bool) -> (UInt64, Bool) {
        let (first, one) = a.addingReportingOverflow(b)
        let (second, two) = first.addingReportingOverflow(carry ? 1 : 0)
        return (second, one || two)
    }

    static prefix func - (a: FieldElement) -> FieldElement {
        if a.isZero { return a }
        let (l0, borrow0) = p0.subtractingReportingOverflow(a.l0)
        let (l1, borrow1) = difference(.max, a.l1, borrow0)
        let (l2, borrow2) = difference(.max, a.l2, borrow1)
        let (l3, _) = difference(.max, a.l3, borrow2)
        return FieldElement(l0: l0, l1: l1, l2: l2, l3: l3)
    }

    @inline(__always)
    private static func difference(_ a: UInt64, _ b: UInt64, _ borrow: Bool) -> (UInt64, Bool) {
        let (first, one) = a.subtractingReportingOverflow(b)
        let (second, two) = first.subtractingReportingOverflow(borrow ? 1 : 0)
        return (second, one || two)
    }

    static func - (a: FieldElement, b: FieldElement) -> FieldElement { a + -b }

    private func squared(_ times: Int) -> FieldElement {
        var result = self
        for _ in 0..<times { result = result.square }
        return result
    }

    /// The powers 2^k - 1 that both exponents below share: p's upper 223 bits are ones.
    private func ladder() -> (x2: FieldElement, x22: FieldElement, x223: FieldElement) {
        let x2 = squared(1) * self
        let x3 = x2.squared(1) * self
        let x6 = x3.squared(3) * x3
        let x9 = x6.squared(3) * x3
        let x11 = x9.squared(2) * x2
        let x22 = x11.squared(11) * x11
        let x44 = x22.squared(22) * x22
        let x88 = x44.squared(44) * x44
        let x176 = x88.squared(88) * x88
        let x220 = x176.squared(44) * x44
        return (x2, x22, x220.squared(3) * x3)
    }

    /// The power p - 2; zero stays zero.
    var inverse: FieldElement {
        let (x2, x22, x223) = ladder()
        return ((x223.squared(23) * x22).squared(5) * self).squared(3).times(x2).squared(2) * self
    }

    private func times(_ other: FieldElement) -> FieldElement { self * other }

    /// The power (p + 1) / 4: the root that is itself a square, or nil when there is none.
    var squareRoot: FieldElement? {
        let (x2, x22, x223) = ladder()
        let root = (x223.squared(23) * x22).squared(6).times(x2).squared(2)
        return root.square == self ? root : nil
    }

    var isSquare: Bool { squareRoot != nil }
}
