public import Bitcoin

/// What acceptance found out about a transaction.
public struct MempoolVerdict: Sendable {
    /// Satoshi, really paid.
    public var fee: Int64
    /// The fee with what operators added.
    public var modifiedFee: Int64
    public var sigOpsCost: Int
    /// Virtual bytes, with policy's 20 bytes for each unit of signature cost.
    public var virtualSize: Int
    /// What leaves the pool for it.
    public var replaced: [Transaction] = []
    /// What left because the pool was full or it had been there too long.
    public var evicted: [Transaction] = []
}

/// Which of policy's rules apply to a transaction.
struct AcceptanceRules {
    /// Transactions that come back from blocks need no fee and no room.
    var bypassesLimits = false
    var allowsReplacement = true
    var allowsSiblingEviction = true
    /// Rates of single transactions do not matter, as the package's does.
    var usesPackageRate = false
    /// Satoshi per 1000 virtual bytes beyond which the sender thinks it is a mistake.
    var clientRateMax: Int64?

    static let single = AcceptanceRules()
    static let returning = AcceptanceRules(bypassesLimits: true)
    static let packageTest = AcceptanceRules(allowsReplacement: false, allowsSiblingEviction: false)
    static func package(_ clientRateMax: Int64?) -> AcceptanceRules {
        AcceptanceRules(allowsSiblingEviction: false, usesPackageRate: true, clientRateMax: clientRateMax)
    }
}

extension Mempool {
    /// Judges a transaction and changes nothing; throws Core's reason. `time` is Unix seconds.
    public func examine(
        _ transaction: Transaction, chain: Chainstate, time: UInt32
    ) throws(Rejection) -> MempoolVerdict {
        let (candidate, evicted) = try judge(transaction, .single, chain: chain, time: time)
        return verdict(on: candidate, evicted: evicted)
    }

    /// Judges and takes in. Throws with nothing changed, except that `mempool full` may have evicted others.
    /// `arrived` is when it came first, for what comes from a file.
    public mutating func accept(
        _ transaction: Transaction, chain: Chainstate, time: UInt32, arrived: UInt32? = nil
    ) throws(Rejection) -> MempoolVerdict {
        try accept(transaction, .single, chain: chain, time: time, arrived: arrived, trims: true)
    }

    mutating func accept(
        _ transaction: Transaction, _ rules: AcceptanceRules, chain: Chainstate, time: UInt32,
        arrived: UInt32? = nil, trims: Bool
    ) throws(Rejection) -> MempoolVerdict {
        rolling.decay(to: time, usage: usage, options: options)
        let (candidate, evicted) = try judge(transaction, rules, chain: chain, time: time)
        var verdict = verdict(on: candidate, evicted: evicted)
        remove(evicted.sorted())
        insert(
            candidate.pooled, time: arrived ?? time, height: chain.height, fromBlock: rules.bypassesLimits)
        if trims, !rules.bypassesLimits {
            verdict.evicted = limit(at: time)
            guard contains(wtxid: candidate.pooled.wtxid) else {
                throw Rejection(.reconsiderable, "mempool full")
            }
        }
        return verdict
    }

    func verdict(on candidate: MempoolCandidate, evicted: Set<Int>) -> MempoolVerdict {
        MempoolVerdict(
            fee: candidate.pooled.fee, modifiedFee: candidate.modifiedFee,
            sigOpsCost: candidate.pooled.sigOpsCost, virtualSize: candidate.virtualSize,
            replaced: evicted.sorted().map { entry($0).transaction })
    }

    /// Core's AcceptSingleTransaction up to the decision: the candidate, and what must leave for it.
    func judge(
        _ transaction: Transaction, _ rules: AcceptanceRules, chain: Chainstate, time: UInt32
    ) throws(Rejection) -> (candidate: MempoolCandidate, evicted: Set<Int>) {
        let candidate = try preCheck(transaction, rules, chain: chain, time: time)
        var evicted = Set<Int>()
        if !candidate.conflicts.isEmpty {
            evicted = try replacement(by: candidate)
        } else {
            try checkCluster(candidate, rules)
        }
        if !candidate.conflicts.isEmpty {
            for ancestor in ancestors(of: candidate.parents) where candidate.conflicts.contains(ancestor) {
                throw .consensus(
                    "bad-txns-spends-conflicting-tx",
                    detail: "\(candidate.pooled.txid.displayHex) spends conflicting transaction "
                        + entry(ancestor).txid.displayHex)
            }
        }
        if let limit = rules.clientRateMax,
            candidate.virtualRate.isHigherRate(than: FeeFraction(fee: limit, size: 1_000))
        {
            throw .policy("max feerate exceeded")
        }
        if !rules.bypassesLimits, options.requiresStandard {
            if let fault = ephemeralFault(candidate, package: []) { throw fault }
        }
        try checkScripts(candidate, chain.validation)
        return (candidate, evicted)
    }

    /// Core's PreChecks: all that can be told without running scripts. `package` holds outputs of
    /// transactions of the same package.
    func preCheck(
        _ transaction: Transaction, _ rules: AcceptanceRules, chain: Chainstate, time: UInt32,
        package: [OutPoint: TransactionOutput] = [:]
    ) throws(Rejection) -> MempoolCandidate {
        try TransactionChecks.contextFree(transaction)
        if transaction.isCoinbase { throw .consensus("coinbase") }
        try Policy.standard(transaction, options)
        guard TransactionChecks.isFinal(transaction, height: chain.height + 1, time: chain.tip.medianTime)
        else { throw .policy("non-final") }
        if let known = self[transaction.txid] {
            throw .policy(
                known.pooled.wtxid == transaction.wtxid
                    ? "txn-already-in-mempool" : "txn-same-nonwitness-data-in-mempool")
        }
        var conflicts = Set<Int>()
        for input in transaction.inputs {
            guard let slot = spenderSlot(of: input.previousOutput) else { continue }
            guard rules.allowsReplacement else { throw .policy("bip125-replacement-disallowed") }
            conflicts.insert(slot)
        }
        let coins = try coins(for: transaction, chain: chain, package: package)
        guard isUnlocked(transaction, coins, chain: chain) else { throw .policy("non-BIP68-final") }
        let fee = try TransactionChecks.fee(
            transaction, spending: coins, height: chain.height + 1,
            maturity: chain.parameters.coinbaseMaturity)
        if options.requiresStandard { try Policy.inputs(transaction, spending: coins) }
        let cost = SignatureOperations.cost(transaction, spending: coins.map(\.output))
        let pooled = PooledTransaction(
            transaction, fee: fee, sigOpsCost: cost, bytesPerSigOp: options.bytesPerSigOp)
        var candidate = MempoolCandidate(
            pooled: pooled, modifiedFee: fee + (deltas[pooled.txid] ?? 0), coins: coins)
        candidate.conflicts = conflicts.sorted()
        try checkFees(candidate, rules, time: time)
        candidate.parents = parentSlots(of: transaction)
        if !rules.bypassesLimits, let fault = TRUCPolicy.fault(candidate, in: self) {
            guard rules.allowsSiblingEviction, let sibling = fault.sibling else {
                throw .policy("TRUC-violation", detail: fault.detail)
            }
            candidate.conflicts = Set(candidate.conflicts + [sibling]).sorted()
            candidate.evictsSibling = true
        }
        return candidate
    }

    private func checkFees(
        _ candidate: MempoolCandidate, _ rules: AcceptanceRules, time: UInt32
    ) throws(Rejection) {
        if options.requiresStandard, candidate.pooled.fee != 0 || candidate.modifiedFee != 0,
            !Policy.dust(in: candidate.transaction, options).isEmpty
        {
            throw .policy("dust", detail: "tx with dust output must be 0-fee")
        }
        if candidate.pooled.sigOpsCost > ChainLimits.standardSigOpsCost {
            throw .policy("bad-txns-too-many-sigops", detail: "\(candidate.pooled.sigOpsCost)")
        }
        guard !rules.bypassesLimits, !rules.usesPackageRate else { return }
        try checkRate(fee: candidate.modifiedFee, virtualSize: candidate.virtualSize, time: time)
    }

    /// Core's CheckFeeRate.
    func checkRate(fee: Int64, virtualSize: Int, time: UInt32) throws(Rejection) {
        let entrance = Policy.fee(rate: minimumFeeRate(at: time), virtualSize: virtualSize)
        if entrance > 0, fee < entrance {
            throw Rejection(.reconsiderable, "mempool min fee not met", detail: "\(fee) < \(entrance)")
        }
        let relay = Policy.fee(rate: options.relayFeeRate, virtualSize: virtualSize)
        if fee < relay {
            throw Rejection(.reconsiderable, "min relay fee not met", detail: "\(fee) < \(relay)")
        }
    }

    /// The rolling minimum, satoshi per 1000 virtual bytes; 0 while the pool has room.
    func minimumFeeRate(at time: UInt32) -> Int64 {
        var rolling = rolling
        rolling.decay(to: time, usage: usage, options: options)
        return rolling.minimum(options)
    }

    /// The coins it spends, from the chain, the pool or its package; those that are not in the chain count as
    /// made in the next block.
    private func coins(
        for transaction: Transaction, chain: Chainstate, package: [OutPoint: TransactionOutput]
    ) throws(Rejection) -> [Coin] {
        var coins: [Coin] = []
        coins.reserveCapacity(transaction.inputs.count)
        for input in transaction.inputs {
            if let coin = chain.coins[input.previousOutput] {
                coins.append(coin)
            } else if let output = output(input.previousOutput) ?? package[input.previousOutput] {
                coins.append(
                    Coin(
                        value: output.value, scriptPubKey: output.scriptPubKey,
                        height: UInt32(chain.height + 1), isCoinbase: false))
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

    private func isUnlocked(_ transaction: Transaction, _ coins: [Coin], chain: Chainstate) -> Bool {
        let lock = SequenceLock(transaction, coinHeights: coins.map { Int($0.height) }) {
            chain.medianTime(at: min($0, chain.height))
        }
        return lock.isMet(height: chain.height + 1, previousMedianTime: chain.tip.medianTime)
    }

    private func checkCluster(_ candidate: MempoolCandidate, _ rules: AcceptanceRules) throws(Rejection) {
        guard !candidate.parents.isEmpty || candidate.pooled.adjustedWeight > options.clusterSizeMax * 4
        else { return }
        var joined: [Int] = []
        for parent in candidate.parents where !joined.contains(entry(parent).cluster) {
            joined.append(entry(parent).cluster)
        }
        let count = joined.reduce(1) { $0 + cluster($1).order.count }
        let size = joined.reduce(candidate.pooled.adjustedWeight) { $0 + cluster($1).adjustedWeight }
        if count > options.clusterCountMax || size > options.clusterSizeMax * 4 {
            throw .policy("too-large-cluster")
        }
    }

    /// Whoever spends from a transaction with dust spends the dust too (Core's CheckEphemeralSpends).
    func ephemeralFault(_ candidate: MempoolCandidate, package: [MempoolCandidate]) -> Rejection? {
        let spent = Set(candidate.transaction.inputs.map(\.previousOutput))
        var seen = Set<Hash256>()
        for input in candidate.transaction.inputs where seen.insert(input.previousOutput.txid).inserted {
            let txid = input.previousOutput.txid
            guard
                let parent = package.first(where: { $0.pooled.txid == txid })?.transaction
                    ?? self[txid]?.transaction
            else { continue }
            for index in Policy.dust(in: parent, options)
            where !spent.contains(OutPoint(txid: txid, index: UInt32(index))) {
                return .policy(
                    "missing-ephemeral-spends",
                    detail: "tx \(candidate.pooled.txid.displayHex) "
                        + "(wtxid=\(candidate.pooled.wtxid.displayHex)) did not spend parent's ephemeral dust"
                )
            }
        }
        return nil
    }

    func checkScripts(_ candidate: MempoolCandidate, _ cache: ValidationCache) throws(Rejection) {
        do throws(ScriptFailure) {
            try ScriptFailure.check(
                candidate.transaction, spending: candidate.coins.map(\.output), flags: .standard,
                cache: cache)
        } catch {
            let isStripped =
                !candidate.transaction.hasWitness
                && Policy.needsWitness(candidate.transaction, spending: candidate.coins)
            throw Rejection(
                isStripped ? .witnessStripped : .consensus,
                "mempool-script-verify-flag-failed (\(error.error.rawValue))", detail: error.place)
        }
    }
}
