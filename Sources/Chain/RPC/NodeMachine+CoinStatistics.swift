import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let coinStatistics: [RPCMethod] = [
        RPCMethod(
            "gettxoutsetinfo", "hash_type:str? hash_or_height:any? use_index:bool?", in: "Blockchain",
            "Statistics of the set of unspent outputs, with a hash over it: hash_serialized_3, muhash or none."
        ) { node, call, _ throws(RPCError) in try node.coinStatistics(call) },
        RPCMethod(
            "scantxoutset", "action:str scanobjects:arr*?", in: "Blockchain",
            "Scans the set of unspent outputs for descriptors."
        ) { node, call, _ throws(RPCError) in try node.scanCoins(call) },
    ]
}

/// The unspent outputs added up.
struct CoinStatistics {
    enum Hashing: Equatable {
        case none, serialized, muhash
    }

    let hashing: Hashing
    private(set) var outputs = 0
    private(set) var transactions = 0
    private(set) var bogusSize = 0
    private(set) var amount: Int64 = 0
    private var muhash = MuHash3072()
    private var bytes = ByteWriter()
    private var last: Hash256?

    init(_ hashing: Hashing) { self.hashing = hashing }

    /// An output of the set, in the set's order.
    mutating func add(_ outPoint: OutPoint, _ coin: Coin) {
        if last != outPoint.txid {
            transactions += 1
            last = outPoint.txid
        }
        count(coin, 1)
        switch hashing {
        case .none: break
        case .serialized: Self.write(outPoint, coin, into: &bytes)
        case .muhash: muhash.insert(Self.element(outPoint, coin))
        }
    }

    /// An output that the set held at an earlier height.
    mutating func putBack(_ outPoint: OutPoint, _ coin: Coin) {
        count(coin, 1)
        if hashing == .muhash { muhash.insert(Self.element(outPoint, coin)) }
    }

    /// An output that the set did not hold yet at an earlier height.
    mutating func takeOut(_ outPoint: OutPoint, _ coin: Coin) {
        count(coin, -1)
        if hashing == .muhash { muhash.remove(Self.element(outPoint, coin)) }
    }

    private mutating func count(_ coin: Coin, _ sign: Int) {
        outputs += sign
        bogusSize += sign * (50 + coin.scriptPubKey.bytes.count)
        amount += Int64(sign) * coin.value
    }

    func hash() -> Hash256 {
        switch hashing {
        case .none: .zero
        case .serialized: SHA256.double(bytes.bytes)
        case .muhash: muhash.finalized()
        }
    }

    private static func element(_ outPoint: OutPoint, _ coin: Coin) -> [UInt8] {
        var writer = ByteWriter()
        write(outPoint, coin, into: &writer)
        return writer.bytes
    }

    private static func write(_ outPoint: OutPoint, _ coin: Coin, into writer: inout ByteWriter) {
        writer.write(hash: outPoint.txid)
        writer.write(u32: outPoint.index)
        writer.write(u32: coin.height << 1 | (coin.isCoinbase ? 1 : 0))
        writer.write(u64: UInt64(bitPattern: coin.value))
        writer.write(compactSize: UInt64(coin.scriptPubKey.bytes.count))
        writer.write(coin.scriptPubKey.bytes)
    }
}

extension NodeMachine {
    fileprivate func coinStatistics(_ call: RPCArguments) throws(RPCError) -> JSON {
        let name = try call.optionalString(0) ?? "hash_serialized_3"
        let hashing: CoinStatistics.Hashing
        switch name {
        case "hash_serialized_3": hashing = .serialized
        case "muhash": hashing = .muhash
        case "none": hashing = .none
        default: throw .parameter("'\(name)' is not a valid hash_type")
        }
        let usesIndex = try call.optionalBool(2) ?? true
        let hasIndex = configuration.indexes.coinStatistics
        var id = chain.tipID
        if call[1] != nil {
            guard hasIndex else {
                throw .parameter("Querying specific block heights requires coinstatsindex")
            }
            guard hashing != .serialized else {
                throw .parameter("hash_serialized_3 hash type cannot be queried for a specific block")
            }
            guard usesIndex else {
                throw .parameter("Cannot set use_index to false when querying for a specific block")
            }
            id = try hashOrHeight(call, 1)
            guard chain.tree[id].flags.contains(.undoable) else {
                throw RPCError(code: -32603, message: "Unable to read UTXO set")
            }
        }
        var statistics = CoinStatistics(hashing)
        chain.coins.forEach { outPoint, coin in
            statistics.add(outPoint, coin)
            return true
        }
        let transactions = statistics.transactions
        var stale: [BlockID] = []
        var fork = id
        while !chain.isActive(fork) {
            stale.append(fork)
            fork = chain.tree[fork].previous
        }
        try goBack(to: fork, &statistics)
        for block in stale.reversed() { try move(across: block, forward: true, &statistics) }
        let entry = chain.tree[id]
        var object: JSONObject = [
            "height": .int(entry.height), "bestblock": .string(entry.hash.displayHex),
            "txouts": .int(statistics.outputs), "bogosize": .int(statistics.bogusSize),
        ]
        if hashing != .none { object.append(name, .string(statistics.hash().displayHex)) }
        object.append("total_amount", .amount(satoshi: statistics.amount))
        guard hasIndex, usesIndex, hashing != .serialized else {
            object.append("transactions", .int(transactions))
            object.append("disk_size", .int(0))
            return .object(object)
        }
        let issued = (0...entry.height).reduce(Int64(0)) { $0 + configuration.network.subsidy(at: $1) }
        object.append("total_unspendable_amount", .amount(satoshi: issued - statistics.amount))
        object.append("block_info", try coinChange(id))
        return .object(object)
    }

    /// Undoes the blocks above `id`.
    private func goBack(to id: BlockID, _ statistics: inout CoinStatistics) throws(RPCError) {
        for height in stride(from: chain.height, to: chain.tree[id].height, by: -1) {
            try move(across: chain.active[height], forward: false, &statistics)
        }
    }

    /// Does or undoes what one block did to the set.
    private func move(
        across id: BlockID, forward: Bool, _ statistics: inout CoinStatistics
    ) throws(RPCError) {
        let block = try storedBlock(id)
        let spent = try storedUndo(id)
        for transaction in block.transactions {
            let isCoinbase = transaction.isCoinbase
            for (index, output) in transaction.outputs.enumerated()
            where !CoinSet.isUnspendable(output.scriptPubKey.bytes) {
                let outPoint = OutPoint(txid: transaction.txid, index: UInt32(index))
                let coin = Coin(
                    value: output.value, scriptPubKey: output.scriptPubKey,
                    height: UInt32(chain.tree[id].height), isCoinbase: isCoinbase)
                if forward { statistics.putBack(outPoint, coin) } else { statistics.takeOut(outPoint, coin) }
            }
        }
        let inputs = block.transactions.dropFirst().flatMap(\.inputs)
        for (input, coin) in zip(inputs, spent) {
            if forward {
                statistics.takeOut(input.previousOutput, coin)
            } else {
                statistics.putBack(input.previousOutput, coin)
            }
        }
    }

    /// What one block did to the set.
    private func coinChange(_ id: BlockID) throws(RPCError) -> JSON {
        let block = try storedBlock(id)
        let spent = try storedUndo(id)
        let subsidy = configuration.network.subsidy(at: chain.tree[id].height)
        let prevouts = spent.reduce(Int64(0)) { $0 + $1.value }
        var (coinbase, others, scripts) = (Int64(0), Int64(0), Int64(0))
        for transaction in id == 0 ? [] : block.transactions {
            for output in transaction.outputs {
                if CoinSet.isUnspendable(output.scriptPubKey.bytes) {
                    scripts += output.value
                } else if transaction.isCoinbase {
                    coinbase += output.value
                } else {
                    others += output.value
                }
            }
        }
        let genesis = id == 0 ? subsidy : 0
        let unclaimed = prevouts + subsidy - genesis - others - coinbase - scripts
        return [
            "prevout_spent": .amount(satoshi: prevouts), "coinbase": .amount(satoshi: coinbase),
            "new_outputs_ex_coinbase": .amount(satoshi: others),
            "unspendable": .amount(satoshi: genesis + scripts + unclaimed),
            "unspendables": [
                "genesis_block": .amount(satoshi: genesis), "bip30": .amount(satoshi: 0),
                "scripts": .amount(satoshi: scripts), "unclaimed_rewards": .amount(satoshi: unclaimed),
            ],
        ]
    }

    // MARK: Scanning

    fileprivate func scanCoins(_ call: RPCArguments) throws(RPCError) -> JSON {
        switch try call.string(0) {
        // A scan ends within its own call, so none ever runs beside another call.
        case "status": return .null
        case "abort": return false
        case "start": break
        default: throw .parameter("Invalid action '\(try call.string(0))'")
        }
        guard let objects = try call.array(1) else {
            throw .misc("scanobjects argument is required for the start action")
        }
        var wanted: [[UInt8]: SpendingKnowledge] = [:]
        for object in objects {
            for (script, knowledge) in try scripts(ofScanned: object) { wanted[script.bytes] = knowledge }
        }
        var scanned = 0
        var total: Int64 = 0
        var found: [JSON] = []
        let chain = chain
        chain.coins.forEach { outPoint, coin in
            scanned += 1
            guard let knowledge = wanted[coin.scriptPubKey.bytes] else { return true }
            let descriptor = OutputDescriptor.infer(
                coin.scriptPubKey, knowing: knowledge, network: configuration.network.addressNetwork
            ).text
            total += coin.value
            found.append([
                "txid": .string(outPoint.txid.displayHex), "vout": .int(outPoint.index),
                "scriptPubKey": .string(coin.scriptPubKey.hex), "desc": .string(descriptor),
                "amount": .amount(satoshi: coin.value), "coinbase": .bool(coin.isCoinbase),
                "height": .int(coin.height),
                "blockhash": .string(chain.entry(at: Int(coin.height))?.hash.displayHex ?? ""),
                "confirmations": .int(chain.height - Int(coin.height) + 1),
            ])
            return true
        }
        return [
            "success": true, "txouts": .int(scanned), "height": .int(chain.height),
            "bestblock": .string(chain.tip.hash.displayHex), "unspents": .array(found),
            "total_amount": .amount(satoshi: total),
        ]
    }

    /// A scan object is a descriptor, or one with a range; without a range 1,001 scripts of a ranged one.
    /// Each script comes with what its descriptor tells of it.
    func scripts(ofScanned object: JSON) throws(RPCError) -> [(Script, SpendingKnowledge)] {
        var text = object.stringValue
        var range: ClosedRange<UInt32> = 0...1_000
        if let members = object.objectValue {
            guard let given = members["desc"]?.stringValue else {
                throw .parameter("Descriptor needs to be provided in scan object")
            }
            text = given
            if let wanted = members["range"] { range = try Self.scannedRange(wanted) }
        }
        guard let text else { throw .parameter("Scan object needs to be either a string or an object") }
        var scripts: [(Script, SpendingKnowledge)] = []
        for descriptor in try descriptors(text) {
            guard let expander = DescriptorExpander(descriptor) else {
                throw .notFound("Cannot derive script without private keys: '\(text)'")
            }
            for index in descriptor.isRanged ? range : 0...0 {
                guard let (found, knowledge) = expander.expand(at: index) else { continue }
                scripts += found.map { ($0, knowledge) }
            }
        }
        return scripts
    }

    /// An end beyond the indexes that there are, below or above, is too high to Core here.
    private static func scannedRange(_ value: JSON) throws(RPCError) -> ClosedRange<UInt32> {
        if case .number = value, let end = value.int64, end < 0 {
            throw .parameter("End of range is too high")
        }
        return try range(value)
    }

    /// A block by its hash or, when it is a number, by its height on the active chain.
    func hashOrHeight(_ call: RPCArguments, _ index: Int) throws(RPCError) -> BlockID {
        guard let value = call[index] else { throw .misc(call.method.help) }
        if case .number = value {
            let height = try call.int32(index)
            guard height >= 0 else { throw .parameter("Target block height \(height) is negative") }
            guard height <= chain.height else {
                throw .parameter("Target block height \(height) after current tip \(chain.height)")
            }
            return chain.active[height]
        }
        return try blockID(call, index)
    }

    /// The same of a member of an object.
    func hashOrHeight(_ value: JSON) throws(RPCError) -> BlockID {
        if case .number = value {
            guard let height = value.int64 else { throw .type("JSON integer out of range") }
            guard height >= 0 else { throw .parameter("Target block height \(height) is negative") }
            guard height <= chain.height else {
                throw .parameter("Target block height \(height) after current tip \(chain.height)")
            }
            return chain.active[Int(height)]
        }
        guard let text = value.stringValue else {
            throw .type("JSON value of type \(value.typeName) is not of expected type string")
        }
        guard let id = chain.tree.id(of: try hash(text, name: "hash_or_height")) else {
            throw .notFound("Block not found")
        }
        return id
    }
}
