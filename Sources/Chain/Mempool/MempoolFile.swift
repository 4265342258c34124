public import Bitcoin
import SansIO

/// Core's mempool.dat: what waits, since when, with which operators' deltas, and what no peer has asked for.
/// Written as version 1, which every Core reads; read as version 1 and 2 (obfuscated).
public struct MempoolFile: Sendable {
    public struct Waiting: Sendable {
        public var transaction: Transaction
        /// Unix seconds of its arrival.
        public var time: Int64
        /// Satoshi.
        public var feeDelta: Int64
    }

    public enum Fault: Error, Equatable, Sendable {
        case unknownVersion(UInt64)
        case truncated
        case badTransaction(index: Int)
    }

    public var waiting: [Waiting] = []
    /// Deltas of transactions that are not in the pool.
    public var deltas: [(txid: Hash256, delta: Int64)] = []
    public var unbroadcast: [Hash256] = []

    public init() {}

    /// Parents before children, so that a reader can take them in one by one.
    init(_ pool: Mempool) {
        let ordered = pool.slots.indices.compactMap { pool.slots[$0] }.sorted {
            ($0.sequence, $0.txid.head) < ($1.sequence, $1.txid.head)
        }
        var written = Set<Hash256>(minimumCapacity: ordered.count)
        var stack: [Hash256] = []
        for entry in ordered {
            // What came back from a block may be younger than its children.
            stack.append(entry.txid)
            while let txid = stack.last, let next = pool[txid] {
                guard !written.contains(txid) else {
                    stack.removeLast()
                    continue
                }
                let above = next.parents.map { pool.entry($0).txid }.filter { !written.contains($0) }
                if !above.isEmpty {
                    stack += above
                    continue
                }
                stack.removeLast()
                written.insert(txid)
                waiting.append(
                    Waiting(
                        transaction: next.transaction, time: Int64(next.time),
                        feeDelta: pool.deltas[txid] ?? 0))
            }
        }
        deltas = pool.prioritised.filter { pool[$0.txid] == nil }
        unbroadcast = pool.unbroadcast.sorted { $0.precedes($1) }
    }

    public func bytes() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(u64: 1)
        writer.write(u64: UInt64(waiting.count))
        for entry in waiting {
            writer.write(entry.transaction.bytes())
            writer.write(u64: UInt64(bitPattern: entry.time))
            writer.write(u64: UInt64(bitPattern: entry.feeDelta))
        }
        writer.write(compactSize: UInt64(deltas.count))
        for (txid, delta) in deltas {
            writer.write(hash: txid)
            writer.write(u64: UInt64(bitPattern: delta))
        }
        writer.write(compactSize: UInt64(unbroadcast.count))
        for txid in unbroadcast { writer.write(hash: txid) }
        return writer.bytes
    }

    public init(bytes: [UInt8]) throws(Fault) {
        var plain = bytes
        var start = 8
        do throws(ByteReaderError) {
            var head = ByteReader(bytes.span.bytes)
            let version = try head.u64()
            if version == 2 {
                // A length byte and the key; every byte after them is changed by the key at its place.
                let length = try head.u8()
                let key = try head.bytes(Int(length))
                start += 1 + key.count
                if !key.isEmpty {
                    for place in start..<plain.count { plain[place] ^= key[place % key.count] }
                }
            } else if version != 1 {
                start = 0
            }
        } catch { throw .truncated }
        guard start > 0 else {
            throw .unknownVersion(bytes.reversed().suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
        }
        var reader = ByteReader(plain.span.bytes)
        do throws(ByteReaderError) { try reader.skip(start) } catch { throw .truncated }
        try read(&reader)
    }

    private mutating func read(_ reader: inout ByteReader) throws(Fault) {
        var broken: Int?
        do throws(ByteReaderError) {
            let count = try reader.u64()
            var index = 0
            while index < count, broken == nil {
                guard let transaction = try? Transaction(from: &reader) else {
                    broken = index
                    break
                }
                let time = Int64(bitPattern: try reader.u64())
                let delta = Int64(bitPattern: try reader.u64())
                waiting.append(Waiting(transaction: transaction, time: time, feeDelta: delta))
                index += 1
            }
            if broken != nil { throw .truncated(needed: 1, available: 0) }
            for _ in 0..<(try reader.compactSize()) {
                deltas.append((try reader.hash256(), Int64(bitPattern: try reader.u64())))
            }
            for _ in 0..<(try reader.compactSize()) { unbroadcast.append(try reader.hash256()) }
        } catch {
            if let broken { throw .badTransaction(index: broken) }
            throw .truncated
        }
    }
}
