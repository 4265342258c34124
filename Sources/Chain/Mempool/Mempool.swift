public import Bitcoin

/// Transactions that could be in the next block, their relations and their policy.
///
/// Each set of connected transactions is a *cluster*, kept in the best order to mine it and cut into *chunks*
/// of falling rates; an index holds all chunks by rate. A transaction that comes or goes costs the order of
/// its own cluster (64 transactions at most) and its chunks' places in the index, and nothing else.
public struct Mempool: Sendable {
    public let options: MempoolOptions
    var slots: [MempoolEntry?] = []
    private var freeSlots: [Int] = []
    private var byTxid: [Hash256: Int] = [:]
    private var byWtxid: [Hash256: Int] = [:]
    private var spenders: [OutPoint: Int] = [:]
    var clusters: [MempoolCluster?] = []
    private var freeClusters: [Int] = []
    var index = ChunkIndex()
    /// What operators added to fees, also of transactions that are not here.
    var deltas: [Hash256: Int64] = [:]
    /// Transactions of our own that no peer has asked for yet.
    var unbroadcast = Set<Hash256>()
    var rolling = RollingFee()
    var estimator = FeeEstimator()
    /// Nothing here arrived before this.
    var oldestTime = UInt32.max
    /// Core's mempool sequence: grows with every arrival, and every departure but by a block.
    public internal(set) var sequence: UInt64 = 1
    /// Grows with everything that could change a template.
    public private(set) var version: UInt64 = 1
    public private(set) var count = 0
    /// Satoshi, really paid.
    public private(set) var totalFees: Int64 = 0
    public private(set) var totalVirtualSize = 0
    public private(set) var totalBytes = 0
    /// Bytes that count against -maxmempool.
    public private(set) var usage = 0

    public init(_ options: MempoolOptions = MempoolOptions()) {
        var options = options
        options.clusterCountMax = min(max(options.clusterCountMax, 1), ChainLimits.clusterCount)
        self.options = options
    }

    public var isEmpty: Bool { count == 0 }

    public subscript(txid: Hash256) -> MempoolEntry? { byTxid[txid].flatMap { slots[$0] } }

    func entry(_ slot: Int) -> MempoolEntry {
        guard let entry = slots[slot] else { preconditionFailure("empty mempool slot \(slot)") }
        return entry
    }

    func slot(of txid: Hash256) -> Int? { byTxid[txid] }
    func slot(ofWtxid wtxid: Hash256) -> Int? { byWtxid[wtxid] }

    /// Whether this very transaction, witnesses and all, waits here and so had its scripts verified. Its id
    /// fixes the coins that it spends, and the pool's rules contain the blocks'.
    func contains(wtxid: Hash256) -> Bool { byWtxid[wtxid] != nil }

    /// By its id with witnesses; peers ask so (BIP339).
    func transaction(wtxid: Hash256) -> Transaction? { entry(wtxid: wtxid)?.transaction }
    func entry(wtxid: Hash256) -> MempoolEntry? { byWtxid[wtxid].map { entry($0) } }

    /// The waiting transaction that spends this output.
    public func spender(of outPoint: OutPoint) -> Hash256? { spenders[outPoint].map { entry($0).txid } }
    func spenderSlot(of outPoint: OutPoint) -> Int? { spenders[outPoint] }

    /// All entries in mining order: best chunk first, parents before children.
    public var entries: [MempoolEntry] { slotsInMiningOrder.map { entry($0) } }

    var slotsInMiningOrder: [Int] { index.keys.flatMap { slots(of: $0) } }

    func cluster(_ number: Int) -> MempoolCluster {
        guard let cluster = clusters[number] else { preconditionFailure("no cluster \(number)") }
        return cluster
    }

    /// A chunk's transactions in mining order.
    func slots(of key: ChunkKey) -> ArraySlice<Int> {
        let cluster = cluster(Int(key.cluster))
        return cluster.order[cluster.chunks[Int(key.position)].range]
    }

    /// The chunk that holds this transaction.
    func chunk(of slot: Int) -> ChunkKey {
        let cluster = cluster(entry(slot).cluster)
        for (key, chunk) in zip(cluster.keys, cluster.chunks) where cluster.order[chunk.range].contains(slot)
        {
            return key
        }
        preconditionFailure("a transaction outside of its cluster's chunks")
    }

    /// An output that a waiting transaction makes.
    public func output(_ outPoint: OutPoint) -> TransactionOutput? {
        guard let slot = byTxid[outPoint.txid] else { return nil }
        let outputs = entry(slot).transaction.outputs
        return outPoint.index < UInt32(outputs.count) ? outputs[Int(outPoint.index)] : nil
    }

    /// Slots of waiting transactions that this one spends from, ascending.
    func parentSlots(of transaction: Transaction) -> [Int] {
        var parents: [Int] = []
        for input in transaction.inputs {
            guard let slot = byTxid[input.previousOutput.txid], !parents.contains(slot) else { continue }
            parents.append(slot)
        }
        return parents.sorted()
    }

    /// Slots of waiting transactions that spend from this one, ascending: after a reorganisation there can
    /// be some.
    func childSlots(of transaction: Transaction) -> [Int] {
        var children: [Int] = []
        for output in transaction.outputs.indices {
            let outPoint = OutPoint(txid: transaction.txid, index: UInt32(output))
            if let slot = spenders[outPoint], !children.contains(slot) { children.append(slot) }
        }
        return children.sorted()
    }

    /// The slot and everything below it, parents before children.
    func descendants(of slot: Int) -> [Int] { closure(of: [slot]) { $0.children } }

    /// The slots and everything above them.
    func ancestors(of slots: [Int]) -> [Int] { closure(of: slots) { $0.parents } }

    private func closure(of start: [Int], _ next: (MempoolEntry) -> [Int]) -> [Int] {
        var seen = Set(start)
        var list = start
        var at = 0
        while at < list.count {
            for other in next(entry(list[at])) where seen.insert(other).inserted { list.append(other) }
            at += 1
        }
        return list
    }
}

extension Mempool {
    /// Takes a transaction in that passed every check. Its cluster must stay within its limits.
    @discardableResult
    mutating func insert(
        _ pooled: PooledTransaction, time: UInt32, height: Int, fromBlock: Bool = false
    ) -> Int {
        var entry = MempoolEntry(pooled, time: time, height: height, sequence: fromBlock ? 0 : sequence)
        entry.feeDelta = deltas[pooled.txid] ?? 0
        entry.parents = parentSlots(of: pooled.transaction)
        entry.children = fromBlock ? childSlots(of: pooled.transaction) : []
        let relatives = entry.parents + entry.children
        let slot = freeSlots.popLast() ?? slots.count
        for input in pooled.transaction.inputs { spenders[input.previousOutput] = slot }
        if slot == slots.count { slots.append(entry) } else { slots[slot] = entry }
        for parent in entry.parents { slots[parent]?.children.append(slot) }
        for child in entry.children {
            slots[child]?.parents.append(slot)
            slots[child]?.parents.sort()
        }
        byTxid[pooled.txid] = slot
        byWtxid[pooled.wtxid] = slot
        oldestTime = min(oldestTime, time)
        account(entry, sign: 1)
        sequence += 1
        var members = [slot]
        var joined: [Int] = []
        for relative in relatives {
            guard let number = slots[relative]?.cluster, !joined.contains(number) else { continue }
            joined.append(number)
            members += dissolve(number).order
        }
        form(members)
        return slot
    }

    /// Takes transactions out; what spends from them stays, so the caller removes it too or knows that a
    /// block holds its parents.
    mutating func remove(_ leaving: [Int], byBlock: Bool = false) {
        var touched: [Int] = []
        for slot in leaving {
            let number = entry(slot).cluster
            // Each cluster is dissolved once, at its first member.
            guard clusters[number] != nil else { continue }
            touched += dissolve(number).order
        }
        for slot in leaving { unlink(slot, byBlock: byBlock) }
        regroup(touched.filter { slots[$0] != nil })
    }

    /// Removes a transaction and all that spend from it.
    @discardableResult
    mutating func removeWithDescendants(_ slot: Int) -> [Transaction] {
        let leaving = descendants(of: slot)
        let transactions = leaving.map { entry($0).transaction }
        remove(leaving)
        return transactions
    }

    /// Changes what an operator adds to a fee.
    mutating func setDelta(_ delta: Int64, of slot: Int) {
        slots[slot]?.feeDelta = delta
        version += 1
        form(dissolve(entry(slot).cluster).order)
    }

    private mutating func unlink(_ slot: Int, byBlock: Bool) {
        let entry = entry(slot)
        for parent in entry.parents { slots[parent]?.children.removeAll { $0 == slot } }
        for child in entry.children { slots[child]?.parents.removeAll { $0 == slot } }
        for input in entry.transaction.inputs { spenders[input.previousOutput] = nil }
        byTxid[entry.txid] = nil
        byWtxid[entry.pooled.wtxid] = nil
        if !unbroadcast.isEmpty { unbroadcast.remove(entry.txid) }
        slots[slot] = nil
        freeSlots.append(slot)
        account(entry, sign: -1)
        if !byBlock {
            sequence += 1
            estimator.left(entry.txid)
        }
    }

    private mutating func account(_ entry: MempoolEntry, sign: Int) {
        version += 1
        count += sign
        totalFees += entry.fee * Int64(sign)
        totalVirtualSize += entry.virtualSize * sign
        totalBytes += entry.transaction.totalSize * sign
        usage += entry.usage * sign
    }

    // MARK: Clusters

    /// Takes a cluster and its chunks away; its transactions stay, in no cluster.
    private mutating func dissolve(_ number: Int) -> MempoolCluster {
        let cluster = cluster(number)
        for key in cluster.keys { index.remove(key) }
        clusters[number] = nil
        freeClusters.append(number)
        return cluster
    }

    /// Sorts transactions without cluster into the clusters they form.
    private mutating func regroup(_ orphans: [Int]) {
        guard orphans.count > 1 else {
            if let only = orphans.first { form([only]) }
            return
        }
        var seen = Set<Int>(minimumCapacity: orphans.count)
        for start in orphans where seen.insert(start).inserted {
            let members = closure(of: [start]) { $0.parents + $0.children }
            for member in members { seen.insert(member) }
            form(members)
        }
    }

    /// Makes one cluster of these transactions, which hang together.
    private mutating func form(_ members: [Int]) {
        let number = freeClusters.popLast() ?? clusters.count
        if number == clusters.count { clusters.append(nil) }
        for member in members { slots[member]?.cluster = number }
        let cluster = Self.cluster(of: members, numbered: number) { entry($0) }
        for key in cluster.keys { index.insert(key) }
        clusters[number] = cluster
    }

    /// A cluster in its best order; depends on the members alone and not on how they came together.
    static func cluster(
        of members: [Int], numbered number: Int, _ entry: (Int) -> MempoolEntry
    ) -> MempoolCluster {
        if members.count == 1 {
            let only = entry(members[0])
            let chunk = LinearChunk(range: 0..<1, rate: only.rate)
            let key = ChunkKey(
                rate: only.rate, prefix: Int32(only.rate.size), cluster: Int32(number), position: 0, count: 1,
                tie: only.txid.head, baseFee: only.fee, weight: Int32(only.weight),
                sigOps: Int32(only.sigOpsCost))
            return MempoolCluster(
                order: members, chunks: [chunk], keys: [key], adjustedWeight: only.pooled.adjustedWeight)
        }
        let sorted = members.map { (slot: $0, entry: entry($0)) }.sorted {
            $0.entry.txid.head < $1.entry.txid.head
        }
        var places: [Int: Int] = [:]
        for (place, member) in sorted.enumerated() { places[member.slot] = place }
        var graph = ClusterGraph()
        for member in sorted {
            var parents: UInt64 = 0
            for parent in member.entry.parents {
                if let place = places[parent] { parents |= 1 << UInt64(place) }
            }
            graph.append(member.entry.rate, parents: parents, tie: member.entry.txid.head)
        }
        let best = Linearizer.linearize(graph)
        var keys: [ChunkKey] = []
        var prefix: Int64 = 0
        for (position, chunk) in best.chunks.enumerated() {
            let isEqual = position > 0 && best.chunks[position - 1].rate.compareRate(chunk.rate) == 0
            prefix = (isEqual ? prefix : 0) + chunk.rate.size
            var key = ChunkKey(
                rate: chunk.rate, prefix: Int32(prefix), cluster: Int32(number), position: Int32(position),
                count: Int32(chunk.range.count), tie: 0, baseFee: 0, weight: 0, sigOps: 0)
            for place in best.order[chunk.range] {
                let member = sorted[place].entry
                key.tie = max(key.tie, graph.ties[place])
                key.baseFee += member.fee
                key.weight += Int32(member.weight)
                key.sigOps += Int32(member.sigOpsCost)
            }
            keys.append(key)
        }
        return MempoolCluster(
            order: best.order.map { sorted[$0].slot }, chunks: best.chunks, keys: keys,
            adjustedWeight: sorted.reduce(0) { $0 + $1.entry.pooled.adjustedWeight })
    }
}

extension Hash256 {
    /// The first eight bytes as a number: orders hashes as comparing their bytes does, but for rare equals.
    var head: UInt64 { withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) } }
}
