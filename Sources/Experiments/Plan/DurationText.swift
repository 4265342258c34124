import SansIO

/// Lengths of time as people write them: `250ms`, `30s`, `5m`, `1h30m`, `2d`.
public enum DurationText {
    /// Nil for anything else; a number without a unit counts seconds.
    public static func parse(_ text: String) -> Interval? {
        if let seconds = Double(text) {
            return seconds.isFinite && seconds >= 0 ? Interval(seconds: seconds) : nil
        }
        var seconds = 0.0
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let scale = units[String(unit)] else { return nil }
            seconds += number * scale
        }
        return Interval(seconds: seconds)
    }

    private static let units: [String: Double] = [
        "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400,
    ]

    /// As short as it is exact to three digits: `250 ms`, `30 s`, `5 min`, `1 h 30 min`.
    public static func text(_ interval: Interval) -> String {
        let seconds = interval.seconds
        if seconds == 0 { return "0 s" }
        if seconds < 0.001 { return "\(number(seconds * 1e6)) µs" }
        if seconds < 1 { return "\(number(seconds * 1e3)) ms" }
        if seconds < 120 { return "\(number(seconds)) s" }
        if seconds < 7_200 { return whole(seconds, 60, "min", 1, "s") }
        if seconds < 172_800 { return whole(seconds, 3_600, "h", 60, "min") }
        return whole(seconds, 86_400, "d", 3_600, "h")
    }

    private static func whole(
        _ seconds: Double, _ large: Double, _ name: String, _ small: Double, _ rest: String
    ) -> String {
        let remainder = (seconds.truncatingRemainder(dividingBy: large) / small).rounded()
        let head = "\(Int(seconds / large)) \(name)"
        return remainder == 0 ? head : head + " \(Int(remainder)) \(rest)"
    }

    /// Four significant digits, and whole numbers whole.
    public static func digits(_ value: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
        let magnitude = abs(value)
        if magnitude >= 1e15 || magnitude < 1e-4 { return "\(value)" }
        var scale = 1.0
        while magnitude * scale < 1_000 { scale *= 10 }
        return "\((value * scale).rounded() / scale)"
    }

    private static func number(_ value: Double) -> String {
        let digits = value >= 100 ? 1.0 : value >= 10 ? 10 : 100
        let rounded = (value * digits).rounded() / digits
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
