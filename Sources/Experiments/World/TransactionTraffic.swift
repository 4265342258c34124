import Bitcoin
import SansIO

/// Transactions for a virtual node at a steady rate: coins that anybody can spend by a standard script (P2WSH of
/// OP_TRUE), so that no wallet and no signature is needed, each spent to a new one of its own.
struct TransactionTraffic {
    static let program: [UInt8] = [0x51]
    static let script = Script(bytes: [0x00, 0x20] + SHA256.hash(program).bytes)

    struct Coin {
        let outPoint: OutPoint
        let value: Int64
    }

    /// Oldest first: what is spent is back at the end, and confirmed by the time its turn comes.
    private var coins: [Coin] = []
    private var next = 0
    private var random: PRNG

    init(seed: UInt64) { random = PRNG(seed: seed, stream: 0x7a5c) }

    var isEmpty: Bool { coins.isEmpty }

    /// Splits a coinbase's first output into equal coins, which may be spent once the transaction is confirmed.
    mutating func split(_ coinbase: Transaction) -> Transaction {
        let coin = Coin(
            outPoint: OutPoint(txid: coinbase.txid, index: 0), value: coinbase.outputs[0].value)
        let count = Limits.trafficCoinsPerBlock
        let transaction = Self.spend(coin, fee: Limits.trafficSplitFee, outputs: count)
        for index in 0..<count {
            coins.append(
                Coin(
                    outPoint: OutPoint(txid: transaction.txid, index: UInt32(index)),
                    value: transaction.outputs[index].value))
        }
        return transaction
    }

    /// The next transaction; nil before there are coins, and when all of them are used up by fees.
    mutating func take() -> Transaction? {
        guard !coins.isEmpty else { return nil }
        let place = next % coins.count
        let fee = Int64(Limits.trafficFeeMin) + Int64(random.below(UInt64(Limits.trafficFeeMin * 9)))
        guard coins[place].value > fee + 1_000 else { return nil }
        let transaction = Self.spend(coins[place], fee: fee, outputs: 1)
        coins[place] = Coin(
            outPoint: OutPoint(txid: transaction.txid, index: 0), value: transaction.outputs[0].value)
        next += 1
        return transaction
    }

    private static func spend(_ coin: Coin, fee: Int64, outputs: Int) -> Transaction {
        let each = (coin.value - fee) / Int64(outputs)
        return Transaction(
            version: 2,
            inputs: [
                TransactionInput(
                    previousOutput: coin.outPoint, sequence: 0xffff_fffd, witness: [program])
            ],
            outputs: (0..<outputs).map { _ in TransactionOutput(value: each, scriptPubKey: script) })
    }
}
