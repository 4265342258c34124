public import Bitcoin
public import SansIO

/// What a chain keeps besides blocks and coins.
public struct ChainOptions: Sendable, Equatable {
    /// Where each transaction of the active chain lies, so that it is found by its id alone (Core's -txindex).
    public var transactionIndex = true
    /// History and coins of each script.
    public var addressIndex = false
    /// Which transaction spent each output (Core's -txospenderindex).
    public var spenderIndex = false
    /// BIP158's filter of each block and BIP157's header (Core's -blockfilterindex).
    public var filterIndex = false
    /// Whether old blocks may be forgotten (Core's -prune).
    public var pruning = Pruning.off
    /// Height from which on blocks may be forgotten.
    public var pruneAfterHeight = ChainLimits.pruneAfterHeight
    /// A secret that keeps entries of the validation cache from being forced to collide.
    public var cacheSalt: [UInt8] = []

    public init(transactionIndex: Bool = true, addressIndex: Bool = false) {
        self.transactionIndex = transactionIndex
        self.addressIndex = addressIndex
    }

    public enum Pruning: Sendable, Equatable {
        /// Every block is kept.
        case off
        /// Blocks go when an operator says so (-prune=1).
        case manual
        /// Old blocks go so that block files and undo files stay below so many bytes.
        case automatic(bytes: Int)
    }
}

extension Chainstate {
    /// A chain of its own in memory, with nothing but the genesis block.
    public init(
        _ parameters: NetworkParameters, cacheSalt: [UInt8] = [], options: ChainOptions = ChainOptions()
    ) {
        var options = options
        if !cacheSalt.isEmpty { options.cacheSalt = cacheSalt }
        self.init(empty: parameters, storage: MemoryStorage(), options: options)
    }

    /// A chain of nothing but the genesis block in an empty storage.
    init(empty parameters: NetworkParameters, storage: any DurableStorage, options: ChainOptions) {
        self.parameters = parameters
        self.options = options
        self.storage = storage
        validation = ValidationCache(salt: options.cacheSalt)
        tree = BlockTree(genesis: parameters.genesis, deployment: parameters.testDummy)
        coins = CoinSet(storage: storage, count: 0)
        if storage.lengths(of: .blocks).isEmpty {
            let bytes = parameters.genesis.bytes()
            tree[0].body = appendBody(bytes)
            storedBytes = bytes.count
        }
        tree[0].status = .connected
        tree[0].isVerified = true
        tree[0].isLinked = true
        tree[0].flags.insert(.undoable)
        tree[0].transactionCount = parameters.genesis.transactions.count
        tree[0].weight = parameters.genesis.weight
        tree[0].strippedSize = parameters.genesis.baseSize
    }

    // MARK: Blocks and undo data

    /// A block's bytes with witnesses; nil while only its header is known, and when the block file is damaged,
    /// which the storage then knows.
    public func body(_ id: BlockID) -> [UInt8]? { bytes(at: tree[id].body, in: .blocks) }

    public func block(_ id: BlockID) -> Block? { body(id).flatMap { try? Block(bytes: $0) } }

    /// What a block spent, in the order of its inputs; nil if it was never connected or cannot be read.
    public func undo(_ id: BlockID) -> [Coin]? {
        guard tree[id].flags.contains(.undoable) else { return nil }
        if tree[id].undo.count == 0 { return [] }
        return bytes(at: tree[id].undo, in: .undo).flatMap { UndoCoding.decode($0) }
    }

    private func bytes(at place: StoredBytes, in log: LogID) -> [UInt8]? {
        guard place.count > 0, let bytes = storage.read(log, at: place.position, count: Int(place.count))
        else {
            return nil
        }
        guard CRC32C.checksum(bytes) == place.checksum else {
            storage.note(
                StorageFault(
                    .damaged, storage.name(of: log, file: place.position.file),
                    "bytes \(place.position.offset) to \(Int(place.position.offset) + Int(place.count)) changed"
                ))
            return nil
        }
        return bytes
    }

    mutating func appendBody(_ bytes: [UInt8]) -> StoredBytes {
        var frame = ByteWriter(capacity: bytes.count + BlockFrame.headerBytes)
        frame.write(parameters.magic)
        frame.write(u32: UInt32(bytes.count))
        frame.write(bytes)
        uncommittedBytes += frame.count
        let start = storage.append(frame.bytes, to: .blocks)
        noteGrowth(start, count: frame.count)
        return StoredBytes(
            position: start.advanced(by: BlockFrame.headerBytes), count: bytes.count,
            checksum: CRC32C.checksum(bytes))
    }

    /// What the block `id` spent. Files of undo data change with the block files, so that both can go together.
    mutating func appendUndo(_ spent: [Coin], of id: BlockID) -> StoredBytes {
        guard !spent.isEmpty else { return StoredBytes() }
        let bytes = UndoCoding.encode(spent)
        let file = tree.entries[id].body.position.file
        if let last = lastUndone, last < file { storage.beginFile(of: .undo) }
        lastUndone = max(lastUndone ?? file, file)
        uncommittedBytes += bytes.count
        return StoredBytes(
            position: storage.append(bytes, to: .undo), count: bytes.count, checksum: CRC32C.checksum(bytes))
    }

    // MARK: The transaction index

    /// Where a transaction of the active chain lies; nil when it is unknown or the index is off.
    public func transactionPlace(_ txid: Hash256) -> TransactionPlace? {
        guard options.transactionIndex else { return nil }
        if let change = transactionPlaces[txid] { return change }
        guard let bytes = storage.value(.transactions, txid.bytes), bytes.count == 8 else { return nil }
        return TransactionPlace(
            block: Int32(truncatingIfNeeded: ChainKey.number(Array(bytes[..<4]))),
            position: Int32(truncatingIfNeeded: ChainKey.number(Array(bytes[4...]))))
    }

    /// The transaction index; it finds nothing while it is off (``ChainOptions/transactionIndex``).
    public var transactionIndex: TransactionIndex { TransactionIndex(chain: self) }

    public struct TransactionIndex {
        let chain: Chainstate
        public subscript(txid: Hash256) -> TransactionPlace? { chain.transactionPlace(txid) }
    }

    // MARK: Durability

    /// Whether there is anything that the storage would lose with the process.
    public var hasUncommitted: Bool { !isTipStored || !tree.changed.isEmpty || uncommittedBytes > 0 }

    /// Makes everything durable, all or none; returns when it is.
    public mutating func commit() {
        guard hasUncommitted else { return }
        flush()
        storage.commit()
        uncommittedBytes = 0
    }

    /// Hands all changes over to the storage, which does not make them durable yet.
    mutating func flush() {
        var writer = ByteWriter(capacity: BlockRow.byteCount)
        for id in tree.takeChanged() {
            writer.removeAll()
            BlockRow(tree[id]).encode(into: &writer)
            storage.set(.blocks, ChainKey.block(id), writer.bytes)
            uncommittedBytes += writer.count
        }
        uncommittedBytes += coins.changedBytes
        coins.flush()
        flushTransactionPlaces()
        guard !isTipStored else { return }
        storage.set(.facts, ChainFact.tip.key, ChainKey.bigEndian(UInt32(tipID)))
        storage.set(
            .facts, ChainFact.coinCount.key,
            ChainKey.bigEndian(UInt32(coins.count >> 32))
                + ChainKey.bigEndian(UInt32(truncatingIfNeeded: coins.count)))
        storeIndexTips()
        isTipStored = true
    }

    mutating func flushTransactionPlaces() {
        guard !transactionPlaces.isEmpty else { return }
        let keys = transactionPlaces.keys.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) }
        for key in keys {
            guard let txid = Hash256(bytes: key), let change = transactionPlaces[txid] else { continue }
            if let place = change {
                let value =
                    ChainKey.bigEndian(UInt32(place.block)) + ChainKey.bigEndian(UInt32(place.position))
                storage.set(.transactions, key, value)
            } else {
                storage.remove(.transactions, key)
            }
        }
        transactionPlaces.removeAll(keepingCapacity: transactionPlaces.count < 1_024)
    }
}

/// The framing of blocks in the block files, which is bitcoind's: magic, length (u32), block.
enum BlockFrame {
    static let headerBytes = 8
}
