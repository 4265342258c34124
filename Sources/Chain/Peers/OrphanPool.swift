import Bitcoin
import SansIO

/// Transactions whose parents are missing, until the parents come (bounded per peer and in all, as Core's
/// TxOrphanage).
struct OrphanPool: Sendable {
    struct Orphan: Sendable {
        let transaction: Transaction
        /// Who announced or sent it.
        var announcers: [ConnectionID]
    }

    /// Oldest first.
    private(set) var orphans: [Orphan] = []
    private var byWtxid = Set<Hash256>()

    var count: Int { orphans.count }

    func contains(wtxid: Hash256) -> Bool { byWtxid.contains(wtxid) }
    func announcers(of wtxid: Hash256) -> [ConnectionID] {
        orphans.first { $0.transaction.wtxid == wtxid }?.announcers ?? []
    }

    /// Takes one in, or adds an announcer; false when it is too heavy to keep.
    mutating func insert(_ transaction: Transaction, from peer: ConnectionID) -> Bool {
        guard transaction.weight <= ChainLimits.standardWeight else { return false }
        if byWtxid.contains(transaction.wtxid) {
            announce(transaction.wtxid, from: peer)
            return true
        }
        orphans.append(Orphan(transaction: transaction, announcers: [peer]))
        byWtxid.insert(transaction.wtxid)
        trim()
        return true
    }

    mutating func announce(_ wtxid: Hash256, from peer: ConnectionID) {
        guard let index = orphans.firstIndex(where: { $0.transaction.wtxid == wtxid }),
            !orphans[index].announcers.contains(peer)
        else { return }
        orphans[index].announcers.append(peer)
    }

    /// Drops the oldest of the peer that takes the most room, until both bounds hold.
    private mutating func trim() {
        while orphans.count > ChainLimits.orphans || weight > ChainLimits.orphanWeight {
            var weights: [(peer: ConnectionID, weight: Int)] = []
            for orphan in orphans {
                for peer in orphan.announcers {
                    if let index = weights.firstIndex(where: { $0.peer == peer }) {
                        weights[index].weight += orphan.transaction.weight
                    } else {
                        weights.append((peer, orphan.transaction.weight))
                    }
                }
            }
            guard let heaviest = weights.max(by: { $0.weight < $1.weight })?.peer,
                let index = orphans.firstIndex(where: { $0.announcers.contains(heaviest) })
            else { return }
            orphans[index].announcers.removeAll { $0 == heaviest }
            if orphans[index].announcers.isEmpty { remove(at: index) }
        }
    }

    private var weight: Int { orphans.reduce(0) { $0 + $1.transaction.weight } }

    private mutating func remove(at index: Int) {
        byWtxid.remove(orphans[index].transaction.wtxid)
        orphans.remove(at: index)
    }

    @discardableResult
    mutating func remove(wtxid: Hash256) -> Orphan? {
        guard byWtxid.contains(wtxid),
            let index = orphans.firstIndex(where: { $0.transaction.wtxid == wtxid })
        else { return nil }
        let orphan = orphans[index]
        remove(at: index)
        return orphan
    }

    /// Orphans that spend an output of this transaction, oldest first.
    func children(of parent: Transaction) -> [Transaction] {
        guard !orphans.isEmpty else { return [] }
        let txid = parent.txid
        return orphans.map(\.transaction).filter { $0.inputs.contains { $0.previousOutput.txid == txid } }
    }

    /// A block confirmed these: they and what they make impossible go.
    mutating func blockConnected(_ block: Block) {
        guard !orphans.isEmpty else { return }
        var spent = Set<OutPoint>()
        for transaction in block.transactions.dropFirst() {
            for input in transaction.inputs { spent.insert(input.previousOutput) }
        }
        for index in orphans.indices.reversed()
        where orphans[index].transaction.inputs.contains(where: { spent.contains($0.previousOutput) }) {
            remove(at: index)
        }
    }

    mutating func disconnect(_ peer: ConnectionID) {
        for index in orphans.indices.reversed() {
            orphans[index].announcers.removeAll { $0 == peer }
            if orphans[index].announcers.isEmpty { remove(at: index) }
        }
    }
}
