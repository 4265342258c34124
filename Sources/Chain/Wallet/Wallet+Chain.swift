import Bitcoin

/// What blocks and the pool tell a wallet.
extension Wallet {
    /// Where a block stands.
    struct BlockPlace {
        var hash: Hash256
        var height: Int
        var time: UInt32
    }

    /// Changed transactions by number, and changed descriptors.
    struct Changes {
        var transactions: [Int] = []
        var descriptors: [Int] = []
        var isEmpty: Bool { transactions.isEmpty && descriptors.isEmpty }
    }

    /// A block joined the chain. `now` is nil while old blocks are looked at again.
    mutating func connected(
        _ block: Block, at place: BlockPlace, now: UInt32?, gap: Int, into changes: inout Changes
    ) {
        for (position, transaction) in block.transactions.enumerated() {
            if !transaction.isCoinbase {
                conflict(with: transaction, in: place, into: &changes)
            }
            let state = WalletTransaction.State.confirmed(
                block: place.hash, height: place.height, position: position, time: place.time)
            if let known = transactionIndex[transaction.txid] {
                if transactions[known].state != state {
                    // The witness may be another than the one that was seen first.
                    update(known) {
                        $0.transaction = transaction
                        $0.state = state
                    }
                    changes.transactions.append(known)
                }
                register(known)
                changes.descriptors += markUsed(transaction, gap: gap)
            } else if concerns(transaction) {
                add(transaction, state, now: now, gap: gap, into: &changes)
            }
        }
        best = (place.hash, place.height)
    }

    mutating func disconnected(
        _ block: Block, hash: Hash256, previous: (hash: Hash256, height: Int), into changes: inout Changes
    ) {
        for transaction in block.transactions {
            guard let known = transactionIndex[transaction.txid] else { continue }
            update(known) { $0.state = .unconfirmed(isAbandoned: transaction.isCoinbase) }
            changes.transactions.append(known)
            // What spends a reward that is gone goes with it.
            guard transaction.isCoinbase else { continue }
            for child in children(of: known) { abandon(child, into: &changes) }
        }
        for number in transactions.indices {
            guard case .conflicted(let by, _) = transactions[number].state, by == hash else { continue }
            update(number) { $0.state = .unconfirmed(isAbandoned: false) }
            changes.transactions.append(number)
        }
        best = previous
    }

    /// A transaction entered the pool.
    mutating func entered(_ transaction: Transaction, now: UInt32, gap: Int, into changes: inout Changes) {
        if let known = transactionIndex[transaction.txid] {
            if transactions[known].state != .unconfirmed(isAbandoned: false) {
                update(known) { $0.state = .unconfirmed(isAbandoned: false) }
                changes.transactions.append(known)
            }
            return
        }
        guard concerns(transaction) else { return }
        add(transaction, .unconfirmed(isAbandoned: false), now: now, gap: gap, into: &changes)
    }

    @discardableResult
    mutating func add(
        _ transaction: Transaction, _ state: WalletTransaction.State, now: UInt32?, gap: Int,
        into changes: inout Changes
    ) -> Int {
        var blockTime: UInt32?
        if case .confirmed(_, _, _, let time) = state { blockTime = time }
        let received = now ?? blockTime ?? 0
        var smart = received
        if let blockTime {
            // As Core: no earlier than what came before, unless that lies in the future.
            let latest = transactions.last { $0.time <= received + 300 }?.time ?? 0
            smart = now == nil ? blockTime : max(latest, min(blockTime, received))
        }
        let entry = WalletTransaction(transaction: transaction, state: state, received: received, time: smart)
        // Scripts that come into view first, so that outputs to them count.
        changes.descriptors += markUsed(transaction, gap: gap)
        let number = insert(entry)
        changes.transactions.append(number)
        return number
    }

    /// A block's transaction spends what some of ours spend: they and what spends them are void.
    private mutating func conflict(
        with transaction: Transaction, in place: BlockPlace, into changes: inout Changes
    ) {
        for input in transaction.inputs {
            for number in spenders[input.previousOutput] ?? []
            where transactions[number].txid != transaction.txid {
                void(number, by: place, into: &changes)
            }
        }
    }

    private mutating func void(_ first: Int, by place: BlockPlace, into changes: inout Changes) {
        var queue = [first]
        while let number = queue.popLast() {
            guard !transactions[number].isConfirmed, !transactions[number].isConflicted else { continue }
            update(number) { $0.state = .conflicted(block: place.hash, height: place.height) }
            changes.transactions.append(number)
            queue += children(of: number)
        }
    }

    /// The wallet's transactions that spend outputs of this one.
    func children(of number: Int) -> [Int] {
        let transaction = transactions[number].transaction
        return transaction.outputs.indices.flatMap { index in
            spenders[OutPoint(txid: transaction.txid, index: UInt32(index))] ?? []
        }
    }

    /// The operator gives up a transaction that is neither in the chain nor in the pool, and what spends it.
    mutating func abandon(_ first: Int, into changes: inout Changes) {
        var queue = [first]
        while let number = queue.popLast() {
            guard transactions[number].state == .unconfirmed(isAbandoned: false) else { continue }
            update(number) { $0.state = .unconfirmed(isAbandoned: true) }
            changes.transactions.append(number)
            queue += children(of: number)
        }
    }

    /// Other transactions of the wallet that spend what this one spends.
    func conflicts(of number: Int) -> [Hash256] {
        var found: [Hash256] = []
        for input in transactions[number].transaction.inputs {
            for other in spenders[input.previousOutput] ?? [] where other != number {
                let txid = transactions[other].txid
                if !found.contains(txid) { found.append(txid) }
            }
        }
        return found.sorted { $0.displayHex < $1.displayHex }
    }
}
