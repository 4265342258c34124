import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let chainStatistics: [RPCMethod] = [
        RPCMethod(
            "getblockstats", "hash_or_height:any stats:arr*?", in: "Blockchain",
            "Statistics of a block's transactions; amounts in satoshi, rates in satoshi per virtual byte."
        ) { node, call, _ throws(RPCError) in try node.blockStatistics(call) },
        RPCMethod(
            "getchaintxstats", "nblocks:num? blockhash:hex?", in: "Blockchain",
            "Number and rate of transactions over a window of blocks."
        ) { node, call, _ throws(RPCError) in try node.transactionRate(call) },
        RPCMethod(
            "getdeploymentinfo", "blockhash:hex?", in: "Blockchain", "The state of the soft forks at a block."
        ) { node, call, _ throws(RPCError) in
            node.deploymentInfo(call[0] == nil ? node.chain.tipID : try node.blockID(call, 0))
        },
        RPCMethod("getchainstates", in: "Blockchain", "The chain states; this node has one.") {
            node, _, _ in node.chainStates()
        },
        RPCMethod("getindexinfo", "index_name:str?", in: "Util", "The state of the indexes that are on.") {
            node, call, _ throws(RPCError) in
            let settings = node.configuration.indexes
            let state: JSON = ["synced": true, "best_block_height": .int(node.chain.height)]
            var object = JSONObject()
            for (name, isOn) in [
                ("txindex", node.configuration.chain.transactionIndex),
                ("coinstatsindex", settings.coinStatistics),
                ("txospenderindex", settings.spenders), ("basic block filter index", settings.blockFilters),
            ] where isOn {
                if let wanted = try call.optionalString(0), !wanted.isEmpty, wanted != name { continue }
                object.append(name, state)
            }
            return .object(object)
        },
        RPCMethod(
            "getblockfilter", "blockhash:hex filtertype:str?", in: "Blockchain",
            "A block's BIP158 filter and the header that commits to it."
        ) { node, call, _ throws(RPCError) in
            _ = try node.hash(call, 0)
            let type = try call.optionalString(1) ?? "basic"
            guard type == "basic" else { throw .notFound("Unknown filtertype") }
            guard node.configuration.indexes.blockFilters else {
                throw .misc("Index is not enabled for filtertype basic")
            }
            let id = try node.blockID(call, 0)
            guard let (filter, header) = node.blockFilter(id) else {
                throw .misc("Filter not found. This error is unexpected and indicates index corruption.")
            }
            return ["filter": .string(filter.hex), "header": .string(header.displayHex)]
        },
        RPCMethod(
            "verifychain", "checklevel:num? nblocks:num?", in: "Blockchain",
            "Verifies the stored blocks again; true when all is well."
        ) { node, call, _ throws(RPCError) in
            let level = try call.optionalInt(0) ?? 3
            guard (0...4).contains(level) else { return true }
            let count = Int(clamping: try call.optionalInt(1) ?? 6)
            return .bool(node.chain.verify(level: Int(level), count: count))
        },
    ]
}

extension NodeMachine {
    fileprivate func chainStates() -> JSON {
        let tip = chain.tip
        return [
            "headers": .int(chain.height),
            "chainstates": [
                [
                    "blocks": .int(chain.height), "bestblockhash": .string(tip.hash.displayHex),
                    "bits": .string(chain.hex8(tip.header.bits.bits)),
                    "target": .string(tip.header.bits.target?.value.hex ?? ""),
                    "difficulty": .measure(chain.difficulty(tip.header.bits)), "verificationprogress": 1,
                    "coins_db_cache_bytes": 8_388_608, "coins_tip_cache_bytes": 848_507_700,
                    "validated": true,
                ]
            ],
        ]
    }

    fileprivate func transactionRate(_ call: RPCArguments) throws(RPCError) -> JSON {
        var last = chain.tipID
        if call[1] != nil {
            last = try blockID(call, 1)
            guard chain.isActive(last) else { throw .parameter("Block is not in main chain") }
        }
        let end = chain.tree[last]
        var count = max(0, min(30 * 24 * 6, end.height - 1))
        if call[0] != nil {
            count = try call.int32(0)
            guard count >= 0, count == 0 || count < end.height else {
                throw .parameter("Invalid block count: should be between 0 and the block's height - 1")
            }
        }
        var total = 0
        var window = 0
        for height in 0...end.height {
            let transactions = chain.entry(at: height)?.transactionCount ?? 0
            total += transactions
            if height > end.height - count { window += transactions }
        }
        let start = chain.entry(at: end.height - count) ?? end
        var object: JSONObject = ["time": .int(end.header.time), "txcount": .int(total)]
        object.append("window_final_block_hash", .string(end.hash.displayHex))
        object.append("window_final_block_height", .int(end.height))
        object.append("window_block_count", .int(count))
        if count > 0 {
            let interval = Int(end.medianTime) - Int(start.medianTime)
            object.append("window_interval", .int(interval))
            object.append("window_tx_count", .int(window))
            if interval > 0 { object.append("txrate", .measure(Double(window) / Double(interval))) }
        }
        return .object(object)
    }

    // MARK: One block

    fileprivate func blockStatistics(_ call: RPCArguments) throws(RPCError) -> JSON {
        let id = try hashOrHeight(call, 0)
        let block = try storedBlock(id)
        let spent = try storedUndo(id)
        var names: [String] = []
        for value in try call.array(1) ?? [] {
            guard let name = value.stringValue else {
                throw .type("JSON value of type \(value.typeName) is not of expected type string")
            }
            names.append(name)
        }
        let all = BlockStatistics(block, spent: spent, height: chain.tree[id].height)
            .json(chain.tree[id], subsidy: configuration.network.subsidy(at: chain.tree[id].height))
        guard !names.isEmpty else { return .object(all) }
        var chosen = JSONObject()
        for name in Set(names).sorted() {
            guard let value = all[name] else { throw .parameter("Invalid selected statistic '\(name)'") }
            chosen.append(name, value)
        }
        return .object(chosen)
    }
}
