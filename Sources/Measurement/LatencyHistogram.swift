import Histogram
import JSONText
import SansIO

/// Lengths of time, counted with a fixed configuration (1 µs to 1 h, three significant digits), so that histograms of
/// any shard, second and fleet may be added. Percentiles of a sum are exact to a thousandth; percentiles are never
/// averaged.
public struct LatencyHistogram: Sendable, Equatable {
    private var counts: Histogram<UInt64>
    /// Of all recorded values, before they were rounded; for exact means.
    public private(set) var sum = Interval.zero
    public private(set) var max = Interval.zero

    /// The longest that is told apart, in microseconds.
    private static let ceiling: UInt64 = 3_600_000_000

    public init() {
        counts = Histogram(
            lowestDiscernibleValue: 1, highestTrackableValue: Self.ceiling,
            numberOfSignificantValueDigits: .three)
    }

    public var count: UInt64 { counts.totalCount }
    public var isEmpty: Bool { count == 0 }
    public var mean: Interval {
        isEmpty ? .zero : .nanoseconds(sum.nanoseconds / count)
    }

    public mutating func record(_ interval: Interval, count: UInt64 = 1) {
        counts.record(Self.microseconds(interval), count: count)
        sum = sum + interval * count
        max = Swift.max(max, interval)
    }

    public mutating func add(_ other: LatencyHistogram) {
        counts.add(other.counts)
        sum = sum + other.sum
        max = Swift.max(max, other.max)
    }

    /// The least recorded length that so many per cent do not exceed; zero when nothing was recorded.
    ///
    /// - Parameter percent: 0 to 100.
    public func percentile(_ percent: Double) -> Interval {
        guard !isEmpty else { return .zero }
        return Swift.min(max, .microseconds(counts.valueAtPercentile(percent)))
    }

    /// Each distinct length that was recorded, rounded, with how often; in increasing order.
    public var buckets: [(length: Interval, count: UInt64)] {
        counts.recordedValues().map { (.microseconds($0.value), $0.count) }
    }

    private static func microseconds(_ interval: Interval) -> UInt64 {
        Swift.min(ceiling, Swift.max(1, interval.nanoseconds / 1_000))
    }
}

extension LatencyHistogram {
    /// `[sum in ns, max in ns, value, count, value, count, …]` with values in microseconds.
    public var json: JSON {
        var numbers: [JSON] = [.int(sum.nanoseconds), .int(max.nanoseconds)]
        for bucket in counts.recordedValues() {
            numbers.append(.int(bucket.value))
            numbers.append(.int(bucket.count))
        }
        return .array(numbers)
    }

    /// Nil for anything but what ``json`` writes.
    public init?(_ json: JSON) {
        guard let numbers = json.arrayValue?.map(\.uint64), numbers.count >= 2, numbers.count % 2 == 0,
            let sum = numbers[0], let max = numbers[1]
        else { return nil }
        self.init()
        for index in stride(from: 2, to: numbers.count, by: 2) {
            guard let value = numbers[index], let count = numbers[index + 1], value <= Self.ceiling else {
                return nil
            }
            counts.record(value, count: count)
        }
        self.sum = .nanoseconds(sum)
        self.max = .nanoseconds(max)
    }
}
