import Foundation

/// Numbers as people in mining write them.
enum Figures {
    /// Three significant digits and an SI prefix: "1.35 TH/s", "12.0 kH/s", "0 H/s", "450 mH/s".
    static func hashRate(_ value: Double) -> String { scaled(value, unit: "H/s") }

    static func difficulty(_ value: Double) -> String {
        if value == 0 { return "0" }
        if value < 0.001 { return scientific(value) }
        if value < 1_000 { return significant(value, digits: 4) }
        return scaled(value, unit: "").filter { $0 != " " }
    }

    /// How many times something was reached.
    static func ratio(_ value: Double) -> String {
        abs(value) >= 100_000 || abs(value) < 0.01 ? scientific(value) : significant(value, digits: 3)
    }

    static func scaled(_ value: Double, unit: String) -> String {
        guard value.isFinite else { return "–" }
        if value == 0 { return "0 \(unit)" }
        let magnitude = abs(value)
        if magnitude < 0.001 { return "\(scientific(value)) \(unit)" }
        if magnitude < 1 { return "\(significant(value * 1_000, digits: 3)) m\(unit)" }
        let prefixes = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"]
        var rest = value
        var step = 0
        // 999.5 would print as 1000 with three digits.
        while abs(rest) >= 999.5, step < prefixes.count - 1 {
            rest /= 1_000
            step += 1
        }
        return "\(significant(rest, digits: 3)) \(prefixes[step])\(unit)"
    }

    static func scientific(_ value: Double) -> String {
        let parts = String(format: "%.2e", value).split(separator: "e")
        guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(value)" }
        return "\(parts[0])×10\(superscript(exponent))"
    }

    static func significant(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return "–" }
        if value == 0 { return "0" }
        let whole = Int(log10(abs(value)).rounded(.down)) + 1
        return String(format: "%.\(max(0, digits - max(whole, 1)))f", value)
    }

    static func fixed(_ value: Double, _ decimals: Int) -> String {
        value.isFinite ? String(format: "%.\(decimals)f", value) : "–"
    }

    static func percent(_ part: Double, of whole: Double, decimals: Int = 1) -> String {
        whole > 0 ? fixed(part / whole * 100, decimals) + " %" : "–"
    }

    /// Bitcoin with eight decimals and grouped whole part.
    static func bitcoin(_ satoshi: Int64) -> String {
        let magnitude = satoshi.magnitude
        let fraction = String(magnitude % 100_000_000)
        let zeros = String(repeating: "0", count: 8 - fraction.count)
        return "\(satoshi < 0 ? "-" : "")\(Characters.grouped(magnitude / 100_000_000)).\(zeros)\(fraction)"
    }

    /// Satoshi per virtual byte.
    static func feeRate(_ fee: Int64, virtualSize: Int) -> String {
        guard virtualSize > 0 else { return "–" }
        return feeRate(Double(fee) / Double(virtualSize))
    }

    static func feeRate(_ rate: Double) -> String { fixed(rate, rate < 100 ? 2 : 0) }

    static func bytes(_ count: Int) -> String {
        if count < 1_000 { return "\(count) B" }
        return scaled(Double(count), unit: "B")
    }

    /// "48 s", "3 min", "2 h 5 min", "12 d"; negative spans (clocks differ) are told as "in …".
    static func span(_ seconds: Double) -> String {
        let total = Int64(abs(seconds).rounded())
        if total < 100 { return "\(total) s" }
        if total < 5_400 { return "\((total + 30) / 60) min" }
        if total < 86_400 * 2 { return "\(total / 3_600) h \(total % 3_600 / 60) min" }
        if total < 86_400 * 730 { return "\(total / 86_400) d" }
        return "\(total / (86_400 * 365)) y"
    }

    static func age(of unix: Int64, now: Int64) -> String {
        let seconds = now - unix
        if seconds < -90 { return "in \(span(Double(seconds)))" }
        return seconds < 2 ? "just now" : "\(span(Double(seconds))) ago"
    }

    /// `2026-11-22 19:30:05`, UTC.
    static func utc(_ unix: Int64) -> String {
        var days = unix / 86_400
        var rest = unix % 86_400
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        let (year, month, day) = civil(days)
        return String(
            format: "%04lld-%02lld-%02lld %02lld:%02lld:%02lld", year, month, day, rest / 3_600,
            rest % 3_600 / 60,
            rest % 60)
    }

    /// Days since 1970-01-01 to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible
    /// low-level date algorithms").
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
        let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func superscript(_ value: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        let text = String(value.magnitude).compactMap { $0.wholeNumberValue.map { digits[$0] } }
        return (value < 0 ? "⁻" : "") + String(text)
    }
}
