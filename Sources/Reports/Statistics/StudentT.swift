import Foundation

/// Student's t distribution, for means of few repetitions.
enum StudentT {
    /// The probability of a value beyond ±t.
    ///
    /// By the regularised incomplete beta function I_x(ν/2, 1/2) with x = ν / (ν + t²) (Abramowitz and Stegun 26.7.1).
    static func twoSided(_ t: Double, degrees: Double) -> Double {
        guard t.isFinite else { return 0 }
        return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
    }

    /// The t beyond which, on both sides, a value has the given probability: 2.262 for 0.05 and 9 degrees.
    static func critical(_ probability: Double, degrees: Double) -> Double {
        var low = 0.0
        var high = 1.0
        while twoSided(high, degrees: degrees) > probability, high < 1e12 { high *= 2 }
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if twoSided(middle, degrees: degrees) > probability { low = middle } else { high = middle }
        }
        return high
    }

    /// By the continued fraction (Abramowitz and Stegun 26.5.8), evaluated by Lentz's method.
    private static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        // The fraction converges quickly on this side only.
        if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
        let front = exp(
            logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log(1 - x))
        let tiny = 1e-300
        var d = 1 - (a + b) * x / (a + 1)
        d = 1 / (abs(d) < tiny ? tiny : d)
        var c = 1.0
        var fraction = d
        for step in 1...500 {
            let m = Double(step)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            var change = 1.0
            for term in [even, odd] {
                d = 1 + term * d
                d = 1 / (abs(d) < tiny ? tiny : d)
                c = 1 + term / c
                if abs(c) < tiny { c = tiny }
                change = c * d
                fraction *= change
            }
            if abs(change - 1) < 1e-15 { break }
        }
        return front * fraction / a
    }

    /// Not `lgamma`, which writes a global.
    private static func logGamma(_ x: Double) -> Double {
        // Lanczos, g = 7, n = 9: 15 digits for x > 0.5, which is all that is asked here.
        let coefficients = [
            0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
            -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
            1.5056327351493116e-7,
        ]
        let x = x - 1
        var sum = coefficients[0]
        for index in 1..<coefficients.count { sum += coefficients[index] / (x + Double(index)) }
        let t = x + 7.5
        return 0.5 * log(2 * Double.pi) + (x + 0.5) * log(t) - t + log(sum)
    }
}
