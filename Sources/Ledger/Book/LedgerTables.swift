import Bitcoin
import SansIO

/// The tables of a book and the form of their keys and small values.
enum LedgerTable {
    static let facts = TableID(1)
    /// User id: name.
    static let users = TableID(2)
    /// Name: user id.
    static let userNames = TableID(3)
    static let workers = TableID(4)
    /// User id, kind and name: worker id.
    static let workerNames = TableID(5)
    static let accounts = TableID(6)
    static let slices = TableID(7)
    /// Slice and worker: shares and work.
    static let credits = TableID(8)
    /// Number, from 1 in the order of finding: block.
    static let blocks = TableID(9)
    /// Hash: the block's number.
    static let blockNumbers = TableID(10)
    /// Worker and error code: count.
    static let rejects = TableID(11)

    static let all = (1...11).map { TableID($0) }
    static let factsKey: [UInt8] = [0]

    /// Big-endian, so that the order of keys is that of numbers.
    static func key<T: FixedWidthInteger>(_ number: T) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    static func count(_ value: UInt64) -> [UInt8] { key(value) }

    /// 0 for nothing and for what is no count.
    static func count(_ bytes: [UInt8]?) -> UInt64 {
        guard let bytes, bytes.count == 8 else { return 0 }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func count(_ bytes: [UInt8]) -> UInt64 { count(Optional(bytes)) }

    static func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    static func workerName(_ user: UserID, isSolo: Bool, percent: UInt8, name: String) -> [UInt8] {
        key(user.raw) + [isSolo ? 1 : 0, percent] + Array(name.utf8)
    }

    static func row<Row>(
        _ storage: any DurableStorage, _ table: TableID, _ key: [UInt8], _ read: (RawSpan) -> Row?
    ) -> Row? {
        guard let bytes = storage.value(table, key) else { return nil }
        if let row = read(bytes.span.bytes) { return row }
        storage.note(StorageFault(.damaged, "ledger", "a row of table \(table.raw) is not readable"))
        return nil
    }
}

struct CreditKey: Hashable, Comparable, Sendable {
    var slice: UInt64
    var worker: WorkerID

    static func < (a: CreditKey, b: CreditKey) -> Bool { (a.slice, a.worker) < (b.slice, b.worker) }

    var bytes: [UInt8] { LedgerTable.key(slice) + LedgerTable.key(worker.raw) }
}

/// A worker's part of a slice.
struct CreditRow: Sendable, Equatable {
    var shares: UInt64 = 0
    var work: UInt128 = 0

    init(_ bytes: [UInt8]?) {
        let bytes = bytes ?? []
        self.init(bytes.span.bytes)
    }

    init(_ bytes: RawSpan) {
        var reader = ByteReader(bytes)
        shares = (try? reader.u64()) ?? 0
        work = (try? reader.leb128(UInt128.self)) ?? 0
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 32)
        writer.write(u64: shares)
        writer.write(leb128: work)
        return writer.bytes
    }
}

struct RejectKey: Hashable, Comparable, Sendable {
    var worker: WorkerID
    var code: String

    static func < (a: RejectKey, b: RejectKey) -> Bool { (a.worker, a.code) < (b.worker, b.code) }

    var bytes: [UInt8] { LedgerTable.key(worker.raw) + Array(code.utf8) }
}

/// What changed since the last commit.
struct DirtyRows: Sendable {
    var workers: [WorkerID: WorkerRow] = [:]
    var accounts: [AccountID: AccountRow] = [:]
    var slices: [UInt64: SliceRow] = [:]
    var credits: [CreditKey: CreditRow] = [:]
    var rejects: [RejectKey: UInt64] = [:]
    /// Something was taken, even if it changed no row that is held here.
    var hasFacts = false

    var count: Int { workers.count + accounts.count + slices.count + credits.count + rejects.count }
    var isEmpty: Bool { count == 0 && !hasFacts }

    mutating func removeAll() {
        workers.removeAll(keepingCapacity: true)
        accounts.removeAll(keepingCapacity: true)
        slices.removeAll(keepingCapacity: true)
        credits.removeAll(keepingCapacity: true)
        rejects.removeAll(keepingCapacity: true)
        hasFacts = false
    }
}

/// Where a book stands: committed with every change.
struct LedgerFacts: Sendable, Equatable {
    var sequence: UInt64 = 0
    /// The latest record's Unix time.
    var time: UInt32 = 0
    var lastUser: UInt32 = 0
    var lastWorker: UInt32 = 0
    var lastAccount = AccountID(0)
    /// 0 before the first share.
    var slice: UInt64 = 0
    /// The next share begins a new slice.
    var isSliceEnded = false
    var blocks: UInt64 = 0
    var height: UInt32 = 0
    var reward: UInt64 = 0
    var networkWork: UInt128 = 0

    private static let version: UInt8 = 1

    init() {}

    init?(_ bytes: [UInt8]?) {
        guard let bytes else { return nil }
        var reader = ByteReader(bytes.span.bytes)
        do {
            guard try reader.u8() == Self.version else { return nil }
            sequence = try reader.u64()
            time = try reader.u32()
            lastUser = try reader.u32()
            lastWorker = try reader.u32()
            lastAccount = AccountID(try reader.u64())
            slice = try reader.u64()
            isSliceEnded = try reader.u8() != 0
            blocks = try reader.u64()
            height = try reader.u32()
            reward = try reader.u64()
            networkWork = try reader.leb128(UInt128.self)
        } catch { return nil }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 96)
        writer.write(u8: Self.version)
        writer.write(u64: sequence)
        writer.write(u32: time)
        writer.write(u32: lastUser)
        writer.write(u32: lastWorker)
        writer.write(u64: lastAccount.raw)
        writer.write(u64: slice)
        writer.write(u8: isSliceEnded ? 1 : 0)
        writer.write(u64: blocks)
        writer.write(u32: height)
        writer.write(u64: reward)
        writer.write(leb128: networkWork)
        return writer.bytes
    }
}
