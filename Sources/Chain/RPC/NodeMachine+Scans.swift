import Bitcoin
import JSONText

extension RPCMethod {
    static let scans: [RPCMethod] = [
        RPCMethod(
            "scanblocks",
            "action:str scanobjects:arr? start_height:num? stop_height:num? filtertype:str? "
                + "options:obj(filter_false_positives:bool)?",
            in: "Blockchain", "Blocks whose filters match descriptors."
        ) { node, call, _ throws(RPCError) in try node.scanBlocks(call) },
        RPCMethod(
            "getdescriptoractivity", "blockhashes:arr scanobjects:arr include_mempool:bool?",
            in: "Blockchain",
            "What descriptors received and spent in these blocks and in the memory pool."
        ) { node, call, _ throws(RPCError) in try node.descriptorActivity(call) },
    ]
}

extension NodeMachine {
    private func scannedScripts(_ call: RPCArguments) throws(RPCError) -> [Script] {
        guard let objects = try call.array(1) else {
            throw .misc("scanobjects argument is required for the start action")
        }
        var scripts: [Script] = []
        for object in objects { scripts += try self.scripts(ofScanned: object).map(\.0) }
        return scripts
    }

    fileprivate func scanBlocks(_ call: RPCArguments) throws(RPCError) -> JSON {
        switch try call.string(0) {
        // A scan ends within its own call, so none ever runs beside another call.
        case "status": return .null
        case "abort": return false
        case "start": break
        default: throw .parameter("Invalid action '\(try call.string(0))'")
        }
        guard try call.optionalString(4) ?? "basic" == "basic" else { throw .notFound("Unknown filtertype") }
        let checks = try call.object(5)?["filter_false_positives"]?.boolValue ?? false
        guard configuration.indexes.blockFilters else {
            throw .misc("Index is not enabled for filtertype basic")
        }
        let start = Int(clamping: try call.optionalInt(2) ?? 0)
        guard (0...chain.height).contains(start) else { throw .misc("Invalid start_height") }
        let stop = Int(clamping: try call.optionalInt(3) ?? Int64(chain.height))
        guard stop >= start, stop <= chain.height else { throw .misc("Invalid stop_height") }
        let scripts = try scannedScripts(call)
        let wanted = Set(scripts)
        var found: [JSON] = []
        for id in chain.active[start...stop] {
            guard let (bytes, _) = chain.filter(of: id),
                let filter = BlockFilter(bytes: bytes, blockHash: chain.tree[id].hash)
            else { throw .misc("Filter not found.") }
            guard filter.matchesAny(scripts) else { continue }
            if checks, try !touches(id, wanted) { continue }
            found.append(.string(chain.tree[id].hash.displayHex))
        }
        return [
            "from_height": .int(start), "to_height": .int(stop), "relevant_blocks": .array(found),
            "completed": true,
        ]
    }

    /// Whether a block really pays to or spends from one of the scripts.
    private func touches(_ id: BlockID, _ scripts: Set<Script>) throws(RPCError) -> Bool {
        let block = try storedBlock(id)
        let spent = try storedUndo(id)
        return spent.contains { scripts.contains($0.scriptPubKey) }
            || block.transactions.contains { $0.outputs.contains { scripts.contains($0.scriptPubKey) } }
    }

    fileprivate func descriptorActivity(_ call: RPCArguments) throws(RPCError) -> JSON {
        var blocks: [BlockID] = []
        for value in try call.array(0) ?? [] {
            guard let text = value.stringValue else {
                throw .type("JSON value of type \(value.typeName) is not of expected type string")
            }
            guard let id = chain.tree.id(of: try hash(text, name: "blockhash")) else {
                throw .notFound("Block not found")
            }
            guard chain.isActive(id) else { throw .parameter("Block is not in main chain") }
            if !blocks.contains(id) { blocks.append(id) }
        }
        blocks.sort { chain.tree[$0].height < chain.tree[$1].height }
        let wanted = Set(try scannedScripts(call))
        var events: [JSON] = []
        for id in blocks {
            let block = try storedBlock(id)
            let spent = try storedUndo(id)
            var rest = spent[...]
            for transaction in block.transactions {
                let coins = transaction.isCoinbase ? [] : rest.prefix(transaction.inputs.count)
                rest = rest.dropFirst(coins.count)
                describe(transaction, spending: coins.map(\.output), wanted, in: id, into: &events)
            }
        }
        if try call.optionalBool(2) ?? true {
            for slot in mempool.slots.indices {
                guard let entry = mempool.slots[slot] else { continue }
                let spent = entry.transaction.inputs.compactMap { unspentOutput($0.previousOutput) }
                guard spent.count == entry.transaction.inputs.count else { continue }
                describe(entry.transaction, spending: spent, wanted, in: nil, into: &events)
            }
        }
        return ["activity": .array(events)]
    }

    private func describe(
        _ transaction: Transaction, spending spent: [TransactionOutput], _ wanted: Set<Script>,
        in id: BlockID?,
        into events: inout [JSON]
    ) {
        let network = configuration.network.addressNetwork
        func event(_ type: String, _ output: TransactionOutput) -> JSONObject {
            var object: JSONObject = ["type": .string(type), "amount": .amount(satoshi: output.value)]
            if let id {
                object.append("blockhash", .string(chain.tree[id].hash.displayHex))
                object.append("height", .int(chain.tree[id].height))
            }
            return object
        }
        for (index, output) in spent.enumerated() where wanted.contains(output.scriptPubKey) {
            let place = transaction.inputs[index].previousOutput
            var object = event("spend", output)
            object.append("spend_txid", .string(transaction.txid.displayHex))
            object.append("spend_vin", .int(index))
            object.append("prevout_txid", .string(place.txid.displayHex))
            object.append("prevout_vout", .int(place.index))
            object.append("prevout_spk", ScriptJSON.scriptPubKey(output.scriptPubKey, network: network))
            events.append(.object(object))
        }
        for (index, output) in transaction.outputs.enumerated() where wanted.contains(output.scriptPubKey) {
            var object = event("receive", output)
            object.append("txid", .string(transaction.txid.displayHex))
            object.append("vout", .int(index))
            object.append("output_spk", ScriptJSON.scriptPubKey(output.scriptPubKey, network: network))
            events.append(.object(object))
        }
    }
}
