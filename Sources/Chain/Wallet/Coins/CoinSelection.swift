import Bitcoin
import SansIO

/// A coin with what spending it costs.
struct CoinCandidate: Sendable {
    var coin: WalletCoin
    /// Of the signed input.
    var weight: Int
    var fee: Int64
    /// What spending it would cost at the rate of quiet times.
    var longTermFee: Int64

    var effectiveValue: Int64 { coin.output.value - fee }
}

/// Chooses coins for a payment, as Bitcoin Core does: exactly, by branch and bound; by knapsack; or at random;
/// whichever wastes least.
struct CoinSelection {
    /// To be reached by effective values: the payments and the fee of everything but the inputs.
    var target: Int64
    /// A change output and, one day, its spending.
    var costOfChange: Int64
    var changeFee: Int64
    /// Change below this goes to the miner.
    var minChange: Int64
    /// The least change that a selection without an exact match aims for.
    var changeTarget: Int64
    /// Values are whole, because receivers pay the fee.
    var subtractsFee = false
    /// Weight that the inputs may have together.
    var weightLimit: Int

    struct Result {
        var coins: [CoinCandidate]
        var waste: Int64
    }

    private func value(_ candidate: CoinCandidate) -> Int64 {
        subtractsFee ? candidate.coin.output.value : candidate.effectiveValue
    }

    /// Nil if the coins do not suffice.
    func select(_ candidates: [CoinCandidate], random: inout PRNG) -> Result? {
        let positive = candidates.filter { value($0) > 0 }
        var results: [Result] = []
        if let exact = branchAndBound(positive) { results.append(exact) }
        if let knapsack = knapsack(positive, random: &random) { results.append(knapsack) }
        if let draw = singleRandomDraw(positive, random: &random) { results.append(draw) }
        let fitting = results.filter { $0.coins.reduce(0) { $0 + $1.weight } <= weightLimit }
        // The first of the least waste; of equals the one with more inputs, as Core prefers.
        return fitting.min {
            $0.waste != $1.waste ? $0.waste < $1.waste : $0.coins.count > $1.coins.count
        }
    }

    /// Whether the coins at hand could ever suffice but weigh too much.
    func isOverweight(_ candidates: [CoinCandidate]) -> Bool {
        let positive = candidates.filter { value($0) > 0 }.sorted { value($0) > value($1) }
        return positive.reduce(Int64(0)) { $0 + value($1) } >= target
    }

    /// What a selection costs beyond its need: inputs now rather than later, and change or excess.
    func waste(_ coins: [CoinCandidate]) -> Int64 {
        let timing = coins.reduce(Int64(0)) { $0 + $1.fee - $1.longTermFee }
        let excess = coins.reduce(Int64(0)) { $0 + value($1) } - target
        return timing + (excess >= minChange + changeFee ? costOfChange : excess)
    }

    // MARK: Branch and bound

    /// Inputs that meet the target without change (Erhardt's algorithm), nil if there are none or the search
    /// gets too long.
    func branchAndBound(_ pool: [CoinCandidate]) -> Result? {
        let sorted = pool.sorted { value($0) > value($1) }
        var available = sorted.reduce(Int64(0)) { $0 + value($1) }
        guard available >= target else { return nil }
        let isRateHigh = sorted.first.map { $0.fee > $0.longTermFee } ?? false
        var chosen: [Int] = []
        var best: [Int]?
        var bestWaste = Int64.max
        var sum: Int64 = 0
        var waste: Int64 = 0
        var index = 0
        for _ in 0..<ChainLimits.branchAndBoundTries {
            var backtracks = false
            if sum + available < target || sum > target + costOfChange || (waste > bestWaste && isRateHigh) {
                backtracks = true
            } else if sum >= target {
                let total = waste + sum - target
                if total <= bestWaste {
                    best = chosen
                    bestWaste = total
                }
                backtracks = true
            }
            if backtracks {
                guard let last = chosen.popLast() else { break }
                // What was left out since then is available again.
                index -= 1
                while index > last {
                    available += value(sorted[index])
                    index -= 1
                }
                sum -= value(sorted[last])
                waste -= sorted[last].fee - sorted[last].longTermFee
                index = last + 1
            } else {
                guard index < sorted.count else { break }
                let candidate = sorted[index]
                available -= value(candidate)
                // A coin just like one that was left out would repeat that search.
                let repeats =
                    index > 0 && chosen.last != index - 1 && value(candidate) == value(sorted[index - 1])
                    && candidate.fee == sorted[index - 1].fee
                if !repeats {
                    chosen.append(index)
                    sum += value(candidate)
                    waste += candidate.fee - candidate.longTermFee
                }
                index += 1
            }
        }
        guard let best else { return nil }
        let coins = best.map { sorted[$0] }
        return Result(coins: coins, waste: self.waste(coins))
    }

    // MARK: Single random draw

    /// Coins at random until there is enough for the payment and some change; the smallest are dropped while
    /// the weight is too great.
    func singleRandomDraw(_ pool: [CoinCandidate], random: inout PRNG) -> Result? {
        let wanted = target + changeTarget + changeFee
        var shuffled = pool
        random.permute(&shuffled)
        var coins: [CoinCandidate] = []
        var sum: Int64 = 0
        var weight = 0
        for candidate in shuffled {
            coins.append(candidate)
            sum += value(candidate)
            weight += candidate.weight
            while weight > weightLimit,
                let least = coins.indices.min(by: { value(coins[$0]) < value(coins[$1]) })
            {
                sum -= value(coins[least])
                weight -= coins[least].weight
                coins.remove(at: least)
            }
            if sum >= wanted { return Result(coins: coins, waste: waste(coins)) }
        }
        return nil
    }

    // MARK: Knapsack

    /// The old way: an exact match, the smallest larger coin, or the best of many random sums of small coins.
    func knapsack(_ pool: [CoinCandidate], random: inout PRNG) -> Result? {
        var shuffled = pool
        random.permute(&shuffled)
        var smaller: [CoinCandidate] = []
        var lowestLarger: CoinCandidate?
        let aim = target + changeTarget
        for candidate in shuffled {
            let own = value(candidate)
            if own == target { return Result(coins: [candidate], waste: waste([candidate])) }
            if own < aim {
                smaller.append(candidate)
            } else if lowestLarger.map({ own < value($0) }) ?? true {
                lowestLarger = candidate
            }
        }
        let total = smaller.reduce(Int64(0)) { $0 + value($1) }
        if total == target { return Result(coins: smaller, waste: waste(smaller)) }
        let larger = lowestLarger.map { Result(coins: [$0], waste: waste([$0])) }
        guard total >= target else { return larger }
        smaller.sort { value($0) > value($1) }
        var best = approximate(smaller, target, total, &random)
        if sum(best) != target, total >= aim { best = approximate(smaller, aim, total, &random) }
        if let lowestLarger,
            (sum(best) != target && sum(best) < aim) || value(lowestLarger) <= sum(best)
        {
            return larger
        }
        return Result(coins: best, waste: waste(best))
    }

    private func sum(_ coins: [CoinCandidate]) -> Int64 { coins.reduce(0) { $0 + value($1) } }

    private func approximate(
        _ coins: [CoinCandidate], _ goal: Int64, _ total: Int64, _ random: inout PRNG
    ) -> [CoinCandidate] {
        var best = [Bool](repeating: true, count: coins.count)
        var bestSum = total
        for _ in 0..<ChainLimits.knapsackTries where bestSum != goal {
            var included = [Bool](repeating: false, count: coins.count)
            var sum: Int64 = 0
            var isReached = false
            for pass in 0..<2 where !isReached {
                for index in coins.indices where pass == 0 ? random.chance(1, in: 2) : !included[index] {
                    sum += value(coins[index])
                    included[index] = true
                    guard sum >= goal else { continue }
                    isReached = true
                    if sum < bestSum {
                        bestSum = sum
                        best = included
                    }
                    sum -= value(coins[index])
                    included[index] = false
                }
            }
        }
        return coins.indices.filter { best[$0] }.map { coins[$0] }
    }
}
