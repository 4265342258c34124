import Bitcoin
import JSONText

/// The node's mempool as last seen.
struct MempoolView: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var txid: Hash256
        var virtualSize: Int
        var weight: Int
        /// Satoshi.
        var fee: Int64
        /// When the node took it in, Unix seconds.
        var time: Int64
        var ancestorCount: Int
        var ancestorSize: Int
        /// Satoshi, of the transaction and its unconfirmed ancestors.
        var ancestorFees: Int64
        var dependsOn: [Hash256]
        var transaction: Transaction?

        /// Satoshi per virtual byte.
        var rate: Double { virtualSize > 0 ? Double(fee) / Double(virtualSize) : 0 }
        var packageRate: Double { ancestorSize > 0 ? Double(ancestorFees) / Double(ancestorSize) : rate }
    }

    /// Totals from `getmempoolinfo`; they hold even when the entries are cut.
    var count = 0
    var virtualBytes = 0
    var totalFee: Int64 = 0
    var memoryUsage: Int64 = 0
    var memoryLimit: Int64?
    /// Satoshi per 1000 virtual bytes.
    var minimumFeeRate: Int64?
    /// Highest fee rate first.
    var entries: [Entry] = []
    private var positions: [Hash256: Int] = [:]
    private var spenders: [OutPoint: Hash256] = [:]

    var isCut: Bool { entries.count < count }

    mutating func read(info json: JSON) {
        count = json["size"]?.int64.flatMap { Int(exactly: $0) } ?? 0
        virtualBytes = json["bytes"]?.int64.flatMap { Int(exactly: $0) } ?? 0
        totalFee = json["total_fee"].flatMap(Satoshi.init)?.value ?? 0
        memoryUsage = json["usage"]?.int64 ?? 0
        memoryLimit = json["maxmempool"]?.int64
        minimumFeeRate = json["mempoolminfee"].flatMap(Satoshi.init)?.value
    }

    /// Reads `getrawmempool true`, keeping the transactions that are already parsed.
    mutating func read(verbose json: JSON) {
        var fresh: [Entry] = []
        for (key, value) in (json.objectValue?.entries ?? []).prefix(Limits.mempoolTransactions) {
            guard let txid = Hash256(displayHex: key) else { continue }
            let fee = value["fees"]?["base"].flatMap(Satoshi.init)?.value ?? 0
            let size = Int(value["vsize"]?.int64 ?? 0)
            fresh.append(
                Entry(
                    txid: txid, virtualSize: size, weight: Int(value["weight"]?.int64 ?? Int64(size) * 4),
                    fee: fee,
                    time: value["time"]?.int64 ?? 0, ancestorCount: Int(value["ancestorcount"]?.int64 ?? 1),
                    ancestorSize: Int(value["ancestorsize"]?.int64 ?? Int64(size)),
                    ancestorFees: value["fees"]?["ancestor"].flatMap(Satoshi.init)?.value ?? fee,
                    dependsOn: (value["depends"]?.arrayValue ?? []).compactMap {
                        $0.stringValue.flatMap { Hash256(displayHex: $0) }
                    },
                    transaction: entry(txid)?.transaction))
        }
        replace(fresh)
    }

    mutating func replace(_ fresh: [Entry]) {
        entries = fresh.sorted { $0.rate != $1.rate ? $0.rate > $1.rate : $0.txid.hex < $1.txid.hex }
        positions = Dictionary(
            entries.enumerated().map { ($1.txid, $0) }, uniquingKeysWith: { first, _ in first })
        spenders = [:]
        for entry in entries {
            if let transaction = entry.transaction { note(transaction) }
        }
    }

    mutating func attach(_ transaction: Transaction) {
        guard let position = positions[transaction.txid] else { return }
        entries[position].transaction = transaction
        note(transaction)
    }

    private mutating func note(_ transaction: Transaction) {
        for input in transaction.inputs { spenders[input.previousOutput] = transaction.txid }
    }

    /// Transactions that are not parsed yet, at most `limit`.
    func missing(limit: Int) -> [Hash256] {
        var found: [Hash256] = []
        for entry in entries where entry.transaction == nil {
            found.append(entry.txid)
            if found.count == limit { break }
        }
        return found
    }

    func entry(_ txid: Hash256) -> Entry? { positions[txid].map { entries[$0] } }

    func output(_ point: OutPoint) -> TransactionOutput? {
        guard let outputs = entry(point.txid)?.transaction?.outputs, point.index < outputs.count else {
            return nil
        }
        return outputs[Int(point.index)]
    }

    /// The mempool transaction that spends this output, if one does.
    func spender(of point: OutPoint) -> Hash256? { spenders[point] }
}

/// The node's next block, from `getblocktemplate`.
struct TemplateView: Sendable, Equatable {
    var height: Int
    var previousHash: String
    /// Satoshi: subsidy and fees.
    var coinbaseValue: Int64
    var fees: Int64
    var weight: Int
    var weightLimit: Int
    var signatureOperations: Int64
    var bits: String
    var version: UInt32
    var currentTime: Int64
    var minimumTime: Int64
    /// In the template's order.
    var txids: [Hash256]
    /// Satoshi per virtual byte of the cheapest transaction taken.
    var lowestRate: Double?
    private var positions: [Hash256: Int]

    init?(_ json: JSON) {
        guard let height = json["height"]?.int64, let value = json["coinbasevalue"]?.int64 else { return nil }
        self.height = Int(height)
        coinbaseValue = value
        previousHash = json["previousblockhash"]?.stringValue ?? ""
        weightLimit = Int(json["weightlimit"]?.int64 ?? 4_000_000)
        bits = Characters.visible(json["bits"]?.stringValue ?? "")
        version = UInt32(truncatingIfNeeded: json["version"]?.int64 ?? 0)
        currentTime = json["curtime"]?.int64 ?? 0
        minimumTime = json["mintime"]?.int64 ?? 0
        fees = 0
        weight = 0
        signatureOperations = 0
        txids = []
        for transaction in json["transactions"]?.arrayValue ?? [] {
            let fee = transaction["fee"]?.int64 ?? 0
            let size = transaction["weight"]?.int64 ?? 0
            fees &+= fee
            weight &+= Int(size)
            signatureOperations &+= transaction["sigops"]?.int64 ?? 0
            if let txid = transaction["txid"]?.stringValue.flatMap({ Hash256(displayHex: $0) }) {
                txids.append(txid)
            }
            if size > 0 { lowestRate = min(lowestRate ?? .infinity, Double(fee) * 4 / Double(size)) }
        }
        positions = Dictionary(txids.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Place among the template's transactions, the first being 1 (0 is the coinbase).
    func position(of txid: Hash256) -> Int? { positions[txid].map { $0 + 1 } }
}
