import Bitcoin
import SansIO

/// Transactions whose parents are missing, until the parents come. Each peer that announced one has a share of the
/// room; when there is too little, the oldest announcements go of the peer that exceeds its share the most (Core's
/// TxOrphanage), so that one peer cannot push out what another brought.
struct OrphanPool: Sendable {
    struct Announcement: Sendable {
        let peer: ConnectionID
        fileprivate let sequence: UInt64
    }

    struct Orphan: Sendable {
        let transaction: Transaction
        /// Who announced or sent it, in order.
        fileprivate(set) var announcements: [Announcement]

        var announcers: [ConnectionID] { announcements.map(\.peer) }
        /// How much work it makes: one for each announcement and for every ten inputs.
        fileprivate var inputScore: Int { transaction.inputs.count / 10 }
    }

    private struct Share {
        let peer: ConnectionID
        var weight = 0
        var score = 0
    }

    /// Oldest first.
    private(set) var orphans: [Orphan] = []
    private var byWtxid = Set<Hash256>()
    private var nextSequence: UInt64 = 0

    var count: Int { orphans.count }

    func contains(wtxid: Hash256) -> Bool { byWtxid.contains(wtxid) }

    func orphan(_ wtxid: Hash256) -> Orphan? {
        guard byWtxid.contains(wtxid) else { return nil }
        return orphans.first { $0.transaction.wtxid == wtxid }
    }

    func isKnown(_ wtxid: Hash256, to peer: ConnectionID) -> Bool {
        orphan(wtxid)?.announcements.contains { $0.peer == peer } ?? false
    }

    /// Takes one in, or adds an announcer to one that is here; one too large for any pool is left out.
    mutating func insert(_ transaction: Transaction, from peer: ConnectionID) {
        if byWtxid.contains(transaction.wtxid) {
            announce(transaction.wtxid, from: peer)
            return
        }
        guard transaction.weight <= ChainLimits.standardWeight else { return }
        orphans.append(
            Orphan(
                transaction: transaction,
                announcements: [Announcement(peer: peer, sequence: nextSequence)]))
        nextSequence += 1
        byWtxid.insert(transaction.wtxid)
        trim()
    }

    mutating func announce(_ wtxid: Hash256, from peer: ConnectionID) {
        guard byWtxid.contains(wtxid),
            let index = orphans.firstIndex(where: { $0.transaction.wtxid == wtxid }),
            !orphans[index].announcements.contains(where: { $0.peer == peer })
        else { return }
        orphans[index].announcements.append(Announcement(peer: peer, sequence: nextSequence))
        nextSequence += 1
        trim()
    }

    private func shares() -> [Share] {
        var list: [Share] = []
        for orphan in orphans {
            for announcement in orphan.announcements {
                let place: Int
                if let known = list.firstIndex(where: { $0.peer == announcement.peer }) {
                    place = known
                } else {
                    list.append(Share(peer: announcement.peer))
                    place = list.count - 1
                }
                list[place].weight += orphan.transaction.weight
                list[place].score += 1 + orphan.inputScore
            }
        }
        return list
    }

    private func isTooMuch(peers: Int) -> Bool {
        var weight = 0
        var score = 0
        for orphan in orphans {
            weight += orphan.transaction.weight
            score += orphan.announcements.count + orphan.inputScore
        }
        return score > ChainLimits.orphans || weight > ChainLimits.orphanWeight * max(peers, 1)
    }

    private mutating func trim() {
        // The sum of what every peer may have; looked at closely only when that could be exceeded.
        guard orphans.count > ChainLimits.orphans / 10 || isTooMuch(peers: 1) else { return }
        var shares = shares()
        let scoreMax = max(1, ChainLimits.orphans / max(shares.count, 1))
        while isTooMuch(peers: shares.count) {
            // Parts per million of what a peer may have.
            let excess = shares.map { share in
                max(
                    share.weight * 1_000_000 / ChainLimits.orphanWeight, share.score * 1_000_000 / scoreMax)
            }
            guard
                let place = excess.indices.max(by: {
                    (excess[$0], shares[$0].peer) < (excess[$1], shares[$1].peer)
                })
            else { return }
            dropOldest(of: shares[place].peer)
            shares = self.shares()
        }
    }

    private mutating func dropOldest(of peer: ConnectionID) {
        var found: (orphan: Int, announcement: Int, sequence: UInt64)?
        for (place, orphan) in orphans.enumerated() {
            for (number, announcement) in orphan.announcements.enumerated()
            where announcement.peer == peer && announcement.sequence < found?.sequence ?? .max {
                found = (place, number, announcement.sequence)
            }
        }
        guard let found else { return }
        orphans[found.orphan].announcements.remove(at: found.announcement)
        if orphans[found.orphan].announcements.isEmpty { remove(at: found.orphan) }
    }

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
    func children(of parent: Transaction) -> [Orphan] {
        guard !orphans.isEmpty else { return [] }
        let txid = parent.txid
        return orphans.filter { $0.transaction.inputs.contains { $0.previousOutput.txid == txid } }
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
            orphans[index].announcements.removeAll { $0.peer == peer }
            if orphans[index].announcements.isEmpty { remove(at: index) }
        }
    }
}
