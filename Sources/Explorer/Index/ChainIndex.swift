import Bitcoin

/// Why a block does not fit on the index's tip.
enum ChainIndexError: Error, Equatable, Sendable {
    case doesNotExtendTip(expected: Hash256, found: Hash256)
    case heightIsNotNext(expected: Int, found: Int)
    case empty
}

/// The best chain as the explorer saw it: blocks by height and hash, transactions, who spent what, and the
/// history of every script. A plain value: it takes blocks, gives them back in a reorganization, and asks
/// nobody.
///
/// It is bounded by blocks and by bytes; when full it forgets its oldest blocks. Then ``base`` is above zero,
/// and older transactions, and the values that newer ones took from them, are unknown.
struct ChainIndex: Sendable {
    struct Location: Sendable, Equatable {
        var height: Int
        /// Position in the block.
        var index: Int
    }

    struct Spender: Sendable, Equatable {
        var location: Location
        var input: Int
    }

    /// What one transaction did to one script.
    struct HistoryItem: Sendable, Equatable {
        var location: Location
        var received: Int64
        var sent: Int64
    }

    struct History: Sendable, Equatable {
        /// Oldest first.
        var items: [HistoryItem] = []
        /// Satoshi, including what forgotten blocks paid.
        var received: Int64 = 0
        var sent: Int64 = 0
        /// Outputs created less outputs spent.
        var unspentCount = 0

        var balance: Int64 { received &- sent }
    }

    let blockLimit: Int
    let byteLimit: Int
    /// Height of the oldest block held.
    private(set) var base = 0
    private(set) var byteCount = 0
    private var blocks: [IndexedBlock] = []
    /// How many of `blocks` from the front are forgotten; they leave the array in one go.
    private var forgotten = 0
    private var heights: [Hash256: Int] = [:]
    private var locations: [Hash256: Location] = [:]
    private var spenders: [OutPoint: Spender] = [:]
    private var histories: [Hash256: History] = [:]
    /// Blocks that left the chain, newest last.
    private(set) var stale: [IndexedBlock] = []

    init(blockLimit: Int = Limits.indexedBlocks, byteLimit: Int = Limits.indexedBytes) {
        self.blockLimit = max(1, blockLimit)
        self.byteLimit = max(1, byteLimit)
    }

    var count: Int { blocks.count - forgotten }
    var isEmpty: Bool { count == 0 }
    var tip: IndexedBlock? { isEmpty ? nil : blocks[blocks.count - 1] }
    var tipHeight: Int? { tip?.height }
    var transactionCount: Int { locations.count }
    /// True when the index does not reach back to the genesis block.
    var isPartial: Bool { base > 0 }

    /// Appends the next block. The first one may have any height.
    mutating func connect(_ block: Block, height: Int) throws(ChainIndexError) {
        if let tip {
            guard height == tip.height + 1 else {
                throw .heightIsNotNext(expected: tip.height + 1, found: height)
            }
            guard block.header.previousBlockHash == tip.hash else {
                throw .doesNotExtendTip(expected: tip.hash, found: block.header.previousBlockHash)
            }
        } else {
            base = height
        }
        var entry = IndexedBlock(height: height, block: block)
        stale.removeAll { $0.hash == entry.hash }
        // The block goes in first, so that a transaction can spend one before it in the same block.
        blocks.append(entry)
        heights[entry.hash] = height
        byteCount += entry.size
        for (index, transaction) in block.transactions.enumerated() {
            entry.spent.append(apply(transaction, at: Location(height: height, index: index)))
        }
        blocks[blocks.count - 1] = entry
        forgetOldest()
    }

    /// Takes the tip off again: the undo of the last ``connect(_:height:)``.
    @discardableResult
    mutating func disconnectTip() throws(ChainIndexError) -> IndexedBlock {
        guard let entry = tip else { throw .empty }
        for index in entry.block.transactions.indices.reversed() {
            revert(entry, index: index)
        }
        blocks.removeLast()
        heights[entry.hash] = nil
        byteCount -= entry.size
        stale.append(entry)
        if stale.count > Limits.staleBlocks { stale.removeFirst() }
        if isEmpty {
            blocks = []
            forgotten = 0
        }
        return entry
    }

    /// Forgets everything, for a chain that shares nothing with this one.
    mutating func removeAll() {
        self = ChainIndex(blockLimit: blockLimit, byteLimit: byteLimit)
    }

    func block(at height: Int) -> IndexedBlock? {
        guard height >= base, height < base + count else { return nil }
        return blocks[forgotten + height - base]
    }

    /// A block of the chain by its hash.
    func block(_ hash: Hash256) -> IndexedBlock? { heights[hash].flatMap { block(at: $0) } }

    /// A block that left the chain.
    func staleBlock(_ hash: Hash256) -> IndexedBlock? { stale.last { $0.hash == hash } }

    func location(of txid: Hash256) -> Location? { locations[txid] }

    func transaction(_ txid: Hash256) -> Transaction? { locations[txid].flatMap { transaction(at: $0) } }

    func transaction(at location: Location) -> Transaction? {
        guard let block = block(at: location.height)?.block,
            block.transactions.indices.contains(location.index)
        else { return nil }
        return block.transactions[location.index]
    }

    func output(_ point: OutPoint) -> TransactionOutput? {
        guard let transaction = transaction(point.txid), point.index < transaction.outputs.count else {
            return nil
        }
        return transaction.outputs[Int(point.index)]
    }

    func spender(of point: OutPoint) -> Spender? { spenders[point] }

    func history(of script: Script) -> History? { histories[Self.key(script)] }

    /// SHA-256 of the script, as Electrum and Esplora name it.
    static func key(_ script: Script) -> Hash256 { SHA256.hash(script.bytes) }

    /// Unspent outputs of a script, newest first, at most `limit`. Walks back through the history, so the
    /// cost is that of the transactions passed on the way.
    func unspent(of script: Script, limit: Int) -> [(
        point: OutPoint, output: TransactionOutput, location: Location
    )] {
        guard let history = history(of: script) else { return [] }
        var found: [(point: OutPoint, output: TransactionOutput, location: Location)] = []
        for item in history.items.reversed() {
            guard let transaction = transaction(at: item.location) else { continue }
            for (index, output) in transaction.outputs.enumerated() where output.scriptPubKey == script {
                let point = OutPoint(txid: transaction.txid, index: UInt32(index))
                if spenders[point] != nil { continue }
                found.append((point, output, item.location))
                if found.count == limit { return found }
            }
        }
        return found
    }

    // MARK: Applying and reverting one transaction

    private mutating func apply(_ transaction: Transaction, at location: Location) -> [TransactionOutput?] {
        var spent: [TransactionOutput?] = []
        var touched = TouchedScripts()
        if !transaction.isCoinbase {
            spent.reserveCapacity(transaction.inputs.count)
            for (index, input) in transaction.inputs.enumerated() {
                let output = output(input.previousOutput)
                spent.append(output)
                spenders[input.previousOutput] = Spender(location: location, input: index)
                if let output { touched.spend(output) }
            }
        }
        for output in transaction.outputs { touched.create(output) }
        locations[transaction.txid] = location
        for (key, change) in touched.changes {
            var history = histories.removeValue(forKey: key) ?? History()
            history.items.append(
                HistoryItem(location: location, received: change.received, sent: change.sent))
            history.received &+= change.received
            history.sent &+= change.sent
            history.unspentCount += change.unspent
            histories[key] = history
        }
        return spent
    }

    private mutating func revert(_ entry: IndexedBlock, index: Int) {
        let transaction = entry.block.transactions[index]
        var touched = TouchedScripts()
        for output in entry.spent[index] {
            if let output { touched.spend(output) }
        }
        for output in transaction.outputs { touched.create(output) }
        let location = Location(height: entry.height, index: index)
        if !transaction.isCoinbase {
            for input in transaction.inputs { spenders[input.previousOutput] = nil }
        }
        if locations[transaction.txid] == location { locations[transaction.txid] = nil }
        for (key, change) in touched.changes {
            guard var history = histories.removeValue(forKey: key) else { continue }
            if history.items.last?.location == location { history.items.removeLast() }
            history.received &-= change.received
            history.sent &-= change.sent
            history.unspentCount -= change.unspent
            if !history.items.isEmpty || history.balance != 0 { histories[key] = history }
        }
    }

    // MARK: Bounds

    private mutating func forgetOldest() {
        while count > 1, count > blockLimit || byteCount > byteLimit {
            let entry = blocks[forgotten]
            for (index, transaction) in entry.block.transactions.enumerated() {
                forget(transaction, entry: entry, index: index)
            }
            heights[entry.hash] = nil
            byteCount -= entry.size
            forgotten += 1
            base += 1
        }
        // Removing from the front moves everything behind it: do it once in a while.
        if forgotten > 1_024, forgotten > blocks.count / 4 {
            blocks.removeFirst(forgotten)
            forgotten = 0
        }
    }

    private mutating func forget(_ transaction: Transaction, entry: IndexedBlock, index: Int) {
        let location = Location(height: entry.height, index: index)
        if locations[transaction.txid] == location { locations[transaction.txid] = nil }
        if !transaction.isCoinbase {
            for input in transaction.inputs { spenders[input.previousOutput] = nil }
        }
        var touched = TouchedScripts()
        for output in entry.spent[index] {
            if let output { touched.spend(output) }
        }
        for output in transaction.outputs { touched.create(output) }
        for (key, _) in touched.changes {
            guard var history = histories.removeValue(forKey: key) else { continue }
            if history.items.first?.location == location { history.items.removeFirst() }
            if !history.items.isEmpty || history.balance != 0 { histories[key] = history }
        }
    }
}

/// What a transaction does to scripts, summed by script, in the order of first appearance.
private struct TouchedScripts {
    struct Change {
        var received: Int64 = 0
        var sent: Int64 = 0
        var unspent = 0
    }

    private(set) var changes: [(key: Hash256, change: Change)] = []
    private var positions: [Hash256: Int] = [:]

    mutating func spend(_ output: TransactionOutput) {
        guard !output.scriptPubKey.isUnspendable else { return }
        let position = position(of: output)
        changes[position].change.sent &+= output.value
        changes[position].change.unspent -= 1
    }

    mutating func create(_ output: TransactionOutput) {
        guard !output.scriptPubKey.isUnspendable else { return }
        let position = position(of: output)
        changes[position].change.received &+= output.value
        changes[position].change.unspent += 1
    }

    private mutating func position(of output: TransactionOutput) -> Int {
        let key = ChainIndex.key(output.scriptPubKey)
        if let position = positions[key] { return position }
        positions[key] = changes.count
        changes.append((key, Change()))
        return changes.count - 1
    }
}
