import Bitcoin
import SansIO

/// Fetching blocks from peers.
extension NodeMachine {
    // MARK: What is asked for

    /// A new header close to the tip: its blocks are asked for at once, from the peer that told of it.
    mutating func directFetch(
        _ index: Int, to last: BlockID, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard canDirectFetch(at: time), !chain.tree[last].isInvalid,
            !(chain.tree[last].chainWork < chain.tip.chainWork), peers.list[index].hasWitnesses
        else { return }
        var wanted: [BlockID] = []
        var at = last
        while !chain.isActive(at), wanted.count <= ChainLimits.peerBlocksInFlight {
            if !chain.tree[at].hasBody, !peers.inFlight.contains(at) { wanted.append(at) }
            at = chain.tree[at].previous
        }
        // A very large reorganisation is left to the parallel download.
        guard chain.isActive(at) else { return }
        let blocks = Array(wanted.reversed().prefix(peers.list[index].download.room))
        guard !blocks.isEmpty else { return }
        for block in blocks { markRequested(block, from: index, at: time) }
        let isCompact =
            blocks.count == 1 && peers.inFlight.count == 1 && !peers.isBlocksOnly
            && peers.list[index].announcing.providesCompact
            && chain.tree[chain.tree[last].previous].status == .connected
        ask(index, for: blocks, isCompact ? .compactBlock : .blockWithWitness, at: time, into: &effects)
    }

    /// Fills this peer's room with the next blocks of its chain, in a window beyond what we share with it.
    mutating func requestBlocks(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let peer = peers.list[index]
        guard peer.canServeBlocks, peer.hasWitnesses, peer.download.room > 0,
            !peers.isInitialDownload || (mayFetchBlocks(index) && !peer.isLimited)
        else { return }
        let (blocks, staller) = nextBlocks(index, count: peer.download.room)
        for block in blocks { markRequested(block, from: index, at: time) }
        if !blocks.isEmpty { ask(index, for: blocks, .blockWithWitness, at: time, into: &effects) }
        if peers.list[index].download.requests.isEmpty, let staller, let other = peers.index(staller),
            peers.list[other].download.stallingSince == nil
        {
            peers.list[other].download.stallingSince = time
        }
    }

    private mutating func nextBlocks(_ index: Int, count: Int) -> (blocks: [BlockID], staller: ConnectionID?)
    {
        resolveAvailability(index)
        guard let best = peers.list[index].headers.best, !(chain.tree[best].chainWork < chain.tip.chainWork),
            !(chain.tree[best].chainWork < configuration.minimumChainWork), best != chain.tipID
        else { return ([], nil) }
        let tip = chain.tipID
        var common =
            peers.list[index].headers.common ?? peers.headers.fork(of: tip, and: best, in: chain.tree)
        // The peer may have gone to another chain.
        common = peers.headers.fork(of: common, and: best, in: chain.tree)
        // What became active since the last look is shared as well.
        if chain.isActive(common) {
            let height = min(chain.height, chain.tree[best].height)
            if chain.active[height] == peers.headers.ancestor(of: best, at: height, in: chain.tree) {
                common = chain.active[height]
            }
        }
        peers.list[index].headers.common = common
        guard common != best else { return ([], nil) }
        let windowEnd = chain.tree[common].height + ChainLimits.peerDownloadWindow
        let top = min(chain.tree[best].height, windowEnd + 1)
        var path: [BlockID] = []
        var at = peers.headers.ancestor(of: best, at: top, in: chain.tree)
        while at != common {
            path.append(at)
            at = chain.tree[at].previous
        }
        let isLimited = peers.list[index].isLimited
        var blocks: [BlockID] = []
        var waiting: ConnectionID?
        for id in path.reversed() {
            let entry = chain.tree[id]
            if entry.isInvalid { return (blocks, nil) }
            if entry.hasBody {
                if isLinked(id) { peers.list[index].headers.common = id }
                continue
            }
            if let asked = peers.inFlight[id].first {
                waiting = waiting ?? asked
                continue
            }
            if entry.height > windowEnd {
                let blocksUs = blocks.isEmpty && waiting != peers.list[index].id
                return (blocks, blocksUs ? waiting : nil)
            }
            if isLimited, chain.tree[best].height - entry.height >= 286 { continue }
            blocks.append(id)
            if blocks.count == count { break }
        }
        return (blocks, nil)
    }

    /// Whether every ancestor's body is here.
    private func isLinked(_ id: BlockID) -> Bool { chain.tree[id].isLinked }

    /// False if this peer was asked for it before.
    @discardableResult
    mutating func markRequested(_ block: BlockID, from index: Int, at time: Instant) -> Bool {
        guard peers.list[index].download.index(of: block) == nil else { return false }
        if peers.list[index].download.requests.isEmpty {
            peers.list[index].download.since = time
            peers.inFlight.downloadingFrom += 1
        }
        peers.list[index].download.requests.append(BlockDownload.Request(block: block))
        peers.inFlight.insert(block, from: peers.list[index].id)
        return true
    }

    /// The block arrived from this peer, or is wanted from it no more.
    mutating func unmarkRequested(_ block: BlockID, from index: Int, at time: Instant) {
        guard let place = peers.list[index].download.index(of: block) else { return }
        if place == 0, let since = peers.list[index].download.since {
            peers.list[index].download.since = max(since, time)
        }
        peers.list[index].download.requests.remove(at: place)
        peers.list[index].download.stallingSince = nil
        if peers.list[index].download.requests.isEmpty { peers.inFlight.downloadingFrom -= 1 }
        peers.inFlight.remove(block, from: peers.list[index].id)
    }

    mutating func unmarkRequested(_ block: BlockID, at time: Instant) {
        for id in peers.inFlight[block] {
            if let index = peers.index(id) { unmarkRequested(block, from: index, at: time) }
        }
    }

    mutating func ask(
        _ index: Int, for blocks: [BlockID], _ kind: InventoryKind, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let entries = blocks.map { InventoryEntry(kind, chain.tree[$0].hash) }
        peers.say(.getdata, to: index, at: time, into: &effects) { InventoryEntry.write(entries, into: &$0) }
    }

    // MARK: Peers that do not deliver

    mutating func checkDownload(_ index: Int, at time: Instant) {
        let peer = peers.list[index]
        if let since = peer.download.stallingSince, time - since > peers.inFlight.stallingTimeout {
            // The next one gets longer: perhaps our own line is the bottleneck.
            peers.inFlight.stallingTimeout = min(peers.inFlight.stallingTimeout * 2, .seconds(64))
            peers.drop(index, "stalls the block download")
            return
        }
        if !peer.download.requests.isEmpty, let since = peer.download.since {
            let others = UInt64(max(0, peers.inFlight.downloadingFrom - 1))
            if time - since > .seconds(600) + .seconds(300) * others {
                peers.drop(index, "block download timed out")
                return
            }
        }
        guard peer.headers.isStarted, let deadline = peer.headers.deadline else { return }
        let bestTime = UInt64(chain.tree[peers.headers.best].header.time)
        if bestTime + 86_400 > time.nanoseconds / 1_000_000_000 {
            peers.list[index].headers.deadline = nil
        } else if time > deadline, peers.syncsStarted == 1,
            peers.preferredCount - (peer.isPreferred ? 1 : 0) >= 1
        {
            if peer.permissions.contains(.noBan) {
                peers.list[index].headers.isStarted = false
                peers.list[index].headers.deadline = nil
                peers.syncsStarted -= 1
            } else {
                peers.drop(index, "header download timed out")
            }
        }
    }

    // MARK: Receiving

    mutating func receiveBlock(
        _ payload: [UInt8], _ index: Int, at now: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        guard let block = try? Block(bytes: payload) else { return }
        let hash = block.hash
        let time = peerTime(now)
        var wasRequested = false
        if let id = chain.tree.id(of: hash) {
            wasRequested = peers.inFlight.contains(id)
            unmarkRequested(id, from: index, at: time)
            if chain.tree[id].hasBody { return }
        }
        guard wasRequested || isWorthKeeping(block) else {
            takeHeader(of: block, hash: hash, index, at: now)
            return
        }
        take(block, bytes: payload, from: index, viaCompactBlock: false, at: now, into: &effects)
    }

    /// Whether a block that nobody asked for may enter: it has at least the tip's work and is not far ahead (Core).
    private func isWorthKeeping(_ block: Block) -> Bool {
        guard let previous = chain.tree.id(of: block.header.previousBlockHash) else { return true }
        let work = chain.tree[previous].chainWork + (block.header.bits.target?.work ?? .zero)
        return !(work < chain.tip.chainWork) && !(work < configuration.minimumChainWork)
            && chain.tree[previous].height + 1 <= chain.height + ChainLimits.peerBlocksAhead
    }

    /// A block that is not kept may leave its header behind, if its chain has enough work.
    private mutating func takeHeader(of block: Block, hash: Hash256, _ index: Int, at now: Instant) {
        guard chain.tree.id(of: hash) == nil, hasEnoughWork(block.header) else { return }
        do throws(Rejection) {
            try BlockChecks.proofOfWork(
                block.header, hash: hash, limit: configuration.network.proofOfWorkLimit)
            _ = try chain.accept(block.header, hash: hash, now: unixTime(at: now))
        } catch {
            blame(index, error, viaCompactBlock: false, "invalid block received")
        }
    }

    /// Gives a whole block to the chain and draws the conclusions for the peer.
    mutating func take(
        _ block: Block, bytes: [UInt8], from index: Int, viaCompactBlock: Bool, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let id = peers.list[index].id
        // Whether nothing else was on its way: then this peer was the fastest to bring the tip.
        let wasAlone: Bool = {
            guard let known = chain.tree.id(of: block.hash) else { return peers.inFlight.count == 0 }
            return peers.inFlight.count == peers.inFlight[known].count
        }()
        let verdict = submit(block, bytes: bytes, from: .peer(id), at: now, into: &effects)
        if let rejection = verdict.rejection {
            blame(index, rejection, viaCompactBlock: viaCompactBlock, "invalid block received")
            return
        }
        if let failure = verdict.failures.first {
            // Who builds on a block that is invalid has not looked at it.
            blame(index, failure.rejection, viaCompactBlock: viaCompactBlock, "invalid block built upon")
            return
        }
        let time = peerTime(now)
        if let known = verdict.id { unmarkRequested(known, at: time) }
        guard verdict.isNew else { return }
        peers.list[index].lastBlock = time
        // A working download shortens the patience again (Core).
        if peers.inFlight.stallingTimeout > .seconds(2) {
            peers.inFlight.stallingTimeout = max(
                .seconds(2), Interval(seconds: peers.inFlight.stallingTimeout.seconds * 0.85))
        }
        if verdict.wasTried, wasAlone, !peers.isInitialDownload {
            preferCompactBlocks(from: index, at: time, into: &effects)
        }
    }

    /// Asks the peer that brought the tip to send the next ones as compact blocks unasked; three peers at most.
    private mutating func preferCompactBlocks(
        from index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let id = peers.list[index].id
        guard !peers.isBlocksOnly, peers.list[index].announcing.providesCompact,
            peers.list[index].closing == nil
        else { return }
        if let place = peers.highBandwidth.firstIndex(of: id) {
            peers.highBandwidth.remove(at: place)
            peers.highBandwidth.append(id)
            return
        }
        let isOutbound = peers.highBandwidth.map { id in
            peers.index(id).map { !peers.list[$0].isInbound } ?? false
        }
        // The last outgoing one is not pushed out by an incoming one.
        if peers.list[index].isInbound, peers.highBandwidth.count >= 3, isOutbound.count(where: { $0 }) == 1,
            isOutbound[0]
        {
            peers.highBandwidth.swapAt(0, 1)
        }
        sendCompact(index, highBandwidth: true, at: time, into: &effects)
        peers.highBandwidth.append(id)
        if peers.highBandwidth.count > 3 {
            let oldest = peers.highBandwidth.removeFirst()
            if let other = peers.index(oldest) {
                sendCompact(other, highBandwidth: false, at: time, into: &effects)
            }
        }
    }
}
