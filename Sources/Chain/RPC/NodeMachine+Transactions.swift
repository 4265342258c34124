import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let rawTransactions: [RPCMethod] = [
        RPCMethod(
            "decoderawtransaction", "hexstring:hex iswitness:bool?", in: "Rawtransactions",
            "A serialized transaction as an object."
        ) { node, call, _ throws(RPCError) in
            let decoded = try node.transaction(
                try call.string(0), isWitness: try call.optionalBool(1), or: "TX decode failed")
            return .object(
                TransactionJSON.object(
                    decoded, network: node.configuration.network.addressNetwork, tellsHex: false))
        },
        RPCMethod(
            "getrawtransaction", "txid:hex verbosity|verbose:any? blockhash:hex?", in: "Rawtransactions",
            "A transaction: 0 as hex, 1 as an object, 2 with fee and spent outputs."
        ) { node, call, _ throws(RPCError) in try node.rawTransaction(call) },
    ]
}

/// Raw transactions: looking them up, taking them in.
extension NodeMachine {
    func rawTransaction(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        let txid = try hash(try arguments.string(0), name: "parameter 1")
        let verbosity = try arguments.verbosity(1, default: 0)
        if txid == configuration.network.genesis.transactions[0].txid {
            throw .notFound(
                "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved"
            )
        }
        if let entry = mempool[txid], arguments[2] == nil {
            if verbosity <= 0 { return .string(entry.transaction.bytes().hex) }
            var object: JSONObject = ["vsize_adjusted": .int(entry.virtualSize)]
            let described = TransactionJSON.object(
                entry.transaction, network: configuration.network.addressNetwork)
            for (key, value) in described.entries { object.append(key, value) }
            return .object(object)
        }
        let (id, position, inGivenBlock) = try locate(txid, arguments)
        guard let block = chain.block(id) else { throw .notFound("Block not available") }
        let found = block.transactions[position]
        if verbosity <= 0 { return .string(found.bytes().hex) }
        var spent: [Coin]?
        if verbosity >= 2, !found.isCoinbase, chain.isActive(id) {
            let before = block.transactions[1..<position].reduce(0) { $0 + $1.inputs.count }
            spent = chain.undo(id).map { Array($0[before..<before + found.inputs.count]) }
        }
        var object = JSONObject()
        if inGivenBlock { object.append("in_active_chain", .bool(chain.isActive(id))) }
        let described = TransactionJSON.object(
            found, network: configuration.network.addressNetwork, spent: spent, tellsPrevouts: true)
        for (key, value) in described.entries { object.append(key, value) }
        let entry = chain.tree[id]
        object.append("blockhash", .string(entry.hash.displayHex))
        if chain.isActive(id) {
            object.append("confirmations", .int(chain.height - entry.height + 1))
            object.append("time", .int(entry.header.time))
            object.append("blocktime", .int(entry.header.time))
        } else {
            object.append("confirmations", 0)
        }
        return .object(object)
    }

    private func locate(
        _ txid: Hash256, _ arguments: RPCArguments
    ) throws(RPCError) -> (id: BlockID, position: Int, inGivenBlock: Bool) {
        if arguments[2] != nil {
            guard let id = chain.tree.id(of: try hash(try arguments.string(2), name: "parameter 3")) else {
                throw .notFound("Block hash not found")
            }
            guard let position = chain.block(id)?.transactions.firstIndex(where: { $0.txid == txid }) else {
                throw .notFound(
                    "No such transaction found in the provided block. "
                        + "Use gettransaction for wallet transactions."
                )
            }
            return (id, position, true)
        }
        guard let place = chain.transactionPlace(txid) else {
            throw .notFound(
                (chain.options.transactionIndex
                    ? "No such mempool or blockchain transaction"
                    : "No such mempool transaction. Use -txindex or provide a block hash to enable "
                        + "blockchain transaction queries")
                    + ". Use gettransaction for wallet transactions.")
        }
        return (Int(place.block), Int(place.position), false)
    }
}
