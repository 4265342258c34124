import SansIO

public struct Block: Hashable, Sendable {
    public var header: BlockHeader
    public var transactions: [Transaction]

    public init(header: BlockHeader, transactions: [Transaction]) {
        self.header = header
        self.transactions = transactions
    }

    /// The hash of the header. Computed at every reading.
    public var hash: Hash256 { header.hash }

    /// In weight units, BIP141.
    public var weight: Int {
        let frame = BlockHeader.byteCount + Self.countBytes(transactions.count)
        return transactions.reduce(4 * frame) { $0 + $1.weight }
    }

    /// Bytes as relayed.
    public var totalSize: Int {
        let frame = BlockHeader.byteCount + Self.countBytes(transactions.count)
        return transactions.reduce(frame) { $0 + $1.totalSize }
    }

    /// Bytes without witnesses.
    public var baseSize: Int {
        let frame = BlockHeader.byteCount + Self.countBytes(transactions.count)
        return transactions.reduce(frame) { $0 + $1.baseSize }
    }

    private static func countBytes(_ count: Int) -> Int {
        switch count {
        case ..<0xfd: 1
        case ...0xffff: 3
        default: 5
        }
    }

    /// Of the transactions as they are; compare it with the header's.
    public func merkleRoot() -> (root: Hash256, mutated: Bool) { Merkle.root(transactions.map(\.txid)) }

    /// The merkle root over the wtxids with zero for the coinbase (BIP141): half of what a coinbase commits
    /// to.
    public func witnessMerkleRoot() -> Hash256 {
        var leaves = transactions.map(\.wtxid)
        if !leaves.isEmpty { leaves[0] = .zero }
        return Merkle.root(leaves).root
    }

    public func encode(into writer: inout ByteWriter, witness: Bool = true) {
        header.encode(into: &writer)
        writer.write(compactSize: UInt64(transactions.count))
        for transaction in transactions { transaction.encode(into: &writer, witness: witness) }
    }

    public func bytes(witness: Bool = true) -> [UInt8] {
        var writer = ByteWriter(capacity: witness ? totalSize : baseSize)
        encode(into: &writer, witness: witness)
        return writer.bytes
    }

    public init(from reader: inout ByteReader) throws(TransactionError) {
        let count: Int
        do throws(ByteReaderError) {
            header = try BlockHeader(from: &reader)
            count = Int(try reader.compactSize())
        } catch {
            throw .bytes(error)
        }
        transactions = []
        transactions.reserveCapacity(min(count, reader.remaining / Limits.transactionBytesMin))
        for _ in 0..<count { transactions.append(try Transaction(from: &reader)) }
    }

    /// Reads a block that is all of `bytes`.
    public init(bytes: [UInt8]) throws(TransactionError) {
        var reader = ByteReader(bytes.span.bytes)
        try self.init(from: &reader)
        guard reader.isAtEnd else { throw .bytes(.trailingBytes(reader.remaining)) }
    }
}

/// The witness commitment of a coinbase transaction, BIP141.
public enum WitnessCommitment {
    /// OP_RETURN, a push of 36 bytes, and four bytes that mark the output.
    public static let prefix: [UInt8] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed]

    /// What the coinbase commits to: the witness merkle root and the reserved value (the coinbase's own
    /// witness).
    public static func hash(root: Hash256, reserved: Hash256) -> Hash256 { SHA256.doublePair(root, reserved) }

    public static func script(_ commitment: Hash256) -> Script { Script(prefix + commitment.bytes) }

    /// Index of the output that commits: the last one with the mark, if any.
    public static func outputIndex(in coinbase: Transaction) -> Int? {
        coinbase.outputs.lastIndex {
            $0.scriptPubKey.count >= 38 && $0.scriptPubKey.bytes.starts(with: prefix)
        }
    }

    /// The commitment that the coinbase carries, if any.
    public static func find(in coinbase: Transaction) -> Hash256? {
        guard let index = outputIndex(in: coinbase) else { return nil }
        return Hash256(bytes: Array(coinbase.outputs[index].scriptPubKey.bytes[6..<38]))
    }
}
