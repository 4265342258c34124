import Bitcoin
import SansIO

extension LogID {
    /// Blocks as bitcoind writes them: network magic, length (u32, little-endian), block with witnesses.
    public static let blocks = LogID(0)
    /// What each connected block spent.
    public static let undo = LogID(1)
}

extension TableID {
    /// Small facts by name: see ``ChainFact``.
    public static let facts = TableID(0)
    /// Every known header in the order of arrival, with what is known of its block.
    public static let blocks = TableID(1)
    /// Unspent outputs by outpoint.
    public static let coins = TableID(2)
    /// Places of transactions in the active chain, by txid. Optional.
    public static let transactions = TableID(3)
    /// What happened to each script, by script hash and place in the chain. Optional.
    public static let addressHistory = TableID(4)
    /// Unspent outputs by script hash. Optional.
    public static let addressCoins = TableID(5)
    /// Running statistics of the coins after each block. Optional.
    public static let coinStatistics = TableID(6)
    /// Places of the transactions that spent outputs in the active chain, by outpoint. Optional.
    public static let spenders = TableID(8)
    /// Filter header and filter of each block, by BlockID. Optional.
    public static let filters = TableID(9)
    /// Reserved for wallets.
    public static let wallets = TableID(7)
}

/// The names of the facts in ``TableID/facts``.
enum ChainFact: String {
    /// Version of this layout, u32.
    case version
    /// Hash of the network's genesis block.
    case genesis
    /// BlockID of the active chain's last block, u32.
    case tip
    /// Number of coins, u64.
    case coinCount
    /// BlockID up to which the transaction index is complete, u32; absent when there is none.
    case transactionIndexTip
    /// The same for the address index.
    case addressIndexTip
    /// The same for the index of spenders.
    case spenderIndexTip
    /// The same for the block filters.
    case filterIndexTip
    /// The same for the coin statistics.
    case coinStatisticsTip
    /// Present once blocks were forgotten.
    case pruned
    /// Present while the tables are being rebuilt from the block files.
    case rebuilding

    var key: [UInt8] { Array(rawValue.utf8) }

    static let layoutVersion: UInt32 = 1
}

/// Keys and short values of the chain's tables. Numbers in keys are big-endian, so that keys sort as they do.
enum ChainKey {
    static func block(_ id: BlockID) -> [UInt8] { bigEndian(UInt32(id)) }

    static func coin(_ outPoint: OutPoint) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 36) { buffer, count in
            outPoint.txid.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
            for place in 0..<4 {
                buffer[32 + place] = UInt8(truncatingIfNeeded: outPoint.index >> UInt32(24 - 8 * place))
            }
            count = 36
        }
    }

    static func outPoint(_ key: RawSpan) -> OutPoint? {
        guard key.byteCount == 36 else { return nil }
        return key.withUnsafeBytes { raw in
            let index = raw.loadUnaligned(fromByteOffset: 32, as: UInt32.self)
            return OutPoint(
                txid: Hash256(UnsafeRawBufferPointer(rebasing: raw[..<32])), index: UInt32(bigEndian: index))
        }
    }

    static func bigEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
    }

    static func number(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
