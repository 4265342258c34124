import Bitcoin
import JSONText

/// The JSON API: figures as numbers, amounts in satoshi, hashes in display order.
extension ExplorerState {
    func summaryJSON() -> JSON {
        let tip = index.tip
        return [
            "node": nodeJSON(),
            "chain": .string(node.chain),
            "height": tip.map { .int($0.height) } ?? nil,
            "hash": tip.map { .string($0.hash.displayHex) } ?? nil,
            "indexed": [
                "from": .int(index.base), "blocks": .int(index.count),
                "transactions": .int(index.transactionCount),
                "behind": .int(behind),
            ],
            "difficulty": .optional(node.difficulty), "networkHashrate": .optional(node.networkHashRate),
            "meanInterval": .optional(meanInterval(of: Limits.chartBlocks)?.mean),
            "mempool": mempoolTotalsJSON(),
            "nextBlock": template.map { templateJSON($0) } ?? nil,
            "pool": feed.pool.map { Self.json($0) } ?? nil,
            "devices": .int(feed.devices.count),
            "roles": .array(
                feed.roles.map {
                    [
                        "name": .string($0.name), "state": .string($0.state.rawValue),
                        "address": .string($0.address),
                        "detail": .string($0.detail),
                    ]
                }),
        ]
    }

    private func nodeJSON() -> JSON {
        var state = "up"
        var error: JSON = nil
        switch reach {
        case .up: break
        case .connecting: state = "connecting"
        case .warmingUp(let message): (state, error) = ("starting", .string(message))
        case .down(let reason): (state, error) = ("down", .string(reason))
        }
        return [
            "address": .string(nodeName), "state": .string(state), "error": error,
            "lastAnswer": lastAnswer.map { .int($0) } ?? nil, "userAgent": .string(node.userAgent),
            "connections": node.connections.map { .int($0) } ?? nil,
        ]
    }

    private func mempoolTotalsJSON() -> JSON {
        [
            "transactions": .int(mempool.count), "virtualBytes": .int(mempool.virtualBytes),
            "fees": .int(mempool.totalFee),
        ]
    }

    private func templateJSON(_ template: TemplateView) -> JSON {
        [
            "height": .int(template.height), "transactions": .int(template.txids.count),
            "coinbaseValue": .int(template.coinbaseValue), "fees": .int(template.fees),
            "weight": .int(template.weight), "bits": .string(template.bits),
        ]
    }

    private static func json(_ pool: PoolTotals) -> JSON {
        [
            "name": .string(pool.name), "hashrate": .double(pool.hashRate),
            "sharesPerSecond": .double(pool.sharesPerSecond),
            "connections": .int(pool.connections), "channels": .int(pool.channels),
            "accepted": .int(pool.accepted),
            "rejected": .int(pool.rejected), "stale": .int(pool.stale), "blocksFound": .int(pool.blocksFound),
        ]
    }

    func blocksJSON(page: Int) throws -> JSON {
        guard hasChain else { throw PageError.unavailable }
        let page = Pager.clamp(page, total: index.count, size: Limits.blocksPerPage)
        let top = (index.tipHeight ?? 0) - (page - 1) * Limits.blocksPerPage
        return .array(
            (0..<Limits.blocksPerPage).compactMap { index.block(at: top - $0).map { headJSON($0) } })
    }

    private func headJSON(_ entry: IndexedBlock) -> JSON {
        let header = entry.block.header
        return [
            "height": .int(entry.height), "hash": .string(entry.hash.displayHex),
            "previous": .string(header.previousBlockHash.displayHex), "time": .int(entry.time),
            "interval": .optional(interval(at: entry.height)), "version": .int(header.version),
            "bits": .string(Self.hex8(header.bits.bits)), "nonce": .int(header.nonce),
            "merkleRoot": .string(header.merkleRoot.displayHex),
            "difficulty": .optional(header.bits.target?.difficulty),
            "reachedDifficulty": .double(Target(littleEndian: entry.hash).difficulty),
            "transactions": .int(entry.block.transactions.count), "size": .int(entry.size),
            "weight": .int(entry.weight),
            "fees": entry.fees.map { .int($0) } ?? nil, "reward": .int(entry.reward),
            "tag": .string(entry.coinbase?.words ?? ""),
            "foundBy": finder(of: entry.hash).map { Self.json($0) } ?? nil,
        ]
    }

    private static func json(_ finder: BlockFinder) -> JSON {
        [
            "device": .string(finder.device), "worker": finder.worker.map { .string($0) } ?? nil,
            "channel": finder.channelID.map { .int($0) } ?? nil,
            "template": finder.templateID.map { .int($0) } ?? nil,
            "job": finder.jobID.map { .int($0) } ?? nil,
            "extranonce": finder.extranonce.map { .string($0) } ?? nil,
            "shareDifficulty": .optional(finder.shareDifficulty),
        ]
    }

    func blockJSON(_ text: String) throws -> JSON {
        guard hasChain else { throw PageError.unavailable }
        let entry = try findBlock(text)
        let isStale = index.block(entry.hash) == nil
        guard case .object(var object) = headJSON(entry) else { return nil }
        object["confirmations"] = .int(isStale ? 0 : confirmations(of: entry.height))
        object["stale"] = .bool(isStale)
        object["next"] =
            isStale ? nil : index.block(at: entry.height + 1).map { .string($0.hash.displayHex) } ?? .null
        object["txids"] = .array(entry.block.transactions.map { .string($0.txid.displayHex) })
        return .object(object)
    }

    func transactionJSON(_ text: String) throws -> JSON {
        guard hasChain else { throw PageError.unavailable }
        let found = try foundTransaction(text)
        let transaction = found.transaction
        let block = found.location.flatMap { index.block(at: $0.height) }
        return [
            "txid": .string(transaction.txid.displayHex), "wtxid": .string(transaction.wtxid.displayHex),
            "version": .int(transaction.version), "lockTime": .int(transaction.lockTime),
            "size": .int(transaction.totalSize), "virtualSize": .int(transaction.virtualSize),
            "weight": .int(transaction.weight), "fee": found.fee.map { .int($0) } ?? nil,
            "feeRate": .optional(found.fee.map { Double($0) / Double(max(1, transaction.virtualSize)) }),
            "block": block.map { .string($0.hash.displayHex) } ?? nil,
            "height": found.location.map { .int($0.height) } ?? nil,
            "confirmations": .int(found.location.map { confirmations(of: $0.height) } ?? 0),
            "inputs": .array(transaction.inputs.indices.map { inputJSON(found, $0) }),
            "outputs": .array(transaction.outputs.indices.map { outputJSON(transaction, $0) }),
        ]
    }

    private func inputJSON(_ found: FoundTransaction, _ position: Int) -> JSON {
        let input = found.transaction.inputs[position]
        let spent = found.spent.indices.contains(position) ? found.spent[position] : nil
        return [
            "txid": .string(input.previousOutput.txid.displayHex), "index": .int(input.previousOutput.index),
            "coinbase": .bool(found.transaction.isCoinbase), "sequence": .int(input.sequence),
            "scriptSig": .string(input.scriptSig.bytes.hex),
            "witness": .array(input.witness.map { .string($0.hex) }),
            "value": spent.map { .int($0.value) } ?? nil,
            "type": spent.map { .string($0.scriptPubKey.kind.rpcName) } ?? nil,
            "address": spent.flatMap { address(of: $0.scriptPubKey) }.map { .string($0) } ?? nil,
        ]
    }

    private func outputJSON(_ transaction: Transaction, _ position: Int) -> JSON {
        let output = transaction.outputs[position]
        let spender = index.spender(of: OutPoint(txid: transaction.txid, index: UInt32(position)))
        return [
            "value": .int(output.value), "type": .string(output.scriptPubKey.kind.rpcName),
            "script": .string(output.scriptPubKey.bytes.hex), "asm": .string(output.scriptPubKey.assembly),
            "address": address(of: output.scriptPubKey).map { .string($0) } ?? nil,
            "spentBy": spender.flatMap { index.transaction(at: $0.location) }.map {
                .string($0.txid.displayHex)
            } ?? nil,
        ]
    }

    func addressJSON(_ text: String, page: Int) throws -> JSON {
        guard hasChain else { throw PageError.unavailable }
        let address = try parseAddress(text)
        let history = index.history(of: address.scriptPubKey) ?? ChainIndex.History()
        let page = Pager.clamp(page, total: history.items.count, size: Limits.historyPerPage)
        let items = history.items.reversed().dropFirst((page - 1) * Limits.historyPerPage).prefix(
            Limits.historyPerPage)
        return [
            "address": .string(address.text), "type": .string(address.scriptPubKey.kind.rpcName),
            "balance": .int(history.balance), "received": .int(history.received), "sent": .int(history.sent),
            "transactions": .int(history.items.count), "unspentOutputs": .int(history.unspentCount),
            "history": .array(
                items.map { item in
                    [
                        "txid": index.transaction(at: item.location).map { .string($0.txid.displayHex) }
                            ?? nil,
                        "height": .int(item.location.height), "received": .int(item.received),
                        "sent": .int(item.sent),
                    ]
                }),
            "pending": .array(
                pendingChanges(of: address.scriptPubKey).map {
                    [
                        "txid": .string($0.txid.displayHex), "received": .int($0.received),
                        "sent": .int($0.sent),
                        "time": .int($0.time),
                    ]
                }),
            "unspent": .array(unspentJSON(address.scriptPubKey)),
        ]
    }

    /// As Esplora's `/address/:a/utxo` has it.
    func unspentJSON(_ script: Script) -> [JSON] {
        index.unspent(of: script, limit: 1_000).map { point, output, location in
            [
                "txid": .string(point.txid.displayHex), "vout": .int(point.index),
                "value": .int(output.value),
                "status": statusJSON(location),
            ]
        }
    }

    /// As Esplora's `/tx/:txid/status` has it.
    func statusJSON(_ location: ChainIndex.Location?) -> JSON {
        guard let location, let entry = index.block(at: location.height) else { return ["confirmed": false] }
        return [
            "confirmed": true, "block_height": .int(location.height),
            "block_hash": .string(entry.hash.displayHex),
            "block_time": .int(entry.time),
        ]
    }

    func mempoolJSON() -> JSON {
        guard case .object(var object) = mempoolTotalsJSON() else { return nil }
        object["nextBlock"] = template.map { templateJSON($0) } ?? .null
        object["entries"] = .array(
            mempool.entries.map { entry in
                [
                    "txid": .string(entry.txid.displayHex), "virtualSize": .int(entry.virtualSize),
                    "fee": .int(entry.fee), "feeRate": .double(entry.rate), "time": .int(entry.time),
                    "ancestors": .int(entry.ancestorCount - 1),
                    "inNextBlock": .bool(template?.position(of: entry.txid) != nil),
                ]
            })
        return .object(object)
    }

    func devicesJSON(_ query: DeviceQuery) -> JSON {
        let chosen = chosenDevices(query)
        let page = Pager.clamp(query.page, total: chosen.count, size: Limits.devicesPerPage)
        let rows = chosen.dropFirst((page - 1) * Limits.devicesPerPage).prefix(Limits.devicesPerPage)
        return [
            "title": .string(feed.title), "total": .int(chosen.count), "page": .int(page),
            "pool": feed.pool.map { Self.json($0) } ?? nil,
            "devices": .array(
                rows.map { row in
                    [
                        "name": .string(row.name), "model": .string(row.model),
                        "protocol": .string(row.transport),
                        "state": .string(row.state.rawValue), "hashrate": .double(row.hashRate),
                        "scaled": .bool(row.isScaled), "temperature": .optional(row.temperature),
                        "power": .optional(row.power), "fan": .optional(row.fan),
                        "accepted": .int(row.accepted),
                        "rejected": .int(row.rejected), "stale": .int(row.stale),
                        "difficulty": .optional(row.difficulty),
                        "bestDifficulty": .optional(row.bestDifficulty),
                        "lastShareAge": .optional(row.lastShareAge),
                    ]
                }),
        ]
    }
}

extension JSON {
    static func optional(_ value: Double?) -> JSON { value.map { .double($0) } ?? .null }
}
