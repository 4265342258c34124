import Bitcoin

/// What the wallet can see of chain and pool while it counts its money.
struct WalletView {
    var height: Int
    /// Confirmations that a coinbase needs before it is spent, and one more.
    var maturity: Int
    let isInPool: (Hash256) -> Bool
    let poolSpender: (OutPoint) -> Hash256?
}

/// Balances as getbalances splits them, in satoshi.
struct WalletBalance: Equatable {
    var trusted: Int64 = 0
    var pending: Int64 = 0
    var immature: Int64 = 0
    /// Spent by transactions of ours that the pool does not hold.
    var nonMempool: Int64 = 0
}

extension Wallet {
    enum Spent: Equatable {
        case no
        case confirmed
        case inPool
        /// By a transaction of ours that neither chain nor pool holds.
        case outsidePool
    }

    func spent(_ outPoint: OutPoint, _ view: WalletView) -> Spent {
        var result = view.poolSpender(outPoint) == nil ? Spent.no : .inPool
        for number in spenders[outPoint] ?? [] {
            switch transactions[number].state {
            case .confirmed: return .confirmed
            case .conflicted, .unconfirmed(isAbandoned: true): continue
            case .unconfirmed:
                if view.isInPool(transactions[number].txid) {
                    result = .inPool
                } else if result == .no, poolConflicts(of: number, view).isEmpty {
                    result = .outsidePool
                }
            }
        }
        return result
    }

    /// Transactions of the pool that spend what this one, which is not in it, spends.
    /// A conflict with what it builds on is one with it too.
    func poolConflicts(of number: Int, _ view: WalletView) -> [Hash256] {
        var found: [Hash256] = []
        var seen: Set<Int> = []
        var queue = [number]
        while let next = queue.popLast() {
            guard seen.insert(next).inserted, case .unconfirmed = transactions[next].state,
                !view.isInPool(transactions[next].txid)
            else { continue }
            for input in transactions[next].transaction.inputs {
                if let other = view.poolSpender(input.previousOutput), !found.contains(other) {
                    found.append(other)
                }
                if let parent = transactionIndex[input.previousOutput.txid] { queue.append(parent) }
            }
        }
        return found
    }

    /// What the wallet's inputs put in, in satoshi.
    func debit(_ transaction: Transaction) -> Int64 {
        guard !transaction.isCoinbase else { return 0 }
        return transaction.inputs.reduce(0) { $0 + (output($1.previousOutput)?.value ?? 0) }
    }

    func credit(_ transaction: Transaction) -> Int64 {
        transaction.outputs.reduce(0) { $0 + (isMine($1.scriptPubKey) ? $1.value : 0) }
    }

    func isImmature(_ entry: WalletTransaction, _ view: WalletView) -> Bool {
        guard entry.transaction.isCoinbase else { return false }
        return entry.depth(at: view.height) <= view.maturity
    }

    /// Confirmed, or made by this wallet of trusted coins alone and in the pool.
    func isTrusted(_ number: Int, _ view: WalletView) -> Bool {
        var seen: Set<Int> = []
        return isTrusted(number, view, &seen)
    }

    func isTrusted(_ number: Int, _ view: WalletView, _ trusted: inout Set<Int>) -> Bool {
        if trusted.contains(number) { return true }
        let entry = transactions[number]
        switch entry.state {
        case .confirmed: return true
        case .conflicted: return false
        case .unconfirmed: break
        }
        guard debit(entry.transaction) > 0, view.isInPool(entry.txid) else { return false }
        for input in entry.transaction.inputs {
            guard let parent = transactionIndex[input.previousOutput.txid],
                output(input.previousOutput) != nil,
                isTrusted(parent, view, &trusted)
            else { return false }
        }
        trusted.insert(number)
        return true
    }

    func balance(_ view: WalletView, minDepth: Int = 0, withNonMempool: Bool = true) -> WalletBalance {
        var balance = WalletBalance()
        var trusted: Set<Int> = []
        for output in outputs {
            let spent = spent(output.outPoint, view)
            if spent == .confirmed || spent == .inPool { continue }
            if spent == .outsidePool, !withNonMempool { continue }
            let entry = transactions[output.transaction]
            let isTrusted = isTrusted(output.transaction, view, &trusted)
            if entry.isConfirmed, isImmature(entry, view) {
                balance.immature += output.value
            } else if isTrusted, entry.depth(at: view.height) >= minDepth {
                balance.trusted += output.value
            } else if !isTrusted, view.isInPool(entry.txid) {
                balance.pending += output.value
            } else {
                continue
            }
            if spent == .outsidePool { balance.nonMempool -= output.value }
        }
        return balance
    }
}

/// An output that may be spent now.
struct WalletCoin: Sendable, Equatable {
    var outPoint: OutPoint
    var output: TransactionOutput
    /// 0 while its transaction waits in the pool.
    var depth: Int
    /// Its transaction spends coins of this wallet.
    var isOwn: Bool
    /// Safe: confirmed, or trusted.
    var isSafe: Bool
}

/// Which coins a call asks for.
struct CoinFilter {
    var minDepth = 0
    var maxDepth = Int.max
    var includesUnsafe = false
    var includesImmature = false
    var includesLocked = false
    var minAmount: Int64 = 0
    var maxAmount = Int64.max
    /// Of the transaction that is to spend: one of version 3 (BIP431) and others do not wait upon each other.
    var version: UInt32?
}

extension Wallet {
    /// Whether a transaction of a version may spend this one while it waits: in version 3 it has no other
    /// relative in the pool.
    private func suits(_ parent: Transaction, _ version: UInt32, _ view: WalletView) -> Bool {
        guard (parent.version == 3) == (version == 3) else { return false }
        guard version == 3 else { return true }
        let txid = parent.txid
        return !parent.inputs.contains { view.isInPool($0.previousOutput.txid) }
            && !parent.outputs.indices.contains {
                view.poolSpender(OutPoint(txid: txid, index: UInt32($0))) != nil
            }
    }

    /// In the order of arrival.
    func coins(_ view: WalletView, _ filter: CoinFilter = CoinFilter()) -> [WalletCoin] {
        var found: [WalletCoin] = []
        var trusted: Set<Int> = []
        for output in outputs {
            guard (filter.minAmount...filter.maxAmount).contains(output.value),
                spent(output.outPoint, view) == .no
            else { continue }
            if !filter.includesLocked, isLockedCoin(output.outPoint) { continue }
            let entry = transactions[output.transaction]
            let depth = entry.depth(at: view.height)
            guard depth >= 0, depth >= filter.minDepth, depth <= filter.maxDepth else { continue }
            if !filter.includesImmature, isImmature(entry, view) { continue }
            if depth == 0, !view.isInPool(entry.txid) { continue }
            if depth == 0, let version = filter.version, !suits(entry.transaction, version, view) { continue }
            var isSafe = isTrusted(output.transaction, view, &trusted)
            // What may be replaced, or replaces, is no ground to build on.
            if depth == 0, entry.note("replaces_txid") != nil || entry.note("replaced_by_txid") != nil {
                isSafe = false
            }
            if !isSafe, !filter.includesUnsafe { continue }
            found.append(
                WalletCoin(
                    outPoint: output.outPoint,
                    output: TransactionOutput(value: output.value, scriptPubKey: output.script), depth: depth,
                    isOwn: debit(entry.transaction) > 0, isSafe: isSafe))
        }
        return found
    }
}
