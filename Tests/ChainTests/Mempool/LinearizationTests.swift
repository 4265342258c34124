import SansIO
import Testing

@testable import Chain

/// Random clusters against all orders there are.
@Suite struct LinearizationTests {
    static func graph(_ random: inout PRNG, count: Int) -> ClusterGraph {
        var graph = ClusterGraph()
        let density = 1 + random.below(5)
        for place in 0..<count {
            var parents: UInt64 = 0
            for other in 0..<place where random.chance(density, in: 8) { parents |= 1 << UInt64(other) }
            let fee = Int64(random.below(random.chance(1, in: 2) ? 8 : 1_000))
            let size = Int64(1 + random.below(random.chance(1, in: 2) ? 3 : 500))
            graph.append(FeeFraction(fee: fee, size: size), parents: parents, tie: random.next())
        }
        return graph
    }

    /// The best rate among the sets of `rest` that hold their own ancestors in `rest`.
    static func bestRate(_ graph: ClusterGraph, of rest: UInt64) -> FeeFraction {
        var best: FeeFraction?
        var subset = rest
        while subset != 0 {
            var isClosed = true
            var sum = FeeFraction.zero
            for member in bits(of: subset) {
                if graph.parents[member] & rest & ~subset != 0 { isClosed = false }
                sum += graph.rates[member]
            }
            if isClosed, best.map({ sum.isHigherRate(than: $0) }) ?? true { best = sum }
            subset = (subset - 1) & rest
        }
        return best ?? .zero
    }

    @Test("Every chunk pays as well as the best set of transactions that could stand in its place")
    func optimal() {
        var random = PRNG(seed: 11)
        for _ in 0..<1_500 {
            let graph = Self.graph(&random, count: 1 + Int(random.below(9)))
            let (order, chunks) = Linearizer.linearize(graph)
            #expect(order.sorted() == Array(0..<graph.count))
            var rest: UInt64 = (1 << UInt64(graph.count)) - 1
            var done: UInt64 = 0
            for chunk in chunks {
                #expect(chunk.rate.compareRate(Self.bestRate(graph, of: rest)) == 0)
                for place in order[chunk.range] {
                    #expect(graph.parents[place] & ~done == 0)
                    done |= 1 << UInt64(place)
                }
                rest &= ~done
            }
            #expect(rest == 0)
        }
    }

    @Test(
        "Clusters of 64 are ordered parents first, in chunks of falling rates, the same whatever came first")
    func large() {
        var random = PRNG(seed: 12)
        for _ in 0..<200 {
            let graph = Self.graph(&random, count: 64)
            let (order, chunks) = Linearizer.linearize(graph)
            var done: UInt64 = 0
            for place in order {
                #expect(graph.parents[place] & ~done == 0)
                done |= 1 << UInt64(place)
            }
            #expect(done == .max)
            for (a, b) in zip(chunks, chunks.dropFirst()) { #expect(!b.rate.isHigherRate(than: a.rate)) }
        }
    }
}
