public import Bitcoin

/// What makes transactions leave: blocks, reorganisations, age, and a full pool.
extension Mempool {
    /// Takes a connected block's transactions out, and what now conflicts with it.
    mutating func blockConnected(
        _ block: Block, height: Int, time: UInt32
    ) -> (confirmed: Int, conflicted: [Transaction]) {
        rolling.blockConnected(at: time)
        guard !isEmpty || !deltas.isEmpty else {
            estimator.blockConnected(height: height, [])
            return (0, [])
        }
        var confirmed: [Int] = []
        var conflicting: [Int] = []
        for transaction in block.transactions.dropFirst() {
            if !deltas.isEmpty { deltas[transaction.txid] = nil }
            if let slot = slot(of: transaction.txid) {
                confirmed.append(slot)
                continue
            }
            for input in transaction.inputs {
                if let slot = spenderSlot(of: input.previousOutput) { conflicting.append(slot) }
            }
        }
        estimator.blockConnected(
            height: height,
            confirmed.map {
                let entry = entry($0)
                return (entry.txid, FeeFraction(fee: entry.fee, size: Int64(entry.virtualSize)).perThousand)
            })
        remove(confirmed, byBlock: true)
        var conflicted: [Transaction] = []
        for slot in conflicting where slots[slot] != nil {
            for transaction in descendants(of: slot).map({ entry($0).transaction }) {
                deltas[transaction.txid] = nil
            }
            conflicted += removeWithDescendants(slot)
        }
        return (confirmed.count, conflicted)
    }

    /// After a reorganisation: takes the transactions of the left blocks back in (`left` in chain order) and
    /// drops what the new chain does not allow: unspendable inputs, immature coinbases, locks.
    mutating func reorganised(left: [Transaction], chain: Chainstate, time: UInt32) -> [Transaction] {
        var dropped: [Transaction] = []
        for transaction in left where self[transaction.txid] == nil {
            do throws(Rejection) {
                let (candidate, evicted) = try judge(transaction, .returning, chain: chain, time: time)
                let room = makeRoom(for: candidate.pooled)
                dropped += room.dropped
                guard room.fits else { throw .policy("too-large-cluster") }
                for slot in evicted.sorted() where slots[slot] != nil {
                    dropped += removeWithDescendants(slot)
                }
                insert(candidate.pooled, time: time, height: chain.height, fromBlock: true)
            } catch {
                dropped.append(transaction)
                for child in childSlots(of: transaction) where slots[child] != nil {
                    dropped += removeWithDescendants(child)
                }
            }
        }
        for slot in slots.indices {
            guard let entry = slots[slot], !stillStands(entry, chain: chain) else { continue }
            dropped += removeWithDescendants(slot)
        }
        return dropped + limit(at: time)
    }

    private func stillStands(_ entry: MempoolEntry, chain: Chainstate) -> Bool {
        let transaction = entry.transaction
        var heights: [Int] = []
        for input in transaction.inputs {
            if byPool(input.previousOutput) {
                heights.append(chain.height + 1)
            } else if let coin = chain.coins[input.previousOutput] {
                let depth = chain.height + 1 - Int(coin.height)
                if coin.isCoinbase, depth < chain.parameters.coinbaseMaturity { return false }
                heights.append(Int(coin.height))
            } else {
                return false
            }
        }
        let lock = SequenceLock(transaction, coinHeights: heights) {
            chain.medianTime(at: min($0, chain.height))
        }
        return TransactionChecks.isFinal(
            transaction, height: chain.height + 1, time: chain.tip.medianTime)
            && lock.isMet(height: chain.height + 1, previousMedianTime: chain.tip.medianTime)
    }

    private func byPool(_ outPoint: OutPoint) -> Bool { slot(of: outPoint.txid) != nil }

    /// Before a transaction of a disconnected block comes back: what spends from it may hang together with so
    /// much that their cluster would be too large; then the branches that pay worst leave. `fits` is false if
    /// that does not help, because what it spends from is too large already.
    mutating func makeRoom(for pooled: PooledTransaction) -> (dropped: [Transaction], fits: Bool) {
        var dropped: [Transaction] = []
        while true {
            let children = childSlots(of: pooled.transaction)
            let relatives = parentSlots(of: pooled.transaction) + children
            var joined: [Int] = []
            for relative in relatives where !joined.contains(entry(relative).cluster) {
                joined.append(entry(relative).cluster)
            }
            let count = joined.reduce(1) { $0 + cluster($1).order.count }
            let size = joined.reduce(pooled.adjustedWeight) { $0 + cluster($1).adjustedWeight }
            if count <= options.clusterCountMax, size <= options.clusterSizeMax * 4 { return (dropped, true) }
            guard let worst = children.max(by: { chunk(of: $0).comes(before: chunk(of: $1)) }) else {
                return (dropped, false)
            }
            dropped += removeWithDescendants(worst)
        }
    }

    /// Core's LimitMempoolSize: what is too old leaves, then the worst chunks until the pool fits.
    mutating func limit(at time: UInt32) -> [Transaction] {
        var gone = expire(at: time)
        while usage > options.bytesMax, let worst = index.worst {
            let rate = FeeFraction(fee: worst.rate.fee, size: (worst.rate.size + 3) / 4).perThousand
            rolling.evicted(at: rate + options.incrementalFeeRate)
            let leaving = Array(slots(of: worst))
            gone += leaving.map { entry($0).transaction }
            remove(leaving)
        }
        return gone
    }

    private mutating func expire(at time: UInt32) -> [Transaction] {
        guard time > options.expiry else { return [] }
        let oldest = time - options.expiry
        guard oldestTime < oldest else { return [] }
        var gone: [Transaction] = []
        for slot in slots.indices {
            if let entry = slots[slot], entry.time < oldest { gone += removeWithDescendants(slot) }
        }
        oldestTime = .max
        for slot in slots.indices { if let entry = slots[slot] { oldestTime = min(oldestTime, entry.time) } }
        return gone
    }

    /// Core's PrioritiseTransaction: adds to what an operator added before, here or not.
    mutating func prioritise(_ txid: Hash256, by delta: Int64) {
        let (sum, overflow) = (deltas[txid] ?? 0).addingReportingOverflow(delta)
        let total = overflow ? (delta > 0 ? Int64.max / 4 : Int64.min / 4) : sum
        let bounded = min(max(total, -ChainLimits.moneyMax * 2), ChainLimits.moneyMax * 2)
        deltas[txid] = bounded == 0 ? nil : bounded
        if let slot = slot(of: txid) { setDelta(bounded, of: slot) }
    }

    /// Everything an operator gave a delta, by the bytes of the ids.
    var prioritised: [(txid: Hash256, delta: Int64)] {
        deltas.map { (txid: $0.key, delta: $0.value) }.sorted { $0.txid.precedes($1.txid) }
    }
}

extension Hash256 {
    /// Order by the bytes as they are on the wire.
    func precedes(_ other: Hash256) -> Bool {
        head != other.head ? head < other.head : bytes.lexicographicallyPrecedes(other.bytes)
    }
}
