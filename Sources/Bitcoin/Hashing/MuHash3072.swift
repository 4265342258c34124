/// A hash of a set that elements can be put into and taken out of in any order, as Bitcoin Core's
/// `gettxoutsetinfo muhash` computes it: each element becomes a number below 2^3072 − 1103717, and the set is the
/// product of those inside over the product of those taken out.
public struct MuHash3072: Sendable {
    private var numerator = Number3072.one
    private var denominator = Number3072.one

    /// The empty set.
    public init() {}

    public mutating func insert(_ element: [UInt8]) { numerator.multiply(by: Number3072(element)) }

    public mutating func remove(_ element: [UInt8]) { denominator.multiply(by: Number3072(element)) }

    /// SHA-256 of the quotient's 384 bytes. Costs an inversion, some milliseconds, unless nothing was removed.
    public func finalized() -> Hash256 {
        var result = numerator
        if denominator != .one { result.multiply(by: denominator.inverse()) }
        return SHA256.hash(result.bytes)
    }
}

/// Integers modulo 2^3072 − 1103717, 48 limbs, least significant first; not always fully reduced.
struct Number3072: Equatable, Sendable {
    private static let limbs = 48
    /// 2^3072 minus the modulus.
    private static let excess: UInt64 = 1_103_717

    private var limb: [UInt64]

    static let one = Number3072(limb: [1] + [UInt64](repeating: 0, count: limbs - 1))

    private init(limb: [UInt64]) { self.limb = limb }

    /// The element's number: ChaCha20's key stream under the element's SHA-256.
    init(_ element: [UInt8]) {
        let key = SHA256.hash(element).bytes
        // Six blocks of 64 bytes under a nonce of zeros.
        let stream = (0..<6).flatMap { ChaCha20.block(key: key, counter: $0, nonce: (0, 0, 0)) }
        limb = []
        limb.reserveCapacity(Self.limbs)
        for start in stride(from: 0, to: stream.count, by: 8) {
            var value: UInt64 = 0
            for byte in stream[start..<start + 8].reversed() { value = value << 8 | UInt64(byte) }
            limb.append(value)
        }
    }

    /// 384 bytes, little-endian, fully reduced.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.limbs * 8)
        for value in reduced().limb {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }
        return bytes
    }

    mutating func multiply(by other: Number3072) {
        let count = Self.limbs
        var wide = [UInt64](repeating: 0, count: 2 * count)
        for i in 0..<count {
            var carry: UInt64 = 0
            let factor = limb[i]
            for j in 0..<count {
                let (high, low) = factor.multipliedFullWidth(by: other.limb[j])
                let (sum, firstCarry) = low.addingReportingOverflow(wide[i + j])
                let (total, secondCarry) = sum.addingReportingOverflow(carry)
                wide[i + j] = total
                carry = high &+ (firstCarry ? 1 : 0) &+ (secondCarry ? 1 : 0)
            }
            wide[i + count] = carry
        }
        var top = Self.add(wide[count...], times: Self.excess, to: &wide)
        // What ran over the top comes back once more, and then perhaps one last bit.
        while top > 0 {
            let (high, low) = top.multipliedFullWidth(by: Self.excess)
            top = Self.add(low, high, to: &wide)
        }
        limb = Array(wide[..<count])
    }

    private static func add(_ source: ArraySlice<UInt64>, times factor: UInt64, to wide: inout [UInt64])
        -> UInt64
    {
        var carry: UInt64 = 0
        for j in 0..<limbs {
            let (high, low) = source[source.startIndex + j].multipliedFullWidth(by: factor)
            let (sum, firstCarry) = low.addingReportingOverflow(wide[j])
            let (total, secondCarry) = sum.addingReportingOverflow(carry)
            wide[j] = total
            carry = high &+ (firstCarry ? 1 : 0) &+ (secondCarry ? 1 : 0)
        }
        return carry
    }

    private static func add(_ low: UInt64, _ high: UInt64, to wide: inout [UInt64]) -> UInt64 {
        var carry = low
        var next = high
        for j in 0..<limbs {
            let (sum, overflow) = wide[j].addingReportingOverflow(carry)
            wide[j] = sum
            carry = next &+ (overflow ? 1 : 0)
            next = 0
            if carry == 0 { return 0 }
        }
        return carry
    }

    private func reduced() -> Number3072 {
        // At most the modulus is too much: then adding the excess runs over, and what is left is the rest.
        var sum = limb
        let overflow = Self.add(Self.excess, 0, to: &sum)
        return overflow > 0 ? Number3072(limb: sum) : self
    }

    /// By Fermat: the power of the modulus minus two.
    func inverse() -> Number3072 {
        // The exponent is 2^3072 − 1103719: all ones but for the lowest limb.
        var exponent = [UInt64](repeating: .max, count: Self.limbs)
        exponent[0] = 0 &- (Self.excess + 2)
        var result = Number3072.one
        for bit in stride(from: Self.limbs * 64 - 1, through: 0, by: -1) {
            result.multiply(by: result)
            if exponent[bit / 64] >> UInt64(bit % 64) & 1 == 1 { result.multiply(by: self) }
        }
        return result
    }

    static func == (a: Number3072, b: Number3072) -> Bool { a.reduced().limb == b.reduced().limb }
}
