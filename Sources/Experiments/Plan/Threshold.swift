import Measurement
import SansIO

/// What a run must hold: `MEASURE [GATHERING] COMPARISON VALUE [@ LAST] [of FLEET] [in PHASE] [abort]`.
///
/// `stale_rate < 0.002`, `prevhash_last p(99) < 250ms`, `hashrate_error < 3% @ 1h`, `reconnect t(99%) < 60s abort`.
public struct Threshold: Sendable, Equatable {
    public enum Comparison: String, Sendable, CaseIterable {
        case less = "<"
        case atMost = "<="
        case greater = ">"
        case atLeast = ">="
        case equal = "=="
    }

    /// As it was written.
    public var text: String
    public var measure: Measure
    public var comparison: Comparison
    /// Seconds for times, 0 to 1 for ratios.
    public var limit: Double
    /// Ends the run as soon as it fails.
    public var aborts = false

    public init(_ text: String) throws(PlanError) {
        self.text = text
        var words = Words(text)
        measure = try Measure(&words)
        try measure.scope(&words)
        let names = Comparison.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        guard let word = words.next() else { throw PlanError("a comparison is missing: one of \(names)") }
        guard let comparison = Comparison(rawValue: word) else {
            throw PlanError("\"\(word)\" is no comparison: one of \(names)")
        }
        self.comparison = comparison
        guard let value = words.next() else { throw PlanError("a value is missing after \(word)") }
        limit = try Self.value(value, of: measure)
        try measure.scope(&words)
        if words.peek == "abort" {
            _ = words.next()
            aborts = true
        }
        if let rest = words.next() { throw PlanError("\"\(rest)\" is too much at the end") }
    }

    private static func value(_ text: String, of measure: Measure) throws(PlanError) -> Double {
        if text.hasSuffix("%"), let number = Double(text.dropLast()) { return number / 100 }
        if measure.isTime {
            guard let interval = DurationText.parse(text), Double(text) == nil else {
                throw PlanError("\"\(text)\" is no length of time with its unit, for example 250ms")
            }
            return interval.seconds
        }
        guard let number = Double(text) else { throw PlanError("\"\(text)\" is no number") }
        return number
    }

    public func holds(_ value: Double) -> Bool {
        switch comparison {
        case .less: value < limit
        case .atMost: value <= limit
        case .greater: value > limit
        case .atLeast: value >= limit
        case .equal: value == limit
        }
    }
}

/// How a threshold stands.
public struct Verdict: Sendable, Equatable {
    public let threshold: Threshold
    /// Nil where nothing was measured, which is a failure: a check that saw nothing has proven nothing.
    public let value: Double?

    public init(threshold: Threshold, value: Double?) {
        self.threshold = threshold
        self.value = value
    }

    public var isPassed: Bool { value.map { threshold.holds($0) } ?? false }
}
