extension UInt256 {
    public func addingReportingOverflow(_ other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
        var result = UInt256.zero
        var carry: UInt64 = 0
        for i in 0..<4 {
            let (sum, first) = self[limb: i].addingReportingOverflow(other[limb: i])
            let (total, second) = sum.addingReportingOverflow(carry)
            result[limb: i] = total
            carry = first || second ? 1 : 0
        }
        return (result, carry != 0)
    }

    public func subtractingReportingOverflow(_ other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
        var result = UInt256.zero
        var borrow: UInt64 = 0
        for i in 0..<4 {
            let (difference, first) = self[limb: i].subtractingReportingOverflow(other[limb: i])
            let (total, second) = difference.subtractingReportingOverflow(borrow)
            result[limb: i] = total
            borrow = first || second ? 1 : 0
        }
        return (result, borrow != 0)
    }

    /// The product modulo 2^256, and whether anything was lost.
    public func multipliedReportingOverflow(by other: UInt256) -> (partialValue: UInt256, overflow: Bool) {
        var result = UInt256.zero
        var lost: UInt64 = 0
        for i in 0..<4 {
            var carry: UInt64 = 0
            for j in 0..<4 {
                let (high, low) = self[limb: i].multipliedFullWidth(by: other[limb: j])
                guard i + j < 4 else {
                    lost |= high | low
                    continue
                }
                let (first, overflow) = result[limb: i + j].addingReportingOverflow(low)
                let (second, again) = first.addingReportingOverflow(carry)
                result[limb: i + j] = second
                // The high half of a product is at most 2^64 - 2, and the sum fits as in long multiplication.
                carry = high &+ (overflow ? 1 : 0) &+ (again ? 1 : 0)
            }
            lost |= carry
        }
        return (result, lost != 0)
    }

    public static func &+ (a: UInt256, b: UInt256) -> UInt256 { a.addingReportingOverflow(b).partialValue }
    public static func &- (a: UInt256, b: UInt256) -> UInt256 {
        a.subtractingReportingOverflow(b).partialValue
    }
    public static func &* (a: UInt256, b: UInt256) -> UInt256 {
        a.multipliedReportingOverflow(by: b).partialValue
    }

    /// Traps on overflow.
    public static func + (a: UInt256, b: UInt256) -> UInt256 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        precondition(!overflow, "a sum exceeds 256 bits")
        return sum
    }

    /// Traps if `b` is larger.
    public static func - (a: UInt256, b: UInt256) -> UInt256 {
        let (difference, overflow) = a.subtractingReportingOverflow(b)
        precondition(!overflow, "a difference is negative")
        return difference
    }

    /// Traps on overflow.
    public static func * (a: UInt256, b: UInt256) -> UInt256 {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        precondition(!overflow, "a product exceeds 256 bits")
        return product
    }

    /// Traps on division by zero.
    public static func / (a: UInt256, b: UInt256) -> UInt256 {
        a.quotientAndRemainder(dividingBy: b).quotient
    }
    /// Traps on division by zero.
    public static func % (a: UInt256, b: UInt256) -> UInt256 {
        a.quotientAndRemainder(dividingBy: b).remainder
    }

    public static func += (a: inout UInt256, b: UInt256) { a = a + b }
    public static func -= (a: inout UInt256, b: UInt256) { a = a - b }
    public static func *= (a: inout UInt256, b: UInt256) { a = a * b }
    public static func /= (a: inout UInt256, b: UInt256) { a = a / b }

    /// Traps on division by zero.
    public func quotientAndRemainder(dividingBy divisor: UInt256) -> (quotient: UInt256, remainder: UInt256) {
        precondition(!divisor.isZero, "division by zero")
        if self < divisor { return (.zero, self) }
        if divisor.bitWidth <= 64 { return dividedByOneLimb(divisor.l0) }
        return dividedBySeveralLimbs(divisor)
    }

    private func dividedByOneLimb(_ divisor: UInt64) -> (quotient: UInt256, remainder: UInt256) {
        var quotient = UInt256.zero
        var remainder: UInt64 = 0
        for i in (0..<4).reversed() {
            (quotient[limb: i], remainder) = divisor.dividingFullWidth((remainder, self[limb: i]))
        }
        return (quotient, UInt256(remainder))
    }

    /// Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D, with 64-bit digits.
    private func dividedBySeveralLimbs(_ divisor: UInt256) -> (quotient: UInt256, remainder: UInt256) {
        let shift = (256 - divisor.bitWidth) % 64
        let digits = (divisor.bitWidth + 63) / 64
        let v = divisor << shift
        // The dividend, shifted alike, may need a fifth limb.
        var u = self << shift
        var top = shift == 0 ? 0 : l3 >> UInt64(64 - shift)
        var quotient = UInt256.zero
        for j in (0...4 - digits).reversed() {
            let high = j + digits == 4 ? top : u[limb: j + digits]
            var digit = Self.estimate(
                high, u[limb: j + digits - 1], u[limb: j + digits - 2], v[limb: digits - 1],
                v[limb: digits - 2])
            let below = Self.subtract(digit, times: v, digits, from: &u, at: j)
            if below > high {
                // The estimate was one too large (probability about 2/2^64).
                digit -= 1
                Self.addBack(v, digits, to: &u, at: j)
            }
            if j + digits == 4 { top = 0 } else { u[limb: j + digits] = 0 }
            quotient[limb: j] = digit
        }
        precondition(top == 0)
        return (quotient, u >> shift)
    }

    /// A quotient digit from the first three digits of the dividend and the first two of the divisor; at most
    /// one too large.
    private static func estimate(
        _ u2: UInt64, _ u1: UInt64, _ u0: UInt64, _ v1: UInt64, _ v0: UInt64
    ) -> UInt64 {
        var digit = UInt64.max
        var rest: UInt64
        if u2 < v1 {
            (digit, rest) = v1.dividingFullWidth((u2, u1))
        } else {
            // u2 == v1: the largest digit, and the remainder is u1 + v1.
            let (sum, overflow) = u1.addingReportingOverflow(v1)
            if overflow { return digit }
            rest = sum
        }
        while true {
            let (high, low) = digit.multipliedFullWidth(by: v0)
            guard high > rest || (high == rest && low > u0) else { return digit }
            digit -= 1
            let (sum, overflow) = rest.addingReportingOverflow(v1)
            if overflow { return digit }
            rest = sum
        }
    }

    /// u[j..<j+digits] -= digit * v. Returns what is left to subtract from the limb above.
    private static func subtract(
        _ digit: UInt64, times v: UInt256, _ digits: Int, from u: inout UInt256, at j: Int
    ) -> UInt64 {
        var carry: UInt64 = 0
        for i in 0..<digits {
            let (high, low) = digit.multipliedFullWidth(by: v[limb: i])
            let (product, more) = low.addingReportingOverflow(carry)
            let (difference, borrow) = u[limb: i + j].subtractingReportingOverflow(product)
            u[limb: i + j] = difference
            carry = high + (more ? 1 : 0) + (borrow ? 1 : 0)
        }
        return carry
    }

    private static func addBack(_ v: UInt256, _ digits: Int, to u: inout UInt256, at j: Int) {
        var carry: UInt64 = 0
        for i in 0..<digits {
            let (sum, first) = u[limb: i + j].addingReportingOverflow(v[limb: i])
            let (total, second) = sum.addingReportingOverflow(carry)
            u[limb: i + j] = total
            carry = first || second ? 1 : 0
        }
    }
}

extension UInt256 {
    /// The whole part; 0 for negative numbers and NaN, the largest number for anything from 2^256.
    public init(clamping value: Double) {
        guard value >= 1 else {
            self = .zero
            return
        }
        guard value < 0x1p256 else {
            self = .max
            return
        }
        let exponent = Int(value.exponent)
        let significand = UInt256(value.significandBitPattern | 1 << 52)
        self = exponent >= 52 ? significand << (exponent - 52) : significand >> (52 - exponent)
    }

    /// The nearest double, give or take one unit in the last place.
    public var double: Double {
        ((Double(l3) * 0x1p64 + Double(l2)) * 0x1p64 + Double(l1)) * 0x1p64 + Double(l0)
    }
}
