import Bitcoin
import SansIO

/// What fee rate was needed lately for a confirmation within so many blocks, as Core's estimator reckons it.
///
/// Transactions without unconfirmed parents are watched from their arrival at the tip. Rates fall into buckets
/// 5 % apart, and three memories of different length count, for each bucket, how many were confirmed within how
/// many blocks, and how many left unconfirmed. All memories fade with each block.
struct FeeEstimator: Sendable {
    private struct Watched: Sendable {
        var height: Int
        var bucket: Int
    }

    private var watched: [Hash256: Watched] = [:]
    private(set) var horizons = [
        Horizon(decay: 0.962, scale: 1, periods: 12, sufficient: 0.5),
        Horizon(decay: 0.9952, scale: 2, periods: 24, sufficient: 0.1),
        Horizon(decay: 0.99931, scale: 24, periods: 42, sufficient: 0.1),
    ]
    private var bestHeight = 0
    private var firstHeight: Int?

    /// Upper ends of the buckets, satoshi per 1000 virtual bytes.
    static let buckets: [Double] = {
        var ends: [Double] = []
        var end = 100.0
        while end <= 1e7 {
            ends.append(end)
            end *= 1.05
        }
        return ends + [.infinity]
    }()

    static func bucket(_ rate: Double) -> Int { buckets.firstIndex { rate <= $0 } ?? buckets.count - 1 }

    /// Watches a transaction that arrived while `height` was the tip.
    mutating func entered(_ txid: Hash256, rate: Int64, height: Int) {
        guard height == bestHeight || firstHeight == nil, watched.count < ChainLimits.watchedFees else {
            return
        }
        watched[txid] = Watched(height: height, bucket: Self.bucket(Double(rate)))
    }

    /// It left without a block.
    mutating func left(_ txid: Hash256) {
        guard let gone = watched.removeValue(forKey: txid) else { return }
        for place in horizons.indices {
            horizons[place].recordFailure(after: bestHeight - gone.height, bucket: gone.bucket)
        }
    }

    mutating func blockConnected(height: Int, _ confirmed: [(txid: Hash256, rate: Int64)]) {
        // Blocks of a reorganisation come at heights that were counted.
        guard height > bestHeight else { return confirmed.forEach { watched[$0.txid] = nil } }
        bestHeight = height
        for place in horizons.indices { horizons[place].fade() }
        for (txid, rate) in confirmed {
            guard let found = watched.removeValue(forKey: txid), height > found.height else { continue }
            if firstHeight == nil { firstHeight = height }
            for place in horizons.indices {
                horizons[place].record(
                    blocks: height - found.height, rate: Double(rate), bucket: found.bucket)
            }
        }
    }

    /// Satoshi per 1000 virtual bytes for `target` blocks (nil without enough data) and the target that it is
    /// for: not more than half the blocks seen. `waiting` gives the ids of the pool.
    func estimate(
        target: Int, isConservative: Bool, waiting: some Sequence<Hash256>
    ) -> (rate: Int64?, target: Int) {
        let usable = min(1_008, firstHeight.map { bestHeight - $0 } ?? 0) / 2
        let target = min(max(target, 2), usable)
        guard target > 1 else { return (nil, target) }
        let ages = ages(of: waiting)
        let half = combined(target / 2, 0.6, checksShorter: true, ages)
        let full = combined(target, 0.85, checksShorter: true, ages)
        let double = combined(2 * target, 0.95, checksShorter: !isConservative, ages)
        var best = max(half, full, double)
        if isConservative || best < 0 { best = max(best, conservative(2 * target, ages)) }
        return (best < 0 ? nil : Int64(best.rounded()), target)
    }

    /// What one memory alone says (Core's estimateRawFee).
    func raw(
        target: Int, threshold: Double, horizon: Horizon, waiting: some Sequence<Hash256>
    ) -> Judgement {
        horizon.judge(target, threshold, ages(of: waiting))
    }

    private func ages(of waiting: some Sequence<Hash256>) -> [(age: Int, bucket: Int)] {
        waiting.compactMap { txid in watched[txid].map { (bestHeight - $0.height, $0.bucket) } }
    }

    // MARK: Over a restart

    private static let fileVersion: UInt32 = 1

    /// The memories, for the file that keeps them; transactions that wait are not in it.
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(u32: Self.fileVersion)
        writer.write(u32: UInt32(Self.buckets.count))
        writer.write(u32: UInt32(clamping: bestHeight))
        writer.write(u32: firstHeight.map { UInt32(clamping: $0) } ?? .max)
        for horizon in horizons { horizon.encode(into: &writer) }
        return writer.bytes
    }

    /// Takes an earlier life's memories; false, and nothing changes, when they are none.
    mutating func restore(_ bytes: [UInt8]) -> Bool {
        var reader = ByteReader(bytes.span.bytes)
        var fresh = FeeEstimator()
        do throws(ByteReaderError) {
            guard try reader.u32() == Self.fileVersion, try reader.u32() == UInt32(Self.buckets.count) else {
                return false
            }
            fresh.bestHeight = Int(try reader.u32())
            let first = try reader.u32()
            if first != .max { fresh.firstHeight = Int(first) }
            for place in fresh.horizons.indices { try fresh.horizons[place].decode(from: &reader) }
            try reader.end()
        } catch {
            return false
        }
        guard fresh.firstHeight ?? 0 <= fresh.bestHeight else { return false }
        fresh.watched = watched
        self = fresh
        return true
    }

    /// How a range of buckets was judged for one target.
    struct Judgement: Sendable {
        struct Range: Sendable {
            var buckets = 0...0
            /// Confirmed within the target, confirmed at all, waiting for longer, and gone without a block.
            var (within, total, waiting, left) = (0.0, 0.0, 0.0, 0.0)
            var share: Double { within / (total + left + waiting) }
            /// Satoshi per 1000 virtual bytes.
            var start: Double { buckets.lowerBound == 0 ? 0 : FeeEstimator.buckets[buckets.lowerBound - 1] }
            var end: Double { FeeEstimator.buckets[buckets.upperBound] }
        }

        /// Satoshi per 1000 virtual bytes; -1 without an answer.
        var rate = -1.0
        var pass: Range?
        var fail: Range?
    }

    private func combined(
        _ target: Int, _ threshold: Double, checksShorter: Bool, _ ages: [(age: Int, bucket: Int)]
    ) -> Double {
        guard target >= 1, let place = horizons.firstIndex(where: { target <= $0.blocksMax }) else {
            return -1
        }
        var estimate = horizons[place].median(target, threshold, ages)
        guard checksShorter else { return estimate }
        for shorter in horizons[..<place].reversed() {
            let other = shorter.median(shorter.blocksMax, threshold, ages)
            if other > 0, estimate < 0 || other < estimate { estimate = other }
        }
        return estimate
    }

    private func conservative(_ target: Int, _ ages: [(age: Int, bucket: Int)]) -> Double {
        var estimate = -1.0
        if target <= horizons[0].blocksMax { estimate = horizons[1].median(target, 0.95, ages) }
        if target <= horizons[1].blocksMax {
            estimate = max(estimate, horizons[2].median(target, 0.95, ages))
        }
        return estimate
    }

    /// One memory: fading counts by bucket, and by the number of periods within which.
    struct Horizon: Sendable {
        let decay: Double
        let scale: Int
        let periods: Int
        /// Transactions per block that a range of buckets needs on average to count.
        let sufficient: Double
        private var confirmed: [[Double]]
        private var failed: [[Double]]
        private var total: [Double]
        private var rateSum: [Double]
        private var isEmpty = true

        init(decay: Double, scale: Int, periods: Int, sufficient: Double) {
            self.decay = decay
            self.scale = scale
            self.periods = periods
            self.sufficient = sufficient
            let row = [Double](repeating: 0, count: FeeEstimator.buckets.count)
            confirmed = Array(repeating: row, count: periods)
            failed = confirmed
            total = row
            rateSum = row
        }

        var blocksMax: Int { periods * scale }

        mutating func fade() {
            guard !isEmpty else { return }
            for bucket in total.indices {
                for period in 0..<periods {
                    confirmed[period][bucket] *= decay
                    failed[period][bucket] *= decay
                }
                total[bucket] *= decay
                rateSum[bucket] *= decay
            }
        }

        mutating func record(blocks: Int, rate: Double, bucket: Int) {
            isEmpty = false
            let first = (blocks + scale - 1) / scale
            if first <= periods { for period in first...periods { confirmed[period - 1][bucket] += 1 } }
            total[bucket] += 1
            rateSum[bucket] += rate
        }

        mutating func recordFailure(after blocks: Int, bucket: Int) {
            guard blocks >= scale else { return }
            isEmpty = false
            for period in 0..<min(blocks / scale, periods) { failed[period][bucket] += 1 }
        }

        /// The mean rate of the bucket that holds the median of the lowest buckets that still were confirmed
        /// within `target` blocks often enough; -1 without enough of them.
        func median(_ target: Int, _ threshold: Double, _ ages: [(age: Int, bucket: Int)]) -> Double {
            judge(target, threshold, ages).rate
        }

        func judge(_ target: Int, _ threshold: Double, _ ages: [(age: Int, bucket: Int)]) -> Judgement {
            var late = [Double](repeating: 0, count: total.count)
            for (age, bucket) in ages where age >= target { late[bucket] += 1 }
            let period = (target + scale - 1) / scale - 1
            var best: ClosedRange<Int>?
            var judgement = Judgement()
            var counted = Judgement.Range()
            var near = total.count - 1
            var sum = 0.0
            var (startsRange, passes) = (true, true)
            for bucket in total.indices.reversed() {
                if startsRange { near = bucket }
                startsRange = false
                counted.buckets = bucket...near
                counted.within += confirmed[period][bucket]
                sum += total[bucket]
                counted.total += total[bucket]
                counted.left += failed[period][bucket]
                counted.waiting += late[bucket]
                guard sum >= sufficient / (1 - decay) else { continue }
                sum = 0
                guard counted.share >= threshold else {
                    if passes { judgement.fail = counted }
                    passes = false
                    continue
                }
                best = bucket...near
                judgement.pass = counted
                judgement.fail = nil
                counted = Judgement.Range()
                (startsRange, passes) = (true, true)
            }
            if passes, !startsRange { judgement.fail = counted }
            if let best { judgement.rate = middle(of: best) }
            return judgement
        }

        private func middle(of best: ClosedRange<Int>) -> Double {
            var half = best.reduce(0) { $0 + total[$1] } / 2
            for bucket in best where total[bucket] > 0 {
                if total[bucket] >= half { return rateSum[bucket] / total[bucket] }
                half -= total[bucket]
            }
            return -1
        }

        func encode(into writer: inout ByteWriter) {
            for row in confirmed + failed + [total, rateSum] {
                for value in row { writer.write(u64: value.bitPattern) }
            }
        }

        mutating func decode(from reader: inout ByteReader) throws(ByteReaderError) {
            isEmpty = false
            for period in confirmed.indices { try Self.decode(&confirmed[period], &reader) }
            for period in failed.indices { try Self.decode(&failed[period], &reader) }
            try Self.decode(&total, &reader)
            try Self.decode(&rateSum, &reader)
        }

        private static func decode(_ row: inout [Double], _ reader: inout ByteReader) throws(ByteReaderError)
        {
            for index in row.indices {
                let value = Double(bitPattern: try reader.u64())
                row[index] = value.isFinite && value >= 0 ? value : 0
            }
        }
    }
}
