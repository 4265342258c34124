import Bitcoin
import JSONText
import SansIO

/// What several RPC topics and REST read from the chain.
extension NodeMachine {
    /// A call as if a client had made it, for answers built of other methods' answers.
    func plainCall(_ name: String, _ values: [JSON]) throws(RPCError) -> RPCArguments {
        guard let method = RPCMethod.named(name) else { throw .methodNotFound }
        return try RPCArguments(method, .array(values), at: .start)
    }

    /// Where a transaction of the active chain lies, by the index.
    func transactionPlace(_ txid: Hash256) -> (block: BlockID, position: Int)? {
        chain.transactionPlace(txid).map { (Int($0.block), Int($0.position)) }
    }

    /// What a block spent, in the order of its inputs; nil when it was never connected.
    func spentCoins(_ id: BlockID) -> [Coin]? { chain.undo(id) }

    /// BIP158's basic filter of a block and BIP157's header over it and all before it; nil while the block's spent
    /// outputs are unknown.
    func blockFilter(_ id: BlockID) -> (filter: [UInt8], header: Hash256)? {
        chain.filter(of: id)
    }
}
