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
    /// Without the coinbase, parents before children.
    public private(set) var transactions: [Transaction]
    /// Satoshi for each of them.
    public private(set) var fees: [Int64]
    public private(set) var sigOpsCosts: [Int]
    public let totalFees: Int64
    public let subsidy: Int64
    /// The witness commitment output's script; there is always one.
    public private(set) var commitment: Script
    /// Siblings of the coinbase on its way to the merkle root.
    public private(set) var merklePath: [Hash256]
    /// Weight of the transactions and the reserve.
    public let weight: Int
    /// The pool's sequence when it was made.
    public let mempoolSequence: UInt64

    public var coinbaseValue: Int64 { subsidy + totalFees }

    public init(
        on chain: Chainstate, from mempool: Mempool, reservedWeight: Int = ChainLimits.reservedWeight,
        reservedSigOps: Int = ChainLimits.reservedSigOps
    ) {
        let tip = chain.tip
        previous = tip.hash
        height = tip.height + 1
        version = chain.parameters.blockVersion(at: height)
        bits = chain.parameters.bits
        target = bits.target ?? chain.parameters.proofOfWorkLimit
        medianTime = tip.medianTime
        subsidy = chain.parameters.subsidy(at: height)
        mempoolSequence = mempool.sequence
        let chosen = PackageSelection.choose(
            from: mempool, weight: ChainLimits.blockWeight - reservedWeight,
            sigOpsCost: ChainLimits.blockSigOpsCost - reservedSigOps)
        transactions = chosen.map { mempool.entry($0).transaction }
        fees = chosen.map { mempool.entry($0).fee }
        sigOpsCosts = chosen.map { mempool.entry($0).sigOpsCost }
        totalFees = fees.reduce(0, +)
        weight = transactions.reduce(reservedWeight) { $0 + $1.weight }
        commitment = WitnessCommitment.script(forTransactionsAfterCoinbase: transactions)
        merklePath = transactions.isEmpty ? [] : Merkle.path(forFirstOf: [.zero] + transactions.map(\.txid))
    }

    /// For blocks of chosen transactions, whose fees nobody claims.
    mutating func replaceTransactions(_ chosen: [Transaction]) {
        transactions = chosen
        fees = chosen.map { _ in 0 }
        sigOpsCosts = fees.map { _ in 0 }
        commitment = WitnessCommitment.script(forTransactionsAfterCoinbase: chosen)
        merklePath = chosen.isEmpty ? [] : Merkle.path(forFirstOf: [.zero] + chosen.map(\.txid))
    }

    /// The time a header should start with.
    public func time(at now: UInt32) -> UInt32 { max(now, medianTime &+ 1) }

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
                    sequence: 0xffff_fffe, witness: [WitnessCommitment.reservedValue])
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
