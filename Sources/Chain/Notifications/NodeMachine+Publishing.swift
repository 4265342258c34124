import Bitcoin
import SansIO

extension NodeMachine {
    /// Tells wallets and subscribers what left the pool, other than in a block.
    mutating func drop(_ transactions: [Transaction], into effects: inout EffectBuffer<NodeObservation>) {
        for transaction in transactions {
            wallets.transactionDropped(transaction)
            publisher.transactionRemoved(
                transaction.txid, mempoolSequence: mempool.sequence, into: &effects)
        }
    }

    /// Tells subscribers of the new tip.
    mutating func publishTip(into effects: inout EffectBuffer<NodeObservation>) {
        let chain = chain
        publisher.tipChanged(
            chain.tip.hash, bytes: { chain.block(chain.tipID)?.bytes() ?? [] }, into: &effects)
    }
}
