/// The transactions of one cluster as numbers from 0, for the search of their best order.
struct ClusterGraph {
    /// Modified fee over sigop-adjusted weight.
    var rates: [FeeFraction] = []
    /// Direct parents of each, as bits.
    var parents: [UInt64] = []
    /// Decides between equals, so that equal clusters are ordered equally on every node: the head of the txid.
    var ties: [UInt64] = []

    var count: Int { rates.count }

    mutating func append(_ rate: FeeFraction, parents: UInt64, tie: UInt64) {
        precondition(count < ChainLimits.clusterCount, "a cluster of more than \(ChainLimits.clusterCount)")
        rates.append(rate)
        self.parents.append(parents)
        ties.append(tie)
    }
}

/// Transactions that are mined together, as a range of a linearisation.
struct LinearChunk: Equatable {
    var range: Range<Int>
    var rate: FeeFraction
}

/// Finds the order of a cluster whose feerate diagram nothing beats (spanning-forest linearisation).
///
/// Chunks are trees of *active* dependencies. A chunk whose upper part pays better than its lower part is
/// split there; a chunk that pays no worse than one it depends on is merged with it. When neither is possible
/// the order is optimal. It is a simplex method in disguise, so the number of steps is bounded by a constant
/// and the order is always topological, even in the cases nobody has met where the bound is reached.
struct Linearizer {
    private let graph: ClusterGraph
    private var children: [UInt64]
    /// Of each transaction, the parents to which the dependency is active; and the same from above.
    private var activeParents: [UInt64]
    private var activeChildren: [UInt64]
    private var chunkOf: [Int]
    private var members: [UInt64]
    private var rates: [FeeFraction]

    /// The best order and its chunks, best first.
    static func linearize(_ graph: ClusterGraph) -> (order: [Int], chunks: [LinearChunk]) {
        if graph.count == 1 { return ([0], [LinearChunk(range: 0..<1, rate: graph.rates[0])]) }
        var search = Linearizer(graph)
        search.makeTopological()
        search.optimize()
        search.minimize()
        let order = search.order()
        return (order, chunks(of: order, in: graph))
    }

    /// Groups an order into chunks of falling rates.
    static func chunks(of order: [Int], in graph: ClusterGraph) -> [LinearChunk] {
        var chunks: [LinearChunk] = []
        for (position, member) in order.enumerated() {
            var next = LinearChunk(range: position..<position + 1, rate: graph.rates[member])
            while let last = chunks.last, next.rate.isHigherRate(than: last.rate) {
                next = LinearChunk(
                    range: last.range.lowerBound..<next.range.upperBound, rate: last.rate + next.rate)
                chunks.removeLast()
            }
            chunks.append(next)
        }
        return chunks
    }

    private init(_ graph: ClusterGraph) {
        self.graph = graph
        let count = graph.count
        children = [UInt64](repeating: 0, count: count)
        activeParents = children
        activeChildren = children
        chunkOf = Array(0..<count)
        members = (0..<count).map { 1 << UInt64($0) }
        rates = graph.rates
        for child in 0..<count {
            for parent in bits(of: graph.parents[child]) { children[parent] |= 1 << UInt64(child) }
        }
    }

    // MARK: Merging

    private mutating func makeTopological() {
        for start in 0..<graph.count {
            let chunk = chunkOf[start]
            mergeUp(chunk)
            mergeDown(chunkOf[start])
        }
    }

    /// Merges with the worst chunk it depends on for as long as that one pays no better.
    private mutating func mergeUp(_ start: Int) {
        var chunk = start
        while true {
            var worst: (parent: Int, child: Int)?
            for child in bits(of: members[chunk]) {
                for parent in bits(of: graph.parents[child] & ~members[chunk]) {
                    let rate = rates[chunkOf[parent]]
                    if rate.isHigherRate(than: rates[chunk]) { continue }
                    if let found = worst, !rates[chunkOf[found.parent]].isHigherRate(than: rate) { continue }
                    worst = (parent, child)
                }
            }
            guard let worst else { return }
            chunk = merge(parent: worst.parent, child: worst.child)
        }
    }

    /// Merges with the best chunk that depends on it for as long as that one pays no worse.
    private mutating func mergeDown(_ start: Int) {
        var chunk = start
        while true {
            var best: (parent: Int, child: Int)?
            for parent in bits(of: members[chunk]) {
                for child in bits(of: children[parent] & ~members[chunk]) {
                    let rate = rates[chunkOf[child]]
                    if rates[chunk].isHigherRate(than: rate) { continue }
                    if let found = best, !rate.isHigherRate(than: rates[chunkOf[found.child]]) { continue }
                    best = (parent, child)
                }
            }
            guard let best else { return }
            chunk = merge(parent: best.parent, child: best.child)
        }
    }

    private mutating func merge(parent: Int, child: Int) -> Int {
        let (top, bottom) = (chunkOf[parent], chunkOf[child])
        activeParents[child] |= 1 << UInt64(parent)
        activeChildren[parent] |= 1 << UInt64(child)
        for member in bits(of: members[bottom]) { chunkOf[member] = top }
        members[top] |= members[bottom]
        rates[top] += rates[bottom]
        members[bottom] = 0
        return top
    }

    // MARK: Splitting

    private mutating func optimize() {
        var steps = 0
        var isDone = false
        while !isDone {
            isDone = true
            for child in 0..<graph.count {
                for parent in bits(of: activeParents[child]) {
                    guard steps < ChainLimits.linearizationSteps else { return }
                    steps += 1
                    guard let upper = split(parent: parent, child: child, when: 1) else { continue }
                    isDone = false
                    mergeUp(upper)
                    // The lower part may have become part of the upper one again.
                    mergeDown(chunkOf[child])
                }
            }
        }
    }

    /// Parts of equal rates are chunks of their own, if nothing of the upper part depends on the lower one.
    private mutating func minimize() {
        for child in 0..<graph.count {
            for parent in bits(of: activeParents[child]) { _ = split(parent: parent, child: child, when: 0) }
        }
    }

    /// Deactivates the dependency if it is active and the part above it compares so with the part below.
    /// The upper part's chunk.
    private mutating func split(parent: Int, child: Int, when wanted: Int) -> Int? {
        guard activeParents[child] & (1 << UInt64(parent)) != 0 else { return nil }
        let chunk = chunkOf[parent]
        let upper = reach(from: parent, without: child)
        let lower = members[chunk] & ~upper
        var upperRate = FeeFraction.zero
        for member in bits(of: upper) { upperRate += graph.rates[member] }
        let lowerRate = rates[chunk] - upperRate
        guard upperRate.compareRate(lowerRate) == wanted else { return nil }
        if wanted == 0 {
            for member in bits(of: upper) where graph.parents[member] & lower != 0 { return nil }
        }
        activeParents[child] &= ~(1 << UInt64(parent))
        activeChildren[parent] &= ~(1 << UInt64(child))
        // One part keeps the chunk's id; the other takes one of its own members', which is free: an id in use
        // belongs to the chunk that holds the member of that number, or to nobody.
        let (keeps, moves) = upper & (1 << UInt64(chunk)) != 0 ? (upper, lower) : (lower, upper)
        let other = moves.trailingZeroBitCount
        for member in bits(of: moves) { chunkOf[member] = other }
        members[chunk] = keeps
        members[other] = moves
        rates[chunk] = keeps == upper ? upperRate : lowerRate
        rates[other] = keeps == upper ? lowerRate : upperRate
        return keeps == upper ? chunk : other
    }

    /// Everything that hangs together by active dependencies, the one to `child` cut.
    private func reach(from parent: Int, without child: Int) -> UInt64 {
        var found: UInt64 = 1 << UInt64(parent)
        var queue = found
        while queue != 0 {
            let member = queue.trailingZeroBitCount
            queue &= queue - 1
            var next = activeParents[member] | activeChildren[member]
            if member == parent { next &= ~(1 << UInt64(child)) }
            next &= ~found
            found |= next
            queue |= next
        }
        return found
    }

    // MARK: The order

    private func order() -> [Int] {
        var order: [Int] = []
        order.reserveCapacity(graph.count)
        var done: UInt64 = 0
        var waiting = members.indices.filter { members[$0] != 0 }
        let above = waiting.reduce(into: [UInt64](repeating: 0, count: graph.count)) { above, chunk in
            for member in bits(of: members[chunk]) { above[chunk] |= graph.parents[member] }
            above[chunk] &= ~members[chunk]
        }
        let largest = members.map { set in bits(of: set).reduce(UInt64(0)) { max($0, graph.ties[$1]) } }
        while !waiting.isEmpty {
            var best: Int?
            for (place, chunk) in waiting.enumerated() where above[chunk] & ~done == 0 {
                guard let found = best else {
                    best = place
                    continue
                }
                if comes(rates[chunk], largest[chunk], before: rates[waiting[found]], largest[waiting[found]])
                {
                    best = place
                }
            }
            guard let best else { preconditionFailure("chunks that depend on each other") }
            let chunk = waiting.remove(at: best)
            appendMembers(of: members[chunk], to: &order)
            done |= members[chunk]
        }
        return order
    }

    private func appendMembers(of set: UInt64, to order: inout [Int]) {
        var rest = set
        while rest != 0 {
            var best: Int?
            for member in bits(of: rest) where graph.parents[member] & rest == 0 {
                guard let found = best else {
                    best = member
                    continue
                }
                if comes(
                    graph.rates[member], graph.ties[member], before: graph.rates[found], graph.ties[found])
                {
                    best = member
                }
            }
            guard let best else { preconditionFailure("transactions that spend from each other") }
            order.append(best)
            rest &= ~(1 << UInt64(best))
        }
    }

    private func comes(_ a: FeeFraction, _ aTie: UInt64, before b: FeeFraction, _ bTie: UInt64) -> Bool {
        let rate = a.compareRate(b)
        if rate != 0 { return rate > 0 }
        return a.size != b.size ? a.size < b.size : aTie < bTie
    }
}

/// The places of the set bits, lowest first.
struct BitPlaces: Sequence, IteratorProtocol {
    var rest: UInt64

    @inline(__always)
    mutating func next() -> Int? {
        guard rest != 0 else { return nil }
        let place = rest.trailingZeroBitCount
        rest &= rest - 1
        return place
    }
}

@inline(__always)
func bits(of set: UInt64) -> BitPlaces { BitPlaces(rest: set) }
