import Bitcoin
import JSONText
import SansIO

/// Reading the chain and the pool.
extension NodeMachine {
    func blockchainMethod(_ method: RPCMethod, _ arguments: RPCArguments, at now: Instant) throws(RPCError)
        -> JSON
    {
        switch method {
        case .getbestblockhash: return .string(chain.tip.hash.displayHex)
        case .getblockcount: return .int(chain.height)
        case .getblockhash:
            guard let height = Int(exactly: try arguments.int(0)), let entry = chain.entry(at: height) else {
                throw .parameter("Block height out of range")
            }
            return .string(entry.hash.displayHex)
        case .getblockheader:
            let id = try blockID(arguments, 0)
            if try arguments.optionalBool(1) ?? true { return .object(chain.headerJSON(id)) }
            return .string(chain.tree[id].header.bytes.hex)
        case .getblock:
            return try block(try blockID(arguments, 0), verbosity: try arguments.verbosity(1, default: 1))
        case .getdifficulty: return .measure(chain.difficulty(chain.tip.header.bits))
        case .getchaintips: return .array(chain.tips.map { chainTip($0) })
        case .gettxout: return try unspentOutput(arguments)
        default: return chainInfo(at: now)
        }
    }

    private func chainInfo(at now: Instant) -> JSON {
        let tip = chain.tip
        let age = Int64(unixTime(at: now)) - Int64(tip.header.time)
        return [
            "chain": .string(configuration.network.name), "blocks": .int(chain.height),
            "headers": .int(chain.height),
            "bestblockhash": .string(tip.hash.displayHex), "bits": .string(chain.hex8(tip.header.bits.bits)),
            "target": .string(tip.header.bits.target?.value.hex ?? ""),
            "difficulty": .measure(chain.difficulty(tip.header.bits)), "time": .int(tip.header.time),
            "mediantime": .int(tip.medianTime), "verificationprogress": 1,
            "initialblockdownload": .bool(chain.height == 0 && age > 86_400),
            "chainwork": .string(tip.chainWork.hex), "size_on_disk": .int(chain.storedBytes), "pruned": false,
            "warnings": [],
        ]
    }

    private func chainTip(_ id: BlockID) -> JSON {
        let entry = chain.tree[id]
        var fork = id
        while !chain.isActive(fork) { fork = chain.tree[fork].previous }
        let status =
            if chain.isActive(id) {
                "active"
            } else {
                switch entry.status {
                case .headerOnly: "headers-only"
                case .stored: "valid-headers"
                case .connected: "valid-fork"
                case .invalid, .descendsFromInvalid: "invalid"
                }
            }
        return [
            "height": .int(entry.height), "hash": .string(entry.hash.displayHex),
            "branchlen": .int(entry.height - chain.tree[fork].height), "status": .string(status),
        ]
    }

    private func block(_ id: BlockID, verbosity: Int) throws(RPCError) -> JSON {
        guard let block = chain.block(id) else { throw .misc("Block not available (not fully downloaded)") }
        if verbosity <= 0 { return .string(chain.tree[id].body.hex) }
        let entry = chain.tree[id]
        var object = chain.headerJSON(id)
        object.append("strippedsize", .int(entry.strippedSize))
        object.append("size", .int(entry.body.count))
        object.append("weight", .int(entry.weight))
        object.append("coinbase_tx", TransactionJSON.coinbase(block.transactions[0]))
        let network = configuration.network.addressNetwork
        // The coins that a block spent are known while it is connected.
        var spent = chain.isActive(id) ? entry.undo[...] : nil
        var list: [JSON] = []
        for transaction in block.transactions {
            if verbosity == 1 {
                list.append(.string(transaction.txid.displayHex))
                continue
            }
            var coins: [Coin]?
            if !transaction.isCoinbase, let rest = spent {
                coins = Array(rest.prefix(transaction.inputs.count))
                spent = rest.dropFirst(transaction.inputs.count)
            }
            list.append(
                .object(
                    TransactionJSON.object(
                        transaction, network: network, spent: coins, tellsPrevouts: verbosity >= 3)))
        }
        object.append("tx", .array(list))
        return .object(object)
    }

    private func unspentOutput(_ arguments: RPCArguments) throws(RPCError) -> JSON {
        let txid = try hash(arguments, 0)
        guard let index = UInt32(exactly: try arguments.int(1)) else { return .null }
        let outPoint = OutPoint(txid: txid, index: index)
        var confirmations = 0
        var isCoinbase = false
        let output: TransactionOutput
        if try arguments.optionalBool(2) ?? true, mempool.spender(of: outPoint) != nil { return .null }
        if let coin = chain.coins[outPoint] {
            output = coin.output
            confirmations = chain.height - Int(coin.height) + 1
            isCoinbase = coin.isCoinbase
        } else if try arguments.optionalBool(2) ?? true, let waiting = mempool.output(outPoint) {
            output = waiting
        } else {
            return .null
        }
        return [
            "bestblock": .string(chain.tip.hash.displayHex), "confirmations": .int(confirmations),
            "value": .amount(satoshi: output.value),
            "scriptPubKey": ScriptJSON.scriptPubKey(
                output.scriptPubKey, network: configuration.network.addressNetwork),
            "coinbase": .bool(isCoinbase),
        ]
    }

    // MARK: Pool

    func mempoolMethod(_ method: RPCMethod, _ arguments: RPCArguments) throws(RPCError) -> JSON {
        switch method {
        case .getmempoolinfo: return mempoolInfo()
        case .getmempoolentry:
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

    // MARK: Steering

    mutating func steeringMethod(
        _ method: RPCMethod, _ arguments: RPCArguments, at now: Instant,
        into effects: inout EffectBuffer<NodeObservation>
    ) throws(RPCError) -> JSON {
        let hash = chain.tree[try blockID(arguments, 0)].hash
        switch method {
        case .invalidateblock:
            guard invalidate(hash, at: now, into: &effects) else {
                throw .verify("The genesis block cannot be invalid")
            }
        case .reconsiderblock: _ = reconsider(hash, at: now, into: &effects)
        default: _ = prefer(hash, at: now, into: &effects)
        }
        return .null
    }
}
