import Bitcoin

/// What fee rate was needed lately for a confirmation within so many blocks: Core's estimator without its file.
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
    private var horizons = [
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
        var ages: [(age: Int, bucket: Int)] = []
        for txid in waiting {
            if let found = watched[txid] { ages.append((bestHeight - found.height, found.bucket)) }
        }
        let half = combined(target / 2, 0.6, checksShorter: true, ages)
        let full = combined(target, 0.85, checksShorter: true, ages)
        let double = combined(2 * target, 0.95, checksShorter: !isConservative, ages)
        var best = max(half, full, double)
        if isConservative || best < 0 { best = max(best, conservative(2 * target, ages)) }
        return (best < 0 ? nil : Int64(best.rounded()), target)
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
    private struct Horizon: Sendable {
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
            var late = [Double](repeating: 0, count: total.count)
            for (age, bucket) in ages where age >= target { late[bucket] += 1 }
            let period = (target + scale - 1) / scale - 1
            var (near, best) = (total.count - 1, nil as ClosedRange<Int>?)
            var (sum, good, all, bad) = (0.0, 0.0, 0.0, 0.0)
            var startsRange = true
            for bucket in total.indices.reversed() {
                if startsRange { near = bucket }
                startsRange = false
                good += confirmed[period][bucket]
                sum += total[bucket]
                all += total[bucket]
                bad += failed[period][bucket] + late[bucket]
                guard sum >= sufficient / (1 - decay) else { continue }
                sum = 0
                guard good / (all + bad) >= threshold else { continue }
                best = bucket...near
                (good, all, bad) = (0, 0, 0)
                startsRange = true
            }
            guard let best else { return -1 }
            var half = best.reduce(0) { $0 + total[$1] } / 2
            for bucket in best where total[bucket] > 0 {
                if total[bucket] >= half { return rateSum[bucket] / total[bucket] }
                half -= total[bucket]
            }
            return -1
        }
    }
}
