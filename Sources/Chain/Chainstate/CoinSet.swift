public import Bitcoin
import SansIO

/// The unspent outputs of the active chain: changes that are not stored yet, over a bounded cache, over the coin
/// table. A copy shares table and cache and keeps its own changes, until one of the two is flushed.
public struct CoinSet: Sendable {
    private enum Change: Sendable {
        /// The table does not hold it.
        case created(Coin)
        /// The table may hold another state of it.
        case changed(Coin)
        /// The table may hold it.
        case removed
    }

    private let storage: any DurableStorage
    private let cache: CoinCache
    private var changes: [OutPoint: Change] = [:]
    /// Unspent outputs in all.
    public private(set) var count: Int
    /// An estimate of the bytes that unstored changes take in memory.
    private(set) var changedBytes = 0

    init(storage: any DurableStorage, count: Int, cacheBytes: Int = ChainLimits.coinCacheBytes) {
        self.storage = storage
        self.count = count
        cache = CoinCache(limit: cacheBytes)
    }

    public subscript(outPoint: OutPoint) -> Coin? {
        if !changes.isEmpty, let change = changes[outPoint] {
            switch change {
            case .created(let coin), .changed(let coin): return coin
            case .removed: return nil
            }
        }
        if let coin = cache[outPoint] { return coin }
        guard let bytes = storage.value(.coins, ChainKey.coin(outPoint)) else { return nil }
        guard let coin = Coin(encoded: bytes) else {
            storage.fail(
                StorageFault(
                    .damaged, "the coin table", "holds no coin at \(outPoint.txid):\(outPoint.index)"))
            return nil
        }
        cache.insert(coin, at: outPoint)
        return coin
    }

    mutating func insert(_ coin: Coin, at outPoint: OutPoint) {
        if self[outPoint] == nil { count += 1 }
        note(.changed(coin), at: outPoint)
    }

    @discardableResult
    mutating func remove(_ outPoint: OutPoint) -> Coin? {
        guard let coin = self[outPoint] else { return nil }
        count -= 1
        if case .created? = changes[outPoint] {
            changes[outPoint] = nil
            changedBytes -= Self.cost(coin)
        } else {
            note(.removed, at: outPoint)
        }
        return coin
    }

    /// Adds what `transaction` makes, but not what can never be spent.
    mutating func insertOutputs(of transaction: Transaction, height: UInt32) {
        let isCoinbase = transaction.isCoinbase
        let txid = transaction.txid
        for (index, output) in transaction.outputs.enumerated()
        where !Self.isUnspendable(output.scriptPubKey.bytes) {
            let coin = Coin(
                value: output.value, scriptPubKey: output.scriptPubKey, height: height, isCoinbase: isCoinbase
            )
            let outPoint = OutPoint(txid: txid, index: UInt32(index))
            // Only old coinbases could ever be there twice (BIP30); nothing else needs a look into the table.
            if isCoinbase || changes[outPoint] != nil {
                insert(coin, at: outPoint)
            } else {
                count += 1
                note(.created(coin), at: outPoint)
            }
        }
    }

    mutating func removeOutputs(of transaction: Transaction) {
        let txid = transaction.txid
        for (index, output) in transaction.outputs.enumerated()
        where !Self.isUnspendable(output.scriptPubKey.bytes) {
            remove(OutPoint(txid: txid, index: UInt32(index)))
        }
    }

    private mutating func note(_ change: Change, at outPoint: OutPoint) {
        if let old = changes.updateValue(change, forKey: outPoint) { changedBytes -= Self.cost(old) }
        changedBytes += Self.cost(change)
    }

    private static func cost(_ change: Change) -> Int {
        switch change {
        case .created(let coin), .changed(let coin): cost(coin)
        case .removed: ChainLimits.coinOverhead
        }
    }

    static func cost(_ coin: Coin) -> Int { ChainLimits.coinOverhead + coin.scriptPubKey.count }

    static func isUnspendable(_ script: [UInt8]) -> Bool {
        script.first == 0x6a || script.count > ChainLimits.scriptSize
    }
}

extension CoinSet {
    /// Writes all changes into the storage, in the order of their keys, and keeps them in the cache.
    mutating func flush() {
        guard !changes.isEmpty else { return }
        // Sorted: the table takes neighbours faster, and no run depends on the order of a dictionary.
        let keys = changes.keys.map { (ChainKey.coin($0), $0) }.sorted { Self.isBelow($0.0, $1.0) }
        var writer = ByteWriter(capacity: 128)
        for (key, outPoint) in keys {
            switch changes[outPoint] {
            case .created(let coin), .changed(let coin):
                writer.removeAll()
                coin.encode(into: &writer)
                storage.set(.coins, key, writer.bytes)
                cache.insert(coin, at: outPoint)
            case .removed:
                storage.remove(.coins, key)
                cache.remove(outPoint)
            case nil: break
            }
        }
        changes.removeAll(keepingCapacity: changes.count < 1_024)
        changedBytes = 0
    }

    /// Every coin in the order of txid bytes and index, until `body` answers false.
    func forEach(_ body: (OutPoint, Coin) -> Bool) {
        let changed = changes.keys.map { (key: ChainKey.coin($0), outPoint: $0) }
            .sorted { Self.isBelow($0.key, $1.key) }
        var next = 0
        var goesOn = true
        func visitChanges(before key: [UInt8]?) {
            while goesOn, next < changed.count, key.map({ Self.isBelow(changed[next].key, $0) }) ?? true {
                if let coin = changedCoin(changed[next].outPoint) {
                    goesOn = body(changed[next].outPoint, coin)
                }
                next += 1
            }
        }
        storage.scan(.coins) { key, value in
            guard let outPoint = ChainKey.outPoint(key),
                let coin = Coin(encoded: value.withUnsafeBytes { Array($0) })
            else {
                storage.fail(StorageFault(.damaged, "the coin table", "holds an entry that is no coin"))
                goesOn = false
                return false
            }
            if !changed.isEmpty { visitChanges(before: key.withUnsafeBytes { Array($0) }) }
            // A changed coin has its turn with the changes.
            if goesOn, changes[outPoint] == nil { goesOn = body(outPoint, coin) }
            return goesOn
        }
        visitChanges(before: nil)
    }

    private func changedCoin(_ outPoint: OutPoint) -> Coin? {
        switch changes[outPoint] {
        case .created(let coin), .changed(let coin): coin
        case .removed, nil: nil
        }
    }

    private static func isBelow(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        for place in 0..<min(a.count, b.count) where a[place] != b[place] { return a[place] < b[place] }
        return a.count < b.count
    }
}

/// Coins that equal what the table holds, the recently used ones: two generations, of which the older is dropped
/// when the younger has filled half of the room. A class, so that reading through an immutable set may fill it; one
/// machine owns it.
final class CoinCache: @unchecked Sendable {
    private var young: [OutPoint: Coin] = [:]
    private var old: [OutPoint: Coin] = [:]
    private var youngBytes = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    subscript(outPoint: OutPoint) -> Coin? {
        if let coin = young[outPoint] { return coin }
        guard !old.isEmpty, let coin = old.removeValue(forKey: outPoint) else { return nil }
        insert(coin, at: outPoint)
        return coin
    }

    func insert(_ coin: Coin, at outPoint: OutPoint) {
        old[outPoint] = nil
        if young.updateValue(coin, forKey: outPoint) == nil { youngBytes += CoinSet.cost(coin) }
        guard youngBytes > limit / 2 else { return }
        old = young
        young = [:]
        youngBytes = 0
    }

    func remove(_ outPoint: OutPoint) {
        old[outPoint] = nil
        if let coin = young.removeValue(forKey: outPoint) { youngBytes -= CoinSet.cost(coin) }
    }
}
