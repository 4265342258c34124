import Bitcoin
import SansIO

/// What one peer was told and told us of transactions.
struct TransactionRelay: Sendable {
    /// Txids of transactions to announce, oldest first.
    private(set) var pending: [Hash256] = []
    /// By txid or wtxid, as the peer counts them: what either side announced.
    private var known = RecentHashes(capacity: ChainLimits.peerKnownTransactions)
    /// When the next announcements go out; nil before the first.
    var next: Instant?
    /// The pool's sequence at the last announcement: only what was in it by then is given out (privacy).
    var announcedSequence: UInt64 = 1
    /// Its feefilter, satoshi per 1000 virtual bytes.
    var feeFilter: Int64 = 0
    /// Our feefilter that it has.
    var feeFilterSent: Int64?
    var nextFeeFilter: Instant?
    /// It asked for the whole pool (BIP35).
    var wantsMempool = false
    var lastTransaction: Instant?

    mutating func queue(_ txid: Hash256) {
        guard pending.count < ChainLimits.peerPendingTransactions else { return }
        pending.append(txid)
    }

    mutating func takePending() -> [Hash256] {
        let list = pending
        pending = []
        return list
    }

    func isKnown(_ hash: Hash256) -> Bool { known.contains(hash) }
    mutating func learn(_ hash: Hash256) { known.insert(hash) }
}

/// Which transactions were announced by whom, and who was asked: one peer at a time, the next when it does not
/// deliver (Core's TxRequestTracker).
struct TransactionRequests: Sendable {
    struct Candidate: Sendable {
        var peer: ConnectionID
        var isWitnessID: Bool
        var isPreferred: Bool
        var notBefore: Instant
    }

    private struct Entry: Sendable {
        var candidates: [Candidate] = []
        /// The candidate that was asked, and until when it has time.
        var asked: (peer: ConnectionID, expiry: Instant)?
    }

    /// A getdata to send.
    struct Order: Sendable, Equatable {
        var peer: ConnectionID
        var hash: Hash256
        var isWitnessID: Bool
    }

    private struct PeerState: Sendable {
        var peer: ConnectionID
        /// What it announced, in order; entries that are done are swept now and then.
        var announced: [Hash256] = []
        var count = 0
        var inFlight = 0
    }

    private var entries: [Hash256: Entry] = [:]
    private var peers: [PeerState] = []
    private var timers = TimerQueue<Hash256>()

    var nextDeadline: Instant? { timers.next }
    var count: Int { entries.count }

    private func place(_ peer: ConnectionID) -> Int? { peers.firstIndex { $0.peer == peer } }
    func inFlight(of peer: ConnectionID) -> Int { place(peer).map { peers[$0].inFlight } ?? 0 }
    func announced(by peer: ConnectionID) -> Int { place(peer).map { peers[$0].count } ?? 0 }
    func announcers(of hash: Hash256) -> [ConnectionID] { entries[hash]?.candidates.map(\.peer) ?? [] }
    func isKnown(_ hash: Hash256, to peer: ConnectionID) -> Bool {
        entries[hash]?.candidates.contains { $0.peer == peer } ?? false
    }

    mutating func announce(_ hash: Hash256, _ candidate: Candidate) {
        guard !isKnown(hash, to: candidate.peer) else { return }
        let place: Int
        if let known = self.place(candidate.peer) {
            place = known
        } else {
            peers.append(PeerState(peer: candidate.peer))
            place = peers.count - 1
        }
        peers[place].count += 1
        peers[place].announced.append(hash)
        entries[hash, default: Entry()].candidates.append(candidate)
        if peers[place].announced.count > 64, peers[place].announced.count > 2 * peers[place].count {
            let peer = candidate.peer
            peers[place].announced = peers[place].announced.filter { hash in
                entries[hash]?.candidates.contains { $0.peer == peer } ?? false
            }
        }
        rearm(hash)
    }

    /// What to ask for now, in order of time.
    mutating func due(at time: Instant) -> (orders: [Order], expired: [Order]) {
        var orders: [Order] = []
        var expired: [Order] = []
        while let hash = timers.popDue(at: time) {
            guard let entry = entries[hash] else { continue }
            if let asked = entry.asked {
                if asked.expiry > time {
                    rearm(hash)
                    continue
                }
                expired.append(Order(peer: asked.peer, hash: hash, isWitnessID: false))
                drop(hash, from: asked.peer)
            }
            if let order = ask(hash, at: time) { orders.append(order) }
        }
        return (orders, expired)
    }

    /// Asks the best candidate that is ready: preferred peers first, then by readiness.
    private mutating func ask(_ hash: Hash256, at time: Instant) -> Order? {
        guard let entry = entries[hash], entry.asked == nil else { return nil }
        var best: Candidate?
        for candidate in entry.candidates where candidate.notBefore <= time {
            guard let known = best else {
                best = candidate
                continue
            }
            if candidate.isPreferred && !known.isPreferred { best = candidate }
        }
        if let best {
            entries[hash]?.asked = (best.peer, time + .minutes(1))
            if let place = place(best.peer) { peers[place].inFlight += 1 }
        }
        rearm(hash)
        return best.map { Order(peer: $0.peer, hash: hash, isWitnessID: $0.isWitnessID) }
    }

    private mutating func rearm(_ hash: Hash256) {
        guard let entry = entries[hash] else {
            timers.stop(hash)
            return
        }
        if let asked = entry.asked {
            timers.set(hash, asked.expiry)
        } else if let first = entry.candidates.map(\.notBefore).min() {
            timers.set(hash, first)
        }
    }

    /// This peer will not deliver it; another may be asked at the next ``due(at:)``.
    mutating func drop(_ hash: Hash256, from peer: ConnectionID) {
        guard var entry = entries[hash], let index = entry.candidates.firstIndex(where: { $0.peer == peer })
        else { return }
        entry.candidates.remove(at: index)
        if let place = place(peer) {
            peers[place].count -= 1
            if entry.asked?.peer == peer { peers[place].inFlight -= 1 }
        }
        if entry.asked?.peer == peer { entry.asked = nil }
        entries[hash] = entry.candidates.isEmpty ? nil : entry
        rearm(hash)
    }

    /// It arrived or is wanted no more.
    mutating func forget(_ hash: Hash256) {
        guard let entry = entries.removeValue(forKey: hash) else { return }
        for candidate in entry.candidates {
            guard let place = place(candidate.peer) else { continue }
            peers[place].count -= 1
            if entry.asked?.peer == candidate.peer { peers[place].inFlight -= 1 }
        }
        timers.stop(hash)
    }

    mutating func disconnect(_ peer: ConnectionID) {
        guard let place = place(peer) else { return }
        for hash in peers[place].announced { drop(hash, from: peer) }
        peers.removeAll { $0.peer == peer }
    }
}
