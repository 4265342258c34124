import Bitcoin
import SansIO

/// Transactions that came before their parents, and those that pay too little without a child.
extension NodeMachine {
    /// A transaction of this peer was judged and not taken. `isFirst`: it came by itself and not from the orphans.
    mutating func refuse(
        _ transaction: Transaction, _ rejection: Rejection, from peer: ConnectionID, isFirst: Bool,
        at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let wtxid = transaction.wtxid
        switch rejection.kind {
        case .missingInputs:
            if isFirst, !peers.rejects.contains(wtxid) {
                keepOrphan(transaction, from: peer, at: peerTime(now))
            }
            return
        case .witnessStripped: break
        case .reconsiderable:
            peers.poor.insert(wtxid)
            peers.requests.forget(wtxid)
            if isFirst { tryWithChild(transaction, from: peer, at: now, into: &effects) }
            if isFirst { peers.extra.insert(transaction) }
        default:
            peers.rejects.insert(wtxid)
            peers.requests.forget(wtxid)
            // What is spent decides here, whatever the witness.
            if rejection.reason == "bad-txns-nonstandard-inputs", transaction.hasWitness {
                peers.rejects.insert(transaction.txid)
                peers.requests.forget(transaction.txid)
            }
            if isFirst { peers.extra.insert(transaction) }
        }
        peers.orphans.remove(wtxid: wtxid)
    }

    private mutating func keepOrphan(_ transaction: Transaction, from peer: ConnectionID, at time: Instant) {
        let (txid, wtxid) = (transaction.txid, transaction.wtxid)
        let parents = Self.parents(of: transaction)
        // The child of what was refused is refused; one parent that pays too little may be helped, two not.
        let poor = parents.count { peers.poor.contains($0) && mempool[$0] == nil }
        if parents.contains(where: { peers.rejects.contains($0) }) || poor > 1 {
            peers.rejects.insert(txid)
            peers.rejects.insert(wtxid)
            peers.requests.forget(txid)
            peers.requests.forget(wtxid)
            peers.extra.insert(transaction)
            return
        }
        if !peers.orphans.contains(wtxid: wtxid) { peers.extra.insert(transaction) }
        let missing = parents.filter { !hasTransaction($0, isWitnessID: false, countsPoor: false) }
        var announcers = [peer] + peers.requests.announcers(of: txid)
        if transaction.hasWitness { announcers += peers.requests.announcers(of: wtxid) }
        for announcer in announcers where mayResolve(wtxid, by: announcer, missing, at: time) {
            peers.orphans.insert(transaction, from: announcer)
        }
        peers.requests.forget(txid)
        peers.requests.forget(wtxid)
    }

    static func parents(of transaction: Transaction) -> [Hash256] {
        var parents: [Hash256] = []
        var seen = Set<Hash256>()
        for input in transaction.inputs where seen.insert(input.previousOutput.txid).inserted {
            parents.append(input.previousOutput.txid)
        }
        return parents
    }

    /// An orphan that we have was announced by another peer, who may help to find its parents.
    mutating func announceOrphan(_ wtxid: Hash256, from peer: ConnectionID, at time: Instant) {
        guard let orphan = peers.orphans.orphan(wtxid) else { return }
        let missing = Self.parents(of: orphan.transaction).filter {
            !hasTransaction($0, isWitnessID: false, countsPoor: false)
        }
        guard !missing.isEmpty, mayResolve(wtxid, by: peer, missing, at: time) else { return }
        peers.orphans.announce(wtxid, from: peer)
    }

    /// Who announces a child is taken to have its parents: they will be asked of it. False when it has announced
    /// too much already.
    private mutating func mayResolve(
        _ wtxid: Hash256, by id: ConnectionID, _ parents: [Hash256], at time: Instant
    ) -> Bool {
        guard let index = peers.index(id), !peers.orphans.isKnown(wtxid, to: id) else { return false }
        let isTrusted = peers.list[index].permissions.contains(.relay)
        if !isTrusted, peers.requests.announced(by: id) + parents.count > ChainLimits.peerAnnouncements {
            return false
        }
        for parent in parents { announceRequest(parent, isWitnessID: false, from: index, at: time) }
        return true
    }

    /// The orphans that waited for this transaction, and those that waited for them.
    mutating func adopt(
        childrenOf transaction: Transaction, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        var queue = [transaction]
        var at = 0
        while at < queue.count, at < ChainLimits.orphans {
            for child in peers.orphans.children(of: queue[at]) {
                guard peers.orphans.contains(wtxid: child.transaction.wtxid) else { continue }
                do throws(Rejection) {
                    _ = try submit(child.transaction, at: now, into: &effects)
                    entered(child.transaction)
                    queue.append(child.transaction)
                } catch {
                    refuse(
                        child.transaction, error, from: child.announcers.first ?? ConnectionID(0),
                        isFirst: false, at: now, into: &effects)
                }
            }
            at += 1
        }
    }

    /// It is in the pool: nobody needs to be asked for it.
    mutating func entered(_ transaction: Transaction) {
        peers.requests.forget(transaction.txid)
        peers.requests.forget(transaction.wtxid)
        peers.orphans.remove(wtxid: transaction.wtxid)
    }

    /// Tries a transaction that pays too little together with an orphan of the same peer that spends from it: the
    /// newest that was not tried in vain before.
    mutating func tryWithChild(
        _ parent: Transaction, from peer: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let children = peers.orphans.children(of: parent).reversed().filter { $0.announcers.contains(peer) }
        for child in children.map(\.transaction) {
            let key = SHA256.hash(parent.wtxid.bytes + child.wtxid.bytes)
            if peers.poor.contains(key) || peers.rejects.contains(child.txid) { continue }
            let verdict = submit(package: [parent, child], rateMax: nil, at: now, into: &effects)
            if verdict.fault != nil { peers.poor.insert(key) }
            for transaction in [child, parent] {
                switch verdict.results[transaction.wtxid] {
                case .accepted:
                    entered(transaction)
                    adopt(childrenOf: transaction, at: now, into: &effects)
                case .rejected(let rejection):
                    refuse(
                        transaction, rejection, from: peer, isFirst: false, at: now, into: &effects)
                case .otherWitness, .known, nil: break
                }
            }
            return
        }
    }
}
