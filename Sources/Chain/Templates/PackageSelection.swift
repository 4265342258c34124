import Bitcoin

/// Chooses transactions by the fee rate of each with all its unconfirmed ancestors, best first, as Core did
/// before clusters: optimal for single transactions and for one child paying for its parents.
enum PackageSelection {
    private struct Candidate {
        var fee: Int64
        var weight: Int
        var sigOps: Int
        var sequence: UInt64
        var slot: Int
        var version: Int

        func isBetter(than other: Candidate) -> Bool {
            let a = Double(fee) * Double(other.weight)
            let b = Double(other.fee) * Double(weight)
            return a != b ? a > b : sequence < other.sequence
        }
    }

    private struct Work {
        var totals: [Int: Candidate] = [:]
        var included = Set<Int>()
        var heap: [Candidate] = []
    }

    /// Slots in block order. Packages must stay strictly below both limits, as in Core.
    static func choose(from mempool: Mempool, weight weightLimit: Int, sigOpsCost sigOpsLimit: Int) -> [Int] {
        guard !mempool.isEmpty, weightLimit > 0 else { return [] }
        var work = Work()
        for slot in mempool.slots.indices where mempool.slots[slot] != nil {
            var candidate = Candidate(
                fee: 0, weight: 0, sigOps: 0, sequence: mempool.entry(slot).sequence, slot: slot, version: 0)
            for ancestor in mempool.ancestors(of: [slot]) {
                let entry = mempool.entry(ancestor)
                candidate.fee += entry.fee
                candidate.weight += entry.weight
                candidate.sigOps += entry.sigOpsCost
            }
            work.totals[slot] = candidate
            push(candidate, &work.heap)
        }
        var chosen: [Int] = []
        var weight = 0
        var sigOps = 0
        var failures = 0
        while let best = pop(&work.heap) {
            guard !work.included.contains(best.slot), work.totals[best.slot]?.version == best.version else {
                continue
            }
            guard weight + best.weight < weightLimit, sigOps + best.sigOps < sigOpsLimit else {
                failures += 1
                if failures > ChainLimits.templateFailures, weight > weightLimit - 4_000 { break }
                continue
            }
            weight += best.weight
            sigOps += best.sigOps
            include(best.slot, of: mempool, into: &chosen, &work)
        }
        return chosen
    }

    private static func include(
        _ slot: Int, of mempool: Mempool, into chosen: inout [Int], _ work: inout Work
    ) {
        let package = topological(
            mempool.ancestors(of: [slot]).filter { !work.included.contains($0) }, mempool)
        for member in package {
            chosen.append(member)
            work.included.insert(member)
        }
        for member in package {
            let entry = mempool.entry(member)
            for descendant in mempool.descendants(of: member) where !work.included.contains(descendant) {
                guard var candidate = work.totals[descendant] else { continue }
                candidate.fee -= entry.fee
                candidate.weight -= entry.weight
                candidate.sigOps -= entry.sigOpsCost
                candidate.version += 1
                work.totals[descendant] = candidate
                push(candidate, &work.heap)
            }
        }
    }

    /// Parents before children; the order of arrival decides the rest.
    private static func topological(_ package: [Int], _ mempool: Mempool) -> [Int] {
        guard package.count > 1 else { return package }
        let depth = package.map {
            (slot: $0, above: mempool.ancestors(of: [$0]).count, sequence: mempool.entry($0).sequence)
        }
        return depth.sorted { ($0.above, $0.sequence) < ($1.above, $1.sequence) }.map(\.slot)
    }

    private static func push(_ candidate: Candidate, _ heap: inout [Candidate]) {
        heap.append(candidate)
        var at = heap.count - 1
        while at > 0, heap[at].isBetter(than: heap[(at - 1) / 2]) {
            heap.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    private static func pop(_ heap: inout [Candidate]) -> Candidate? {
        guard let best = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return best }
        heap[0] = last
        var at = 0
        while true {
            var next = at
            for child in [2 * at + 1, 2 * at + 2]
            where child < heap.count && heap[child].isBetter(than: heap[next]) {
                next = child
            }
            if next == at { return best }
            heap.swapAt(at, next)
            at = next
        }
    }
}
