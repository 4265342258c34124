import DeviceModel
import Experiments
import Foundation
import Measurement
import SansIO

/// How figures and times are said in every form of a report.
enum Wording {
    /// `2026-11-23T12:15:30Z`
    static func timestamp(_ unixSeconds: UInt64) -> String {
        let (day, clock) = parts(unixSeconds)
        return "\(day.0)-\(two(day.1))-\(two(day.2))T\(two(clock.0)):\(two(clock.1)):\(two(clock.2))Z"
    }

    /// `20261123-121530`
    static func compactTime(_ unixSeconds: UInt64) -> String {
        let (day, clock) = parts(unixSeconds)
        return "\(day.0)\(two(day.1))\(two(day.2))-\(two(clock.0))\(two(clock.1))\(two(clock.2))"
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    private static func parts(_ unixSeconds: UInt64) -> ((Int, Int, Int), (Int, Int, Int)) {
        var time = time_t(clamping: unixSeconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return (
            (Int(parts.tm_year) + 1_900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)),
            (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
        )
    }

    static func value(_ value: ProfileValue) -> String {
        switch value {
        case .text(let text): text
        case .number(let number): DurationText.digits(number)
        default: value.description
        }
    }

    /// Which of several records: `fleets.0.delay_ms = 50`, `repetition 2`, `target …`.
    static func point(_ record: RunRecord) -> [String] {
        var words: [String] = []
        if let sweep = record.sweep {
            words.append("\(record.experiment.sweep?.key ?? "sweep") = \(value(sweep))")
        }
        if record.experiment.repetitions > 1 { words.append("repetition \(record.repetition + 1)") }
        if let target = record.target { words.append("target \(target)") }
        return words
    }

    /// A reference's figures in words.
    static func reference(
        _ reference: ReferencePlan, _ value: Double?
    ) -> (measured: String, expected: String, band: String) {
        let measure = Measure.scoped(reference.measure)
        func text(_ value: Double) -> String { measure?.text(value) ?? DurationText.digits(value) }
        let band =
            switch (reference.low.isFinite, reference.high.isFinite) {
            case (true, true): "\(text(reference.low)) to \(text(reference.high))"
            case (true, false): "at least \(text(reference.low))"
            case (false, true): "at most \(text(reference.high))"
            case (false, false): "any value"
            }
        return (value.map(text) ?? "not measured", text(reference.expected), band)
    }

    /// `1,234,567`
    static func grouped(_ value: UInt64) -> String {
        let digits = String(value)
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return result
    }

    /// `1.07 TH/s`: four digits and a prefix.
    static func scaled(_ value: Double, _ unit: String) -> String {
        let (factor, prefix) = prefix(for: value)
        return DurationText.digits(value / factor) + " " + prefix + unit
    }

    static func prefix(for value: Double) -> (factor: Double, prefix: String) {
        var factor = 1.0
        for prefix in ["", "k", "M", "G", "T", "P", "E"] {
            if abs(value) < factor * 1_000 || prefix == "E" { return (factor, prefix) }
            factor *= 1_000
        }
        return (1, "")
    }
}

extension LatencyHistogram {
    /// The least recorded length, rounded, that so many per cent do not exceed: ``percentile(_:)`` to a thousandth,
    /// without the dense form that it builds for few values; for plots with a value every second.
    func nearest(_ percent: Double) -> Interval {
        let wanted = Swift.max(1, UInt64((Double(count) * percent / 100).rounded(.up)))
        var seen: UInt64 = 0
        for bucket in buckets {
            seen += bucket.count
            if seen >= wanted { return Swift.min(max, bucket.length) }
        }
        return self.max
    }
}
