import JSONText

/// Numbers as devices print them.
enum Decimals {
    /// A number with exactly so many decimals (0 to 6); zero for what is no number.
    static func text(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else {
            return value.isFinite ? text(whole: value) : text(0, places)
        }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard places > 0 else { return sign + String(scaled) }
        let digits = String(scaled)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return sign + padded.dropLast(places) + "." + padded.suffix(places)
    }

    private static func text(whole value: Double) -> String {
        value < 9e18 && value > -9e18 ? String(Int64(value)) : "0"
    }
}

extension JSON {
    /// A number with exactly so many decimals.
    static func decimal(_ value: Double, _ places: Int) -> JSON { .number(Decimals.text(value, places)) }

    /// A whole number, rounded.
    static func whole(_ value: Double) -> JSON { decimal(value, 0) }
}
