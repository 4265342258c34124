/// Numbers as a person reads them, always with their unit.
enum Figures {
    /// `1.07 TH/s`
    static func hashRate(_ hashesPerSecond: Double) -> String {
        let units = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s"]
        return scaled(hashesPerSecond, units: units)
    }

    /// `12.3 k`, three significant digits; small numbers keep them too.
    static func difficulty(_ value: Double) -> String {
        guard value > 0 else { return "0" }
        if value < 0.001 { return exponent(value) }
        return scaled(value, units: ["", "k", "M", "G", "T", "P"]).trimmed
    }

    /// `01:02:03`, with days in front when there are any.
    static func duration(_ seconds: Double) -> String {
        let total = Int(max(0, seconds))
        let days = total / 86_400
        let clock = [total / 3_600 % 24, total / 60 % 60, total % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return (days > 0 ? "\(days)d " : "") + clock.joined(separator: ":")
    }

    /// With `digits` decimals.
    static func decimal(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = (abs(value) * scale).rounded()
        guard rounded < 9e18 else { return "\(value)" }
        let whole = UInt64(rounded)
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let power = UInt64(scale)
        let fraction = String(whole % power)
        return "\(sign)\(whole / power)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// `1,234,567`
    static func grouped(_ value: some BinaryInteger) -> String {
        let digits = String(value)
        var result = ""
        for (index, digit) in digits.enumerated() {
            let left = digits.count - index
            if index > 0, left % 3 == 0, digit != "-", result != "-" { result.append(",") }
            result.append(digit)
        }
        return result
    }

    private static func scaled(_ value: Double, units: [String]) -> String {
        var value = value
        var unit = 0
        while value >= 1_000, unit + 1 < units.count {
            value /= 1_000
            unit += 1
        }
        return decimal(value, value >= 100 ? 0 : (value >= 10 ? 1 : 2)) + " " + units[unit]
    }

    private static func exponent(_ value: Double) -> String {
        var mantissa = value
        var exponent = 0
        while mantissa < 1, exponent > -300 {
            mantissa *= 10
            exponent -= 1
        }
        return decimal(mantissa, 2) + "e\(exponent)"
    }
}

extension String {
    fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
