public import SansIO

/// A worker's hash rate over the last minute, ten minutes, hour and day, in a memory that does not grow.
///
/// Each window is a ring of ``buckets`` equal parts and the part that is being filled. So a window is between its
/// nominal length and 1/``buckets`` longer, and its rate is the work in it over the time that it really covers: a
/// steady miner's rate has no bias, a change is seen whole after at most 13/12 of the window, and what is left is the
/// chance of the shares themselves, about 1/sqrt(shares in the window).
///
/// Work is summed as `Double`: rates are no money.
public struct WorkWindows: Sendable, Equatable {
    public enum Window: Int, CaseIterable, Sendable {
        case minute, tenMinutes, hour, day

        /// Seconds.
        public var length: UInt32 {
            switch self {
            case .minute: 60
            case .tenMinutes: 600
            case .hour: 3_600
            case .day: 86_400
            }
        }

        public var label: String {
            switch self {
            case .minute: "1m"
            case .tenMinutes: "10m"
            case .hour: "1h"
            case .day: "24h"
            }
        }

        var bucketSeconds: UInt32 { length / UInt32(WorkWindows.buckets) }
    }

    /// Full parts of a window.
    public static let buckets = 12
    private static let ring = buckets + 1

    /// Unix seconds of the first share: a young worker's windows cover no more than its life.
    private var since: UInt32
    private var latest: UInt32
    private var sums: [Double]

    public init(since unixTime: UInt32) {
        since = unixTime
        latest = unixTime
        sums = Array(repeating: 0, count: Window.allCases.count * Self.ring)
    }

    /// Counts work. A time before the latest counts at the latest.
    public mutating func add(_ work: UInt128, at unixTime: UInt32) {
        let time = max(unixTime, latest)
        advance(to: time)
        for window in Window.allCases { sums[place(window, time / window.bucketSeconds)] += Double(work) }
    }

    /// Hashes per second at `unixTime`.
    public func hashRate(_ window: Window, at unixTime: UInt32) -> Double {
        var copy = self
        let time = max(unixTime, latest)
        copy.advance(to: time)
        let start = window.rawValue * Self.ring
        let work = copy.sums[start..<start + Self.ring].reduce(0, +)
        let bucket = window.bucketSeconds
        let first =
            time / bucket >= UInt32(Self.buckets) ? (time / bucket - UInt32(Self.buckets)) * bucket : 0
        let covered = time - max(first, since) + 1
        return work / Double(covered)
    }

    private mutating func advance(to time: UInt32) {
        guard time > latest else { return }
        for window in Window.allCases {
            let old = latest / window.bucketSeconds
            let new = time / window.bucketSeconds
            guard new > old else { continue }
            for step in 1...min(new - old, UInt32(Self.ring)) { sums[place(window, new - step + 1)] = 0 }
        }
        latest = time
    }

    private func place(_ window: Window, _ bucket: UInt32) -> Int {
        window.rawValue * Self.ring + Int(bucket % UInt32(Self.ring))
    }

    // MARK: bytes

    public func write(into writer: inout ByteWriter) {
        writer.write(u32: since)
        writer.write(u32: latest)
        for sum in sums { writer.write(u64: sum.bitPattern) }
    }

    public init(from reader: inout ByteReader) throws(ByteReaderError) {
        since = try reader.u32()
        latest = try reader.u32()
        sums = []
        for _ in 0..<Window.allCases.count * Self.ring { sums.append(Double(bitPattern: try reader.u64())) }
    }
}
