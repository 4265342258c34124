import Bitcoin
import SansIO

/// Which transaction of the active chain spent an output: its block and its place there, by outpoint.
enum SpenderIndex {
    static func connect(_ block: Block, as id: BlockID, in storage: any DurableStorage) {
        for (position, transaction) in block.transactions.enumerated() where !transaction.isCoinbase {
            let place = ChainKey.bigEndian(UInt32(id)) + ChainKey.bigEndian(UInt32(position))
            for input in transaction.inputs {
                storage.set(.spenders, ChainKey.coin(input.previousOutput), place)
            }
        }
    }

    static func disconnect(_ block: Block, in storage: any DurableStorage) {
        for transaction in block.transactions where !transaction.isCoinbase {
            for input in transaction.inputs {
                storage.remove(.spenders, ChainKey.coin(input.previousOutput))
            }
        }
    }
}

extension Chainstate {
    /// Where the transaction lies that spent an output in the active chain; nil when none did, or without the index.
    func spender(of outPoint: OutPoint) -> TransactionPlace? {
        guard options.spenderIndex, let row = storage.value(.spenders, ChainKey.coin(outPoint)),
            row.count == 8
        else { return nil }
        return TransactionPlace(
            block: Int32(ChainKey.number(Array(row[..<4]))),
            position: Int32(ChainKey.number(Array(row[4...]))))
    }

    // MARK: Filters

    mutating func storeFilter(of block: Block, as id: BlockID, spent: [Coin]) {
        guard let previous = filter(of: tree[id].previous)?.header else { return }
        let filter = BlockFilter(block: block, spentScripts: spent.map(\.scriptPubKey))
        storage.set(
            .filters, ChainKey.block(id), filter.header(previous: previous).bytes + filter.bytes)
    }

    /// BIP158's basic filter of a block and BIP157's header over it and all before it: from the index, or computed
    /// from the last indexed block on. Nil while the spent outputs of one of them are unknown.
    func filter(of id: BlockID) -> (filter: [UInt8], header: Hash256)? {
        var path: [BlockID] = []
        var at = id
        var found: (filter: [UInt8], header: Hash256)?
        while at >= 0 {
            if options.filterIndex, let row = storage.value(.filters, ChainKey.block(at)), row.count > 32,
                let header = Hash256(bytes: Array(row[..<32]))
            {
                found = (Array(row[32...]), header)
                break
            }
            path.append(at)
            at = tree[at].previous
        }
        for each in path.reversed() {
            guard let block = block(each), let spent = undo(each) else { return nil }
            let filter = BlockFilter(block: block, spentScripts: spent.map(\.scriptPubKey))
            found = (filter.bytes, filter.header(previous: found?.header ?? .zero))
        }
        return found
    }
}
