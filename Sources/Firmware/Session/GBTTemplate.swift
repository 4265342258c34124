import Bitcoin
import JSONText
import SansIO

/// Why a template cannot be mined.
enum GBTTemplateError: Error, Equatable, Sendable {
    case missing(String)
    /// A rule that must be understood before mining (BIP9's `!` prefix).
    case unknownRule(String)
    /// The template's auxiliary data leaves no room in the coinbase script, which may have 100 bytes.
    case coinbaseTooLong(Int)

    var text: String {
        switch self {
        case .missing(let key): "template without a usable \(key)"
        case .unknownRule(let rule): "the node demands the rule \(rule), which this miner does not know"
        case .coinbaseTooLong(let count): "the coinbase script would have \(count) bytes"
        }
    }
}

/// A block template as a node gives it (BIP22, BIP23, BIP145), with the coinbase that this miner makes for it.
struct GBTTemplate: Sendable {
    /// The session's own number.
    var number: UInt32
    var previousBlockHash: Hash256
    var version: UInt32
    var bits: CompactTarget
    var target: Target
    /// Seconds since 1970 by the node's clock when it made the template.
    var time: UInt32
    /// The latest time that the block may have; no bound when the node names none.
    var timeMax: UInt32
    var height: Int
    var longPollID: String?
    /// Where to ask for the next one by long poll, on the same host.
    var longPollPath: String?
    /// Must come back with the block.
    var workID: String?
    /// Whether the coinbase has a witness and the block's transactions theirs.
    var hasWitnesses: Bool
    /// Around the counter in the coinbase's bytes without witness.
    private let coinbasePrefix: [UInt8]
    private let coinbaseSuffix: [UInt8]
    private let merklePath: [Hash256]
    /// All but the coinbase, one after the other as relayed.
    private let transactions: [UInt8]
    private let transactionCount: Int

    /// Bytes of the counter in the coinbase script.
    static let counterBytes = 8

    init(
        _ object: JSON, number: UInt32, paying script: Script, signature: [UInt8]
    ) throws(GBTTemplateError) {
        self.number = number
        let rules = (object["rules"]?.arrayValue ?? []).compactMap(\.stringValue)
        for rule in rules where rule.hasPrefix("!") && rule != "!segwit" { throw .unknownRule(rule) }
        guard let previous = object["previousblockhash"]?.stringValue.flatMap(Hash256.init(displayHex:))
        else {
            throw .missing("previousblockhash")
        }
        guard let version = object["version"]?.int64 else { throw .missing("version") }
        guard let time = object["curtime"]?.uint64.flatMap(UInt32.init(exactly:)) else {
            throw .missing("curtime")
        }
        guard let bits = object["bits"]?.stringValue.flatMap({ UInt32($0, radix: 16) }) else {
            throw .missing("bits")
        }
        guard let height = object["height"]?.int64.flatMap(UInt32.init(exactly:)) else {
            throw .missing("height")
        }
        guard let value = object["coinbasevalue"]?.int64, value >= 0 else { throw .missing("coinbasevalue") }
        previousBlockHash = previous
        self.version = UInt32(truncatingIfNeeded: version)
        self.bits = CompactTarget(bits: bits)
        self.time = time
        timeMax = object["maxtime"]?.uint64.flatMap(UInt32.init(exactly:)) ?? .max
        self.height = Int(height)
        let named = object["target"]?.stringValue.flatMap(Hash256.init(displayHex:))
        guard let target = named.map(Target.init(littleEndian:)) ?? self.bits.target else {
            throw .missing("target")
        }
        self.target = target
        longPollID = object["longpollid"]?.stringValue
        longPollPath = object["longpolluri"]?.stringValue.flatMap { $0.hasPrefix("/") ? $0 : nil }
        workID = object["workid"]?.stringValue

        let list = try Self.transactions(object)
        transactions = list.bytes
        transactionCount = list.txids.count
        merklePath = Merkle.path(forFirstOf: [.zero] + list.txids)
        let commitment = try Self.commitment(object, rules: rules, wtxids: list.wtxids)
        hasWitnesses =
            commitment != nil && (rules.isEmpty || rules.contains("segwit") || rules.contains("!segwit"))
        var outputs = [TransactionOutput(value: value, scriptPubKey: script)]
        if let commitment { outputs.append(TransactionOutput(value: 0, scriptPubKey: commitment)) }
        (coinbasePrefix, coinbaseSuffix) = try Self.coinbase(
            height: Int(height), auxiliary: Self.auxiliary(object), signature: signature, outputs: outputs)
    }

    // MARK: Work

    func coinbase(_ counter: UInt64) -> [UInt8] {
        var bytes = coinbasePrefix
        withUnsafeBytes(of: counter.bigEndian) { bytes.append(contentsOf: $0) }
        return bytes + coinbaseSuffix
    }

    /// The header over the coinbase with this counter, its nonce zero.
    func header(counter: UInt64, time: UInt32) -> BlockHeader {
        BlockHeader(
            version: version, previousBlockHash: previousBlockHash,
            merkleRoot: Merkle.root(first: SHA256.double(coinbase(counter)), path: merklePath), time: time,
            bits: bits, nonce: 0)
    }

    /// The whole block as relayed.
    func block(_ header: BlockHeader, counter: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 512 + transactions.count)
        header.encode(into: &writer)
        writer.write(compactSize: UInt64(transactionCount + 1))
        let coinbase = coinbase(counter)
        if hasWitnesses {
            // BIP144: marker and flag after the version, the witness before the lock time. The witness is BIP141's
            // reserved value.
            writer.write(coinbase[..<4])
            writer.write([0, 1])
            writer.write(coinbase[4..<coinbase.count - 4])
            writer.write([1, 32])
            writer.write(repeating: 0, count: 32)
            writer.write(coinbase[(coinbase.count - 4)...])
        } else {
            writer.write(coinbase)
        }
        writer.write(transactions)
        return writer.bytes
    }

    // MARK: Parts

    private static func transactions(
        _ object: JSON
    ) throws(GBTTemplateError) -> (bytes: [UInt8], txids: [Hash256], wtxids: [Hash256]) {
        guard let entries = object["transactions"]?.arrayValue else { throw .missing("transactions") }
        var bytes: [UInt8] = []
        var txids: [Hash256] = []
        var wtxids: [Hash256] = []
        for entry in entries {
            guard let data = entry["data"]?.stringValue.flatMap({ [UInt8](hex: $0) }) else {
                throw .missing("transactions[].data")
            }
            // Before segwit nodes named only the hash (BIP22), which then is the txid.
            let hash = entry["hash"]?.stringValue.flatMap(Hash256.init(displayHex:))
            let named = entry["txid"]?.stringValue.flatMap(Hash256.init(displayHex:))
            guard let txid = named ?? hash else { throw .missing("transactions[].txid") }
            bytes.append(contentsOf: data)
            txids.append(txid)
            wtxids.append(hash ?? txid)
        }
        return (bytes, txids, wtxids)
    }

    /// The script of the witness commitment: the node's own, or made here where a segwit node names none (BIP145).
    private static func commitment(
        _ object: JSON, rules: [String], wtxids: [Hash256]
    ) throws(GBTTemplateError) -> Script? {
        if let text = object["default_witness_commitment"]?.stringValue {
            guard let script = Script(hex: text) else { throw .missing("default_witness_commitment") }
            return script
        }
        guard rules.contains("segwit") || rules.contains("!segwit") else { return nil }
        let root = Merkle.root([.zero] + wtxids).root
        return WitnessCommitment.script(WitnessCommitment.hash(root: root, reserved: .zero))
    }

    /// The bytes of all members of `coinbaseaux`, in their order (BIP22).
    private static func auxiliary(_ object: JSON) throws(GBTTemplateError) -> [UInt8] {
        var bytes: [UInt8] = []
        for (_, value) in object["coinbaseaux"]?.objectValue?.entries ?? [] {
            guard let part = value.stringValue.flatMap({ [UInt8](hex: $0) }) else {
                throw .missing("coinbaseaux")
            }
            bytes += part
        }
        return bytes
    }

    /// The coinbase's bytes before and after the counter. The script: height (BIP34), auxiliary data, the counter's
    /// push, the miner's signature.
    private static func coinbase(
        height: Int, auxiliary: [UInt8], signature: [UInt8], outputs: [TransactionOutput]
    ) throws(GBTTemplateError) -> (prefix: [UInt8], suffix: [UInt8]) {
        let before = Script.heightPush(height) + auxiliary + [UInt8(counterBytes)]
        var tag = Script()
        if !signature.isEmpty { tag.append(push: signature) }
        let count = before.count + counterBytes + tag.count
        guard count <= Limits.coinbaseScriptMax else { throw .coinbaseTooLong(count) }
        var writer = ByteWriter(capacity: 256)
        writer.write(u32: 2)
        writer.write(compactSize: 1)
        OutPoint.null.encode(into: &writer)
        writer.write(compactSize: UInt64(count))
        writer.write(before)
        let prefix = writer.bytes
        writer.removeAll()
        writer.write(tag.bytes)
        writer.write(u32: .max)
        writer.write(compactSize: UInt64(outputs.count))
        for output in outputs { output.encode(into: &writer) }
        writer.write(u32: 0)
        return (prefix, writer.bytes)
    }
}
