import Histogram
import JSONText
import SansIO

/// Lengths of time, counted with a fixed configuration (1 µs to 1 h, three significant digits), so that histograms of
/// any shard, second and fleet may be added. Percentiles of a sum are exact to a thousandth; percentiles are never
/// averaged.
///
/// A second of one fleet has few values and there are many such seconds: few are kept as they are, rounded, and many in
/// an HdrHistogram.
public struct LatencyHistogram: Sendable, Equatable {
    private enum Counts {
        /// In increasing order of values, in microseconds as HdrHistogram rounds them.
        case few([Bucket])
        case many(Histogram<UInt64>)
    }

    private struct Bucket: Equatable {
        var value: UInt64
        var count: UInt64
    }

    private var counts = Counts.few([])
    public private(set) var count: UInt64 = 0
    /// Of all recorded values, before they were rounded; for exact means.
    public private(set) var sum = Interval.zero
    public private(set) var max = Interval.zero

    /// The longest that is told apart, in microseconds.
    private static let ceiling: UInt64 = 3_600_000_000
    private static let empty = Histogram<UInt64>(
        lowestDiscernibleValue: 1, highestTrackableValue: ceiling, numberOfSignificantValueDigits: .three)

    public init() {}

    public var isEmpty: Bool { count == 0 }
    public var mean: Interval { isEmpty ? .zero : .nanoseconds(sum.nanoseconds / count) }

    public mutating func record(_ interval: Interval, count: UInt64 = 1) {
        insert(Swift.min(Self.ceiling, Swift.max(1, interval.nanoseconds / 1_000)), count)
        sum = sum + interval * count
        max = Swift.max(max, interval)
    }

    public mutating func add(_ other: LatencyHistogram) {
        switch (counts, other.counts) {
        case (_, .few(let buckets)): for bucket in buckets { insert(bucket.value, bucket.count) }
        case (.few(let mine), .many(var theirs)):
            for bucket in mine { theirs.record(bucket.value, count: bucket.count) }
            counts = .many(theirs)
            count += other.count
        case (.many(var mine), .many(let theirs)):
            counts = .few([])
            mine.add(theirs)
            counts = .many(mine)
            count += other.count
        }
        sum = sum + other.sum
        max = Swift.max(max, other.max)
    }

    private mutating func insert(_ value: UInt64, _ count: UInt64) {
        self.count += count
        switch counts {
        case .many(var histogram):
            // Without a copy: the case lets go of it first.
            counts = .few([])
            histogram.record(value, count: count)
            counts = .many(histogram)
        case .few(var buckets):
            counts = .few([])
            let rounded = Self.empty.lowestEquivalentForValue(value)
            let place = buckets.firstIndex { $0.value >= rounded } ?? buckets.endIndex
            if place < buckets.endIndex, buckets[place].value == rounded {
                buckets[place].count += count
            } else {
                buckets.insert(Bucket(value: rounded, count: count), at: place)
            }
            counts = buckets.count <= Limits.fewBucketsMax ? .few(buckets) : .many(Self.dense(buckets))
        }
    }

    private static func dense(_ buckets: [Bucket]) -> Histogram<UInt64> {
        var histogram = empty
        for bucket in buckets { histogram.record(bucket.value, count: bucket.count) }
        return histogram
    }

    /// The least recorded length that so many per cent do not exceed; zero when nothing was recorded.
    ///
    /// - Parameter percent: 0 to 100.
    public func percentile(_ percent: Double) -> Interval {
        guard !isEmpty else { return .zero }
        let histogram =
            switch counts {
            case .few(let buckets): Self.dense(buckets)
            case .many(let histogram): histogram
            }
        return Swift.min(max, .microseconds(histogram.valueAtPercentile(percent)))
    }

    /// Each distinct length that was recorded, rounded, with how often; in increasing order.
    public var buckets: [(length: Interval, count: UInt64)] {
        rounded.map { (.microseconds($0.value), $0.count) }
    }

    private var rounded: [Bucket] {
        switch counts {
        case .few(let buckets): buckets
        case .many(let histogram):
            histogram.recordedValues().map {
                Bucket(value: histogram.lowestEquivalentForValue($0.value), count: $0.count)
            }
        }
    }

    public static func == (a: LatencyHistogram, b: LatencyHistogram) -> Bool {
        a.count == b.count && a.sum == b.sum && a.max == b.max && a.rounded == b.rounded
    }
}

extension LatencyHistogram {
    /// `[sum in ns, max in ns, value, count, value, count, …]` with values in microseconds.
    public var json: JSON {
        var numbers: [JSON] = [.int(sum.nanoseconds), .int(max.nanoseconds)]
        for bucket in rounded {
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
            insert(value, count)
        }
        self.sum = .nanoseconds(sum)
        self.max = .nanoseconds(max)
    }
}
