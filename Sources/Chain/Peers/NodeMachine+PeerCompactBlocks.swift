import Bitcoin
import SansIO

/// Compact blocks from peers (BIP152).
extension NodeMachine {
    mutating func receiveCompactBlock(
        _ payload: [UInt8], _ index: Int, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard !peers.isBlocksOnly, peers.list[index].announcing.providesCompact else { return }
        guard let compact = Self.compactBlock(payload) else { return }
        let time = peerTime(now)
        let hash = compact.header.hash
        guard let previous = chain.tree.id(of: compact.header.previousBlockHash) else {
            if !peers.isInitialDownload { askForHeaders(index, at: time, into: &effects) }
            return
        }
        guard hasEnoughWork(compact.header) else { return }
        let wasKnown = chain.tree.id(of: hash) != nil
        let block: BlockID
        do throws(Rejection) {
            block = try chain.accept(compact.header, hash: hash, now: unixTime(at: now))
        } catch {
            blame(index, error, viaCompactBlock: true, "invalid header via cmpctblock")
            return
        }
        peers.headers.catchUp(chain.tree)
        learnAvailability(index, hash)
        if !wasKnown, chain.tip.chainWork < chain.tree[block].chainWork {
            peers.list[index].headers.lastAnnouncement = time
        }
        if chain.tree[block].hasBody { return }
        let wasAsked = peers.list[index].download.index(of: block) != nil
        guard wasAsked || peers.list[index].announcing.isHighBandwidth else { return }
        if !(chain.tip.chainWork < chain.tree[block].chainWork) {
            if wasAsked { ask(index, for: [block], .blockWithWitness, at: time, into: &effects) }
            return
        }
        if !peers.inFlight.contains(block), !canDirectFetch(at: time) { return }
        guard chain.tree[previous].height + 1 <= chain.height + 2 else {
            if wasAsked {
                ask(index, for: [block], .blockWithWitness, at: time, into: &effects)
            } else {
                processHeaders([compact.header], index, viaCompactBlock: true, at: now, into: &effects)
            }
            return
        }
        begin(compact, block, index, at: now, into: &effects)
    }

    private static func compactBlock(_ payload: [UInt8]) -> CompactBlock? {
        var reader = ByteReader(payload.span.bytes)
        do throws(TransactionError) { return try CompactBlock(from: &reader) } catch { return nil }
    }

    /// Fills the block from the pool and asks for the rest, from up to three peers at a time.
    private mutating func begin(
        _ compact: CompactBlock, _ block: BlockID, _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        let asked = peers.inFlight[block]
        let id = peers.list[index].id
        let isFirst = asked.isEmpty || asked[0] == id
        let wasAsked = asked.contains(id)
        guard wasAsked || (asked.count < 3 && peers.list[index].download.room > 0) else {
            // Others are at it; perhaps nothing is missing.
            if case .begun(var partial) = start(compact), partial.missing.isEmpty,
                case .complete(let whole) = partial.finish([])
            {
                take(whole, bytes: whole.bytes(), from: index, viaCompactBlock: true, at: now, into: &effects)
            }
            return
        }
        markRequested(block, from: index, at: time)
        guard let place = peers.list[index].download.index(of: block) else { return }
        // The same peer announced it before.
        if peers.list[index].download.requests[place].partial != nil { return }
        switch start(compact) {
        case .invalid:
            unmarkRequested(block, from: index, at: time)
            peers.punish(index, "invalid compact block")
        case .failed:
            if isFirst {
                ask(index, for: [block], .blockWithWitness, at: time, into: &effects)
            } else {
                unmarkRequested(block, from: index, at: time)
            }
        case .begun(let partial):
            let missing = partial.missing
            peers.list[index].download.requests[place].partial = partial
            if missing.isEmpty {
                complete(block, [], index, at: now, into: &effects)
            } else if isFirst || mayAskInParallel(block, asked, index) {
                askForTransactions(missing, of: block, index, at: time, into: &effects)
            } else {
                unmarkRequested(block, from: index, at: time)
            }
        }
    }

    /// The last of the three places is kept for an outgoing peer.
    private func mayAskInParallel(_ block: BlockID, _ asked: [ConnectionID], _ index: Int) -> Bool {
        guard peers.list[index].announcing.isHighBandwidth else { return false }
        let hasOutbound = asked.contains { id in peers.index(id).map { !peers.list[$0].isInbound } ?? false }
        return !peers.list[index].isInbound || hasOutbound || asked.count < 2
    }

    private func start(_ compact: CompactBlock) -> PartialBlock.Start {
        PartialBlock.start(compact) { body in
            for slot in mempool.slots.indices {
                if let entry = mempool.slots[slot] { body(entry.transaction) }
            }
            for transaction in peers.extra.list { body(transaction) }
        }
    }

    private mutating func askForTransactions(
        _ missing: [Int], of block: BlockID, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let hash = chain.tree[block].hash
        peers.say(.getblocktxn, to: index, at: time, into: &effects) { writer in
            writer.write(hash: hash)
            writer.write(compactSize: UInt64(missing.count))
            var next = 0
            for place in missing {
                writer.write(compactSize: UInt64(place - next))
                next = place + 1
            }
        }
    }

    mutating func receiveBlockTransactions(
        _ payload: [UInt8], _ index: Int, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let (hash, transactions) = Self.blockTransactions(payload) else { return }
        guard let block = chain.tree.id(of: hash),
            let place = peers.list[index].download.index(of: block),
            let partial = peers.list[index].download.requests[place].partial
        else { return }
        if partial.isSpent {
            unmarkRequested(block, from: index, at: peerTime(now))
            peers.punish(index, "previous compact block reconstruction attempt failed")
            return
        }
        complete(block, transactions, index, at: now, into: &effects)
    }

    private static func blockTransactions(_ payload: [UInt8]) -> (Hash256, [Transaction])? {
        var reader = ByteReader(payload.span.bytes)
        do throws(ByteReaderError) {
            let hash = try reader.hash256()
            let count = Int(try reader.compactSize(limit: UInt64(reader.remaining / 10 + 1)))
            var list: [Transaction] = []
            for _ in 0..<count {
                do throws(TransactionError) { list.append(try Transaction(from: &reader)) } catch {
                    return nil
                }
            }
            return (hash, list)
        } catch {
            return nil
        }
    }

    private mutating func complete(
        _ block: BlockID, _ transactions: [Transaction], _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        guard let place = peers.list[index].download.index(of: block),
            var partial = peers.list[index].download.requests[place].partial
        else { return }
        let isFirst = peers.inFlight[block].first == peers.list[index].id
        let finish = partial.finish(transactions)
        peers.list[index].download.requests[place].partial = partial
        switch finish {
        case .invalid:
            unmarkRequested(block, from: index, at: time)
            peers.punish(index, "invalid compact block/non-matching block transactions")
        case .failed:
            if isFirst {
                ask(index, for: [block], .blockWithWitness, at: time, into: &effects)
            } else {
                unmarkRequested(block, from: index, at: time)
            }
        case .complete(let whole):
            unmarkRequested(block, from: index, at: time)
            take(whole, bytes: whole.bytes(), from: index, viaCompactBlock: true, at: now, into: &effects)
        }
    }
}
