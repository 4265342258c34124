import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let mempool: [RPCMethod] = [
        RPCMethod("getmempoolinfo", in: "Blockchain", "The state of the memory pool.") {
            node, call, _ throws(RPCError) in node.mempoolInfo(at: call.now)
        },
        RPCMethod("getmempoolentry", "txid:hex", in: "Blockchain", "One transaction of the memory pool.") {
            node, call, _ throws(RPCError) in node.mempoolEntry(try node.pooledSlot(call))
        },
        RPCMethod(
            "getrawmempool", "verbose:bool? mempool_sequence:bool?", in: "Blockchain",
            "The transactions of the memory pool, in mining order."
        ) { node, call, _ throws(RPCError) in try node.rawMempool(call) },
        RPCMethod(
            "getmempoolancestors", "txid:hex verbose:bool?", in: "Blockchain",
            "What a transaction of the memory pool depends on."
        ) { node, call, _ throws(RPCError) in
            let slot = try node.pooledSlot(call)
            return try node.listed(node.mempool.ancestors(of: [slot]).filter { $0 != slot }, call)
        },
        RPCMethod(
            "getmempooldescendants", "txid:hex verbose:bool?", in: "Blockchain",
            "What depends on a transaction of the memory pool."
        ) { node, call, _ throws(RPCError) in
            let slot = try node.pooledSlot(call)
            return try node.listed(node.mempool.descendants(of: slot).filter { $0 != slot }, call)
        },
        RPCMethod(
            "getmempoolcluster", "txid:hex", in: "Blockchain",
            "The transactions that hang together with one, in chunks as they would be mined."
        ) { node, call, _ throws(RPCError) in node.mempoolCluster(of: try node.pooledSlot(call)) },
        RPCMethod("getmempoolfeeratediagram", in: "", "Cumulative fee over weight of the memory pool.") {
            node, _, _ throws(RPCError) in node.feerateDiagram()
        },
        RPCMethod(
            "gettxspendingprevout", "outputs:arr options:obj(mempool_only:bool,return_spending_tx:bool)?",
            in: "Blockchain",
            "Transactions of the memory pool, or with an index of the chain, that spend outputs."
        ) { node, call, _ throws(RPCError) in try node.spendingTransactions(call) },
        RPCMethod(
            "prioritisetransaction", "txid:hex dummy:num? fee_delta:num", in: "Mining",
            "Changes what a transaction counts for when blocks are filled."
        ) { node, call, _ throws(RPCError) in try node.prioritise(call) },
        RPCMethod("getprioritisedtransactions", in: "Mining", "All fee deltas that were set.") {
            node, _, _ throws(RPCError) in node.prioritisedTransactions()
        },
    ]
}

/// Reading the pool.
extension NodeMachine {
    fileprivate func pooledSlot(_ call: RPCArguments) throws(RPCError) -> Int {
        guard let slot = mempool.slot(of: try hash(call, 0)) else {
            throw .notFound("Transaction not in mempool")
        }
        return slot
    }

    func rawMempool(_ call: RPCArguments) throws(RPCError) -> JSON {
        let isVerbose = try call.optionalBool(0) ?? false
        let tellsSequence = try call.optionalBool(1) ?? false
        let slots = mempool.slotsInMiningOrder
        if isVerbose {
            guard !tellsSequence else {
                throw .parameter("Verbose results cannot contain mempool sequence values.")
            }
            return described(slots)
        }
        let ids = identifiers(slots)
        return tellsSequence ? ["txids": ids, "mempool_sequence": .int(mempool.sequence)] : ids
    }

    fileprivate func listed(_ slots: [Int], _ call: RPCArguments) throws(RPCError) -> JSON {
        try call.optionalBool(1) ?? false ? described(slots) : identifiers(slots)
    }

    private func identifiers(_ slots: [Int]) -> JSON {
        .array(slots.map { .string(mempool.entry($0).txid.displayHex) })
    }

    private func described(_ slots: [Int]) -> JSON {
        var object = JSONObject()
        for slot in slots { object.append(mempool.entry(slot).txid.displayHex, mempoolEntry(slot)) }
        return .object(object)
    }

    /// Also what REST gives out.
    func mempoolInfo(at now: Instant) -> JSON {
        let options = mempool.options
        let entrance = max(mempool.minimumFeeRate(at: unixTime(at: now)), options.relayFeeRate)
        var object: JSONObject = [
            "loaded": .bool(mempoolLoad == nil), "size": .int(mempool.count),
            "bytes": .int(mempool.totalVirtualSize), "usage": .int(mempool.usage),
            "total_fee": .amount(satoshi: mempool.totalFees), "maxmempool": .int(options.bytesMax),
            "mempoolminfee": .amount(satoshi: entrance),
            "minrelaytxfee": .amount(satoshi: options.relayFeeRate),
            "incrementalrelayfee": .amount(satoshi: options.incrementalFeeRate),
            "unbroadcastcount": .int(mempool.unbroadcast.count),
            "permitbaremultisig": .bool(options.permitsBareMultisig),
            "maxdatacarriersize": .int(options.dataCarrierMax),
            "limitclustercount": .int(options.clusterCountMax),
            "limitclustersize": .int(options.clusterSizeMax), "optimal": true,
        ]
        if configuration.rpc.deprecated.contains("fullrbf") { object.append("fullrbf", true) }
        return .object(object)
    }

    func mempoolEntry(_ slot: Int) -> JSON {
        let entry = mempool.entry(slot)
        let below = mempool.descendants(of: slot).map { mempool.entry($0) }
        let above = mempool.ancestors(of: [slot]).map { mempool.entry($0) }
        let chunk = mempool.chunk(of: slot)
        func fees(_ list: [MempoolEntry]) -> JSON { .amount(satoshi: list.reduce(0) { $0 + $1.modifiedFee }) }
        func size(_ list: [MempoolEntry]) -> JSON { .int(list.reduce(0) { $0 + $1.virtualSize }) }
        let parents = entry.parents.map { mempool.entry($0).txid.displayHex }.sorted()
        var object: JSONObject = [
            "vsize_adjusted": .int(entry.virtualSize), "vsize": .int(entry.virtualSize),
            "vsize_bip141": .int(entry.transaction.virtualSize), "weight": .int(entry.weight),
            "time": .int(entry.time), "height": .int(entry.height), "descendantcount": .int(below.count),
            "descendantsize": size(below), "ancestorcount": .int(above.count), "ancestorsize": size(above),
            "wtxid": .string(entry.pooled.wtxid.displayHex), "chunkweight": .int(chunk.rate.size),
            "fees": [
                "base": .amount(satoshi: entry.fee), "modified": .amount(satoshi: entry.modifiedFee),
                "ancestor": fees(above), "descendant": fees(below),
                "chunk": .amount(satoshi: chunk.rate.fee),
            ],
            "depends": .array(parents.map { .string($0) }), "spentby": identifiers(entry.children),
            "unbroadcast": .bool(mempool.unbroadcast.contains(entry.txid)),
        ]
        if configuration.rpc.deprecated.contains("bip125") {
            // BIP125: a transaction is replaceable when it or something unconfirmed above it says so.
            let signals = above.contains { $0.transaction.inputs.contains { $0.sequence < 0xffff_fffe } }
            object.append("bip125-replaceable", .bool(signals))
        }
        return .object(object)
    }

    fileprivate func mempoolCluster(of slot: Int) -> JSON {
        let cluster = mempool.cluster(mempool.entry(slot).cluster)
        let chunks = cluster.chunks.map { chunk in
            JSON.object([
                "chunkfee": .amount(satoshi: chunk.rate.fee), "chunkweight": .int(chunk.rate.size),
                "txs": identifiers(Array(cluster.order[chunk.range])),
            ])
        }
        return [
            "clusterweight": .int(cluster.adjustedWeight), "txcount": .int(cluster.order.count),
            "chunks": .array(chunks),
        ]
    }

    fileprivate func feerateDiagram() -> JSON {
        var corner = FeeFraction.zero
        var corners: [JSON] = [["weight": 0, "fee": .amount(satoshi: 0)]]
        for key in mempool.index.keys {
            corner += key.rate
            corners.append(["weight": .int(corner.size), "fee": .amount(satoshi: corner.fee)])
        }
        return .array(corners)
    }

    func estimateFee(_ call: RPCArguments) throws(RPCError) -> JSON {
        let target = try call.int(0)
        guard (1...1_008).contains(target) else {
            throw .parameter("Invalid conf_target, must be between 1 and 1008")
        }
        let mode = (try call.optionalString(1) ?? "economical").lowercased()
        guard ["unset", "economical", "conservative"].contains(mode) else {
            throw .parameter(
                "Invalid estimate_mode parameter, must be one of: "
                    + "\"unset\", \"economical\", \"conservative\"")
        }
        let waiting = mempool.slots.lazy.compactMap { $0?.txid }
        let estimate = mempool.estimator.estimate(
            target: Int(target), isConservative: mode == "conservative", waiting: waiting)
        guard let rate = estimate.rate else {
            return ["errors": ["Insufficient data or no feerate found"], "blocks": .int(estimate.target)]
        }
        let least = max(mempool.minimumFeeRate(at: unixTime(at: call.now)), mempool.options.relayFeeRate)
        return ["feerate": .amount(satoshi: max(rate, least)), "blocks": .int(estimate.target)]
    }

    // MARK: Priorities

    fileprivate mutating func prioritise(_ call: RPCArguments) throws(RPCError) -> JSON {
        let txid = try hash(call, 0)
        let delta = try call.int(2)
        if let dummy = call[1]?.numberText, RPCArguments.satoshi(dummy) != 0 {
            throw .parameter(
                "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.")
        }
        if mempool.options.requiresStandard, let entry = mempool[txid],
            !Policy.dust(in: entry.transaction, mempool.options).isEmpty
        {
            throw .parameter("Priority is not supported for transactions with dust outputs.")
        }
        mempool.prioritise(txid, by: delta)
        scheduleTemplateRefresh(at: call.now)
        return true
    }

    fileprivate func prioritisedTransactions() -> JSON {
        var object = JSONObject()
        for (txid, delta) in mempool.prioritised {
            var item: JSONObject = ["fee_delta": .int(delta), "in_mempool": .bool(mempool[txid] != nil)]
            if let entry = mempool[txid] { item.append("modified_fee", .int(entry.modifiedFee)) }
            object.append(txid.displayHex, .object(item))
        }
        return .object(object)
    }
}
