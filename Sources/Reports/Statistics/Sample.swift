import Foundation

/// A figure of several repetitions.
public struct Sample: Sendable, Equatable {
    public let values: [Double]

    public init(_ values: [Double]) { self.values = values }

    public var count: Int { values.count }
    /// Zero without values.
    public var mean: Double { values.isEmpty ? 0 : values.reduce(0, +) / Double(count) }

    /// The unbiased estimate, with n - 1; zero for fewer than two values.
    public var variance: Double {
        guard count > 1 else { return 0 }
        let mean = mean
        return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    }

    /// Half the width of the mean's 95 % confidence interval by Student's t; nil for fewer than two values.
    public var halfWidth: Double? {
        guard count > 1 else { return nil }
        return StudentT.critical(0.05, degrees: Double(count - 1)) * (variance / Double(count)).squareRoot()
    }
}

/// Two samples' means against each other, by Welch's t test: variances and numbers need not be equal.
public struct WelchTest: Sendable, Equatable {
    public enum Finding: String, Sendable {
        case differs
        case noDifferenceShown = "no difference shown at 5 %"
        case tooFew = "too few runs to say"
    }

    /// The second mean less the first.
    public let difference: Double
    /// Half the width of its 95 % confidence interval; nil where it cannot be said.
    public let halfWidth: Double?
    /// The probability of a difference this large by chance alone; nil where it cannot be said.
    public let probability: Double?
    public let finding: Finding

    public init(_ a: Sample, _ b: Sample) {
        difference = b.mean - a.mean
        guard a.count > 1, b.count > 1 else {
            (halfWidth, probability, finding) = (nil, nil, .tooFew)
            return
        }
        let (va, vb) = (a.variance / Double(a.count), b.variance / Double(b.count))
        let error = (va + vb).squareRoot()
        // No variance at all: the runs are the same, or differ by more than any chance.
        guard error > 0 else {
            halfWidth = 0
            probability = difference == 0 ? 1 : 0
            finding = difference == 0 ? .noDifferenceShown : .differs
            return
        }
        let degrees =
            (va + vb) * (va + vb)
            / (va * va / Double(a.count - 1) + vb * vb / Double(b.count - 1))
        let probability = StudentT.twoSided(difference / error, degrees: degrees)
        halfWidth = StudentT.critical(0.05, degrees: degrees) * error
        self.probability = probability
        finding = probability < 0.05 ? .differs : .noDifferenceShown
    }
}
