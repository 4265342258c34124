import Bitcoin
import SansIO

/// What a chain may keep besides, each up to a block of its own: an index that was off for a while catches up when it
/// is on again.
enum ChainIndex: CaseIterable {
    case transactions
    case addresses
    case spenders
    case filters

    var tipFact: ChainFact {
        switch self {
        case .transactions: .transactionIndexTip
        case .addresses: .addressIndexTip
        case .spenders: .spenderIndexTip
        case .filters: .filterIndexTip
        }
    }

    /// As bitcoind's messages call it.
    var name: String {
        switch self {
        case .transactions: "txindex"
        case .addresses: "addressindex"
        case .spenders: "txospenderindex"
        case .filters: "basic block filter index"
        }
    }

    func isOn(_ options: ChainOptions) -> Bool {
        switch self {
        case .transactions: options.transactionIndex
        case .addresses: options.addressIndex
        case .spenders: options.spenderIndex
        case .filters: options.filterIndex
        }
    }
}

extension Chainstate {
    /// Tells every index that is on of a block that was connected.
    mutating func indexConnected(_ block: Block, as id: BlockID, spent: [Coin]) {
        for index in ChainIndex.allCases where index.isOn(options) {
            connect(block, as: id, spent: spent, to: index)
        }
    }

    mutating func indexDisconnected(_ block: Block, as id: BlockID, spent: [Coin]) {
        for index in ChainIndex.allCases where index.isOn(options) {
            disconnect(block, as: id, spent: spent, from: index)
        }
    }

    private mutating func connect(_ block: Block, as id: BlockID, spent: [Coin], to index: ChainIndex) {
        switch index {
        case .transactions:
            for (position, transaction) in block.transactions.enumerated() {
                transactionPlaces[transaction.txid] = .some(
                    TransactionPlace(block: Int32(id), position: Int32(position)))
            }
        case .addresses: AddressIndex.connect(block, height: tree[id].height, spent: spent, in: storage)
        case .spenders: SpenderIndex.connect(block, as: id, in: storage)
        case .filters: storeFilter(of: block, as: id, spent: spent)
        }
    }

    private mutating func disconnect(_ block: Block, as id: BlockID, spent: [Coin], from index: ChainIndex) {
        switch index {
        case .transactions:
            for transaction in block.transactions {
                transactionPlaces.updateValue(nil, forKey: transaction.txid)
            }
        case .addresses: AddressIndex.disconnect(block, height: tree[id].height, spent: spent, in: storage)
        case .spenders: SpenderIndex.disconnect(block, in: storage)
        // A filter belongs to its block, on whatever chain.
        case .filters: break
        }
    }

    /// Notes that every index that is on has come to the tip; belongs to the same commit as the tip.
    func storeIndexTips() {
        for index in ChainIndex.allCases where index.isOn(options) {
            storage.set(.facts, index.tipFact.key, ChainKey.bigEndian(UInt32(tipID)))
        }
    }

    /// Brings indexes that lag behind to the tip.
    mutating func catchUpIndexes() throws(StorageFault) {
        for index in ChainIndex.allCases where index.isOn(options) {
            let known = storage.value(.facts, index.tipFact.key).map { Int(ChainKey.number($0)) } ?? 0
            guard known != tipID else { continue }
            guard tree.entries.indices.contains(known) else {
                throw StorageFault(.damaged, "the chain database", "an index ends with an unknown block")
            }
            guard holdsBlocks(above: known) else {
                throw StorageFault(
                    .system, index.name,
                    "best block of the index goes beyond pruned data (including undo data). Please disable the "
                        + "index or reindex (which will download the whole blockchain again)")
            }
            try catchUp(index, from: known)
        }
        if let fault = storage.fault { throw fault }
    }

    private mutating func catchUp(_ index: ChainIndex, from known: BlockID) throws(StorageFault) {
        var at = known
        while !isActive(at) {
            let (block, spent) = try stored(at)
            disconnect(block, as: at, spent: spent, from: index)
            at = tree[at].previous
        }
        var weight = 0
        for id in active.dropFirst(tree[at].height + 1) {
            let (block, spent) = try stored(id)
            connect(block, as: id, spent: spent, to: index)
            weight += tree[id].size
            guard weight >= ChainLimits.rebuildCommitBytes else { continue }
            weight = 0
            flushTransactionPlaces()
            storage.set(.facts, index.tipFact.key, ChainKey.bigEndian(UInt32(id)))
            storage.commit()
        }
        flushTransactionPlaces()
        storage.set(.facts, index.tipFact.key, ChainKey.bigEndian(UInt32(tipID)))
        storage.commit()
    }

    private func stored(_ id: BlockID) throws(StorageFault) -> (Block, [Coin]) {
        if let block = block(id), let spent = undo(id) { return (block, spent) }
        throw storage.takeDamage().first
            ?? StorageFault(
                .damaged, storage.name(of: .blocks, file: tree[id].body.position.file),
                "does not hold block \(tree[id].hash)")
    }
}
