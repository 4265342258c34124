public import Bitcoin
import SansIO

/// A block to be mined, but for its coinbase and nonce.
public struct BlockTemplate: Sendable {
    public let previous: Hash256
    public let height: Int
    public let version: UInt32
    public let bits: CompactTarget
    public let target: Target
    /// Median time of the blocks before; the header's time must be later.
    public let medianTime: UInt32
    /// The earliest time that the header may state: one second after the median, and with BIP94 not more than ten
    /// minutes before the last block of the period before.
    public let leastTime: UInt32
    /// Without the coinbase, parents before children; shared with the pool and other templates.
    public private(set) var entries: [PooledTransaction]
    public let totalFees: Int64
    public let subsidy: Int64
    /// Whether the coinbase carries the witness that its commitment needs; before segwit it may not.
    public let hasWitness: Bool
    /// The witness commitment output's script; there is always one.
    public private(set) var commitment: Script
    /// Siblings of the coinbase on its way to the merkle root.
    public private(set) var merklePath: [Hash256]
    /// Weight of the transactions and the reserve.
    public let weight: Int
    /// The pool's sequence when it was made.
    public let mempoolSequence: UInt64
    /// The pool's version when it was made: with another one, another template may be possible.
    public let mempoolVersion: UInt64

    public var coinbaseValue: Int64 { subsidy + totalFees }
    public var transactions: [Transaction] { entries.map(\.transaction) }

    public init(
        on chain: Chainstate, from mempool: Mempool, _ options: TemplateOptions = TemplateOptions(),
        reservedWeight: Int? = nil, reservedSigOps: Int = ChainLimits.reservedSigOps
    ) {
        let reservedWeight = reservedWeight ?? options.reservedWeight
        let tip = chain.tip
        previous = tip.hash
        height = tip.height + 1
        version = options.version ?? chain.nextVersion
        bits = chain.nextBits(time: tip.header.time)
        target = bits.target ?? chain.parameters.proofOfWorkLimit
        medianTime = tip.medianTime
        leastTime = chain.nextTimeMin
        subsidy = chain.parameters.subsidy(at: height)
        hasWitness = height >= chain.parameters.softForks.segwit
        mempoolSequence = mempool.sequence
        mempoolVersion = mempool.version
        let chosen = mempool.selection(
            weight: options.weightMax - reservedWeight,
            sigOps: ChainLimits.blockSigOpsCost - reservedSigOps, feeRateMin: options.feeRateMin)
        entries = mempool.transactions(of: chosen)
        totalFees = chosen.fees
        weight = chosen.weight + reservedWeight
        (commitment, merklePath) = Self.roots(of: entries)
    }

    /// For blocks of chosen transactions, whose fees nobody claims.
    mutating func replaceTransactions(_ chosen: [Transaction]) {
        entries = chosen.map { PooledTransaction($0, fee: 0, sigOpsCost: 0) }
        (commitment, merklePath) = Self.roots(of: entries)
    }

    private static func roots(of entries: [PooledTransaction]) -> (Script, [Hash256]) {
        guard !entries.isEmpty else {
            return (WitnessCommitment.script(forTransactionsAfterCoinbase: []), [])
        }
        var leaves: [Hash256] = [.zero]
        leaves.reserveCapacity(entries.count + 1)
        for entry in entries { leaves.append(entry.wtxid) }
        let root = Merkle.root(leaves).root
        for (place, entry) in entries.enumerated() { leaves[place + 1] = entry.txid }
        return (
            WitnessCommitment.script(WitnessCommitment.hash(root: root, reserved: .zero)),
            Merkle.path(forFirstOf: leaves)
        )
    }

    /// The time a header should start with.
    public func time(at now: UInt32) -> UInt32 { max(now, leastTime) }

    /// Core's coinbase: version 2, height push, sequence 0xfffffffe, lock time height-1, commitment last.
    /// `extra` follows the height push; heights up to 16 need at least one byte of it.
    public func coinbase(paying script: Script, extra: [UInt8] = [], value: Int64? = nil) -> Transaction {
        var scriptSig = Script.heightPush(height) + extra
        if scriptSig.count < 2 { scriptSig.append(0) }
        return Transaction(
            version: 2,
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: .zero, index: .max), scriptSig: Script(bytes: scriptSig),
                    sequence: 0xffff_fffe, witness: hasWitness ? [WitnessCommitment.reservedValue] : [])
            ],
            outputs: [
                TransactionOutput(value: value ?? coinbaseValue, scriptPubKey: script),
                TransactionOutput(value: 0, scriptPubKey: commitment),
            ],
            lockTime: UInt32(height - 1))
    }

    /// The block with this coinbase, its nonce still zero.
    public func block(coinbase: Transaction, time: UInt32) -> Block {
        let root = Merkle.root(first: coinbase.txid, path: merklePath)
        let header = BlockHeader(
            version: version, previousBlockHash: previous, merkleRoot: root, time: time, bits: bits, nonce: 0)
        return Block(header: header, transactions: [coinbase] + transactions)
    }
}
