import Bitcoin

/// A transaction as it goes into a block.
struct MirroredTransaction: Sendable {
    var txid: Hash256
    var bytes: [UInt8]
}

/// What the node's mempool holds, by wtxid, and what clients provided for jobs that the node found valid: bounded in
/// number and bytes.
struct TransactionMirror: Sendable {
    private struct Entry: Sendable {
        var transaction: MirroredTransaction
        /// The last look through the mempool that saw it, or through which it may stay unseen.
        var seen: UInt64
    }

    /// Looked up, never walked.
    private var entries: [Hash256: Entry] = [:]
    private var wtxids: [Hash256: Hash256] = [:]
    /// In the order of their arrival.
    private var order: [Hash256] = []
    private(set) var bytes = 0
    private var round: UInt64 = 0

    var count: Int { order.count }

    subscript(wtxid: Hash256) -> MirroredTransaction? { entries[wtxid]?.transaction }

    /// Takes a transaction that stays for `looks` looks through the mempool even if it is not there.
    mutating func insert(
        _ transaction: MirroredTransaction, wtxid: Hash256, looks: UInt64 = 1,
        limits: JobDeclarationServerLimits
    ) {
        if entries[wtxid] != nil {
            entries[wtxid]!.seen = max(entries[wtxid]!.seen, round + looks)
            return
        }
        guard transaction.bytes.count <= limits.mirrorBytes else { return }
        entries[wtxid] = Entry(transaction: transaction, seen: round + looks)
        wtxids[transaction.txid] = wtxid
        order.append(wtxid)
        bytes += transaction.bytes.count
        guard order.count > limits.mirrorTransactions || bytes > limits.mirrorBytes else { return }
        // A sixteenth at a time, so that a full mirror does not move its list for each newcomer.
        var dropped = 0
        while dropped < order.count,
            order.count - dropped > limits.mirrorTransactions * 15 / 16
                || bytes > limits.mirrorBytes / 16 * 15
        {
            forget(order[dropped])
            dropped += 1
        }
        order.removeFirst(dropped)
    }

    /// One look through the mempool: what it no longer holds is forgotten, and what is new is answered, at most
    /// `limit` ids.
    mutating func look(through txids: [Hash256], limit: Int) -> [Hash256] {
        round += 1
        var new: [Hash256] = []
        for txid in txids {
            if let wtxid = wtxids[txid] {
                entries[wtxid]!.seen = max(entries[wtxid]!.seen, round)
            } else if new.count < limit {
                new.append(txid)
            }
        }
        for wtxid in order where entries[wtxid]!.seen < round { forget(wtxid) }
        order.removeAll { entries[$0] == nil }
        return new
    }

    private mutating func forget(_ wtxid: Hash256) {
        guard let entry = entries.removeValue(forKey: wtxid) else { return }
        bytes -= entry.transaction.bytes.count
        if wtxids[entry.transaction.txid] == wtxid { wtxids[entry.transaction.txid] = nil }
    }
}
