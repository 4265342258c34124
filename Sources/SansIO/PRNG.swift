/// xoshiro256** seeded by SplitMix64 (Blackman, Vigna). The algorithm is ours to keep: the standard library's
/// shuffles and ranges may change between Swift versions, a replay may not.
public struct PRNG: Sendable, Hashable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    public init(seed: UInt64) {
        var state = seed
        s0 = PRNG.splitMix(&state)
        s1 = PRNG.splitMix(&state)
        s2 = PRNG.splitMix(&state)
        s3 = PRNG.splitMix(&state)
    }

    /// An independent stream for the `index`-th thing of a world: the same for any number of processes.
    public init(seed: UInt64, stream index: UInt64) {
        var state = seed
        var other = index &* 0xd134_2543_de82_ef95 &+ 0x9e37_79b9_7f4a_7c15
        self.init(seed: PRNG.splitMix(&state) ^ PRNG.splitMix(&other))
    }

    public mutating func next() -> UInt64 {
        let result = rotate(s1 &* 5, 7) &* 9
        let t = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = rotate(s3, 45)
        return result
    }

    /// Uniform in `0..<bound`. The bias is below 2^-64 x bound.
    public mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        return next().multipliedFullWidth(by: bound).high
    }

    /// Uniform in (0, 1]: never zero, so that its logarithm exists.
    public mutating func uniform() -> Double {
        Double((next() >> 11) + 1) * 0x1p-53
    }

    /// True `numerator` times in `denominator`.
    public mutating func chance(_ numerator: UInt64, in denominator: UInt64) -> Bool {
        below(denominator) < numerator
    }

    /// An exponentially distributed length of time with this mean.
    public mutating func exponential(mean: Interval) -> Interval {
        Interval(seconds: -DeterministicMath.log(uniform()) * mean.seconds)
    }

    /// A normally distributed number, by the sum of twelve uniforms: exact arithmetic only, tails cut at six sigma.
    public mutating func normal(mean: Double, deviation: Double) -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return mean + deviation * sum
    }

    private func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }

    private static func splitMix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Logarithm and exponential from + - x / alone, so that every machine computes the same bits; libm may differ.
public enum DeterministicMath {
    private static let ln2 = 0.693_147_180_559_945_3

    /// Natural logarithm of a positive, finite number; relative error below 1e-14.
    public static func log(_ x: Double) -> Double {
        precondition(x > 0 && x.isFinite, "logarithm of \(x)")
        var mantissa = x.significand
        var exponent = Double(x.exponent)
        if mantissa > 1.414_213_562_373_095_1 {
            mantissa /= 2
            exponent += 1
        }
        let s = (mantissa - 1) / (mantissa + 1)
        let square = s * s
        var term = s
        var sum = 0.0
        var k = 1.0
        while k < 22 {
            sum += term / k
            term *= square
            k += 2
        }
        return exponent * ln2 + 2 * sum
    }

    /// e to the power x; saturates to 0 below -700 and to e^700 above 700.
    public static func exp(_ x: Double) -> Double {
        let bounded = x < -700 ? -700 : (x > 700 ? 700 : x)
        if x < -700 { return 0 }
        let n = (bounded / ln2).rounded(.toNearestOrEven)
        let r = bounded - n * ln2
        var term = 1.0
        var sum = 1.0
        var k = 1.0
        while k < 18 {
            term *= r / k
            sum += term
            k += 1
        }
        return Double(sign: .plus, exponent: Int(n), significand: sum)
    }

    /// x to the power y for positive x.
    public static func pow(_ x: Double, _ y: Double) -> Double { x > 0 ? exp(y * log(x)) : 0 }
}
