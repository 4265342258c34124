import Bitcoin
import SansIO

/// Transactions from and to peers.
extension NodeMachine {
    // MARK: Announcements to us

    mutating func receiveInventory(
        _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.peerInventory) else {
            peers.punish(index, "inv message size = \(count)")
            return
        }
        var block: Hash256?
        for _ in 0..<count {
            let entry = try InventoryEntry(from: &reader)
            switch entry.kind {
            case .block, .blockWithWitness, .compactBlock, .filteredBlock:
                learnAvailability(index, entry.hash)
                if !hasBlock(entry.hash) { block = entry.hash }
            case .transaction, .transactionWithWitness, .witnessTransaction:
                let isWitnessID = entry.kind == .witnessTransaction
                guard isWitnessID == peers.list[index].usesWitnessIDs else { continue }
                if refusesTransactions(peers.list[index]) {
                    peers.drop(index, "transaction inv sent in violation of protocol")
                    return
                }
                peers.list[index].relay.learn(entry.hash)
                if !peers.isInitialDownload {
                    consider(entry.hash, isWitnessID: isWitnessID, from: index, at: time)
                }
            case nil: break
            }
        }
        if let block { askAfterInventory(index, block, at: time, into: &effects) }
    }

    private func hasBlock(_ hash: Hash256) -> Bool {
        guard let id = chain.tree.id(of: hash) else { return false }
        return chain.tree[id].hasBody || peers.inFlight.contains(id)
    }

    /// An unknown block was announced by hash: its headers come first.
    private mutating func askAfterInventory(
        _ index: Int, _ block: Hash256, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let sync = peers.list[index].headers
        guard sync.isStarted || (!sync.askedForInventory && block != peers.inventoryThatAsked) else { return }
        peers.headers.catchUp(chain.tree)
        askForHeaders(index, at: time, into: &effects)
        if !sync.isStarted {
            peers.list[index].headers.askedForInventory = true
            peers.inventoryThatAsked = block
        }
    }

    /// `forOrphan`: its parent is wanted even if it paid too little when it came alone.
    private func hasTransaction(_ hash: Hash256, isWitnessID: Bool, forOrphan: Bool = false) -> Bool {
        if peers.rejects.contains(hash) || peers.confirmed.contains(hash) { return true }
        if !forOrphan, peers.poor.contains(hash) { return true }
        if isWitnessID { return peers.orphans.contains(wtxid: hash) || mempool.contains(wtxid: hash) }
        return mempool[hash] != nil
    }

    /// Notes that this peer has a transaction which we lack, to be asked for when its turn comes.
    private mutating func consider(
        _ hash: Hash256, isWitnessID: Bool, forOrphan: Bool = false, from index: Int, at time: Instant
    ) {
        let peer = peers.list[index]
        if isWitnessID, peers.orphans.contains(wtxid: hash) {
            peers.orphans.announce(hash, from: peer.id)
            return
        }
        guard !hasTransaction(hash, isWitnessID: isWitnessID, forOrphan: forOrphan) else { return }
        let isTrusted = peer.permissions.contains(.relay)
        if !isTrusted, peers.requests.announced(by: peer.id) >= ChainLimits.peerAnnouncements { return }
        var delay = Interval.zero
        if !peer.isPreferred { delay = delay + .seconds(2) }
        if !isWitnessID, peers.list.contains(where: { $0.isUp && $0.usesWitnessIDs }) {
            delay = delay + .seconds(2)
        }
        if !isTrusted, peers.requests.inFlight(of: peer.id) >= ChainLimits.peerTransactionsInFlight {
            delay = delay + .seconds(2)
        }
        peers.requests.announce(
            hash,
            TransactionRequests.Candidate(
                peer: peer.id, isWitnessID: isWitnessID, isPreferred: peer.isPreferred,
                notBefore: time + delay))
    }

    /// Asks for the transactions whose time has come.
    mutating func flushRequests(at time: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        guard let next = peers.requests.nextDeadline, next <= time else { return }
        var batches: [(index: Int, entries: [InventoryEntry])] = []
        var rounds = 0
        while rounds < ChainLimits.peerInventory {
            let (orders, expired) = peers.requests.due(at: time)
            rounds += 1
            if orders.isEmpty, expired.isEmpty { break }
            for order in orders {
                // Orphans' parents are asked for by txid whatever they paid.
                let isWanted = !hasTransaction(
                    order.hash, isWitnessID: order.isWitnessID, forOrphan: !order.isWitnessID)
                guard isWanted else {
                    peers.requests.forget(order.hash)
                    continue
                }
                guard let index = peers.index(order.peer) else { continue }
                let entry = InventoryEntry(
                    order.isWitnessID ? .witnessTransaction : .transactionWithWitness, order.hash)
                if let place = batches.firstIndex(where: { $0.index == index }) {
                    batches[place].entries.append(entry)
                } else {
                    batches.append((index, [entry]))
                }
            }
        }
        for (index, entries) in batches {
            for start in stride(from: 0, to: entries.count, by: 1_000) {
                let part = Array(entries[start..<min(start + 1_000, entries.count)])
                peers.say(.getdata, to: index, at: time, into: &effects) {
                    InventoryEntry.write(part, into: &$0)
                }
            }
        }
    }

    mutating func receiveNotFound(_ reader: inout ByteReader, _ index: Int) throws(ByteReaderError) {
        let count = try reader.compactSize()
        // More than was asked for at a time: not an answer to us.
        guard count <= UInt64(ChainLimits.peerTransactionsInFlight + ChainLimits.peerBlocksInFlight) else {
            return
        }
        for _ in 0..<count {
            let entry = try InventoryEntry(from: &reader)
            switch entry.kind {
            case .transaction, .transactionWithWitness, .witnessTransaction:
                peers.requests.drop(entry.hash, from: peers.list[index].id)
            default: break
            }
        }
    }

    // MARK: Transactions to us

    mutating func receiveTransaction(
        _ payload: [UInt8], _ index: Int, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        if refusesTransactions(peers.list[index]) {
            peers.drop(index, "transaction sent in violation of protocol")
            return
        }
        guard !peers.isInitialDownload else { return }
        guard let transaction = try? Transaction(bytes: payload) else {
            peers.drop(index, "malformed tx")
            return
        }
        let id = peers.list[index].id
        peers.list[index].relay.learn(
            peers.list[index].usesWitnessIDs ? transaction.wtxid : transaction.txid)
        let announcers =
            [id] + peers.requests.announcers(of: transaction.wtxid)
            + peers.requests.announcers(of: transaction.txid)
        peers.requests.drop(transaction.txid, from: id)
        peers.requests.drop(transaction.wtxid, from: id)
        guard !hasTransaction(transaction.wtxid, isWitnessID: true, forOrphan: true),
            mempool[transaction.txid]?.transaction.wtxid != transaction.wtxid
        else {
            peers.requests.forget(transaction.wtxid)
            return
        }
        if tryTransaction(transaction, announcers: announcers, at: now, into: &effects) {
            peers.list[index].relay.lastTransaction = peerTime(now)
            adopt(childrenOf: transaction, at: now, into: &effects)
        }
    }

    /// True when it entered the pool. One whose parents are missing is kept and they are asked for.
    private mutating func tryTransaction(
        _ transaction: Transaction, announcers: [ConnectionID], at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> Bool {
        do throws(Rejection) {
            _ = try submit(transaction, at: now, into: &effects)
            peers.requests.forget(transaction.txid)
            peers.requests.forget(transaction.wtxid)
            peers.orphans.remove(wtxid: transaction.wtxid)
            return true
        } catch {
            if error.kind == .missingInputs {
                keepOrphan(transaction, announcers: announcers, at: peerTime(now))
                return false
            }
            peers.orphans.remove(wtxid: transaction.wtxid)
            if Self.isPoor(error) {
                peers.poor.insert(transaction.wtxid)
                if tryPackage(transaction, at: now, into: &effects) { return true }
            } else {
                peers.rejects.insert(transaction.wtxid)
            }
            peers.requests.forget(transaction.wtxid)
            if !transaction.hasWitness { peers.requests.forget(transaction.txid) }
            peers.extra.insert(transaction)
            return false
        }
    }

    /// Refused for its own fee alone: with a child that pays more it may stand.
    private static func isPoor(_ rejection: Rejection) -> Bool {
        rejection.reason == "min relay fee not met" || rejection.reason == "mempool min fee not met"
    }

    /// Tries the transaction together with each orphan that spends from it, newest first (one parent, one child).
    private mutating func tryPackage(
        _ parent: Transaction, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) -> Bool {
        for child in peers.orphans.children(of: parent).reversed().prefix(3) {
            let verdict = submit(package: [parent, child], rateMax: nil, at: now, into: &effects)
            guard verdict.added.contains(where: { $0.wtxid == parent.wtxid }) else { continue }
            for transaction in verdict.added {
                peers.requests.forget(transaction.txid)
                peers.requests.forget(transaction.wtxid)
                peers.orphans.remove(wtxid: transaction.wtxid)
            }
            adopt(childrenOf: child, at: now, into: &effects)
            return true
        }
        return false
    }

    private mutating func keepOrphan(_ transaction: Transaction, announcers: [ConnectionID], at time: Instant)
    {
        var parents: [Hash256] = []
        for input in transaction.inputs where !parents.contains(input.previousOutput.txid) {
            parents.append(input.previousOutput.txid)
        }
        peers.requests.forget(transaction.wtxid)
        peers.requests.forget(transaction.txid)
        // The child of what was refused is refused.
        if parents.contains(where: { peers.rejects.contains($0) }) {
            peers.rejects.insert(transaction.wtxid)
            return
        }
        for peer in announcers {
            guard let index = peers.index(peer), peers.orphans.insert(transaction, from: peer) else {
                continue
            }
            for parent in parents where !hasParent(parent) {
                consider(parent, isWitnessID: false, forOrphan: true, from: index, at: time)
            }
        }
        peers.extra.insert(transaction)
    }

    private func hasParent(_ txid: Hash256) -> Bool {
        mempool[txid] != nil || peers.confirmed.contains(txid)
    }

    /// The orphans that waited for this transaction, and those that waited for them.
    private mutating func adopt(
        childrenOf transaction: Transaction, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        var queue = [transaction]
        var at = 0
        while at < queue.count, at < ChainLimits.orphans {
            for child in peers.orphans.children(of: queue[at]) {
                let announcers = peers.orphans.announcers(of: child.wtxid)
                if tryTransaction(child, announcers: announcers, at: now, into: &effects) {
                    queue.append(child)
                }
            }
            at += 1
        }
    }

    // MARK: Announcements by us

    /// A transaction entered the pool: peers hear of it, those on the whitelist at once.
    mutating func relay(
        _ transaction: Transaction, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        if !peers.isBusy, peers.unbroadcast.count < ChainLimits.unbroadcast {
            peers.unbroadcast.append(transaction.txid)
            peers.nextRebroadcast = peers.nextRebroadcast ?? time + .minutes(10)
        }
        guard !peers.list.isEmpty else { return }
        let wasBusy = beginPeers()
        for index in peers.list.indices where peers.list[index].isUp {
            let peer = peers.list[index]
            guard peer.relaysTransactions, peer.wantsTransactions else { continue }
            peers.list[index].relay.queue(transaction.txid)
            if peer.permissions.contains(.noBan) { announceTransactions(index, at: time, into: &effects) }
        }
        endPeers(wasBusy, at: now, into: &effects)
    }

    /// What this node sent and nobody fetched is announced again every ten to fifteen minutes.
    mutating func rebroadcast(at time: Instant) {
        guard let next = peers.nextRebroadcast, next <= time else { return }
        peers.unbroadcast = peers.unbroadcast.filter { mempool[$0] != nil }
        for txid in peers.unbroadcast {
            for index in peers.list.indices
            where peers.list[index].isUp && peers.list[index].wantsTransactions {
                peers.list[index].relay.queue(txid)
            }
        }
        peers.nextRebroadcast =
            peers.unbroadcast.isEmpty
            ? nil : time + .minutes(10) + .milliseconds(peers.random.below(300_000))
    }

    mutating func announceTransactions(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        // Named one by one: a copy of the whole peer would make the next change copy what it remembers.
        guard peers.list[index].relaysTransactions, peers.list[index].wantsTransactions,
            peers.list[index].isUp
        else { return }
        let wantsMempool = peers.list[index].relay.wantsMempool
        var isTime = peers.list[index].permissions.contains(.noBan)
        if peers.list[index].relay.next.map({ $0 < time }) ?? true {
            isTime = true
            peers.list[index].relay.next = nextAnnouncement(isInbound: peers.list[index].isInbound, at: time)
        }
        guard isTime, !peers.list[index].relay.pending.isEmpty || wantsMempool else { return }
        var entries = peers.list[index].relay.takePending().compactMap { mempool[$0] }
        if wantsMempool {
            entries = mempool.entries
            peers.list[index].relay.wantsMempool = false
        }
        entries.sort { $0.sequence < $1.sequence }
        peers.list[index].relay.announcedSequence = mempool.sequence
        let usesWitnessIDs = peers.list[index].usesWitnessIDs
        let filter = peers.list[index].relay.feeFilter
        var inventory: [InventoryEntry] = []
        for entry in entries where entry.fee >= Policy.fee(rate: filter, virtualSize: entry.virtualSize) {
            let hash = usesWitnessIDs ? entry.transaction.wtxid : entry.txid
            if peers.list[index].relay.isKnown(hash) { continue }
            peers.list[index].relay.learn(hash)
            inventory.append(InventoryEntry(usesWitnessIDs ? .witnessTransaction : .transaction, hash))
        }
        for start in stride(from: 0, to: inventory.count, by: ChainLimits.peerInventory) {
            let part = Array(inventory[start..<min(start + ChainLimits.peerInventory, inventory.count)])
            peers.say(.inv, to: index, at: time, into: &effects) { InventoryEntry.write(part, into: &$0) }
        }
    }

    /// Poisson in time: 2 s on average for outgoing peers, 5 s and one moment for all incoming ones.
    private mutating func nextAnnouncement(isInbound: Bool, at time: Instant) -> Instant {
        guard isInbound else { return time + peers.random.exponential(mean: .seconds(2)) }
        if peers.nextInboundInventory < time {
            peers.nextInboundInventory = time + peers.random.exponential(mean: .seconds(5))
        }
        return peers.nextInboundInventory
    }

    /// A transaction that this peer may have: what was announced to it, or what the newest block holds.
    mutating func servedTransaction(_ entry: InventoryEntry, _ index: Int) -> Transaction? {
        let isWitnessID = entry.kind == .witnessTransaction
        let found = isWitnessID ? mempool.entry(wtxid: entry.hash) : mempool[entry.hash]
        if let found, found.sequence < peers.list[index].relay.announcedSequence {
            peers.unbroadcast.removeAll { $0 == found.txid }
            mempool.unbroadcast.remove(found.txid)
            return found.transaction
        }
        return peers.recentBlock?.block.transactions.first {
            (isWitnessID ? $0.wtxid : $0.txid) == entry.hash
        }
    }

    // MARK: feefilter

    mutating func sendFeeFilter(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let peer = peers.list[index]
        guard !peers.isBlocksOnly, peer.commonVersion >= 70_013, !peer.permissions.contains(.forceRelay),
            peer.kind != .blockRelayOnly
        else { return }
        let none = ChainLimits.feeFilterNone
        if !peers.isInitialDownload, peer.relay.feeFilterSent == none {
            peers.list[index].relay.nextFeeFilter = nil
        }
        if let next = peers.list[index].relay.nextFeeFilter, next >= time { return }
        let seconds = UInt32(truncatingIfNeeded: time.nanoseconds / 1_000_000_000)
        let rate =
            peers.isInitialDownload
            ? none : max(mempool.minimumFeeRate(at: seconds), mempool.options.relayFeeRate)
        if rate != peer.relay.feeFilterSent {
            peers.list[index].relay.feeFilterSent = rate
            peers.say(.feefilter, to: index, at: time, into: &effects) {
                $0.write(u64: UInt64(bitPattern: rate))
            }
        }
        peers.list[index].relay.nextFeeFilter = time + peers.random.exponential(mean: .minutes(10))
    }
}
