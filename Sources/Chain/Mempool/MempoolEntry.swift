public import Bitcoin

/// A waiting transaction, shared between the pool and every template that holds it.
public final class PooledTransaction: Sendable {
    public let transaction: Transaction
    public let txid: Hash256
    public let wtxid: Hash256
    /// Satoshi, really paid.
    public let fee: Int64
    public let weight: Int
    /// BIP141's cost units.
    public let sigOpsCost: Int

    /// Weight, with policy's bytes for each unit of signature cost.
    public let adjustedWeight: Int

    init(
        _ transaction: Transaction, fee: Int64, sigOpsCost: Int,
        bytesPerSigOp: Int = ChainLimits.bytesPerSigOp
    ) {
        adjustedWeight = max(transaction.weight, sigOpsCost * bytesPerSigOp)
        self.transaction = transaction
        txid = transaction.txid
        wtxid = transaction.wtxid
        weight = transaction.weight
        self.fee = fee
        self.sigOpsCost = sigOpsCost
    }

    /// Virtual bytes, likewise.
    public var virtualSize: Int { (adjustedWeight + 3) / 4 }
}

/// A transaction that waits for a block.
public struct MempoolEntry: Sendable {
    public let pooled: PooledTransaction
    /// Unix seconds of its arrival.
    public let time: UInt32
    /// The tip's height then.
    public let height: Int
    /// Order of arrival; 0 for those that came back from a block.
    public let sequence: UInt64
    /// What an operator added to its fee for the choice of what to mine, in satoshi.
    public internal(set) var feeDelta: Int64 = 0
    /// Slots of the transactions it spends from, ascending.
    public internal(set) var parents: [Int] = []
    /// Slots of the transactions that spend from it, ascending.
    public internal(set) var children: [Int] = []
    /// Number of its cluster.
    var cluster = -1
    /// Bytes of memory that count against -maxmempool.
    let usage: Int

    public var transaction: Transaction { pooled.transaction }
    public var txid: Hash256 { pooled.txid }
    /// Satoshi, really paid.
    public var fee: Int64 { pooled.fee }
    public var modifiedFee: Int64 { fee + feeDelta }
    public var weight: Int { pooled.weight }
    public var sigOpsCost: Int { pooled.sigOpsCost }
    /// Virtual bytes, with policy's 20 bytes for each unit of signature cost.
    public var virtualSize: Int { pooled.virtualSize }
    /// Modified fee over adjusted weight.
    var rate: FeeFraction { FeeFraction(fee: modifiedFee, size: Int64(pooled.adjustedWeight)) }

    init(_ pooled: PooledTransaction, time: UInt32, height: Int, sequence: UInt64) {
        self.pooled = pooled
        self.time = time
        self.height = height
        self.sequence = sequence
        usage = Self.usage(of: pooled.transaction)
    }

    /// About what Core counts for the same transaction (1196 bytes with one input, one output and a
    /// P2WPKH witness), so that -maxmempool means as much here.
    static func usage(of transaction: Transaction) -> Int {
        func block(_ bytes: Int) -> Int { bytes == 0 ? 0 : (bytes + 31) & ~15 }
        var total = 724
        for input in transaction.inputs {
            total += 104 + 96
            if input.scriptSig.bytes.count > 36 { total += block(input.scriptSig.bytes.count) }
            if !input.witness.isEmpty { total += block(24 * input.witness.count) }
            for item in input.witness { total += block(item.count) }
        }
        for output in transaction.outputs {
            total += 48
            if output.scriptPubKey.bytes.count > 36 { total += block(output.scriptPubKey.bytes.count) }
        }
        return total
    }
}

/// Transactions that hang together, in the best order to mine them.
struct MempoolCluster: Sendable {
    /// Slots in mining order.
    var order: [Int]
    /// Best first; `range` counts in `order`.
    var chunks: [LinearChunk]
    /// The chunks as the index has them.
    var keys: [ChunkKey]
    var adjustedWeight: Int
}
