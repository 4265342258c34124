import Bitcoin
import SansIO

/// Headers first: whose chain is asked for, what is made of the answers, and what others are answered.
extension NodeMachine {
    // MARK: Initial block download

    /// Leaves initial download for good once the tip is at most a day old (Core's latch): before that, nothing is
    /// announced and no transaction is taken from peers.
    mutating func leaveInitialDownload(at time: Instant) {
        guard peers.isInitialDownload else { return }
        let seconds = time.nanoseconds / 1_000_000_000
        if !(chain.tip.chainWork < configuration.minimumChainWork),
            UInt64(chain.tip.header.time) + UInt64(configuration.maxTipAge) >= seconds
        {
            peers.isInitialDownload = false
        }
    }

    /// Whether the tip is within twenty blocks' time of now, so that new blocks are fetched as they are announced.
    func canDirectFetch(at time: Instant) -> Bool {
        UInt64(chain.tip.header.time) + 12_000 > time.nanoseconds / 1_000_000_000
    }

    // MARK: Asking

    /// Starts the sync of headers with this peer: with one peer at a time while the best header is old.
    mutating func startSync(
        _ index: Int, at time: Instant, into effects: inout EffectBuffer<NodeObservation>
    ) {
        let peer = peers.list[index]
        guard !peer.headers.isStarted, peer.canServeBlocks else { return }
        let bestTime = UInt64(chain.tree[peers.headers.best].header.time)
        let seconds = time.nanoseconds / 1_000_000_000
        guard (peers.syncsStarted == 0 && mayFetchBlocks(index)) || bestTime + 86_400 > seconds else {
            return
        }
        // One before the best, so that a peer in step with us answers with something.
        let previous = chain.tree[peers.headers.best].previous
        guard askForHeaders(index, from: max(previous, 0), at: time, into: &effects) else { return }
        peers.list[index].headers.isStarted = true
        peers.syncsStarted += 1
        let behind = seconds > bestTime ? seconds - bestTime : 0
        peers.list[index].headers.deadline = time + .minutes(15) + .milliseconds(behind / 600)
    }

    /// Incoming peers serve blocks when nobody better is there.
    func mayFetchBlocks(_ index: Int) -> Bool {
        let peer = peers.list[index]
        if peer.isPreferred { return true }
        return peer.canServeBlocks && peer.kind != .addressFetch
            && (peers.preferredCount == 0 || peers.inFlight.count == 0)
    }

    /// One getheaders at a time. False if one is still out.
    @discardableResult
    mutating func askForHeaders(
        _ index: Int, from start: BlockID? = nil, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> Bool {
        guard peers.list[index].headers.mayAsk(at: time) else { return false }
        let locator = peers.headers.locator(from: start ?? peers.headers.best, in: chain.tree)
        sendGetHeaders(index, locator, at: time, into: &effects)
        return true
    }

    private mutating func sendGetHeaders(
        _ index: Int, _ locator: [Hash256], at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        peers.list[index].headers.asked = time
        peers.say(.getheaders, to: index, at: time, into: &effects) { writer in
            writer.write(u32: UInt32(PeerSet.protocolVersion))
            writer.write(compactSize: UInt64(locator.count))
            for hash in locator { writer.write(hash: hash) }
            writer.write(hash: Hash256.zero)
        }
    }

    // MARK: What a peer has

    /// Takes note of a block that the peer says it has.
    mutating func learnAvailability(_ index: Int, _ hash: Hash256) {
        resolveAvailability(index)
        if let id = chain.tree.id(of: hash) {
            improveBest(index, id)
        } else {
            peers.list[index].headers.unknown = hash
        }
    }

    /// A block that was unknown when the peer announced it may have become known.
    mutating func resolveAvailability(_ index: Int) {
        guard let hash = peers.list[index].headers.unknown, let id = chain.tree.id(of: hash) else { return }
        improveBest(index, id)
        peers.list[index].headers.unknown = nil
    }

    private mutating func improveBest(_ index: Int, _ id: BlockID) {
        guard let best = peers.list[index].headers.best else {
            peers.list[index].headers.best = id
            return
        }
        if !(chain.tree[id].chainWork < chain.tree[best].chainWork) { peers.list[index].headers.best = id }
    }

    /// Whether the peer has this header, by what it announced or what we sent it.
    func peerHasHeader(_ index: Int, _ id: BlockID) -> Bool {
        let height = chain.tree[id].height
        for known in [peers.list[index].headers.best, peers.list[index].announcing.bestSent] {
            if let known, chain.tree[known].height >= height,
                peers.headers.ancestor(of: known, at: height, in: chain.tree) == id
            {
                return true
            }
        }
        return false
    }

    // MARK: Receiving

    mutating func receiveHeaders(
        _ reader: inout ByteReader, _ index: Int, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.peerHeaders) else {
            peers.punish(index, "headers message size = \(count)")
            return
        }
        var headers: [BlockHeader] = []
        headers.reserveCapacity(Int(count))
        for _ in 0..<count {
            headers.append(try BlockHeader(from: &reader))
            _ = try reader.compactSize()
        }
        processHeaders(headers, index, viaCompactBlock: false, at: now, into: &effects)
    }

    mutating func processHeaders(
        _ headers: [BlockHeader], _ index: Int, viaCompactBlock: Bool, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) {
        let time = peerTime(now)
        guard !headers.isEmpty else {
            // Not an announcement, so the answer to our question; the peer has nothing more for us.
            peers.list[index].headers.presync = nil
            peers.list[index].headers.asked = nil
            return
        }
        let hashes = headers.map(\.hash)
        guard areContinuous(headers, hashes, index) else { return }
        let isFull = headers.count == ChainLimits.peerHeaders
        let wasMeasured = peers.list[index].headers.presync != nil
        var isProved = false
        var list = (headers: headers, hashes: hashes)
        if wasMeasured, let ready = measure(headers, hashes, index, isFull: isFull, at: time, into: &effects)
        {
            guard !ready.isEmpty else { return }
            list = (ready, ready.map(\.hash))
            isProved = true
        }
        guard let start = chain.tree.id(of: list.headers[0].previousBlockHash) else {
            // Perhaps an announcement: what lies between is asked for, and the peer is not blamed.
            askForHeaders(index, at: time, into: &effects)
            learnAvailability(index, list.hashes[list.hashes.count - 1])
            return
        }
        peers.list[index].headers.asked = nil
        let known = chain.tree.id(of: list.hashes[list.hashes.count - 1])
        if let known, isOnBestChain(known) { isProved = true }
        if peers.list[index].permissions.contains(.noBan) { isProved = true }
        if !isProved, hasLowWork(list.headers, after: start) {
            // A full message may be the begin of a chain with enough work.
            if isFull { startMeasuring(after: start, index, at: time) }
            if isFull { _ = measure(headers, hashes, index, isFull: true, at: time, into: &effects) }
            return
        }
        guard
            let last = acceptHeaders(
                list.headers, list.hashes, index, viaCompactBlock: viaCompactBlock, at: now)
        else { return }
        peers.headers.catchUp(chain.tree)
        if isFull, peers.list[index].headers.presync == nil {
            askForHeaders(index, from: last, at: time, into: &effects)
        }
        learnAvailability(index, chain.tree[last].hash)
        if known == nil, chain.tip.chainWork < chain.tree[last].chainWork {
            peers.list[index].headers.lastAnnouncement = time
        }
        if peers.isInitialDownload, !isFull, peers.list[index].isChosen,
            let best = peers.list[index].headers.best,
            chain.tree[best].chainWork < configuration.minimumChainWork
        {
            peers.drop(index, "outbound peer headers chain has insufficient work")
        }
        considerProtection(index)
        directFetch(index, to: last, at: time, into: &effects)
    }

    private mutating func areContinuous(_ headers: [BlockHeader], _ hashes: [Hash256], _ index: Int) -> Bool {
        for (place, header) in headers.enumerated() {
            do throws(Rejection) {
                try BlockChecks.proofOfWork(
                    header, hash: hashes[place], limit: configuration.network.proofOfWorkLimit)
            } catch {
                peers.punish(index, "header with invalid proof of work")
                return false
            }
        }
        for (place, header) in headers.enumerated().dropFirst()
        where header.previousBlockHash != hashes[place - 1] {
            peers.punish(index, "non-continuous headers sequence")
            return false
        }
        return true
    }

    // MARK: Chains of little work

    private func isOnBestChain(_ id: BlockID) -> Bool {
        chain.isActive(id) || peers.headers.contains(id, in: chain.tree)
    }

    /// The work that a chain of new headers must have (Core's anti-DoS threshold): the tip's less 144 blocks', and
    /// the operator's minimum.
    private var headerWorkThreshold: UInt256 {
        let tip = chain.tip
        var threshold = tip.chainWork
        let one = tip.header.bits.target?.work ?? .zero
        for _ in 0..<144 where one < threshold || one == threshold { threshold = threshold - one }
        return max(threshold, configuration.minimumChainWork)
    }

    private func hasLowWork(_ headers: [BlockHeader], after start: BlockID) -> Bool {
        var work = chain.tree[start].chainWork
        for header in headers { work = work + (header.bits.target?.work ?? .zero) }
        return work < headerWorkThreshold
    }

    /// Whether a single header leads to a chain that is worth its place in the tree; true when its parent is unknown.
    func hasEnoughWork(_ header: BlockHeader) -> Bool {
        guard let previous = chain.tree.id(of: header.previousBlockHash) else { return true }
        return !hasLowWork([header], after: previous)
    }

    private mutating func startMeasuring(after start: BlockID, _ index: Int, at time: Instant) {
        let entry = chain.tree[start]
        peers.list[index].headers.presync = HeaderPresync(
            after: start, entry, goal: headerWorkThreshold, rules: configuration.network.work,
            seconds: Int64(time.nanoseconds / 1_000_000_000) - Int64(entry.medianTime), random: &peers.random)
    }

    /// Nil when these are no continuation of what is being measured; then they are judged as any others.
    private mutating func measure(
        _ headers: [BlockHeader], _ hashes: [Hash256], _ index: Int, isFull: Bool, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) -> [BlockHeader]? {
        guard var presync = peers.list[index].headers.presync else { return nil }
        peers.list[index].headers.presync = nil
        guard let outcome = presync.receive(headers, hashes: hashes, isFull: isFull) else { return nil }
        peers.list[index].headers.asked = nil
        if outcome.wantsMore {
            var locator = peers.headers.locator(from: presync.start, in: chain.tree)
            locator.insert(presync.last, at: 0)
            sendGetHeaders(index, Array(locator.prefix(ChainLimits.peerLocator)), at: time, into: &effects)
            peers.list[index].headers.presync = presync
        }
        return outcome.ready
    }

    private mutating func acceptHeaders(
        _ headers: [BlockHeader], _ hashes: [Hash256], _ index: Int, viaCompactBlock: Bool, at now: Instant
    ) -> BlockID? {
        var last: BlockID?
        for (header, hash) in zip(headers, hashes) {
            do throws(Rejection) {
                last = try chain.accept(header, hash: hash, now: unixTime(at: now))
            } catch {
                blame(index, error, viaCompactBlock: viaCompactBlock, "invalid header received")
                return nil
            }
        }
        return last
    }

    /// Who sends what breaks the rules is dropped, but for faults that may be honest (Core's MaybePunishNodeForBlock).
    mutating func blame(_ index: Int, _ rejection: Rejection, viaCompactBlock: Bool, _ what: String) {
        let isFault =
            switch rejection.kind {
            case .consensus, .mutated: !viaCompactBlock
            case .cachedInvalid: !viaCompactBlock && !peers.list[index].isInbound
            case .invalidHeader, .invalidPrevious, .missingPrevious: true
            case .timeFuture, .policy, .missingInputs, .reconsiderable, .witnessMutated, .witnessStripped:
                false
            }
        if isFault { peers.punish(index, "\(what): \(rejection.reason)") }
    }

    // MARK: Serving

    private struct Locator {
        var hashes: [Hash256]
        var stop: Hash256
    }

    private mutating func readLocator(
        _ reader: inout ByteReader, _ index: Int
    ) throws(ByteReaderError) -> Locator? {
        _ = try reader.u32()
        let count = try reader.compactSize()
        guard count <= UInt64(ChainLimits.peerLocator) else {
            peers.drop(index, "locator too long")
            return nil
        }
        var hashes: [Hash256] = []
        for _ in 0..<count { hashes.append(try reader.hash256()) }
        return Locator(hashes: hashes, stop: try reader.hash256())
    }

    /// The height of the last block of the active chain that the locator's owner has.
    private func fork(of locator: Locator) -> Int {
        for hash in locator.hashes {
            guard let id = chain.tree.id(of: hash) else { continue }
            if chain.isActive(id) { return chain.tree[id].height }
            let tip = chain.tipID
            if chain.tree[id].height >= chain.height,
                peers.headers.ancestor(of: id, at: chain.height, in: chain.tree) == tip
            {
                return chain.height
            }
        }
        return 0
    }

    mutating func sendHeaders(
        _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        guard let locator = try readLocator(&reader, index) else { return }
        peers.headers.catchUp(chain.tree)
        var headers: [BlockHeader] = []
        var last: BlockID?
        if locator.hashes.isEmpty {
            guard let id = chain.tree.id(of: locator.stop), mayServe(id) else { return }
            headers = [chain.tree[id].header]
            last = id
        } else {
            var height = fork(of: locator) + 1
            while headers.count < ChainLimits.peerHeaders, let entry = chain.entry(at: height) {
                headers.append(entry.header)
                last = chain.active[height]
                if entry.hash == locator.stop { break }
                height += 1
            }
        }
        peers.list[index].announcing.bestSent = last ?? chain.tipID
        peers.say(.headers, to: index, at: time, into: &effects) { Self.write(headers, into: &$0) }
    }

    static func write(_ headers: [BlockHeader], into writer: inout ByteWriter) {
        writer.write(compactSize: UInt64(headers.count))
        for header in headers {
            header.encode(into: &writer)
            writer.write(u8: 0)
        }
    }

    mutating func sendInventory(
        _ reader: inout ByteReader, _ index: Int, at time: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(ByteReaderError) {
        guard let locator = try readLocator(&reader, index) else { return }
        let start = fork(of: locator) + 1
        var entries: [InventoryEntry] = []
        while entries.count < 500, let entry = chain.entry(at: start + entries.count),
            entry.hash != locator.stop
        {
            // A pruned node tells of what it will still have in an hour (Core).
            let expected = ChainLimits.blocksKept - 6
            if chain.options.pruning != .off, entry.height <= chain.height - expected || !entry.hasBody {
                break
            }
            entries.append(InventoryEntry(.block, entry.hash))
        }
        guard !entries.isEmpty else { return }
        peers.say(.inv, to: index, at: time, into: &effects) { InventoryEntry.write(entries, into: &$0) }
    }

    /// Blocks of the active chain, and side blocks that were valid and are younger than a month: older ones would
    /// tell who has seen them.
    func mayServe(_ id: BlockID) -> Bool {
        if chain.isActive(id) { return true }
        guard chain.tree[id].status == .connected else { return false }
        let best = chain.tree[peers.headers.best].header.time
        return UInt64(chain.tree[id].header.time) + 30 * 86_400 > UInt64(best)
    }
}
