import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let mempool: [RPCMethod] = [
        RPCMethod("getmempoolinfo", in: "Blockchain", "The state of the memory pool.") {
            node, call, _ throws(RPCError) in try node.mempoolMethod(call)
        },
        RPCMethod("getmempoolentry", "txid:hex", in: "Blockchain", "One transaction of the memory pool.") {
            node, call, _ throws(RPCError) in try node.mempoolMethod(call)
        },
        RPCMethod(
            "getrawmempool", "verbose:bool? mempool_sequence:bool?", in: "Blockchain",
            "The transactions of the memory pool."
        ) { node, call, _ throws(RPCError) in try node.mempoolMethod(call) },
    ]
}

/// Reading the pool.
extension NodeMachine {
    func mempoolMethod(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        switch arguments.method.name {
        case "getmempoolinfo": return mempoolInfo()
        case "getmempoolentry":
            guard let slot = mempool.slot(of: try hash(arguments, 0)) else {
                throw .notFound("Transaction not in mempool")
            }
            return mempoolEntry(slot)
        default:
            let entries = mempool.entries
            if try arguments.optionalBool(0) ?? false {
                var object = JSONObject()
                for entry in entries {
                    if let slot = mempool.slot(of: entry.txid) {
                        object.append(entry.txid.displayHex, mempoolEntry(slot))
                    }
                }
                return .object(object)
            }
            let ids = JSON.array(entries.map { .string($0.txid.displayHex) })
            guard try arguments.optionalBool(1) ?? false else { return ids }
            return ["txids": ids, "mempool_sequence": .int(mempool.sequence)]
        }
    }

    private func mempoolInfo() -> JSON {
        [
            "loaded": true, "size": .int(mempool.count), "bytes": .int(mempool.totalVirtualSize),
            "usage": .int(mempool.totalBytes), "total_fee": .amount(satoshi: mempool.totalFees),
            "maxmempool": .int(ChainLimits.mempoolBytes),
            "mempoolminfee": .amount(satoshi: ChainLimits.relayFeeRate),
            "minrelaytxfee": .amount(satoshi: ChainLimits.relayFeeRate),
            "incrementalrelayfee": .amount(satoshi: ChainLimits.relayFeeRate),
            "unbroadcastcount": .int(mempool.count),
            "permitbaremultisig": true, "maxdatacarriersize": .int(ChainLimits.dataCarrier),
            "limitclustercount": .int(ChainLimits.clusterCount),
            "limitclustersize": .int(ChainLimits.clusterSize),
            "optimal": true,
        ]
    }

    private func mempoolEntry(_ slot: Int) -> JSON {
        let entry = mempool.entry(slot)
        let below = mempool.descendants(of: slot).map { mempool.entry($0) }
        let above = mempool.ancestors(of: [slot]).map { mempool.entry($0) }
        func fees(_ list: [MempoolEntry]) -> JSON { .amount(satoshi: list.reduce(0) { $0 + $1.fee }) }
        func size(_ list: [MempoolEntry]) -> JSON { .int(list.reduce(0) { $0 + $1.virtualSize }) }
        func ids(_ slots: [Int]) -> JSON { .array(slots.map { .string(mempool.entry($0).txid.displayHex) }) }
        return [
            "vsize_adjusted": .int(entry.virtualSize), "vsize": .int(entry.virtualSize),
            "vsize_bip141": .int(entry.transaction.virtualSize), "weight": .int(entry.weight),
            "time": .int(entry.time), "height": .int(entry.height), "descendantcount": .int(below.count),
            "descendantsize": size(below), "ancestorcount": .int(above.count), "ancestorsize": size(above),
            "wtxid": .string(entry.transaction.wtxid.displayHex),
            "fees": [
                "base": .amount(satoshi: entry.fee), "modified": .amount(satoshi: entry.fee),
                "ancestor": fees(above),
                "descendant": fees(below),
            ],
            "depends": ids(entry.parents), "spentby": ids(entry.children), "unbroadcast": true,
        ]
    }
}
