import SansIO

/// A run's seconds in their order, as far as they are known, added over all shards.
///
/// Every percentile, rate and threshold is computed from here, by the coordinator alone.
public struct RunSeries: Sendable, Equatable {
    public let fleetCount: Int
    /// Without gaps from 0: a second that nobody reported is empty.
    public private(set) var seconds: [Second] = []
    /// News by the order of their first mention, whole.
    public private(set) var fanOuts: [FanOut] = []

    public init(fleetCount: Int) { self.fleetCount = fleetCount }

    /// Seconds may come in any order and from any number of shards.
    ///
    /// - Returns: false for one that does not belong to this run: too late, or of other fleets.
    @discardableResult
    public mutating func add(_ second: Second) -> Bool {
        guard second.index < Limits.secondsMax, second.fleets.count == fleetCount else { return false }
        while seconds.count <= second.index {
            seconds.append(Second(index: seconds.count, fleetCount: fleetCount))
        }
        var bare = second
        bare.fanOuts = []
        seconds[second.index].add(bare)
        for fanOut in second.fanOuts {
            if let place = fanOuts.lastIndex(where: { $0.news == fanOut.news && $0.key == fanOut.key }) {
                fanOuts[place].add(fanOut)
            } else if fanOuts.count < Limits.fanOutsMax {
                fanOuts.append(fanOut)
            }
        }
        return true
    }

    /// Seconds of a window added up: counts and latencies of all, levels of the last one.
    public func sum(_ window: Range<Int>, fleet: Int? = nil) -> FleetSecond {
        var sum = FleetSecond()
        for index in window.clamped(to: 0..<seconds.count) {
            sum.follow(with: fleet.map { seconds[index].fleets[$0] } ?? seconds[index].total)
        }
        return sum
    }

    /// A level over a window, by second.
    public func levels(_ level: Level, _ window: Range<Int>, fleet: Int? = nil) -> [Double] {
        window.clamped(to: 0..<seconds.count).map { index in
            fleet.map { seconds[index].fleets[$0][level] } ?? seconds[index].total[level]
        }
    }

    /// News whose first receiver had it within the window.
    public func fanOuts(_ news: FanOut.News, _ window: Range<Int>) -> [FanOut] {
        fanOuts.filter { fanOut in
            guard fanOut.news == news, let first = fanOut.first else { return false }
            return window.contains(Int(first.nanoseconds / 1_000_000_000))
        }
    }

    /// Hashes a second that accepted shares prove over a window.
    public func hashrateEstimated(_ window: Range<Int>, fleet: Int? = nil) -> Double {
        let window = window.clamped(to: 0..<seconds.count)
        guard !window.isEmpty else { return 0 }
        return Double(sum(window, fleet: fleet)[.workAccepted]) / Double(window.count)
    }

    /// Why seconds of a window should not be trusted, with how many there are; empty when all may.
    public func doubts(_ window: Range<Int>) -> [(reason: String, seconds: Int)] {
        var doubts: [(reason: String, seconds: Int)] = []
        for index in window.clamped(to: 0..<seconds.count) {
            guard let doubt = seconds[index].health?.doubt else { continue }
            let kind = doubt.prefix { !$0.isNumber }.trimmingSuffix()
            if let place = doubts.firstIndex(where: { $0.reason == kind }) {
                doubts[place].seconds += 1
            } else {
                doubts.append((kind, 1))
            }
        }
        return doubts
    }
}

extension Substring {
    fileprivate func trimmingSuffix() -> String {
        var text = String(self)
        while text.last == " " { text.removeLast() }
        return text
    }
}
