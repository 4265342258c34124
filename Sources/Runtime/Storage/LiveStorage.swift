import Glibc
public import SansIO

/// The live world's ``DurableStorage``: tables in one SQLite database, logs in append-only files beside it.
///
/// What survives a power cut is decided by the order in which things are forced to the disk. A commit
/// 1. syncs every log file that was appended to (`fdatasync`), and the directory if a file is new;
/// 2. commits the database transaction, which holds the tables' changes and the new lengths of the log files;
///    SQLite appends it to its write-ahead log and syncs that before it answers (synchronous=FULL).
///
/// Before step 2 is on disk the old state stands, and what was appended is cut off when the files are opened again;
/// after it the new state stands, and what its rows refer to was on disk before. SQLite ignores a torn end of its
/// log. Values carry a check of their own (CRC-32C over key and value), because SQLite's pages have none.
///
/// For one thread at a time: the machine's loop.
public final class LiveStorage: DurableStorage, @unchecked Sendable {
    /// A log and the prefix of its files' names.
    public struct Log: Sendable {
        public var id: LogID
        public var name: String
        /// Whether the tables are rebuilt from it, so that it outlives them.
        public var isSource: Bool

        public init(_ id: LogID, name: String, isSource: Bool) {
            self.id = id
            self.name = name
            self.isSource = isSource
        }
    }

    /// Who else may have the database open.
    public enum Access: Sendable {
        /// Nobody.
        case exclusive
        /// Readers, in this process or others.
        case shared
        /// This one only reads, at one moment, beside a writer that is ``shared``.
        case reader
    }

    public private(set) var fault: StorageFault?
    private let database: SQLiteDatabase
    private var logs: [LogFiles] = []
    /// Nil for a file that was discarded.
    private var committedLengths: [[Int?]] = []
    private var damage: [StorageFault] = []
    private var scratch = ByteWriter()

    /// The lengths of the log files, by log and file.
    private static let lengthTable = TableID(255)
    /// Stands in ``lengthTable`` for the length of a file that was discarded.
    private static let discardedLength = UInt64.max
    /// Present in ``lengthTable`` once anything was committed.
    private static let usedKey: [UInt8] = [255]
    private var isMarkedUsed = false

    /// Opens or makes `<directory>/<name>.sqlite` and the logs under `<directory>/blocks`.
    ///
    /// - Parameter rebuilding: drops the database, and every log that is not a source. A database that is missing
    ///   has the same effect.
    public init(
        directory: String, name: String, logs specifications: [Log], tables: [TableID],
        rebuilding: Bool = false, access: Access = .exclusive,
        bytesPerFile: Int = RuntimeLimits.logFileBytes
    ) throws(StorageFault) {
        let folder = specifications.isEmpty ? directory : directory + "/blocks"
        if access != .reader {
            do { try DataDirectory.create(folder) } catch {
                throw StorageFault(.system, folder, "\(error)")
            }
        }
        let path = "\(directory)/\(name).sqlite"
        if rebuilding {
            try Self.remove([path, path + "-wal", path + "-shm", path + "-journal"], in: directory)
        }
        database = try SQLiteDatabase(path: path, tables: tables + [Self.lengthTable], access: access)
        for one in specifications {
            let log = try LogFiles(one.id, directory: folder, name: one.name, bytesPerFile: bytesPerFile)
            let lengths = try committed(one.id)
            let isUsed = try self.isUsed()
            if isUsed {
                try log.restore(lengths: lengths)
            } else if one.isSource {
                try Self.leaveOut(log, rebuilding: rebuilding)
            } else {
                try log.removeAll()
            }
            logs.append(log)
            committedLengths.append(lengths)
        }
        try DataDirectory.sync(directory)
    }

    /// Files behind a gap are of no use to a rebuild. Who asked for one is rid of them; who lost the database besides
    /// may yet find the missing file.
    private static func leaveOut(_ log: LogFiles, rebuilding: Bool) throws(StorageFault) {
        let unreachable = log.unreachable()
        guard let first = unreachable.first else { return }
        guard rebuilding else {
            throw StorageFault(
                .damaged, log.path(log.lengths.count), "is missing, though \(first) is there")
        }
        for path in unreachable where unlink(path) != 0 && errno != ENOENT {
            throw StorageFault(.system, path, "cannot be removed: \(String(cString: strerror(errno)))")
        }
    }

    /// Ends all use; what was not committed is forgotten.
    public func close() {
        fail(StorageFault(.system, database.path, "is closed"))
        database.close()
        for log in logs { log.close() }
    }

    // MARK: Faults

    public func fail(_ fault: StorageFault) { if self.fault == nil { self.fault = fault } }

    public func note(_ damage: StorageFault) {
        if self.damage.count < RuntimeLimits.notedDamage { self.damage.append(damage) }
    }

    public func takeDamage() -> [StorageFault] {
        defer { damage = [] }
        return damage
    }

    /// Runs `body` unless the storage has failed; what it throws is the storage's fault.
    private func guarded<R>(_ body: () throws(StorageFault) -> R?) -> R? {
        guard fault == nil else { return nil }
        do throws(StorageFault) { return try body() } catch {
            fail(error)
            return nil
        }
    }

    // MARK: Logs

    private func index(_ log: LogID) -> Int {
        guard let index = logs.firstIndex(where: { $0.id == log }) else {
            preconditionFailure("the storage has no log \(log.raw)")
        }
        return index
    }

    public func append(_ bytes: RawSpan, to log: LogID) -> LogPosition {
        let files = logs[index(log)]
        guard fault == nil else { return LogPosition(file: 0, offset: 0) }
        do throws(StorageFault) { return try files.append(bytes) } catch {
            fail(error)
            return LogPosition(file: 0, offset: 0)
        }
    }

    public func beginFile(of log: LogID) { logs[index(log)].beginFile() }

    public func discard(_ log: LogID, file: UInt32) {
        guard fault == nil else { return }
        logs[index(log)].discard(Int(file))
    }

    public func read(_ log: LogID, at position: LogPosition, count: Int) -> [UInt8]? {
        let files = logs[index(log)]
        return guarded { () throws(StorageFault) in
            if let bytes = try files.read(at: position, count: count) { return bytes }
            note(
                StorageFault(
                    .damaged, files.path(Int(position.file)),
                    "ends before byte \(Int(position.offset) + count)"))
            return nil
        }
    }

    public func lengths(of log: LogID) -> [Int] { logs[index(log)].lengths }

    public func name(of log: LogID, file: UInt32) -> String { logs[index(log)].path(Int(file)) }

    // MARK: Tables

    public func value(_ table: TableID, _ key: RawSpan) -> [UInt8]? {
        guard fault == nil else { return nil }
        do throws(StorageFault) {
            guard var bytes = try database.value(table, key) else { return nil }
            let check = key.withUnsafeBytes { CRC32C.checksum($0) }
            guard bytes.withUnsafeBytes({ Self.isSound($0, keyChecksum: check) }) else {
                throw unsound(table)
            }
            bytes.removeLast(4)
            return bytes
        } catch {
            fail(error)
            return nil
        }
    }

    public func set(_ table: TableID, _ key: RawSpan, _ value: RawSpan) {
        guard fault == nil else { return }
        scratch.removeAll()
        scratch.write(value)
        let keyChecksum = key.withUnsafeBytes { CRC32C.checksum($0) }
        scratch.write(u32: value.withUnsafeBytes { CRC32C.checksum($0) } ^ keyChecksum)
        let stored = scratch.bytes
        do throws(StorageFault) { try database.set(table, key, stored.span.bytes) } catch { fail(error) }
    }

    public func remove(_ table: TableID, _ key: RawSpan) {
        guard fault == nil else { return }
        do throws(StorageFault) { try database.remove(table, key) } catch { fail(error) }
    }

    public func scan(
        _ table: TableID, from: [UInt8], to end: [UInt8]?, backwards: Bool,
        _ visit: (RawSpan, RawSpan) -> Bool
    ) {
        guard fault == nil else { return }
        do throws(StorageFault) {
            try database.scan(table, from: from, to: end, backwards: backwards) {
                (key, value) throws(StorageFault) in
                guard Self.isSound(value, keyChecksum: CRC32C.checksum(key)) else { throw unsound(table) }
                let content = UnsafeRawBufferPointer(rebasing: value[..<(value.count - 4)])
                return Self.lend(key, content, to: visit)
            }
        } catch {
            fail(error)
        }
    }

    private static func lend(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, to visit: (RawSpan, RawSpan) -> Bool
    ) -> Bool {
        visit(RawSpan(_unsafeBytes: key), RawSpan(_unsafeBytes: value))
    }

    private static func isSound(_ value: UnsafeRawBufferPointer, keyChecksum: UInt32) -> Bool {
        guard value.count >= 4 else { return false }
        let check = UInt32(
            littleEndian: value.loadUnaligned(fromByteOffset: value.count - 4, as: UInt32.self))
        let content = UnsafeRawBufferPointer(rebasing: value[..<(value.count - 4)])
        return CRC32C.checksum(content) ^ keyChecksum == check
    }

    private func unsound(_ table: TableID) -> StorageFault {
        StorageFault(.damaged, database.path, "an entry of table \(table.raw) does not match its check")
    }

    // MARK: Commits

    public func commit() {
        guard fault == nil else { return }
        do throws(StorageFault) {
            for (index, log) in logs.enumerated() {
                try log.sync()
                try recordLengths(log, at: index)
            }
            if !isMarkedUsed {
                try database.set(Self.lengthTable, Self.usedKey.span.bytes, Self.usedKey.span.bytes)
            }
            isMarkedUsed = true
            try database.commit()
            for log in logs { log.removeDoomed() }
        } catch {
            fail(error)
        }
    }

    private func recordLengths(_ log: LogFiles, at index: Int) throws(StorageFault) {
        let lengths = log.lengths.enumerated().map { log.discarded.contains($0) ? nil : $1 }
        for (file, length) in lengths.enumerated()
        where file >= committedLengths[index].count || committedLengths[index][file] != length {
            var value = ByteWriter()
            value.write(u64: length.map { UInt64($0) } ?? Self.discardedLength)
            try database.set(
                Self.lengthTable, Self.lengthKey(log.id, file).span.bytes, value.bytes.span.bytes)
        }
        committedLengths[index] = lengths
    }

    /// Whether anything was ever committed to this database.
    private func isUsed() throws(StorageFault) -> Bool {
        try database.value(Self.lengthTable, Self.usedKey.span.bytes) != nil
    }

    private func committed(_ log: LogID) throws(StorageFault) -> [Int?] {
        var lengths: [Int?] = []
        try database.scan(Self.lengthTable, from: [log.raw], to: [log.raw + 1], backwards: false) {
            (_, value) throws(StorageFault) in
            guard value.count == 8 else {
                throw StorageFault(.damaged, database.path, "a log's length is not readable")
            }
            let length = UInt64(littleEndian: value.loadUnaligned(as: UInt64.self))
            lengths.append(length == Self.discardedLength ? nil : Int(length & (1 << 40 - 1)))
            return true
        }
        return lengths
    }

    private static func lengthKey(_ log: LogID, _ file: Int) -> [UInt8] {
        [log.raw] + (0..<4).map { UInt8(truncatingIfNeeded: file >> (24 - 8 * $0)) }
    }

    private static func remove(_ paths: [String], in directory: String) throws(StorageFault) {
        for path in paths where unlink(path) != 0 && errno != ENOENT {
            throw StorageFault(.system, path, "cannot be removed: \(String(cString: strerror(errno)))")
        }
        try DataDirectory.sync(directory)
    }
}
