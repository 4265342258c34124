import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// A node with mature coins that anybody can spend by a standard script: P2WSH of OP_TRUE.
struct PoolWorld: ~Copyable {
    var node: NodeUnderTest
    /// Coinbases that may be spent, oldest first.
    private var coins: [(outPoint: OutPoint, value: Int64)] = []

    static let program: [UInt8] = [0x51]
    static let script = Script(bytes: [0x00, 0x20] + SHA256.hash(program).bytes)

    init(coins count: Int, _ change: (inout NodeConfiguration) -> Void = { _ in }) throws {
        var configuration = NodeUnderTest.configuration()
        change(&configuration)
        node = NodeUnderTest(configuration)
        node.handle(.generate(count: count, script: Self.script, maxTries: 100_000))
        node.handle(.generate(count: 100, script: .anyone, maxTries: 100_000))
        for height in 1...count {
            let id = node.machine.chain.active[height]
            let block = try #require(node.machine.chain.block(id))
            let coinbase = block.transactions[0]
            coins.append((OutPoint(txid: coinbase.txid, index: 0), coinbase.outputs[0].value))
        }
    }

    /// One of the coins, which nobody gets again.
    mutating func coin() -> (outPoint: OutPoint, value: Int64) { coins.removeFirst() }

    /// Spends some outputs, paying `fee`, to equal outputs of the same script.
    static func spend(
        _ inputs: [(outPoint: OutPoint, value: Int64)], fee: Int64, outputs: Int = 1, version: UInt32 = 2,
        padding: Int = 0, dust: Bool = false, sequence: UInt32 = 0xffff_fffd
    ) -> Transaction {
        let value = inputs.reduce(0) { $0 + $1.value } - fee
        var made = (0..<outputs).map { _ in
            TransactionOutput(value: value / Int64(outputs), scriptPubKey: script)
        }
        made[0].value += value % Int64(outputs)
        if padding > 0 {
            made.append(
                TransactionOutput(
                    value: 0, scriptPubKey: Script(bytes: [0x6a] + [UInt8](repeating: 0x00, count: padding))))
        }
        if dust {
            made.append(TransactionOutput(value: 0, scriptPubKey: Script(bytes: Policy.payToAnchor)))
        }
        return Transaction(
            version: version,
            inputs: inputs.map {
                TransactionInput(
                    previousOutput: $0.outPoint, sequence: sequence,
                    witness: $0.value == 0 ? [] : [program])
            },
            outputs: made)
    }

    static func output(_ transaction: Transaction, _ index: Int = 0) -> (outPoint: OutPoint, value: Int64) {
        (
            OutPoint(txid: transaction.txid, index: UInt32(index)), transaction.outputs[index].value
        )
    }

    mutating func send(_ transaction: Transaction) throws {
        _ = try node.call("sendrawtransaction", [.string(transaction.bytes().hex), 0])
    }

    /// Why it is not taken.
    mutating func refusal(_ transaction: Transaction) throws -> String {
        try node.failure("sendrawtransaction", [.string(transaction.bytes().hex), 0]).message
    }

    mutating func submit(_ package: [Transaction]) throws -> JSON {
        try node.call("submitpackage", [.array(package.map { .string($0.bytes().hex) }), 0])
    }
}

extension Mempool {
    func holds(_ transaction: Transaction) -> Bool { self[transaction.txid] != nil }
}
