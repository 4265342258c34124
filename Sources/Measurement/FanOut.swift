import JSONText
import SansIO

/// When devices received one piece of news (a new tip, a job): counts in bins of absolute run time, so that shards'
/// counts are added before anybody knows who was first.
public struct FanOut: Sendable, Equatable {
    public enum News: String, Sendable, CaseIterable {
        case prevhash
        case job
    }

    /// Width of a bin. Latencies from a fan-out are exact to this.
    public static let bin = Interval.microseconds(100)

    public let news: News
    /// What names the news: the first eight bytes of a block's hash, a job's number.
    public let key: UInt64
    /// Bin since the run's beginning and devices in it, in increasing order of bins.
    public private(set) var bins: [(bin: UInt64, count: UInt64)] = []

    public init(_ news: News, key: UInt64) {
        self.news = news
        self.key = key
    }

    public var devices: UInt64 { bins.reduce(0) { $0 + $1.count } }
    /// Nil before anybody received it.
    public var first: Instant? { bins.first.map { Instant(nanoseconds: $0.bin * Self.bin.nanoseconds) } }

    public mutating func received(at now: Instant, count: UInt64 = 1) {
        add(count, at: now.nanoseconds / Self.bin.nanoseconds)
    }

    public mutating func add(_ other: FanOut) {
        for (bin, count) in other.bins { add(count, at: bin) }
    }

    private mutating func add(_ count: UInt64, at bin: UInt64) {
        if let last = bins.last, last.bin == bin {
            bins[bins.count - 1].count += count
        } else if bins.last.map({ $0.bin < bin }) ?? true {
            bins.append((bin, count))
        } else {
            let index = bins.firstIndex { $0.bin >= bin } ?? bins.endIndex
            if bins[index].bin == bin {
                bins[index].count += count
            } else {
                bins.insert((bin, count), at: index)
            }
        }
    }

    /// Each device's delay after the first one's.
    public var delays: LatencyHistogram {
        var histogram = LatencyHistogram()
        guard let first = bins.first?.bin else { return histogram }
        for (bin, count) in bins {
            histogram.record(.nanoseconds((bin - first) * Self.bin.nanoseconds), count: count)
        }
        return histogram
    }

    /// How long after the first device so many per cent of those that received it had it.
    public func delay(percent: Double) -> Interval {
        guard let first = bins.first?.bin else { return .zero }
        let wanted = UInt64((Double(devices) * percent / 100).rounded(.up))
        var seen: UInt64 = 0
        for (bin, count) in bins {
            seen += count
            if seen >= wanted { return .nanoseconds((bin - first) * Self.bin.nanoseconds) }
        }
        return .zero
    }

    /// How long the last device waited for what the first had.
    public var spread: Interval { delay(percent: 100) }

    public static func == (a: FanOut, b: FanOut) -> Bool {
        a.news == b.news && a.key == b.key && a.bins.elementsEqual(b.bins) { $0 == $1 }
    }
}

extension FanOut {
    public var json: JSON {
        .object([
            "news": .string(news.rawValue), "key": .int(key),
            "bins": .array(bins.flatMap { [.int($0.bin), .int($0.count)] }),
        ])
    }

    public init?(_ json: JSON) {
        guard let news = json["news"]?.stringValue.flatMap(News.init), let key = json["key"]?.uint64,
            let numbers = json["bins"]?.arrayValue?.map(\.uint64), numbers.count % 2 == 0
        else { return nil }
        self.init(news, key: key)
        for index in stride(from: 0, to: numbers.count, by: 2) {
            guard let bin = numbers[index], let count = numbers[index + 1] else { return nil }
            add(count, at: bin)
        }
    }
}
