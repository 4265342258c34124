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

    /// Whether it need not be fetched. `countsPoor`: also when it only paid too little, which a child may mend. A hash
    /// of a transaction without witnesses is both ids at once.
    func hasTransaction(_ hash: Hash256, isWitnessID: Bool, countsPoor: Bool) -> Bool {
        if peers.orphans.contains(wtxid: hash) { return true }
        if countsPoor, peers.poor.contains(hash) { return true }
        if peers.confirmed.contains(hash) || peers.rejects.contains(hash) { return true }
        return isWitnessID ? mempool.contains(wtxid: hash) : mempool[hash] != nil
    }

    /// Notes that this peer has a transaction which we lack, to be asked for when its turn comes.
    private mutating func consider(
        _ hash: Hash256, isWitnessID: Bool, from index: Int, at time: Instant
    ) {
        if isWitnessID, peers.orphans.contains(wtxid: hash) {
            announceOrphan(hash, from: peers.list[index].id, at: time)
            return
        }
        guard !hasTransaction(hash, isWitnessID: isWitnessID, countsPoor: true) else { return }
        let isTrusted = peers.list[index].permissions.contains(.relay)
        if !isTrusted,
            peers.requests.announced(by: peers.list[index].id) >= ChainLimits.peerAnnouncements
        {
            return
        }
        announceRequest(hash, isWitnessID: isWitnessID, from: index, at: time)
    }

    /// Peers of our choice are asked at once, others later, so that nobody who pushes to the front can withhold it.
    mutating func announceRequest(_ hash: Hash256, isWitnessID: Bool, from index: Int, at time: Instant) {
        let peer = peers.list[index]
        var delay = Interval.zero
        if !peer.isPreferred { delay = delay + .seconds(2) }
        if !isWitnessID, peers.list.contains(where: { $0.isUp && $0.usesWitnessIDs }) {
            delay = delay + .seconds(2)
        }
        if !peer.permissions.contains(.relay),
            peers.requests.inFlight(of: peer.id) >= ChainLimits.peerTransactionsInFlight
        {
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
                let isWanted = !hasTransaction(
                    order.hash, isWitnessID: order.isWitnessID, countsPoor: false)
                guard isWanted else {
                    peers.requests.forget(order.hash)
                    continue
                }
                guard let index = peers.index(order.peer) else { continue }
                let plain: InventoryKind =
                    peers.list[index].hasWitnesses ? .transactionWithWitness : .transaction
                let entry = InventoryEntry(order.isWitnessID ? .witnessTransaction : plain, order.hash)
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
        guard let transaction = try? Transaction(bytes: payload) else { return }
        let id = peers.list[index].id
        let (txid, wtxid) = (transaction.txid, transaction.wtxid)
        peers.list[index].relay.learn(peers.list[index].usesWitnessIDs ? wtxid : txid)
        peers.requests.drop(txid, from: id)
        if transaction.hasWitness { peers.requests.drop(wtxid, from: id) }
        if hasTransaction(wtxid, isWitnessID: true, countsPoor: false) {
            // An operator's own peer may have it told once more.
            if peers.list[index].permissions.contains(.forceRelay), mempool[txid] != nil {
                relay(transaction, isOwn: false, at: now, into: &effects)
            }
            return
        }
        if peers.poor.contains(wtxid) {
            tryWithChild(transaction, from: id, at: now, into: &effects)
            return
        }
        do throws(Rejection) {
            let verdict = try submit(transaction, at: now, into: &effects)
            entered(transaction)
            for replaced in verdict.replaced { peers.extra.insert(replaced) }
            peers.list[index].relay.lastTransaction = peerTime(now)
            adopt(childrenOf: transaction, at: now, into: &effects)
        } catch {
            refuse(transaction, error, from: id, isFirst: true, at: now, into: &effects)
        }
    }

    // MARK: Announcements by us

    /// A transaction entered the pool: peers hear of it, those on the whitelist at once.
    mutating func relay(
        _ transaction: Transaction, isOwn: Bool = true, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        if isOwn, !peers.isBusy { keepBroadcasting(transaction.txid, at: time) }
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

    /// Remembers a transaction of our own until a peer fetches it.
    mutating func keepBroadcasting(_ txid: Hash256, at time: Instant) {
        guard mempool.unbroadcast.count < ChainLimits.unbroadcast else { return }
        mempool.unbroadcast.insert(txid)
        peers.nextRebroadcast = peers.nextRebroadcast ?? time + .minutes(10)
    }

    /// What this node sent and nobody fetched is announced again every ten to fifteen minutes.
    mutating func rebroadcast(at time: Instant) {
        guard let next = peers.nextRebroadcast, next <= time else { return }
        for txid in mempool.unbroadcast.sorted(by: { $0.precedes($1) }) {
            for index in peers.list.indices
            where peers.list[index].isUp && peers.list[index].wantsTransactions {
                peers.list[index].relay.queue(txid)
            }
        }
        peers.nextRebroadcast =
            mempool.unbroadcast.isEmpty
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
        let none = FeeFilterRounder.highest
        if !peers.isInitialDownload, peer.relay.feeFilterSent == none {
            peers.list[index].relay.nextFeeFilter = nil
        }
        if let next = peers.list[index].relay.nextFeeFilter, next >= time { return }
        let seconds = UInt32(truncatingIfNeeded: time.nanoseconds / 1_000_000_000)
        let rate =
            peers.isInitialDownload
            ? none
            : max(
                FeeFilterRounder.round(mempool.minimumFeeRate(at: seconds), random: &peers.random),
                mempool.options.relayFeeRate)
        if rate != peer.relay.feeFilterSent {
            peers.list[index].relay.feeFilterSent = rate
            peers.say(.feefilter, to: index, at: time, into: &effects) {
                $0.write(u64: UInt64(bitPattern: rate))
            }
        }
        peers.list[index].relay.nextFeeFilter = time + peers.random.exponential(mean: .minutes(10))
    }
}
