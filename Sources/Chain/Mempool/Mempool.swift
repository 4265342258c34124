public import Bitcoin

/// A transaction that waits for a block.
public struct MempoolEntry: Sendable {
    public let transaction: Transaction
    /// Satoshi.
    public let fee: Int64
    public let weight: Int
    public let sigOpsCost: Int
    /// Unix seconds of its arrival.
    public let time: UInt32
    /// The tip's height then.
    public let height: Int
    /// Order of arrival.
    public let sequence: UInt64
    /// Slots of the transactions it spends from, ascending.
    public internal(set) var parents: [Int] = []
    /// Slots of the transactions that spend from it, ascending.
    public internal(set) var children: [Int] = []

    public var txid: Hash256 { transaction.txid }
    /// Virtual bytes, with policy's 20 bytes for each unit of signature cost.
    public var virtualSize: Int { (max(weight, sigOpsCost * 20) + 3) / 4 }
}

/// Transactions that could be in the next block, their relations and their policy.
public struct Mempool: Sendable {
    var slots: [MempoolEntry?] = []
    private var free: [Int] = []
    private var byTxid: [Hash256: Int] = [:]
    private var spenders: [OutPoint: Int] = [:]
    private var wtxids = Set<Hash256>()
    /// Grows with every arrival and departure.
    public private(set) var sequence: UInt64 = 1
    public private(set) var count = 0
    public private(set) var totalFees: Int64 = 0
    public private(set) var totalVirtualSize = 0
    public private(set) var totalBytes = 0

    public init() {}

    public var isEmpty: Bool { count == 0 }

    public subscript(txid: Hash256) -> MempoolEntry? { byTxid[txid].flatMap { slots[$0] } }

    func entry(_ slot: Int) -> MempoolEntry {
        guard let entry = slots[slot] else { preconditionFailure("empty mempool slot \(slot)") }
        return entry
    }

    func slot(of txid: Hash256) -> Int? { byTxid[txid] }

    /// Whether this very transaction, witnesses and all, waits here and so had its scripts verified. Its id
    /// fixes the coins that it spends, and the pool's rules contain the blocks'.
    func contains(wtxid: Hash256) -> Bool { wtxids.contains(wtxid) }

    /// The waiting transaction that spends this output.
    public func spender(of outPoint: OutPoint) -> Hash256? { spenders[outPoint].map { entry($0).txid } }
    func spenderSlot(of outPoint: OutPoint) -> Int? { spenders[outPoint] }

    /// All entries in the order of arrival.
    public var entries: [MempoolEntry] {
        slots.compactMap { $0 }.sorted { $0.sequence < $1.sequence }
    }

    /// An output that a waiting transaction makes.
    public func output(_ outPoint: OutPoint) -> TransactionOutput? {
        guard let entry = self[outPoint.txid], outPoint.index < UInt32(entry.transaction.outputs.count) else {
            return nil
        }
        return entry.transaction.outputs[Int(outPoint.index)]
    }

    mutating func insert(
        _ transaction: Transaction, fee: Int64, sigOpsCost: Int, time: UInt32, height: Int
    ) {
        var entry = MempoolEntry(
            transaction: transaction, fee: fee, weight: transaction.weight, sigOpsCost: sigOpsCost,
            time: time,
            height: height, sequence: sequence)
        let slot = free.popLast() ?? slots.count
        var parents = Set<Int>()
        for input in transaction.inputs {
            spenders[input.previousOutput] = slot
            if let parent = byTxid[input.previousOutput.txid] { parents.insert(parent) }
        }
        entry.parents = parents.sorted()
        for parent in entry.parents { slots[parent]?.children.append(slot) }
        // A transaction that came back from a block may have children here already.
        var children = Set<Int>()
        for index in transaction.outputs.indices {
            if let child = spenders[OutPoint(txid: transaction.txid, index: UInt32(index))] {
                children.insert(child)
            }
        }
        entry.children = children.sorted()
        for child in entry.children { slots[child]?.parents.append(slot) }
        if slot == slots.count { slots.append(entry) } else { slots[slot] = entry }
        byTxid[transaction.txid] = slot
        wtxids.insert(transaction.wtxid)
        account(entry, sign: 1)
    }

    @discardableResult
    mutating func remove(slot: Int) -> Transaction {
        let entry = entry(slot)
        for parent in entry.parents { slots[parent]?.children.removeAll { $0 == slot } }
        for child in entry.children { slots[child]?.parents.removeAll { $0 == slot } }
        for input in entry.transaction.inputs { spenders[input.previousOutput] = nil }
        byTxid[entry.txid] = nil
        wtxids.remove(entry.transaction.wtxid)
        slots[slot] = nil
        free.append(slot)
        account(entry, sign: -1)
        return entry.transaction
    }

    /// Removes a transaction and all that spend from it, children first.
    mutating func removeWithDescendants(_ slot: Int) -> [Transaction] {
        descendants(of: slot).reversed().map { remove(slot: $0) }
    }

    /// The slot and everything below it, parents before children.
    func descendants(of slot: Int) -> [Int] { closure(of: [slot]) { $0.children } }

    /// The slots and everything above them.
    func ancestors(of slots: [Int]) -> [Int] { closure(of: slots) { $0.parents } }

    /// Everything that hangs together with these slots.
    func cluster(of slots: [Int]) -> [Int] { closure(of: slots) { $0.parents + $0.children } }

    private func closure(of start: [Int], _ next: (MempoolEntry) -> [Int]) -> [Int] {
        var seen = Set(start)
        var list = start
        var at = 0
        while at < list.count {
            for other in next(entry(list[at])) where seen.insert(other).inserted { list.append(other) }
            at += 1
        }
        return list
    }

    private mutating func account(_ entry: MempoolEntry, sign: Int) {
        sequence += 1
        count += sign
        totalFees += entry.fee * Int64(sign)
        totalVirtualSize += entry.virtualSize * sign
        totalBytes += entry.transaction.totalSize * sign
    }
}

extension Mempool {
    /// By its id with witnesses; peers ask so (BIP339). Searches, as they ask rarely.
    func entry(wtxid: Hash256) -> MempoolEntry? {
        guard contains(wtxid: wtxid) else { return nil }
        return slots.lazy.compactMap { $0 }.first { $0.transaction.wtxid == wtxid }
    }
}
