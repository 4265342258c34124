public import Bitcoin
public import SansIO

extension Chainstate {
    /// The chain that a storage holds, or a new one if it is empty. When only the block files are left, everything
    /// else is rebuilt from them, and `report` hears how far that is.
    ///
    /// Throws when the storage is of another network or version, or damaged: a row that is no row, blocks that the
    /// block files do not hold. The last blocks are read and checked; older ones when they are needed.
    public static func open(
        _ parameters: NetworkParameters, in storage: any DurableStorage,
        options: ChainOptions = ChainOptions(),
        report: (RebuildProgress) -> Void = { _ in }
    ) throws(StorageFault) -> Chainstate {
        guard let version = storage.value(.facts, ChainFact.version.key) else {
            if let fault = storage.fault { throw fault }
            return try create(parameters, in: storage, options: options, report: report)
        }
        guard ChainKey.number(version) == UInt64(ChainFact.layoutVersion) else {
            throw StorageFault(
                .foreign, "the chain database",
                "has layout \(ChainKey.number(version)), and this program knows \(ChainFact.layoutVersion)")
        }
        guard storage.value(.facts, ChainFact.genesis.key) == parameters.genesis.hash.bytes else {
            throw StorageFault(
                .foreign, "the chain database", "is of another network than \(parameters.name)")
        }
        var chain = try Chainstate(loading: parameters, from: storage, options: options)
        guard !chain.hasPruned || options.pruning != .off else {
            throw StorageFault(
                .system, "the block files",
                "You need to rebuild the database using -reindex to go back to unpruned mode.  "
                    + "This will redownload the entire blockchain")
        }
        if storage.value(.facts, ChainFact.rebuilding.key) != nil { try chain.rebuild(report) }
        try chain.checkLastBlocks()
        try chain.catchUpIndexes()
        return chain
    }

    private static func create(
        _ parameters: NetworkParameters, in storage: any DurableStorage, options: ChainOptions,
        report: (RebuildProgress) -> Void
    ) throws(StorageFault) -> Chainstate {
        let isRebuilt = !storage.lengths(of: .blocks).isEmpty
        var chain = Chainstate(empty: parameters, storage: storage, options: options)
        if isRebuilt { storage.set(.facts, ChainFact.rebuilding.key, [1]) }
        storage.set(.facts, ChainFact.version.key, ChainKey.bigEndian(ChainFact.layoutVersion))
        storage.set(.facts, ChainFact.genesis.key, parameters.genesis.hash.bytes)
        chain.commit()
        if let fault = storage.fault { throw fault }
        if isRebuilt { try chain.rebuild(report) }
        return chain
    }

    private init(
        loading parameters: NetworkParameters, from storage: any DurableStorage, options: ChainOptions
    ) throws(StorageFault) {
        self.parameters = parameters
        self.options = options
        self.storage = storage
        validation = ValidationCache(salt: options.cacheSalt)
        tree = try BlockTree(loading: parameters, from: storage)
        guard let tip = storage.value(.facts, ChainFact.tip.key).map({ Int(ChainKey.number($0)) }),
            let count = storage.value(.facts, ChainFact.coinCount.key).map({ Int(ChainKey.number($0)) }),
            tree.entries.indices.contains(tip)
        else {
            throw StorageFault(.damaged, "the chain database", "does not say what its tip is")
        }
        coins = CoinSet(storage: storage, count: count)
        isTipStored = true
        active = [BlockID](repeating: 0, count: tree[tip].height + 1)
        var at = tip
        while at > 0 {
            active[tree.entries[at].height] = at
            at = tree.entries[at].previous
        }
        hasPruned = storage.value(.facts, ChainFact.pruned.key) != nil
        for id in tree.entries.indices {
            let entry = tree.entries[id]
            guard entry.hasBody else { continue }
            if !isActive(id) { sideBlockCount += 1 }
            storedBytes += entry.size
            if entry.precedence != BlockEntry.notLinked {
                nextPrecedence = max(nextPrecedence, entry.precedence + 1)
                nextPrecious = min(nextPrecious, entry.precedence - 1)
            }
            if !entry.isLinked { unlinked.append((entry.previous, id)) }
        }
        collectCandidates()
        if let fault = storage.fault { throw fault }
    }

    /// Reads the last blocks of the active chain and what they spent, as Core does at every start.
    private func checkLastBlocks() throws(StorageFault) {
        for id in active.suffix(ChainLimits.blocksCheckedAtStart) {
            guard let body = body(id), let block = try? Block(bytes: body), block.hash == tree[id].hash else {
                throw storage.takeDamage().first
                    ?? StorageFault(
                        .damaged, storage.name(of: .blocks, file: tree[id].body.position.file),
                        "does not hold block \(tree[id].hash)")
            }
            guard undo(id) != nil else {
                throw storage.takeDamage().first
                    ?? StorageFault(
                        .damaged, storage.name(of: .undo, file: tree[id].undo.position.file),
                        "does not hold what block \(tree[id].hash) spent")
            }
        }
    }
}

extension BlockTree {
    /// All headers that a storage holds. Their hashes, work and median times are computed anew, which checks that
    /// they belong together.
    init(loading parameters: NetworkParameters, from storage: any DurableStorage) throws(StorageFault) {
        self.init(genesis: parameters.genesis, deployment: parameters.testDummy)
        var fault: StorageFault?
        storage.scan(.blocks, from: [], to: nil, backwards: true) { key, _ in
            reserveCapacity(Int(ChainKey.number(key.withUnsafeBytes { Array($0) })) + 1)
            return false
        }
        storage.scan(.blocks) { key, value in
            fault = load(key.withUnsafeBytes { Array($0) }, value)
            return fault == nil
        }
        if let fault { throw fault }
        _ = takeChanged()
    }

    private mutating func load(_ key: [UInt8], _ value: RawSpan) -> StorageFault? {
        let id = Int(ChainKey.number(key))
        func damaged(_ what: String) -> StorageFault {
            StorageFault(.damaged, "the chain database", "row \(id) of the block table \(what)")
        }
        guard let row = BlockRow(value) else { return damaged("is not readable") }
        let hash = row.header.hash
        if id == 0 {
            guard hash == entries[0].hash else { return damaged("is not the genesis block") }
        } else {
            guard id == entries.count else { return damaged("follows row \(entries.count - 1)") }
            guard let previous = self.id(of: row.header.previousBlockHash) else {
                return damaged("has no parent before it")
            }
            guard self.id(of: hash) == nil else { return damaged("is there twice") }
            _ = insert(row.header, hash: hash, after: previous)
        }
        entries[id].status = row.status
        entries[id].flags = row.flags.union(.changed)
        entries[id].precedence = row.precedence
        entries[id].body = row.body
        entries[id].undo = row.undo
        entries[id].transactionCount = Int(row.transactionCount)
        entries[id].weight = Int(row.weight)
        entries[id].strippedSize = Int(row.strippedSize)
        return nil
    }
}
