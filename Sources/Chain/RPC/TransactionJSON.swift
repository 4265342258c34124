import Bitcoin
import JSONText

/// Transactions and blocks the way Core prints them; field order included.
enum TransactionJSON {
    /// With `spent` (one coin per input) the fee is told, with `tellsPrevouts` the coins too.
    static func object(
        _ transaction: Transaction, network: AddressNetwork, spent: [Coin]? = nil,
        tellsPrevouts: Bool = false,
        tellsHex: Bool = true
    ) -> JSONObject {
        var object = JSONObject()
        object.append("txid", .string(transaction.txid.displayHex))
        object.append("hash", .string(transaction.wtxid.displayHex))
        object.append("version", .int(transaction.version))
        object.append("size", .int(transaction.totalSize))
        object.append("vsize", .int(transaction.virtualSize))
        object.append("weight", .int(transaction.weight))
        object.append("locktime", .int(transaction.lockTime))
        let inputs = transaction.inputs.enumerated().map { index, one in
            input(
                one, isCoinbase: transaction.isCoinbase, prevout: tellsPrevouts ? spent?[index] : nil,
                network: network)
        }
        object.append("vin", .array(inputs))
        let outputs = transaction.outputs.enumerated().map { index, output in
            JSON.object([
                "value": .amount(satoshi: output.value), "n": .int(index),
                "scriptPubKey": ScriptJSON.scriptPubKey(output.scriptPubKey, network: network),
            ])
        }
        object.append("vout", .array(outputs))
        if let spent, !transaction.isCoinbase {
            let value =
                spent.reduce(Int64(0)) { $0 + $1.value }
                - transaction.outputs.reduce(Int64(0)) { $0 + $1.value }
            object.append("fee", .amount(satoshi: value))
        }
        if tellsHex { object.append("hex", .string(transaction.bytes().hex)) }
        return object
    }

    private static func input(
        _ input: TransactionInput, isCoinbase: Bool, prevout: Coin?, network: AddressNetwork
    ) -> JSON {
        var object = JSONObject()
        if isCoinbase {
            object.append("coinbase", .string(input.scriptSig.hex))
        } else {
            object.append("txid", .string(input.previousOutput.txid.displayHex))
            object.append("vout", .int(input.previousOutput.index))
            object.append(
                "scriptSig",
                [
                    "asm": .string(ScriptJSON.assembly(input.scriptSig.bytes, marksSignatures: true)),
                    "hex": .string(input.scriptSig.hex),
                ])
        }
        if !input.witness.isEmpty {
            object.append("txinwitness", .array(input.witness.map { .string($0.hex) }))
        }
        if let prevout {
            object.append(
                "prevout",
                [
                    "generated": .bool(prevout.isCoinbase), "height": .int(prevout.height),
                    "value": .amount(satoshi: prevout.value),
                    "scriptPubKey": ScriptJSON.scriptPubKey(prevout.scriptPubKey, network: network),
                ])
        }
        object.append("sequence", .int(input.sequence))
        return .object(object)
    }

    /// getblock's `coinbase_tx`.
    static func coinbase(_ transaction: Transaction) -> JSON {
        var object = JSONObject()
        object.append("version", .int(transaction.version))
        object.append("locktime", .int(transaction.lockTime))
        object.append("sequence", .int(transaction.inputs[0].sequence))
        object.append("coinbase", .string(transaction.inputs[0].scriptSig.hex))
        if let witness = transaction.inputs[0].witness.first {
            object.append("witness", .string(witness.hex))
        }
        return .object(object)
    }
}

extension Chainstate {
    /// The fields that getblockheader and getblock share.
    func headerJSON(_ id: BlockID) -> JSONObject {
        let entry = tree[id]
        let isActive = isActive(id)
        var object = JSONObject()
        object.append("hash", .string(entry.hash.displayHex))
        object.append("confirmations", .int(isActive ? height - entry.height + 1 : -1))
        object.append("height", .int(entry.height))
        object.append("version", .int(Int32(bitPattern: entry.header.version)))
        object.append("versionHex", .string(hex8(entry.header.version)))
        object.append("merkleroot", .string(entry.header.merkleRoot.displayHex))
        object.append("time", .int(entry.header.time))
        object.append("mediantime", .int(entry.medianTime))
        object.append("nonce", .int(entry.header.nonce))
        object.append("bits", .string(hex8(entry.header.bits.bits)))
        object.append("target", .string(entry.header.bits.target?.value.hex ?? ""))
        object.append("difficulty", .measure(difficulty(entry.header.bits)))
        object.append("chainwork", .string(entry.chainWork.hex))
        object.append("nTx", .int(entry.transactionCount))
        if entry.previous >= 0 {
            object.append("previousblockhash", .string(entry.header.previousBlockHash.displayHex))
        }
        if isActive, let next = self.entry(at: entry.height + 1) {
            object.append("nextblockhash", .string(next.hash.displayHex))
        }
        return object
    }

    func hex8(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// Core's GetDifficulty, to the last bit.
    func difficulty(_ bits: CompactTarget) -> Double {
        var shift = Int(bits.bits >> 24)
        let mantissa = Double(bits.bits & 0x00ff_ffff)
        guard mantissa > 0 else { return 0 }
        var difficulty = Double(0xffff) / mantissa
        while shift < 29 {
            difficulty *= 256
            shift += 1
        }
        while shift > 29 {
            difficulty /= 256
            shift -= 1
        }
        return difficulty
    }

    /// Core's GetNetworkHashPS over the last `count` blocks up to `height`.
    func networkHashesPerSecond(last count: Int, at height: Int) -> Double {
        guard height > 0, let end = entry(at: height) else { return 0 }
        let span = min(count <= 0 ? height : count, height)
        var least = end.header.time
        var most = end.header.time
        for at in (height - span)..<height {
            guard let time = entry(at: at)?.header.time else { continue }
            least = min(least, time)
            most = max(most, time)
        }
        guard most > least, let begin = entry(at: height - span) else { return 0 }
        return (end.chainWork - begin.chainWork).double / Double(most - least)
    }
}
