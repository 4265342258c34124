import Bitcoin
import SansIO

/// A block as its header, short ids of its transactions, and those that the receiver cannot have (BIP152,
/// version 2: ids over wtxids).
struct CompactBlock: Sendable {
    struct Prefilled: Sendable {
        var index: Int
        var transaction: Transaction
    }

    var header: BlockHeader
    var nonce: UInt64
    /// Six bytes each.
    var shortIDs: [UInt64]
    var prefilled: [Prefilled]

    var transactionCount: Int { shortIDs.count + prefilled.count }

    /// Of a whole block; only the coinbase is prefilled.
    init(_ block: Block, nonce: UInt64) {
        header = block.header
        self.nonce = nonce
        let hasher = Self.hasher(block.header, nonce: nonce)
        shortIDs = block.transactions.dropFirst().map { Self.shortID($0.wtxid, hasher) }
        prefilled = [Prefilled(index: 0, transaction: block.transactions[0])]
    }

    /// Nil where the structure is no compact block: indexes out of range, too many transactions.
    init?(from reader: inout ByteReader) throws(TransactionError) {
        do throws(ByteReaderError) {
            header = try BlockHeader(from: &reader)
            nonce = try reader.u64()
            let count = Int(try reader.compactSize(limit: UInt64(reader.remaining / 6 + 1)))
            shortIDs = []
            shortIDs.reserveCapacity(count)
            for _ in 0..<count {
                let low = try reader.u32()
                shortIDs.append(UInt64(low) | UInt64(try reader.u16()) << 32)
            }
        } catch {
            throw .bytes(error)
        }
        prefilled = []
        var next = 0
        let count: Int
        do throws(ByteReaderError) {
            count = Int(try reader.compactSize(limit: UInt64(reader.remaining / 10 + 1)))
        } catch { throw .bytes(error) }
        for _ in 0..<count {
            let difference: UInt64
            do throws(ByteReaderError) { difference = try reader.compactSize(limit: 0xffff) } catch {
                throw .bytes(error)
            }
            let index = next + Int(difference)
            guard index <= 0xffff else { return nil }
            prefilled.append(Prefilled(index: index, transaction: try Transaction(from: &reader)))
            next = index + 1
        }
    }

    func encode(into writer: inout ByteWriter) {
        header.encode(into: &writer)
        writer.write(u64: nonce)
        writer.write(compactSize: UInt64(shortIDs.count))
        for id in shortIDs {
            writer.write(u32: UInt32(truncatingIfNeeded: id))
            writer.write(u16: UInt16(truncatingIfNeeded: id >> 32))
        }
        writer.write(compactSize: UInt64(prefilled.count))
        var next = 0
        for item in prefilled {
            writer.write(compactSize: UInt64(item.index - next))
            item.transaction.encode(into: &writer)
            next = item.index + 1
        }
    }

    /// Keyed by SHA-256 of header and nonce.
    static func hasher(_ header: BlockHeader, nonce: UInt64) -> SipHash {
        var writer = ByteWriter(capacity: 88)
        header.encode(into: &writer)
        writer.write(u64: nonce)
        return SHA256.hash(writer.bytes).withUnsafeBytes { raw in
            SipHash(
                k0: UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)),
                k1: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    static func shortID(_ wtxid: Hash256, _ hasher: SipHash) -> UInt64 {
        wtxid.withUnsafeBytes { hasher.digest($0) } & 0xffff_ffff_ffff
    }
}

/// A compact block that is being completed.
struct PartialBlock: Sendable {
    enum Start: Sendable {
        case begun(PartialBlock)
        /// Breaks BIP152; the peer is at fault.
        case invalid
        /// Two transactions share a short id; the block is asked for whole.
        case failed
    }

    enum Finish: Sendable {
        case complete(Block)
        case invalid
        /// The pieces do not make up the block; it is asked for whole.
        case failed
    }

    let header: BlockHeader
    private var slots: [Transaction?]
    private let nonce: UInt64
    private(set) var fromPool = 0
    /// Set once filling failed: it is not tried again.
    var isSpent = false

    /// Fills in what `candidates` has: transactions of the pool and others that were seen.
    static func start(_ compact: CompactBlock, _ candidates: (_ body: (Transaction) -> Void) -> Void) -> Start
    {
        let count = compact.transactionCount
        guard count > 0, count <= ChainLimits.blockWeight / 40 else { return .invalid }
        var partial = PartialBlock(
            header: compact.header, slots: Array(repeating: nil, count: count), nonce: compact.nonce)
        for item in compact.prefilled {
            guard item.index < count, !item.transaction.inputs.isEmpty else { return .invalid }
            partial.slots[item.index] = item.transaction
        }
        var places: [UInt64: Int] = [:]
        places.reserveCapacity(compact.shortIDs.count)
        var at = 0
        for id in compact.shortIDs {
            while partial.slots[at] != nil { at += 1 }
            if places.updateValue(at, forKey: id) != nil { return .failed }
            at += 1
        }
        let hasher = CompactBlock.hasher(compact.header, nonce: compact.nonce)
        var filled: [Int: Hash256] = [:]
        var ambiguous = Set<Int>()
        if !places.isEmpty {
            candidates { transaction in
                guard let place = places[CompactBlock.shortID(transaction.wtxid, hasher)] else { return }
                if let other = filled[place] {
                    // Two candidates for one id: ask rather than guess.
                    if other != transaction.wtxid {
                        partial.slots[place] = nil
                        ambiguous.insert(place)
                    }
                } else {
                    filled[place] = transaction.wtxid
                    partial.slots[place] = transaction
                }
            }
        }
        partial.fromPool = filled.count - ambiguous.count
        return .begun(partial)
    }

    private init(header: BlockHeader, slots: [Transaction?], nonce: UInt64) {
        self.header = header
        self.slots = slots
        self.nonce = nonce
    }

    /// Places without a transaction, ascending.
    var missing: [Int] { slots.indices.filter { slots[$0] == nil } }

    /// Puts the missing ones in and checks the whole against the header.
    mutating func finish(_ transactions: [Transaction]) -> Finish {
        let missing = missing
        guard missing.count == transactions.count else { return .invalid }
        for (place, transaction) in zip(missing, transactions) { slots[place] = transaction }
        let block = Block(header: header, transactions: slots.compactMap { $0 })
        slots = []
        isSpent = true
        let (root, mutated) = block.merkleRoot()
        guard root == header.merkleRoot, !mutated else { return .failed }
        do throws(Rejection) { try BlockChecks.witnessCommitment(block) } catch { return .failed }
        return .complete(block)
    }
}
