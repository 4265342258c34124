public import Bitcoin
public import SansIO

/// What happened to the active chain, in order.
public enum ChainChange: Sendable {
    case connected(BlockID, Block, spent: [Coin])
    case disconnected(BlockID, Block, spent: [Coin])
}

/// An earlier block that turned out to be invalid when its chain was tried.
public struct BlockFailure: Sendable, Equatable {
    public var id: BlockID
    public var rejection: Rejection
}

/// The answer to a block.
public struct BlockVerdict: Sendable {
    /// Why it was refused; nil if it was not.
    public var rejection: Rejection?
    /// False if it was here already.
    public var isNew = false
    public var id: BlockID?
    /// Whether connecting it was tried, so that its worth is known.
    public var wasTried = false
    public var changes: [ChainChange] = []
    /// Other blocks that were tried and found invalid because of this one.
    public var failures: [BlockFailure] = []

    /// BIP22's answer: nil means accepted.
    public var submitResult: String? {
        if let rejection { return rejection.reason }
        if !isNew { return "duplicate" }
        return wasTried ? nil : "inconclusive"
    }
}

/// The blocks, the active chain and its coins; decides what is valid and which chain is best. Headers are in memory;
/// blocks, undo data and coins lie in the storage. Changes become durable with ``commit()``, all or none.
///
/// A copy shares the storage and keeps its own changes until one of the two commits: good for trying something.
public struct Chainstate: Sendable {
    public let parameters: NetworkParameters
    public let options: ChainOptions
    /// Owned by this chain alone.
    public let storage: any DurableStorage
    public internal(set) var tree: BlockTree
    /// The active chain by height.
    public internal(set) var active: [BlockID] = [0]
    public internal(set) var coins: CoinSet
    /// Changes of the transaction index that are not stored yet; nil stands for a removal.
    var transactionPlaces: [Hash256: TransactionPlace?] = [:]
    /// Bodies whose parent has none yet.
    var unlinked: [(parent: BlockID, child: BlockID)] = []
    /// Blocks that could become the tip: linked, not invalid, at least as much work as the tip.
    var candidates: [BlockID] = []
    var nextPrecious: Int64 = -1
    /// The next place in the order in which chains became complete.
    var nextPrecedence: Int64 = 1
    var sideBlockCount = 0
    /// Bytes of all bodies.
    public internal(set) var storedBytes = 0
    /// What was verified before; shared with the memory pool.
    public let validation: ValidationCache
    /// Bytes handed to the storage since the last commit.
    public internal(set) var uncommittedBytes = 0
    var isTipStored = false
    /// Blocks have been forgotten once, in this life or an earlier one.
    public internal(set) var hasPruned = false
    /// The block files grew since the room that they take was last looked at.
    var hasGrown = true
    /// The last block file whose blocks' undo data was written in this life.
    var lastUndone: UInt32?

    public struct TransactionPlace: Sendable, Equatable {
        public var block: Int32
        public var position: Int32
    }

    public var tipID: BlockID { active[active.count - 1] }
    public var tip: BlockEntry { tree[tipID] }
    public var height: Int { active.count - 1 }

    public func isActive(_ id: BlockID) -> Bool {
        let height = tree[id].height
        return height < active.count && active[height] == id
    }

    /// The active block at `height`; nil above the tip.
    public func entry(at height: Int) -> BlockEntry? {
        active.indices.contains(height) ? tree[active[height]] : nil
    }

    /// Median time of the active block at `height`.
    func medianTime(at height: Int) -> UInt32 { tree[active[height]].medianTime }

    /// Judges a header by itself and by its place; remembers it when it is good.
    public mutating func accept(
        _ header: BlockHeader, hash: Hash256, now: UInt32
    ) throws(Rejection) -> BlockID {
        if let known = tree.id(of: hash) {
            if tree[known].isInvalid { throw Rejection(.cachedInvalid, "duplicate-invalid") }
            return known
        }
        try BlockChecks.proofOfWork(header, hash: hash, limit: parameters.proofOfWorkLimit)
        guard let previous = tree.id(of: header.previousBlockHash) else {
            throw Rejection(.missingPrevious, "prev-blk-not-found")
        }
        if tree[previous].isInvalid { throw Rejection(.invalidPrevious, "bad-prevblk") }
        try BlockChecks.header(header, after: previous, in: tree, parameters, now: now)
        return tree.insert(header, hash: hash, after: previous)
    }

    /// Judges a block, keeps it if it stands, and moves to the best chain. `bytes` is its encoding with
    /// witnesses. `trusted` says that an earlier life verified it: restores skip scripts and the body's
    /// checks.
    public mutating func accept(
        _ block: Block, bytes: [UInt8], now: UInt32, trusted: Bool = false,
        scriptsKnown: (Hash256) -> Bool = { _ in false }
    ) -> BlockVerdict {
        take(block, bytes: bytes, now: now, trusted: trusted, at: nil, scriptsKnown: scriptsKnown)
    }

    /// `place` says where the block's bytes lie already, if they do.
    mutating func take(
        _ block: Block, bytes: [UInt8], now: UInt32, trusted: Bool, at place: StoredBytes?,
        scriptsKnown: (Hash256) -> Bool = { _ in false }
    ) -> BlockVerdict {
        var verdict = BlockVerdict()
        let hash = block.hash
        do throws(Rejection) {
            if !trusted {
                try BlockChecks.proofOfWork(block.header, hash: hash, limit: parameters.proofOfWorkLimit)
                if let challenge = parameters.signetChallenge {
                    try SignetSolution.check(block, challenge: challenge)
                }
                try BlockChecks.contextFree(block)
            }
            let id = try accept(block.header, hash: hash, now: trusted ? .max : now)
            verdict.id = id
            if tree[id].hasBody { return verdict }
            try store(block, bytes: bytes, as: id, trusted: trusted, at: place)
        } catch {
            verdict.rejection = error
            return verdict
        }
        verdict.isNew = true
        // A block of the active chain that had been forgotten changes nothing.
        guard let id = verdict.id, !isActive(id) else { return verdict }
        if !tree[id].isInvalid, isLinked(id) { link(id) }
        let wasConnected = tree[id].status == .connected
        let outcome = activate(expecting: (id, block), scriptsKnown: scriptsKnown)
        verdict.changes = outcome.changes
        verdict.failures = outcome.failures
        verdict.rejection = outcome.rejection
        verdict.wasTried = outcome.rejection != nil || (tree[id].status == .connected && !wasConnected)
        return verdict
    }

    private mutating func store(
        _ block: Block, bytes: [UInt8], as id: BlockID, trusted: Bool, at place: StoredBytes?
    ) throws(Rejection) {
        let previous = tree[id].previous
        // A block with more work than the tip is on the way to the tip, whatever the order of arrival.
        let isSide = !isActive(id) && !(tip.chainWork < tree[id].chainWork)
        if !trusted {
            if isSide, sideBlockCount >= ChainLimits.sideBlocks {
                throw .policy("too-many-side-blocks", detail: "limit \(ChainLimits.sideBlocks)")
            }
            do throws(Rejection) {
                try BlockChecks.contextual(
                    block, height: tree[id].height, medianTime: tree[previous].medianTime,
                    parameters.softForks)
            } catch {
                if error.kind != .mutated { markInvalid(id) }
                throw error
            }
        }
        if isSide { sideBlockCount += 1 }
        tree[id].body = place ?? appendBody(bytes)
        if tree[id].status != .connected {
            tree[id].status = .stored
            tree[id].isVerified = trusted
        }
        tree[id].transactionCount = block.transactions.count
        tree[id].weight = block.weight
        tree[id].strippedSize = block.baseSize
        storedBytes += bytes.count
    }

    /// Whether every ancestor has its body; if not, the block waits for its parent.
    private mutating func isLinked(_ id: BlockID) -> Bool {
        let previous = tree[id].previous
        if tree[previous].isLinked { return true }
        unlinked.append((previous, id))
        return false
    }

    /// Makes `id` and everything that waited for it candidates.
    private mutating func link(_ id: BlockID) {
        var queue = [id]
        var done = 0
        while done < queue.count {
            let next = queue[done]
            done += 1
            tree[next].isLinked = true
            tree[next].precedence = nextPrecedence
            nextPrecedence += 1
            if isWorthy(next) { candidates.append(next) }
            guard !unlinked.isEmpty else { continue }
            queue += unlinked.filter { $0.parent == next }.map(\.child)
            unlinked.removeAll { $0.parent == next }
        }
    }

    private func isWorthy(_ id: BlockID) -> Bool {
        !tree[id].isInvalid && !(tree[id].chainWork < tip.chainWork)
    }
}
