import Bitcoin
import SansIO

/// Announcing blocks to peers and answering what they ask for.
extension NodeMachine {
    // MARK: Announcements

    /// Tells peers of the blocks that became active. Called after every move of the chain.
    mutating func tipChanged(
        _ changes: [ChainChange], at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        leaveInitialDownload(at: time)
        peers.rejects.removeAll()
        peers.poor.removeAll()
        var connected: [BlockID] = []
        for change in changes {
            switch change {
            case .connected(let id, let block, _):
                connected.append(id)
                // What was confirmed before peers told of transactions, none of them will tell of by chance.
                for transaction in peers.isInitialDownload ? [] : block.transactions {
                    peers.confirmed.insert(transaction.wtxid)
                    if transaction.hasWitness { peers.confirmed.insert(transaction.txid) }
                    if peers.requests.count > 0 {
                        peers.requests.forget(transaction.wtxid)
                        peers.requests.forget(transaction.txid)
                    }
                }
                peers.orphans.blockConnected(block)
                if !peers.list.isEmpty, id == chain.tipID {
                    peers.recentBlock = RecentBlock(
                        hash: chain.tree[id].hash, block: block,
                        compact: CompactBlock(block, nonce: peers.random.next()))
                }
            case .disconnected:
                connected = connected.filter { chain.isActive($0) }
                peers.confirmed.removeAll()
            }
        }
        guard !peers.list.isEmpty else { return }
        let wasBusy = beginPeers()
        peers.headers.catchUp(chain.tree)
        // Some orphans' parents came with the blocks.
        for change in changes where peers.orphans.count > 0 {
            guard case .connected(_, let block, _) = change else { continue }
            for transaction in block.transactions { adopt(childrenOf: transaction, at: now, into: &effects) }
        }
        if !peers.isInitialDownload {
            let news = connected.filter { chain.isActive($0) }.suffix(ChainLimits.peerAnnouncedBlocks + 1)
            for index in peers.list.indices where peers.list[index].phase == .established {
                peers.list[index].announcing.pending += news
            }
        }
        for index in peers.list.indices { attend(index, at: time, into: &effects) }
        endPeers(wasBusy, at: now, into: &effects)
    }

    /// As compact block, headers or inv, as the peer prefers and can make use of (Core's SendMessages).
    mutating func announceBlocks(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let pending = peers.list[index].announcing.pending
        guard let last = pending.last else { return }
        peers.list[index].announcing.pending = []
        resolveAvailability(index)
        let peer = peers.list[index]
        if let headers = announcedHeaders(index, pending), !headers.isEmpty {
            let best = headers[headers.count - 1]
            if headers.count == 1, peer.announcing.wantsCompact {
                if let compact = compactBlock(best) {
                    peers.list[index].announcing.bestSent = best
                    peers.say(.cmpctblock, to: index, at: time, into: &effects) { compact.encode(into: &$0) }
                    return
                }
            } else if peer.announcing.prefersHeaders {
                peers.list[index].announcing.bestSent = best
                let list = headers.map { chain.tree[$0].header }
                peers.say(.headers, to: index, at: time, into: &effects) { Self.write(list, into: &$0) }
                return
            }
        } else if announcedHeaders(index, pending) != nil {
            // The peer has them all.
            return
        }
        guard !peerHasHeader(index, last) else { return }
        let entry = InventoryEntry(.block, chain.tree[last].hash)
        peers.say(.inv, to: index, at: time, into: &effects) { InventoryEntry.write([entry], into: &$0) }
    }

    /// The headers that the peer lacks and that connect to what it has; nil when an inv must do.
    private func announcedHeaders(_ index: Int, _ pending: [BlockID]) -> [BlockID]? {
        let announcing = peers.list[index].announcing
        guard announcing.prefersHeaders || (announcing.wantsCompact && pending.count == 1),
            pending.count <= ChainLimits.peerAnnouncedBlocks
        else { return nil }
        var list: [BlockID] = []
        var previous: BlockID?
        for id in pending {
            guard chain.isActive(id) else { return nil }
            if let previous, chain.tree[id].previous != previous { return nil }
            previous = id
            if !list.isEmpty {
                list.append(id)
            } else if peerHasHeader(index, id) {
                continue
            } else if chain.tree[id].previous < 0 || peerHasHeader(index, chain.tree[id].previous) {
                list.append(id)
            } else {
                return nil
            }
        }
        return list
    }

    private mutating func compactBlock(_ id: BlockID) -> CompactBlock? {
        if let recent = peers.recentBlock, recent.hash == chain.tree[id].hash { return recent.compact }
        return chain.block(id).map { CompactBlock($0, nonce: peers.random.next()) }
    }

    // MARK: getdata

    mutating func receiveGetData(
        _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.peerInventory) else {
            peers.punish(index, "getdata message size = \(count)")
            return
        }
        var entries: [InventoryEntry] = []
        entries.reserveCapacity(Int(count))
        for _ in 0..<count { entries.append(try InventoryEntry(from: &reader)) }
        guard peers.list[index].serving.queue.count + entries.count <= 2 * ChainLimits.peerInventory else {
            peers.drop(index, "asks faster than it takes")
            return
        }
        peers.list[index].serving.append(entries)
        serve(index, at: time, into: &effects)
    }

    /// Sends what was asked for, as far as the peer keeps up.
    mutating func serve(_ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>) {
        guard !peers.list[index].serving.isEmpty else { return }
        var missing: [InventoryEntry] = []
        while !peers.list[index].serving.isEmpty, peers.list[index].closing == nil {
            let sent = peers.list[index].traffic.bytesSent
            if sent - peers.list[index].serving.acknowledged > ChainLimits.peerBytesInFlight {
                guard peers.list[index].serving.probe == nil else { break }
                let nonce = peers.random.next() | 1
                peers.say(.ping, to: index, at: time, into: &effects) { $0.write(u64: nonce) }
                peers.list[index].serving.probe = (nonce, sent)
                break
            }
            let entry = peers.list[index].serving.queue[peers.list[index].serving.next]
            peers.list[index].serving.next += 1
            switch entry.kind {
            case .transaction, .transactionWithWitness, .witnessTransaction:
                // Nothing was announced to it, so there is nothing it could miss.
                guard peers.list[index].relaysTransactions, peers.list[index].wantsTransactions else {
                    continue
                }
                if let transaction = servedTransaction(entry, index) {
                    let withWitness = entry.kind != .transaction
                    peers.say(.tx, to: index, at: time, into: &effects) {
                        transaction.encode(into: &$0, witness: withWitness)
                    }
                } else {
                    missing.append(entry)
                }
            case .block, .blockWithWitness, .compactBlock, .filteredBlock:
                serveBlock(entry, index, at: time, into: &effects)
            case nil: break
            }
        }
        if !missing.isEmpty {
            peers.say(.notfound, to: index, at: time, into: &effects) {
                InventoryEntry.write(missing, into: &$0)
            }
        }
        if peers.list[index].serving.isEmpty { peers.list[index].serving.append([]) }
    }

    private mutating func serveBlock(
        _ entry: InventoryEntry, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let id = chain.tree.id(of: entry.hash), mayServe(id) else { return }
        // Who prunes serves the same depth whatever is still on its disk, and lets nobody wait for more.
        if peers.services & PeerServices.network == 0, !peers.list[index].permissions.contains(.noBan),
            chain.height - chain.tree[id].height > ChainLimits.blocksKept + 2
        {
            peers.drop(index, "asks for a block that a pruned node does not serve")
            return
        }
        guard chain.tree[id].hasBody else { return }
        switch entry.kind {
        case .blockWithWitness:
            guard let body = chain.body(id) else { return }
            peers.say(.block, to: index, at: time, into: &effects) { $0.write(body) }
        case .compactBlock:
            // Beyond a few blocks the peer's pool is of no help.
            if chain.tree[id].height >= chain.height - 5, canDirectFetch(at: time),
                let compact = compactBlock(id)
            {
                peers.say(.cmpctblock, to: index, at: time, into: &effects) { compact.encode(into: &$0) }
            } else {
                guard let body = chain.body(id) else { return }
                peers.say(.block, to: index, at: time, into: &effects) { $0.write(body) }
            }
        case .block:
            guard let block = chain.block(id) else { return }
            peers.say(.block, to: index, at: time, into: &effects) { block.encode(into: &$0, witness: false) }
        default: break
        }
    }

    // MARK: getblocktxn

    mutating func sendBlockTransactions(
        _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        let hash = try reader.hash256()
        let count = try reader.compactSize(limit: 0x1_0000)
        var places: [Int] = []
        var next = 0
        for _ in 0..<count {
            let place = next + Int(try reader.compactSize(limit: 0xffff))
            guard place <= 0xffff else {
                peers.drop(index, "malformed getblocktxn")
                return
            }
            places.append(place)
            next = place + 1
        }
        guard !places.isEmpty else {
            peers.drop(index, "getblocktxn without indexes")
            return
        }
        var block = peers.recentBlock.flatMap { $0.hash == hash ? $0.block : nil }
        if block == nil {
            guard let id = chain.tree.id(of: hash), chain.tree[id].hasBody else { return }
            if chain.tree[id].height >= chain.height - 10 {
                block = chain.block(id)
            } else {
                peers.list[index].serving.append([InventoryEntry(.blockWithWitness, hash)])
                serve(index, at: time, into: &effects)
                return
            }
        }
        guard let block else { return }
        guard let last = places.last, last < block.transactions.count else {
            peers.punish(index, "getblocktxn with out-of-bounds tx indices")
            return
        }
        peers.say(.blocktxn, to: index, at: time, into: &effects) { writer in
            writer.write(hash: hash)
            writer.write(compactSize: UInt64(places.count))
            for place in places { block.transactions[place].encode(into: &writer) }
        }
    }
}
