import Bitcoin
import JSONText

/// gettxspendingprevout: who spends an output, in the pool or, with an index, in the chain.
extension NodeMachine {
    func spendingTransactions(_ call: RPCArguments) throws(RPCError) -> JSON {
        let outputs = try call.array(0) ?? []
        if outputs.isEmpty { throw .parameter("Invalid parameter, outputs are missing") }
        let options = try call.object(1)
        let hasIndex = configuration.chain.spenderIndex
        let poolOnly = options?["mempool_only"]?.boolValue ?? !hasIndex
        let tellsTransaction = options?["return_spending_tx"]?.boolValue ?? false
        var list: [JSON] = []
        var isUnanswered = false
        for output in outputs {
            var object = try Self.strictOutPoint(output)
            let outPoint = try outPoint(object)
            if let slot = mempool.spenderSlot(of: outPoint) {
                let spender = mempool.entry(slot)
                object.append("spendingtxid", .string(spender.txid.displayHex))
                if tellsTransaction { object.append("spendingtx", .string(spender.transaction.bytes().hex)) }
            } else if !poolOnly {
                isUnanswered = isUnanswered || !hasIndex
                if let place = chain.spender(of: outPoint) {
                    guard let block = chain.block(Int(place.block)),
                        block.transactions.indices.contains(Int(place.position))
                    else { throw .misc("Block not available") }
                    let spender = block.transactions[Int(place.position)]
                    object.append("spendingtxid", .string(spender.txid.displayHex))
                    object.append("blockhash", .string(chain.tree[Int(place.block)].hash.displayHex))
                    if tellsTransaction { object.append("spendingtx", .string(spender.bytes().hex)) }
                }
            }
            list.append(.object(object))
        }
        if isUnanswered {
            throw .misc("Mempool lacks a relevant spend, and txospenderindex is unavailable.")
        }
        return .array(list)
    }

    private static func strictOutPoint(_ output: JSON) throws(RPCError) -> JSONObject {
        guard let object = output.objectValue else {
            throw .type("JSON value of type \(output.typeName) is not of expected type object")
        }
        for (name, kind) in [("txid", "string"), ("vout", "number")] {
            guard let value = object[name] else { throw .type("Missing \(name)") }
            guard value.typeName == kind else {
                throw .type(
                    "JSON value of type \(value.typeName) for field \(name) is not of expected type \(kind)")
            }
        }
        if let extra = object.entries.first(where: { $0.key != "txid" && $0.key != "vout" }) {
            throw .type("Unexpected key \(extra.key)")
        }
        return object
    }

    private func outPoint(_ object: JSONObject) throws(RPCError) -> OutPoint {
        let txid = try hash(object["txid"]?.stringValue ?? "", name: "txid")
        guard let index = object["vout"]?.int64 else { throw .type("JSON integer out of range") }
        if index < 0 { throw .parameter("Invalid parameter, vout cannot be negative") }
        return OutPoint(txid: txid, index: UInt32(clamping: index))
    }
}
