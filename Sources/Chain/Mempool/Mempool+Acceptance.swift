public import Bitcoin

/// What acceptance found out about a transaction.
public struct MempoolVerdict: Sendable {
    public var fee: Int64
    public var sigOpsCost: Int
    public var virtualSize: Int
    var conflicts: [Int] = []
}

extension Mempool {
    /// Core's PreChecks and script checks: throws the reason, changes nothing.
    public func examine(_ transaction: Transaction, chain: Chainstate) throws(Rejection) -> MempoolVerdict {
        try TransactionChecks.contextFree(transaction)
        if transaction.isCoinbase { throw .consensus("coinbase") }
        try Policy.standard(transaction)
        guard TransactionChecks.isFinal(transaction, height: chain.height + 1, time: chain.tip.medianTime)
        else {
            throw .policy("non-final")
        }
        if let known = self[transaction.txid] {
            throw .policy(
                known.transaction.wtxid == transaction.wtxid
                    ? "txn-already-in-mempool" : "txn-same-nonwitness-data-in-mempool")
        }
        let coins = try inputs(of: transaction, chain: chain)
        let lock = SequenceLock(transaction, coinHeights: coins.map { Int($0.height) }) {
            chain.medianTime(at: min($0, chain.height))
        }
        guard lock.isMet(height: chain.height + 1, previousMedianTime: chain.tip.medianTime) else {
            throw .policy("non-BIP68-final")
        }
        let fee = try TransactionChecks.fee(
            transaction, spending: coins, height: chain.height + 1,
            maturity: chain.parameters.coinbaseMaturity)
        try Policy.inputs(transaction, spending: coins)
        let outputs = coins.map(\.output)
        let cost = SignatureOperations.cost(transaction, spending: outputs)
        if cost > ChainLimits.standardSigOpsCost {
            throw .policy("bad-txns-too-many-sigops", detail: "\(cost)")
        }
        var verdict = MempoolVerdict(
            fee: fee, sigOpsCost: cost, virtualSize: (max(transaction.weight, cost * 20) + 3) / 4)
        try checkFee(transaction, verdict)
        verdict.conflicts = try conflicts(of: transaction, verdict)
        try checkCluster(transaction, verdict)
        do throws(ScriptFailure) {
            try ScriptFailure.check(transaction, spending: outputs, flags: .standard)
        } catch {
            throw .consensus(
                "mempool-script-verify-flag-failed (\(error.error.rawValue))", detail: error.place)
        }
        return verdict
    }

    /// Examines and takes in; returns the verdict and what it replaced.
    public mutating func accept(
        _ transaction: Transaction, chain: Chainstate, time: UInt32
    ) throws(Rejection) -> (verdict: MempoolVerdict, replaced: [Transaction]) {
        let verdict = try examine(transaction, chain: chain)
        var replaced: [Transaction] = []
        for slot in verdict.conflicts.sorted() where slots[slot] != nil {
            replaced += removeWithDescendants(slot)
        }
        insert(
            PooledTransaction(transaction, fee: verdict.fee, sigOpsCost: verdict.sigOpsCost), time: time,
            height: chain.height)
        return (verdict, replaced)
    }

    /// The coins it spends, from the chain or from the pool; those of the pool count as made in the next
    /// block.
    private func inputs(of transaction: Transaction, chain: Chainstate) throws(Rejection) -> [Coin] {
        var coins: [Coin] = []
        coins.reserveCapacity(transaction.inputs.count)
        for input in transaction.inputs {
            if let coin = chain.coins[input.previousOutput] {
                coins.append(coin)
            } else if let output = output(input.previousOutput) {
                coins.append(
                    Coin(
                        value: output.value, scriptPubKey: output.scriptPubKey,
                        height: UInt32(chain.height + 1),
                        isCoinbase: false))
            } else {
                for index in transaction.outputs.indices
                where chain.coins[OutPoint(txid: transaction.txid, index: UInt32(index))] != nil {
                    throw .policy("txn-already-known")
                }
                throw Rejection(.missingInputs, "bad-txns-inputs-missingorspent")
            }
        }
        return coins
    }

    private func checkFee(_ transaction: Transaction, _ verdict: MempoolVerdict) throws(Rejection) {
        let least = Policy.fee(rate: ChainLimits.relayFeeRate, virtualSize: verdict.virtualSize)
        if verdict.fee < least { throw .policy("min relay fee not met", detail: "\(verdict.fee) < \(least)") }
        for output in transaction.outputs where output.value < Policy.dustThreshold(output) {
            throw .policy("dust", detail: "tx with dust output must be 0-fee")
        }
    }

    /// Replacement (full RBF): pays for what it evicts and for itself, at a better rate than each direct
    /// conflict.
    private func conflicts(of transaction: Transaction, _ verdict: MempoolVerdict) throws(Rejection) -> [Int]
    {
        let direct = transaction.inputs.compactMap { spenderSlot(of: $0.previousOutput) }
        guard !direct.isEmpty else { return [] }
        let id = transaction.txid.displayHex
        let parents = transaction.inputs.compactMap { slot(of: $0.previousOutput.txid) }
        let evicted = Set(direct.flatMap { descendants(of: $0) })
        for ancestor in ancestors(of: parents) where direct.contains(ancestor) {
            throw .consensus(
                "bad-txns-spends-conflicting-tx",
                detail: "\(id) spends conflicting transaction \(entry(ancestor).txid.displayHex)")
        }
        if evicted.count > 100 {
            throw .policy(
                "too many potential replacements",
                detail: "rejecting replacement \(id); too many conflicting clusters (\(evicted.count) > 100)")
        }
        let evictedFees = evicted.sorted().reduce(Int64(0)) { $0 + entry($1).fee }
        if verdict.fee < evictedFees {
            throw .policy(
                "insufficient fee",
                detail: "rejecting replacement \(id), less fees than conflicting txs; "
                    + "\(TransactionChecks.bitcoin(verdict.fee)) < \(TransactionChecks.bitcoin(evictedFees))")
        }
        let relay = Policy.fee(rate: ChainLimits.relayFeeRate, virtualSize: verdict.virtualSize)
        if verdict.fee - evictedFees < relay {
            throw .policy(
                "insufficient fee",
                detail: "rejecting replacement \(id), not enough additional fees to relay; "
                    + "\(TransactionChecks.bitcoin(verdict.fee - evictedFees)) < "
                    + TransactionChecks.bitcoin(relay)
            )
        }
        for slot in direct {
            let other = entry(slot)
            if !Policy.isBetter(
                verdict.fee, over: verdict.virtualSize, than: other.fee, over: other.virtualSize)
            {
                throw .policy(
                    "replacement-failed", detail: "insufficient feerate: does not improve feerate diagram")
            }
        }
        return direct
    }

    private func checkCluster(_ transaction: Transaction, _ verdict: MempoolVerdict) throws(Rejection) {
        let parents = transaction.inputs.compactMap { slot(of: $0.previousOutput.txid) }
        guard !parents.isEmpty else { return }
        let joined = Set(parents.map { entry($0).cluster }).sorted().map { cluster($0) }
        let count = joined.reduce(1) { $0 + $1.order.count }
        let size = joined.reduce(verdict.virtualSize * 4) { $0 + $1.adjustedWeight }
        if count > ChainLimits.clusterCount || size > ChainLimits.clusterSize * 4 {
            throw .policy("too-large-cluster")
        }
    }
}

extension Mempool {
    /// Takes a connected block's transactions out, and what now conflicts with it.
    mutating func blockConnected(_ block: Block) -> (confirmed: Int, conflicted: [Transaction]) {
        guard !isEmpty else { return (0, []) }
        var confirmed: [Int] = []
        var conflicting: [Int] = []
        for transaction in block.transactions.dropFirst() {
            if let slot = slot(of: transaction.txid) {
                confirmed.append(slot)
                continue
            }
            for input in transaction.inputs {
                if let slot = spenderSlot(of: input.previousOutput) { conflicting.append(slot) }
            }
        }
        remove(confirmed, byBlock: true)
        var conflicted: [Transaction] = []
        for slot in conflicting where slots[slot] != nil { conflicted += removeWithDescendants(slot) }
        return (confirmed.count, conflicted)
    }

    /// After a reorganisation: takes the transactions of the left blocks back in (`left` in chain order) and
    /// drops what the new chain does not allow.
    mutating func reorganised(left: [Transaction], chain: Chainstate, time: UInt32) -> [Transaction] {
        var dropped: [Transaction] = []
        for transaction in left where self[transaction.txid] == nil {
            do throws(Rejection) { _ = try accept(transaction, chain: chain, time: time) } catch {
                dropped.append(transaction)
            }
        }
        for slot in slots.indices {
            guard let entry = slots[slot] else { continue }
            if !stillStands(entry, chain: chain) { dropped += removeWithDescendants(slot) }
        }
        return dropped
    }

    private func stillStands(_ entry: MempoolEntry, chain: Chainstate) -> Bool {
        do throws(Rejection) {
            let transaction = entry.transaction
            let coins = try inputs(of: transaction, chain: chain)
            _ = try TransactionChecks.fee(
                transaction, spending: coins, height: chain.height + 1,
                maturity: chain.parameters.coinbaseMaturity)
            let lock = SequenceLock(transaction, coinHeights: coins.map { Int($0.height) }) {
                chain.medianTime(at: min($0, chain.height))
            }
            return TransactionChecks.isFinal(
                transaction, height: chain.height + 1, time: chain.tip.medianTime)
                && lock.isMet(height: chain.height + 1, previousMedianTime: chain.tip.medianTime)
        } catch {
            return false
        }
    }
}

extension Mempool {
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
}
