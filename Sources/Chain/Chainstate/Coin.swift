public import Bitcoin

/// An output that may be spent.
public struct Coin: Sendable, Equatable {
    /// Satoshi.
    public var value: Int64
    public var scriptPubKey: Script
    /// Height of the block that made it.
    public var height: UInt32
    public var isCoinbase: Bool

    public init(value: Int64, scriptPubKey: Script, height: UInt32, isCoinbase: Bool) {
        self.value = value
        self.scriptPubKey = scriptPubKey
        self.height = height
        self.isCoinbase = isCoinbase
    }

    public var output: TransactionOutput { TransactionOutput(value: value, scriptPubKey: scriptPubKey) }
}

/// The unspent outputs of the active chain.
public struct CoinSet: Sendable {
    private var coins: [OutPoint: Coin] = [:]

    public init() {}

    public var count: Int { coins.count }

    public subscript(outPoint: OutPoint) -> Coin? { coins[outPoint] }

    mutating func insert(_ coin: Coin, at outPoint: OutPoint) { coins[outPoint] = coin }

    @discardableResult
    mutating func remove(_ outPoint: OutPoint) -> Coin? { coins.removeValue(forKey: outPoint) }

    mutating func reserveCapacity(_ count: Int) { coins.reserveCapacity(count) }

    /// Adds what `transaction` makes, but not what can never be spent.
    mutating func insertOutputs(of transaction: Transaction, height: UInt32) {
        let isCoinbase = transaction.isCoinbase
        let txid = transaction.txid
        for (index, output) in transaction.outputs.enumerated()
        where !Self.isUnspendable(output.scriptPubKey.bytes) {
            coins[OutPoint(txid: txid, index: UInt32(index))] = Coin(
                value: output.value, scriptPubKey: output.scriptPubKey, height: height, isCoinbase: isCoinbase
            )
        }
    }

    mutating func removeOutputs(of transaction: Transaction) {
        let txid = transaction.txid
        for (index, output) in transaction.outputs.enumerated()
        where !Self.isUnspendable(output.scriptPubKey.bytes) {
            coins.removeValue(forKey: OutPoint(txid: txid, index: UInt32(index)))
        }
    }

    static func isUnspendable(_ script: [UInt8]) -> Bool {
        script.first == 0x6a || script.count > ChainLimits.scriptSize
    }
}
