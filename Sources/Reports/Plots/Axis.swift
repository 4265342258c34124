import Experiments
import Foundation
import SansIO

/// One direction of a plot: what it is, in which unit, from where to where.
struct Axis {
    /// With its unit: `time since the beginning (min)`.
    var label: String
    var low: Double
    var high: Double
    var isLogarithmic = false
    /// In increasing order, within the bounds.
    var ticks: [(value: Double, text: String)] = []

    /// 0 to 1 for what lies within; outside it is clamped.
    func place(_ value: Double) -> Double {
        guard high > low else { return 0.5 }
        let place =
            isLogarithmic
            ? log(max(value, low) / low) / log(high / low) : (value - low) / (high - low)
        return min(1, max(0, place))
    }

    /// A linear axis over values, with round ends.
    ///
    /// - Parameter divisor: a value is shown divided by this, for units with a prefix.
    static func linear(_ label: String, _ values: [Double], divisor: Double = 1, fromZero: Bool = true)
        -> Axis
    {
        var low = (values.min() ?? 0) / divisor
        var high = (values.max() ?? 1) / divisor
        if fromZero { (low, high) = (min(0, low), max(0, high)) }
        if high - low < 1e-12 * max(1, abs(high)) {
            high += high == 0 ? 1 : abs(high) * 0.1
            if !fromZero { low -= abs(low) * 0.1 }
        }
        let step = niceStep((high - low) / 5)
        low = (low / step + 1e-9).rounded(.down) * step
        high = (high / step - 1e-9).rounded(.up) * step
        var axis = Axis(label: label, low: low * divisor, high: high * divisor)
        let count = Int(((high - low) / step).rounded())
        axis.ticks = (0...max(1, count)).map { index in
            let value = low + Double(index) * step
            // 0.30000000000000004 is 0.3.
            return (value * divisor, number((value / step).rounded() * step))
        }
        return axis
    }

    private static func number(_ value: Double) -> String {
        let text = DurationText.digits(abs(value) < 1e-12 ? 0 : value)
        guard let whole = UInt64(text), whole >= 10_000 else { return text }
        return Wording.grouped(whole)
    }

    private static func niceStep(_ rough: Double) -> Double {
        let power = pow(10, log10(rough).rounded(.down))
        let factor = rough / power
        return (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10) * power
    }

    /// Lengths of time in the unit that suits the longest.
    static func duration(_ label: String, _ seconds: [Double]) -> Axis {
        let longest = seconds.max() ?? 0
        let (unit, divisor) =
            longest < 1e-3
            ? ("µs", 1e-6) : longest < 1 ? ("ms", 1e-3) : longest < 300 ? ("s", 1.0) : ("min", 60)
        return .linear("\(label) (\(unit))", seconds, divisor: divisor)
    }

    /// Lengths of time over decades; the ticks carry their units.
    static func logarithmicDuration(_ label: String, _ seconds: [Double]) -> Axis {
        let positive = seconds.filter { $0 > 0 }
        let least = max(1e-6, positive.min() ?? 1e-3)
        let greatest = max(least * 1.0001, positive.max() ?? 1)
        let marks = (-6...4).flatMap { power in [1.0, 2, 5].map { $0 * pow(10, Double(power)) } }
        var first = marks.lastIndex { $0 <= least * 1.000_001 } ?? 0
        var last = marks.firstIndex { $0 >= greatest * 0.999_999 } ?? marks.count - 1
        // A single bar would fill the plot.
        while marks[last] / marks[first] < 15, first > 0 || last + 1 < marks.count {
            first = max(0, first - 1)
            last = min(marks.count - 1, last + 1)
        }
        let (low, high) = (marks[first], marks[last])
        var axis = Axis(label: label + " (logarithmic)", low: low, high: high, isLogarithmic: true)
        let isWide = high / low > 500
        axis.ticks = marks.enumerated().filter { index, mark in
            mark >= low * 0.999 && mark <= high * 1.001 && (!isWide || index % 3 == 0)
        }.map { ($0.element, DurationText.text(Interval(seconds: $0.element * 1.000_000_1))) }
        return axis
    }

    /// The time of a run, its whole length.
    static func time(seconds: Int) -> Axis {
        let length = Double(max(1, seconds))
        let (unit, divisor) =
            length <= 180
            ? ("s", 1.0) : length <= 10_800 ? ("min", 60) : length <= 345_600 ? ("h", 3_600) : ("d", 86_400)
        var axis = Axis(label: "time since the beginning (\(unit))", low: 0, high: length)
        let steps: [Double] =
            unit == "h"
            ? [0.5, 1, 2, 3, 6, 12, 24] : unit == "d" ? [0.5, 1, 2, 7] : [1, 2, 5, 10, 15, 20, 30, 60]
        let step = steps.first { length / divisor / $0 <= 9 } ?? steps[steps.count - 1]
        axis.ticks = stride(from: 0, through: length / divisor, by: step).map {
            ($0 * divisor, DurationText.digits($0))
        }
        return axis
    }

    /// Names side by side: the places are 0, 1, ….
    static func names(_ label: String, _ names: [String]) -> Axis {
        var axis = Axis(label: label, low: -0.5, high: Double(names.count) - 0.5)
        axis.ticks = names.enumerated().map { (Double($0.offset), $0.element) }
        return axis
    }
}
