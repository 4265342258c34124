import CSQLite
import SansIO

/// One SQLite file with tables of bytes by bytes, written by one connection. Write-ahead log, and the log is synced at
/// every commit, so that a commit that returned survives the power's going.
///
/// Not for use by two threads at a time.
final class SQLiteDatabase {
    private enum Query: Hashable {
        case get(TableID)
        case set(TableID)
        case remove(TableID)
        case scan(TableID, hasEnd: Bool, backwards: Bool)
    }

    let path: String
    private var handle: OpaquePointer?
    private var statements: [Query: OpaquePointer] = [:]
    private var isInTransaction = false

    init(
        path: String, tables: [TableID], access: LiveStorage.Access = .exclusive
    ) throws(StorageFault) {
        self.path = path
        let mode = access == .reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let flags = mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        guard sqlite3_open_v2(path, &handle, flags, nil) == SQLITE_OK else { throw fault("cannot be opened") }
        guard access != .reader else {
            sqlite3_busy_timeout(handle, RuntimeLimits.databaseBusyMilliseconds)
            // All that is read is of one moment.
            try run("BEGIN")
            return
        }
        // One process holds the data directory, so no other needs to see the write-ahead log's index.
        if access == .exclusive { try run("PRAGMA locking_mode = EXCLUSIVE") }
        try run("PRAGMA journal_mode = WAL")
        try run("PRAGMA synchronous = FULL")
        try run("PRAGMA cache_size = -\(RuntimeLimits.databaseCacheKibibytes)")
        try run("PRAGMA cell_size_check = ON")
        for table in tables {
            try run(
                "CREATE TABLE IF NOT EXISTS t\(table.raw) "
                    + "(k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID")
        }
    }

    deinit { close() }

    /// Forgets what was not committed.
    func close() {
        for (_, statement) in statements { sqlite3_finalize(statement) }
        statements.removeAll()
        if let handle { sqlite3_close(handle) }
        handle = nil
    }

    func value(_ table: TableID, _ key: RawSpan) throws(StorageFault) -> [UInt8]? {
        let statement = try prepared(.get(table))
        bind(key, to: statement, at: 1)
        defer { sqlite3_reset(statement) }
        guard try step(statement) else { return nil }
        return Array(Self.column(statement, 0))
    }

    func set(_ table: TableID, _ key: RawSpan, _ value: RawSpan) throws(StorageFault) {
        try begin()
        let statement = try prepared(.set(table))
        bind(key, to: statement, at: 1)
        bind(value, to: statement, at: 2)
        defer { sqlite3_reset(statement) }
        _ = try step(statement)
    }

    func remove(_ table: TableID, _ key: RawSpan) throws(StorageFault) {
        try begin()
        let statement = try prepared(.remove(table))
        bind(key, to: statement, at: 1)
        defer { sqlite3_reset(statement) }
        _ = try step(statement)
    }

    func scan(
        _ table: TableID, from: [UInt8], to end: [UInt8]?, backwards: Bool,
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(StorageFault) -> Bool
    ) throws(StorageFault) {
        // A scan within a scan of the same kind needs a statement of its own.
        let query = Query.scan(table, hasEnd: end != nil, backwards: backwards)
        let kept = statements.removeValue(forKey: query)
        let statement = if let kept { kept } else { try prepare(query) }
        defer {
            sqlite3_reset(statement)
            if let other = statements.updateValue(statement, forKey: query) { sqlite3_finalize(other) }
        }
        bind(from.span.bytes, to: statement, at: 1)
        if let end { bind(end.span.bytes, to: statement, at: 2) }
        while try step(statement) {
            guard try visit(Self.column(statement, 0), Self.column(statement, 1)) else { return }
        }
    }

    /// Makes what was written durable.
    func commit() throws(StorageFault) {
        guard isInTransaction else { return }
        try run("COMMIT")
        isInTransaction = false
    }

    // MARK: SQLite

    private func begin() throws(StorageFault) {
        guard !isInTransaction else { return }
        try run("BEGIN IMMEDIATE")
        isInTransaction = true
    }

    private func run(_ sql: String) throws(StorageFault) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw fault("refused \(sql)") }
    }

    private func prepared(_ query: Query) throws(StorageFault) -> OpaquePointer {
        if let statement = statements[query] { return statement }
        let statement = try prepare(query)
        statements[query] = statement
        return statement
    }

    private func prepare(_ query: Query) throws(StorageFault) -> OpaquePointer {
        let sql =
            switch query {
            case .get(let table): "SELECT v FROM t\(table.raw) WHERE k = ?1"
            case .set(let table): "INSERT OR REPLACE INTO t\(table.raw) (k, v) VALUES (?1, ?2)"
            case .remove(let table): "DELETE FROM t\(table.raw) WHERE k = ?1"
            case .scan(let table, let hasEnd, let backwards):
                "SELECT k, v FROM t\(table.raw) WHERE k >= ?1\(hasEnd ? " AND k < ?2" : "") "
                    + "ORDER BY k\(backwards ? " DESC" : "")"
            }
        var statement: OpaquePointer?
        guard
            sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
                == SQLITE_OK,
            let statement
        else { throw fault("refused \(sql)") }
        return statement
    }

    /// True for a row.
    private func step(_ statement: OpaquePointer) throws(StorageFault) -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw fault("failed")
        }
    }

    /// The bytes are read before the caller's borrow ends: every caller steps and resets within it.
    private func bind(_ bytes: RawSpan, to statement: OpaquePointer, at place: Int32) {
        bytes.withUnsafeBytes { raw in
            // A null pointer would bind NULL and not zero bytes.
            guard let base = raw.baseAddress, raw.count > 0 else {
                sqlite3_bind_zeroblob(statement, place, 0)
                return
            }
            sqlite3_bind_blob(statement, place, base, Int32(raw.count), nil)
        }
    }

    private static func column(_ statement: OpaquePointer, _ place: Int32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: sqlite3_column_blob(statement, place), count: Int(sqlite3_column_bytes(statement, place)))
    }

    private func fault(_ what: String) -> StorageFault {
        let code = sqlite3_extended_errcode(handle) & 0xff
        let isDamage = [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT, SQLITE_MISMATCH].contains(code)
        let text = handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "out of memory"
        return StorageFault(isDamage ? .damaged : .system, path, "\(what): \(text)")
    }
}
