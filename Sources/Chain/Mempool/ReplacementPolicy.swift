import Bitcoin

/// A transaction that is being judged, with all that was found out about it.
struct MempoolCandidate: Sendable {
    let pooled: PooledTransaction
    var modifiedFee: Int64
    /// What its inputs spend, in their order.
    var coins: [Coin]
    /// Slots of waiting transactions that spend what it spends, ascending; a sibling to be evicted too.
    var conflicts: [Int] = []
    var evictsSibling = false
    /// Slots of waiting transactions it spends from, ascending.
    var parents: [Int] = []

    var transaction: Transaction { pooled.transaction }
    var virtualSize: Int { pooled.virtualSize }
    /// Modified fee over adjusted weight.
    var rate: FeeFraction { FeeFraction(fee: modifiedFee, size: Int64(pooled.adjustedWeight)) }
    /// Modified fee over virtual bytes, as policy counts rates.
    var virtualRate: FeeFraction { FeeFraction(fee: modifiedFee, size: Int64(virtualSize)) }
}

/// What clusters would be if some transactions left and others came.
struct StagedClusters {
    /// False if a cluster would have too many transactions or too much weight.
    var isWithinLimits = true
    /// Chunks of the touched clusters before and after, best first.
    var before: [FeeFraction] = []
    var after: [FeeFraction] = []

    /// Whether the pool gains at every size of block, and somewhere strictly (Core's CompareChunks).
    var improvesDiagram: Bool {
        var (old, new) = (Diagram(before), Diagram(after))
        var isBetterSomewhere = false
        while !old.isAtEnd || !new.isAtEnd {
            let order = new.advance(with: &old)
            if order < 0 { return false }
            if order > 0 { isBetterSomewhere = true }
        }
        return isBetterSomewhere
    }

    /// A walk along cumulative size and fee.
    private struct Diagram {
        let chunks: [FeeFraction]
        var next = 0
        /// The corner reached last.
        var corner = FeeFraction.zero

        init(_ chunks: [FeeFraction]) { self.chunks = chunks }

        var isAtEnd: Bool { next == chunks.count }

        /// Moves the diagram whose next corner comes first there (both, if there are two at one size), and
        /// compares the fees at that size: negative if this one's is lower.
        mutating func advance(with other: inout Diagram) -> Int {
            let mine = isAtEnd ? nil : corner + chunks[next]
            let theirs = other.isAtEnd ? nil : other.corner + other.chunks[other.next]
            switch (mine, theirs) {
            case (let mine?, let theirs?) where mine.size == theirs.size:
                step()
                other.step()
                return mine.fee < theirs.fee ? -1 : mine.fee > theirs.fee ? 1 : 0
            case (let mine?, let theirs) where theirs.map({ mine.size < $0.size }) ?? true:
                step()
                return other.compare(with: mine)
            case (_, let theirs?):
                other.step()
                return -compare(with: theirs)
            default: return 0
            }
        }

        private mutating func step() {
            corner += chunks[next]
            next += 1
        }

        /// A point beyond the last corner against the line from there: positive if the point is above.
        private func compare(with point: FeeFraction) -> Int {
            let rest = point - corner
            guard !isAtEnd else { return rest.fee < 0 ? -1 : rest.fee > 0 ? 1 : 0 }
            return rest.compareRate(chunks[next])
        }
    }
}

extension Mempool {
    /// The clusters touched if `leaving` (with all their descendants) left and `coming` came, parents first.
    func staged(leaving: Set<Int>, coming: [MempoolCandidate], needsDiagram: Bool) -> StagedClusters {
        var staged = StagedClusters()
        var touched = Set<Int>()
        for slot in leaving { touched.insert(entry(slot).cluster) }
        for candidate in coming {
            for parent in candidate.parents { touched.insert(entry(parent).cluster) }
        }
        // Nodes: what stays of the touched clusters, then what comes.
        var rates: [FeeFraction] = []
        var ties: [UInt64] = []
        var place: [Hash256: Int] = [:]
        var staying: [MempoolEntry] = []
        for number in touched.sorted() {
            let cluster = cluster(number)
            if needsDiagram { staged.before += cluster.chunks.map(\.rate) }
            for slot in cluster.order where !leaving.contains(slot) {
                let entry = entry(slot)
                place[entry.txid] = rates.count
                rates.append(entry.rate)
                ties.append(entry.txid.head)
                staying.append(entry)
            }
        }
        for candidate in coming {
            place[candidate.pooled.txid] = rates.count
            rates.append(candidate.rate)
            ties.append(candidate.pooled.txid.head)
        }
        var links = [[Int]](repeating: [], count: rates.count)
        var parents = links
        let transactions = staying.map(\.pooled) + coming.map(\.pooled)
        for (child, pooled) in transactions.enumerated() {
            for input in pooled.transaction.inputs {
                guard let parent = place[input.previousOutput.txid], !parents[child].contains(parent) else {
                    continue
                }
                parents[child].append(parent)
                links[child].append(parent)
                links[parent].append(child)
            }
        }
        var seen = [Bool](repeating: false, count: rates.count)
        for start in rates.indices where !seen[start] {
            seen[start] = true
            var members = [start]
            var at = 0
            while at < members.count {
                for next in links[members[at]] where !seen[next] {
                    seen[next] = true
                    members.append(next)
                }
                at += 1
            }
            let size = members.reduce(Int64(0)) { $0 + rates[$1].size }
            guard members.count <= options.clusterCountMax, size <= Int64(options.clusterSizeMax) * 4 else {
                staged.isWithinLimits = false
                return staged
            }
            guard needsDiagram else { continue }
            members.sort { ties[$0] < ties[$1] }
            var graph = ClusterGraph()
            for member in members {
                var mask: UInt64 = 0
                for parent in parents[member] {
                    if let bit = members.firstIndex(of: parent) { mask |= 1 << UInt64(bit) }
                }
                graph.append(rates[member], parents: mask, tie: ties[member])
            }
            staged.after += Linearizer.linearize(graph).chunks.map(\.rate)
        }
        staged.before.sort { $0.isHigherRate(than: $1) }
        staged.after.sort { $0.isHigherRate(than: $1) }
        return staged
    }

    /// Everything that would leave with these; nil and the reason if too much hangs on it.
    func evicted(by candidate: MempoolCandidate, conflicts: [Int]) throws(Rejection) -> Set<Int> {
        let clusters = Set(conflicts.map { entry($0).cluster })
        if clusters.count > ChainLimits.replacementClusters {
            throw .policy(
                "too many potential replacements"
                    + (candidate.evictsSibling ? " (including sibling eviction)" : ""),
                detail: "rejecting replacement \(candidate.pooled.txid.displayHex); too many conflicting "
                    + "clusters (\(clusters.count) > \(ChainLimits.replacementClusters))")
        }
        var evicted = Set<Int>()
        for slot in conflicts where !evicted.contains(slot) { evicted.formUnion(descendants(of: slot)) }
        return evicted
    }

    /// Core's PaysForRBF: nil, or what is wrong.
    func underpayment(of txid: Hash256, fee: Int64, virtualSize: Int, replacing evictedFees: Int64) -> String?
    {
        if fee < evictedFees {
            return "rejecting replacement \(txid.displayHex), less fees than conflicting txs; "
                + "\(TransactionChecks.bitcoin(fee)) < \(TransactionChecks.bitcoin(evictedFees))"
        }
        let relay = Policy.fee(rate: options.incrementalFeeRate, virtualSize: virtualSize)
        if fee - evictedFees < relay {
            return "rejecting replacement \(txid.displayHex), not enough additional fees to relay; "
                + "\(TransactionChecks.bitcoin(fee - evictedFees)) < \(TransactionChecks.bitcoin(relay))"
        }
        return nil
    }

    /// Core's ReplacementChecks for one transaction: what leaves for it.
    func replacement(by candidate: MempoolCandidate) throws(Rejection) -> Set<Int> {
        let evicted = try evicted(by: candidate, conflicts: candidate.conflicts)
        let fees = evicted.reduce(Int64(0)) { $0 + entry($1).modifiedFee }
        if let fault = underpayment(
            of: candidate.pooled.txid, fee: candidate.modifiedFee, virtualSize: candidate.virtualSize,
            replacing: fees)
        {
            let reason = "insufficient fee" + (candidate.evictsSibling ? " (including sibling eviction)" : "")
            throw Rejection(.reconsiderable, reason, detail: fault)
        }
        let staged = staged(leaving: evicted, coming: [candidate], needsDiagram: true)
        guard staged.isWithinLimits else { throw .policy("too-large-cluster") }
        guard staged.improvesDiagram else {
            throw Rejection(
                .reconsiderable, "replacement-failed",
                detail: "insufficient feerate: does not improve feerate diagram")
        }
        return evicted
    }
}
