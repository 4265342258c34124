import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let blockchain: [RPCMethod] =
        [
            RPCMethod("getbestblockhash", in: "Blockchain", "The hash of the best block.") { node, _, _ in
                .string(node.chain.tip.hash.displayHex)
            },
            RPCMethod("getblockcount", in: "Blockchain", "The height of the best chain.") { node, _, _ in
                .int(node.chain.height)
            },
            RPCMethod("getblockhash", "height:num", in: "Blockchain", "The hash of the block at a height.") {
                node, call, _ throws(RPCError) in
                guard let height = Int(exactly: try call.int32(0)), let entry = node.chain.entry(at: height)
                else { throw .parameter("Block height out of range") }
                return .string(entry.hash.displayHex)
            },
            RPCMethod(
                "getblockheader", "blockhash:hex verbose:bool?", in: "Blockchain",
                "A block's header: as an object, or as hex when verbose is false."
            ) { node, call, _ throws(RPCError) in
                let id = try node.blockID(call, 0, unknown: "Block not found")
                if try call.optionalBool(1) ?? true { return .object(node.chain.headerJSON(id)) }
                return .string(node.chain.tree[id].header.bytes.hex)
            },
            RPCMethod(
                "getblock", "blockhash:hex verbosity|verbose:any?", in: "Blockchain",
                "A block: 0 as hex, 1 as an object, 2 with transactions, 3 with the outputs they spend."
            ) { node, call, _ throws(RPCError) in
                try node.blockJSON(
                    try node.blockID(call, 0), verbosity: try call.verbosity(1, default: 1))
            },
            RPCMethod("getblockchaininfo", in: "Blockchain", "The state of the chain.") { node, call, _ in
                node.chainInfo(at: call.now)
            },
            RPCMethod("getchaintips", in: "Blockchain", "All known tips of the block tree.") { node, _, _ in
                var tips: [JSON] = []
                for id in node.chain.tips { tips.append(node.chainTip(id)) }
                return .array(tips)
            },
            RPCMethod("getdifficulty", in: "Blockchain", "The proof-of-work difficulty.") { node, _, _ in
                .measure(node.chain.difficulty(node.chain.tip.header.bits))
            },
            RPCMethod(
                "gettxout", "txid:hex n:num include_mempool:bool?", in: "Blockchain",
                "An unspent output; null when there is none."
            ) { node, call, _ throws(RPCError) in try node.unspentOutput(call) },
            RPCMethod(
                "pruneblockchain", "height:num", in: "Blockchain",
                "Forgets blocks up to a height, or of before a time (-prune). The last one that is gone."
            ) { node, call, _ throws(RPCError) in try node.pruneBlockchain(call) },
        ] + steering
}

/// Reading the chain.
extension NodeMachine {
    mutating func chainInfo(at now: Instant) -> JSON {
        let tip = chain.tip
        leaveInitialDownload(at: peerTime(now))
        peers.headers.catchUp(chain.tree)
        var object: JSONObject = [
            "chain": .string(configuration.network.name), "blocks": .int(chain.height),
            "headers": .int(chain.tree[peers.headers.best].height),
            "bestblockhash": .string(tip.hash.displayHex), "bits": .string(chain.hex8(tip.header.bits.bits)),
            "target": .string(tip.header.bits.target?.value.hex ?? ""),
            "difficulty": .measure(chain.difficulty(tip.header.bits)), "time": .int(tip.header.time),
            "mediantime": .int(tip.medianTime), "verificationprogress": 1,
            "initialblockdownload": .bool(peers.isInitialDownload),
            "chainwork": .string(tip.chainWork.hex), "size_on_disk": .int(chain.storedBytes),
            "pruned": .bool(chain.options.pruning != .off),
        ]
        if chain.options.pruning != .off {
            object.append("pruneheight", .int(chain.pruneHeight.map { $0 + 1 } ?? 0))
            if case .automatic(let bytes) = chain.options.pruning {
                object.append("automatic_pruning", true)
                object.append("prune_target_size", .int(bytes))
            } else {
                object.append("automatic_pruning", false)
            }
        }
        if let challenge = configuration.network.signetChallenge {
            object.append("signet_challenge", .string(challenge.hex))
        }
        object.append("warnings", [])
        return .object(object)
    }

    func chainTip(_ id: BlockID) -> JSON {
        let entry = chain.tree[id]
        var fork = id
        while !chain.isActive(fork) { fork = chain.tree[fork].previous }
        let status =
            if chain.isActive(id) {
                "active"
            } else {
                switch entry.status {
                case .headerOnly: "headers-only"
                case .stored: entry.isLinked ? "valid-headers" : "headers-only"
                case .connected: "valid-fork"
                case .invalid, .descendsFromInvalid: "invalid"
                }
            }
        return [
            "height": .int(entry.height), "hash": .string(entry.hash.displayHex),
            "branchlen": .int(entry.height - chain.tree[fork].height), "status": .string(status),
        ]
    }

    /// A block with its transactions, or Core's words for one that never came and for one that is gone.
    func storedBlock(_ id: BlockID) throws(RPCError) -> Block {
        guard chain.tree[id].body.count > 0 else {
            throw .misc(
                "Block not available (\(chain.isPruned(id) ? "pruned data" : "not fully downloaded"))")
        }
        guard let block = chain.block(id) else { throw .misc("Block not found on disk") }
        return block
    }

    /// What a block spent, or Core's words for what was forgotten and for what never was.
    func storedUndo(_ id: BlockID) throws(RPCError) -> [Coin] {
        if let spent = spentCoins(id) { return spent }
        throw .misc("Undo data not available" + (chain.isPruned(id) ? " (pruned data)" : ""))
    }

    func blockJSON(_ id: BlockID, verbosity: Int) throws(RPCError) -> JSON {
        let block = try storedBlock(id)
        if verbosity <= 0 { return .string(block.bytes().hex) }
        let entry = chain.tree[id]
        var object = chain.headerJSON(id)
        object.append("strippedsize", .int(entry.strippedSize))
        object.append("size", .int(entry.size))
        object.append("weight", .int(entry.weight))
        object.append("coinbase_tx", TransactionJSON.coinbase(block.transactions[0]))
        let network = configuration.network.addressNetwork
        // The coins that a block spent are known while it is connected.
        var spent = chain.isActive(id) ? chain.undo(id)?[...] : nil
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

    fileprivate mutating func pruneBlockchain(_ call: RPCArguments) throws(RPCError) -> JSON {
        guard chain.options.pruning != .off else {
            throw .misc("Cannot prune blocks because node is not in prune mode.")
        }
        var height = Int(try call.int32(0))
        guard height >= 0 else { throw .parameter("Negative block height.") }
        if height > 1_000_000_000 {
            // A time, with two hours for blocks whose clocks were slow.
            let time = height - 7_200
            guard let found = chain.active.first(where: { Int(chain.tree[$0].header.time) >= time }) else {
                throw .parameter("Could not find block with at least the specified timestamp.")
            }
            height = chain.tree[found].height
        }
        guard chain.height >= chain.options.pruneAfterHeight else {
            throw .misc("Blockchain is too short for pruning.")
        }
        guard height <= chain.height else {
            throw .parameter("Blockchain is shorter than the attempted prune height.")
        }
        chain.prune(upTo: height)
        mustCommit = true
        return .int(chain.pruneHeight ?? -1)
    }

    func unspentOutput(_ arguments: RPCArguments) throws(RPCError) -> JSON {
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
}
