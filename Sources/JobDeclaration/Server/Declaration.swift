import Bitcoin
import Pool
import SansIO
import Stratum

/// Names a declaration that is under way.
struct DeclarationKey: Hashable, Sendable {
    var connection: ConnectionID
    var number: UInt64
}

/// A DeclareMiningJob on its way to an answer.
struct Declaration: Sendable {
    enum Phase: Sendable, Equatable {
        /// It builds on a block that the node has not told of.
        case awaitingTip
        /// ProvideMissingTransactions was sent.
        case awaitingTransactions
        /// The node judges it.
        case awaitingVerdict
    }

    var key: DeclarationKey
    var requestID: UInt32
    /// Of the token that it used; given back when nobody was at fault.
    var token: DeclarationConnection.Unused
    var identity: [UInt8]
    var poolOutputs: [UInt8]
    var version: UInt32
    var coinbase: DeclaredCoinbase
    var wtxids: [Hash256]
    /// In block order; nil where it is missing.
    var transactions: [MirroredTransaction?] = []
    /// Positions that were asked for.
    var missing: [Int] = []
    var bytes = 0
    var tip: NodeTip?
    var phase = Phase.awaitingTip
}

/// A job that the node found valid: all that is needed to make a block of a solution.
struct DeclaredJob: Sendable {
    /// Of the token that DeclareMiningJob.Success carried.
    var serial: [UInt8]
    var connection: ConnectionID
    var coinbase: DeclaredCoinbase
    var transactions: [MirroredTransaction]
    var merklePath: [Hash256]
    var prevHash: Hash256
    var bits: UInt32
    var bytes: Int

    /// The block that these fields make; nil when the extranonce has another length or the hash is too large.
    func block(_ solution: JobDeclaration.PushSolution) -> (hash: Hash256, bytes: [UInt8])? {
        guard solution.extranonce.count == coinbase.extranonceSize, solution.prevHash == prevHash,
            solution.nBits == bits, let target = CompactTarget(bits: bits).target
        else { return nil }
        let filled = coinbase.filled(solution.extranonce)
        let header = BlockHeader(
            version: solution.version, previousBlockHash: prevHash,
            merkleRoot: Merkle.root(first: filled.txid, path: merklePath), time: solution.nTime,
            bits: CompactTarget(bits: bits), nonce: solution.nonce)
        let hash = header.hash
        guard target.isMet(by: hash) else { return nil }
        return (hash, DeclaredJob.encode(header, filled, transactions))
    }

    static func encode(
        _ header: BlockHeader, _ coinbase: Transaction, _ transactions: [MirroredTransaction]
    ) -> [UInt8] {
        var writer = ByteWriter(capacity: 1_024 + transactions.reduce(0) { $0 + $1.bytes.count })
        header.encode(into: &writer)
        writer.write(compactSize: UInt64(transactions.count) + 1)
        coinbase.encode(into: &writer)
        for transaction in transactions { writer.write(transaction.bytes) }
        return writer.bytes
    }
}
