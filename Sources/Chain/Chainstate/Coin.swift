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
