import Bitcoin
import JSONText
import SansIO

extension RPCMethod {
    static let coinSnapshots: [RPCMethod] = [
        RPCMethod(
            "dumptxoutset", "path:str type:str? options:obj(rollback,in_memory:bool)?", in: "Blockchain",
            "Writes the unspent outputs to a file that loadtxoutset of Bitcoin Core reads.",
            hold: { node, call throws(RPCError) in
                guard node.configuration.rpc.readsFiles else { return nil }
                return .writing(try node.coinSnapshot(call))
            }
        ) { node, call, _ throws(RPCError) in try node.dumpCoins(call) }
    ]
}

/// A file of unspent outputs as Bitcoin Core's dumptxoutset writes it: coins by transaction, amounts and scripts
/// compressed.
struct CoinSnapshot {
    private var writer = ByteWriter()
    private var txid: Hash256?
    /// The coins of the transaction at hand.
    private var pending: [(index: UInt32, coin: Coin)] = []

    init(magic: [UInt8], base: Hash256, count: Int) {
        writer.write(utf8: "utxo")
        writer.write(u8: 0xff)
        writer.write(u16: 2)
        writer.write(magic)
        writer.write(hash: base)
        writer.write(u64: UInt64(count))
    }

    var count: Int { writer.count }

    /// Coins come in the order of their outpoints.
    mutating func append(_ outPoint: OutPoint, _ coin: Coin) {
        if outPoint.txid != txid { endTransaction() }
        txid = outPoint.txid
        pending.append((outPoint.index, coin))
    }

    mutating func finished() -> [UInt8] {
        endTransaction()
        return writer.bytes
    }

    private mutating func endTransaction() {
        guard let txid, !pending.isEmpty else { return }
        writer.write(hash: txid)
        writer.write(compactSize: UInt64(pending.count))
        for (index, coin) in pending {
            writer.write(compactSize: UInt64(index))
            Self.write(UInt64(coin.height) << 1 | (coin.isCoinbase ? 1 : 0), into: &writer)
            Self.write(Self.compressed(UInt64(coin.value)), into: &writer)
            Self.write(coin.scriptPubKey.bytes, into: &writer)
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Seven bits to a byte, the highest first, a set bit where another follows; each continuation counts from one, so
    /// that every number has one form.
    private static func write(_ value: UInt64, into writer: inout ByteWriter) {
        var bytes = [UInt8(value & 0x7f)]
        var rest = value >> 7
        while rest > 0 {
            rest -= 1
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        writer.write(Array(bytes.reversed()))
    }

    /// An amount with few significant digits as a small number: its power of ten, its last digit, and what is left.
    static func compressed(_ satoshi: UInt64) -> UInt64 {
        guard satoshi > 0 else { return 0 }
        var value = satoshi
        var exponent: UInt64 = 0
        while exponent < 9, value % 10 == 0 {
            value /= 10
            exponent += 1
        }
        if exponent == 9 { return 10 * (value - 1) + 10 }
        return 10 * (9 * (value / 10) + value % 10 - 1) + exponent + 1
    }

    /// Scripts of the oldest forms as a number and a hash or key, others with their length, counted from six.
    private static func write(_ script: [UInt8], into writer: inout ByteWriter) {
        switch script.count {
        case 25 where script.starts(with: [0x76, 0xa9, 20]) && script[23...].elementsEqual([0x88, 0xac]):
            writer.write(u8: 0)
            writer.write(Array(script[3..<23]))
        case 23 where script.starts(with: [0xa9, 20]) && script[22] == 0x87:
            writer.write(u8: 1)
            writer.write(Array(script[2..<22]))
        case 35 where script[0] == 33 && script[34] == 0xac && (script[1] == 2 || script[1] == 3):
            writer.write(Array(script[1..<34]))
        case 67
        where script[0] == 65 && script[66] == 0xac && script[1] == 4
            && PublicKey(bytes: Array(script[1..<66])) != nil:
            writer.write(u8: 4 | script[65] & 1)
            writer.write(Array(script[2..<34]))
        default:
            write(UInt64(script.count) + 6, into: &writer)
            writer.write(script)
        }
    }
}

extension NodeMachine {
    /// The block whose coins are wanted.
    private func snapshotBlock(_ call: RPCArguments) throws(RPCError) -> BlockID {
        let type = try call.optionalString(1) ?? ""
        if let target = try call.object(2)?["rollback"], !target.isNull {
            guard type.isEmpty || type == "rollback" else {
                throw .parameter("Invalid snapshot type \"\(type)\" specified with rollback option")
            }
            let id = try hashOrHeight(target)
            guard chain.isActive(id) else { throw .parameter("Block is not in main chain") }
            return id
        }
        switch type {
        case "latest": return chain.tipID
        case "rollback": throw .parameter("No snapshot height is known; name one with the option rollback")
        default:
            throw .parameter(
                "Invalid snapshot type \"\(type)\" specified. Please specify \"rollback\" or \"latest\"")
        }
    }

    private func snapshotPath(_ call: RPCArguments) throws(RPCError) -> String {
        let path = try call.string(0)
        if path.hasPrefix("/") { return path }
        let pool = configuration.mempoolPath
        return (pool.lastIndex(of: "/").map { String(pool[...$0]) } ?? "") + path
    }

    fileprivate func coinSnapshot(_ call: RPCArguments) throws(RPCError) -> RPCFile {
        let id = try snapshotBlock(call)
        let path = try snapshotPath(call)
        guard chain.canDisconnect(to: id) else {
            throw .misc(
                "Could not roll back to requested height since necessary block data is already pruned.")
        }
        guard let coins = chain.coins(after: id) else {
            throw RPCError(code: -32603, message: "Unable to read UTXO set")
        }
        var statistics = CoinStatistics(.serialized)
        var snapshot = CoinSnapshot(
            magic: configuration.network.magic, base: chain.tree[id].hash, count: coins.count)
        coins.forEach { outPoint, coin in
            statistics.add(outPoint, coin)
            snapshot.append(outPoint, coin)
            return snapshot.count <= ChainLimits.snapshotBytes
        }
        guard snapshot.count <= ChainLimits.snapshotBytes else {
            throw .misc(
                "The set is larger than the \(ChainLimits.snapshotBytes) bytes that are written at once")
        }
        let height = chain.tree[id].height
        let transactions = chain.active[...height].reduce(0) { $0 + chain.tree[$1].transactionCount }
        return RPCFile(
            path: path, bytes: snapshot.finished(),
            answer: [
                "coins_written": .int(statistics.outputs),
                "base_hash": .string(chain.tree[id].hash.displayHex), "base_height": .int(height),
                "path": .string(path), "txoutset_hash": .string(statistics.hash().displayHex),
                "nchaintx": .int(transactions),
            ])
    }

    fileprivate func dumpCoins(_ call: RPCArguments) throws(RPCError) -> JSON {
        let path = try snapshotPath(call)
        guard let answer = rpc.prepared else {
            // Why it could not be made, if that is the reason.
            _ = try snapshotBlock(call)
            _ = try coinSnapshot(call)
            throw .misc("\(path) is being written, or this call is one of a batch")
        }
        switch rpc.written[path] {
        case .some(.none): return answer
        case .some(.some(.exists)):
            throw .parameter(
                "\(path) already exists. If you are sure this is what you want, move it out of the way first")
        case .some(.some(.refused)), .none:
            throw .parameter("Couldn't open file \(path).incomplete for writing.")
        }
    }
}

extension Chainstate {
    /// The coins as they were after an active block; nil when a block on the way back cannot be read.
    func coins(after id: BlockID) -> CoinSet? {
        var scratch = self
        for at in active.dropFirst(tree[id].height + 1).reversed() {
            guard let block = block(at), let spent = undo(at) else { return nil }
            scratch.disconnect(block, spent: spent)
        }
        return scratch.coins
    }
}
