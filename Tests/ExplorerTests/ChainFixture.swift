import Bitcoin

/// Builds small chains for tests. Proof of work is not searched for: the explorer leaves consensus to its
/// node.
struct ChainFixture {
    private(set) var blocks: [Block] = []
    /// Makes coinbases of different branches differ.
    var tag = "fixture"

    var tip: Block { blocks[blocks.count - 1] }
    var height: Int { blocks.count - 1 }

    static func script(_ byte: UInt8) -> Script {
        .witness(version: 0, program: [UInt8](repeating: byte, count: 20))
    }

    static let miner = script(0xaa)
    static let alice = script(0x01)
    static let bob = script(0x02)

    init(blocks count: Int = 1, tag: String = "fixture") {
        self.tag = tag
        for _ in 0..<count { mine([]) }
    }

    @discardableResult
    mutating func mine(_ transactions: [Transaction], free: [UInt8]? = nil, to script: Script = miner)
        -> Block
    {
        let height = blocks.count
        let coinbase = Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: .null,
                    scriptSig: Script(Script.heightPush(height) + (free ?? Array("/\(tag)/".utf8))))
            ],
            outputs: [TransactionOutput(value: 5_000_000_000, scriptPubKey: script)])
        let all = [coinbase] + transactions
        let block = Block(
            header: BlockHeader(
                version: 0x2000_0000, previousBlockHash: blocks.last?.hash ?? .zero,
                merkleRoot: Merkle.root(all.map(\.txid)).root, time: 1_700_000_000 + UInt32(height) * 30,
                bits: CompactTarget(bits: 0x207f_ffff), nonce: UInt32(height)),
            transactions: all)
        blocks.append(block)
        return block
    }

    /// Drops blocks from the tip.
    mutating func cut(to height: Int) { blocks.removeLast(self.height - height) }

    func coinbase(_ height: Int) -> Transaction { blocks[height].transactions[0] }

    static func spend(
        _ source: Transaction, _ index: UInt32 = 0, to outputs: [(Int64, Script)], sequence: UInt32 = .max
    ) -> Transaction {
        Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: source.txid, index: index), sequence: sequence,
                    witness: [[UInt8](repeating: 7, count: 64)])
            ],
            outputs: outputs.map { TransactionOutput(value: $0.0, scriptPubKey: $0.1) })
    }
}
