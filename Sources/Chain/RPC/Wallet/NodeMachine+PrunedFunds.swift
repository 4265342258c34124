import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    /// Transactions that somebody else proves to be in a block.
    static let prunedFunds: [RPCMethod] = [
        RPCMethod(
            wallet: "importprunedfunds", "rawtransaction:str txoutproof:str",
            "Adds a transaction that a proof shows to be in a block."
        ) { node, wallet, call, _ throws(RPCError) in try node.importPruned(wallet, call) },
        RPCMethod(wallet: "removeprunedfunds", "txid:str", "Forgets a transaction.") {
            node, wallet, call, _ throws(RPCError) in
            guard node.configuration.rpc.deprecated.contains("removeprunedfunds") else {
                throw RPCError(
                    code: -32,
                    message:
                        "DEPRECATION WARNING: This feature will be removed in the next major release. Start "
                        + "bitcoind with the `-deprecatedrpc=removeprunedfunds` option in order to use this.")
            }
            let txid = try node.hash(try call.string(0), name: "txid")
            guard node.wallets.wallets[wallet].transactionIndex[txid] != nil else {
                throw .wallet("Transaction \(txid.displayHex) does not belong to this wallet")
            }
            node.wallets.remove(txid, from: wallet)
            return .null
        },
    ]
}

extension NodeMachine {
    fileprivate mutating func importPruned(_ wallet: Int, _ call: RPCArguments) throws(RPCError) -> JSON {
        guard let bytes = [UInt8](hex: try call.string(0)), let found = try? Transaction(bytes: bytes) else {
            throw .decode("TX decode failed. Make sure the tx has at least one input.")
        }
        let proof = [UInt8](hex: try call.string(1)) ?? []
        var reader = ByteReader(proof.span.bytes)
        guard let header = try? BlockHeader(from: &reader), let tree = try? PartialMerkleTree(from: &reader),
            let (root, matches) = tree.matches(), root == header.merkleRoot
        else { throw .notFound("Something wrong with merkleblock") }
        guard let id = chain.tree.id(of: header.hash), chain.isActive(id), let block = chain.block(id) else {
            throw .notFound("Block not found in chain")
        }
        guard matches.contains(found.txid),
            let position = block.transactions.firstIndex(where: { $0.txid == found.txid })
        else { throw .notFound("Transaction given doesn't exist in proof") }
        guard wallets.wallets[wallet].concerns(found) else {
            throw .notFound("No addresses in wallet correspond to included transaction")
        }
        guard wallets.wallets[wallet].transactionIndex[found.txid] == nil else { return .null }
        let number = wallets.wallets[wallet].insert(
            WalletTransaction(
                transaction: found,
                state: .confirmed(
                    block: header.hash, height: Int(chain.tree[id].height), position: position,
                    time: header.time),
                received: unixTime(at: call.now), time: header.time, notes: []))
        wallets.markTransaction(wallet, number)
        return .null
    }
}
