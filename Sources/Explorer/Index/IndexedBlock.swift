import Bitcoin

/// A block of the index with what the explorer wants to know again and again.
struct IndexedBlock: Sendable {
    let height: Int
    let block: Block
    let hash: Hash256
    /// Serialized bytes with witnesses.
    let size: Int
    let weight: Int
    /// The outputs that each transaction spends, one list per transaction, in the order of its inputs; nil
    /// where the index does not reach back far enough. Empty for the coinbase.
    var spent: [[TransactionOutput?]]

    init(height: Int, block: Block, spent: [[TransactionOutput?]] = []) {
        self.height = height
        self.block = block
        self.hash = block.hash
        self.weight = block.weight
        var size = 80 + Self.compactSizeLength(block.transactions.count)
        for transaction in block.transactions { size += transaction.totalSize }
        self.size = size
        self.spent = spent
    }

    var time: Int64 { Int64(block.header.time) }

    /// Satoshi, of one transaction; nil for the coinbase and where a spent output is unknown.
    func fee(of index: Int) -> Int64? {
        guard index > 0, spent.indices.contains(index) else { return nil }
        return Self.fee(of: block.transactions[index], spending: spent[index])
    }

    /// Satoshi, of all transactions; nil where a spent output is unknown.
    var fees: Int64? {
        var sum: Int64 = 0
        for index in block.transactions.indices.dropFirst() {
            guard let fee = fee(of: index) else { return nil }
            sum &+= fee
        }
        return sum
    }

    /// What the coinbase pays out, satoshi.
    var reward: Int64 { block.transactions.first?.outputTotal ?? 0 }

    var coinbase: Coinbase? {
        block.transactions.first.flatMap { $0.isCoinbase ? Coinbase($0) : nil }
    }

    static func fee(of transaction: Transaction, spending spent: [TransactionOutput?]) -> Int64? {
        guard spent.count == transaction.inputs.count else { return nil }
        var sum: Int64 = 0
        for output in spent {
            guard let output else { return nil }
            sum &+= output.value
        }
        return sum &- transaction.outputTotal
    }

    private static func compactSizeLength(_ count: Int) -> Int {
        count < 0xfd ? 1 : count <= 0xffff ? 3 : 5
    }
}

extension Transaction {
    /// Satoshi, of all outputs. Wraps instead of trapping: a transaction may come from a node that checks
    /// nothing.
    var outputTotal: Int64 { outputs.reduce(0) { $0 &+ $1.value } }
}

/// A coinbase, taken apart. Everything in it was chosen by a miner.
struct Coinbase: Sendable, Equatable {
    /// The height that BIP34 asks for; nil when the script does not begin with one.
    let height: Int?
    /// All bytes after the height, printable ones as they are and dots for the rest.
    let tag: String
    /// Only the printable runs of at least three characters: what a pool wants to be read.
    let words: String
    /// The bytes after the height.
    let free: [UInt8]
    /// The witness root commitment of BIP141.
    let witnessCommitment: Hash256?
    /// The witness reserved value of BIP141.
    let reserved: [UInt8]?

    init(_ transaction: Transaction) {
        let script = transaction.inputs.first?.scriptSig.bytes ?? []
        (height, free) = Self.splitHeight(script)
        tag = Characters.visible(free)
        words = Self.printableRuns(free)
        witnessCommitment = Self.commitment(in: transaction.outputs)
        reserved = transaction.inputs.first?.witness.first
    }

    private static func splitHeight(_ script: [UInt8]) -> (Int?, [UInt8]) {
        guard let first = script.first else { return (nil, []) }
        // Core writes heights 1...16 as OP_1...OP_16 and 0 as OP_0 (BIP34, `CScript() << nHeight`).
        if first == 0 { return (0, Array(script.dropFirst())) }
        if (0x51...0x60).contains(first) { return (Int(first) - 0x50, Array(script.dropFirst())) }
        guard (1...5).contains(first), script.count > Int(first), script[Int(first)] & 0x80 == 0 else {
            return (nil, script)
        }
        var value = 0
        for offset in (1...Int(first)).reversed() { value = value << 8 | Int(script[offset]) }
        return (value, Array(script.dropFirst(Int(first) + 1)))
    }

    private static func printableRuns(_ bytes: [UInt8]) -> String {
        var runs: [String] = []
        var run: [UInt8] = []
        for byte in bytes + [0] {
            if (0x20...0x7e).contains(byte) {
                run.append(byte)
            } else {
                if run.count >= 3 { runs.append(Characters.visible(run)) }
                run = []
            }
        }
        return runs.joined(separator: " · ")
    }

    /// The last output that begins with OP_RETURN, 36 bytes, 0xaa21a9ed counts (BIP141).
    private static func commitment(in outputs: [TransactionOutput]) -> Hash256? {
        for output in outputs.reversed() {
            let bytes = output.scriptPubKey.bytes
            guard bytes.count >= 38, bytes.starts(with: [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed]) else {
                continue
            }
            return Hash256(bytes: Array(bytes[6..<38]))
        }
        return nil
    }
}
