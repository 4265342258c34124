import CSQLite
import Glibc

/// One SQLite file and one connection to it, for the rows of ``RunStore``. Not for use by two threads at a time.
final class SQLiteFile {
    enum Value {
        case integer(Int64)
        case text(String)
        case null
    }

    let path: String
    private var handle: OpaquePointer?

    /// - Throws: ``RunStoreFault``.
    init(path: String, isReadOnly: Bool = false) throws(RunStoreFault) {
        self.path = path
        let mode = isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        guard
            sqlite3_open_v2(path, &handle, mode | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE, nil)
                == SQLITE_OK
        else {
            let fault = fault()
            sqlite3_close(handle)
            throw fault
        }
        sqlite3_busy_timeout(handle, Limits.databaseBusyMilliseconds)
    }

    deinit { sqlite3_close(handle) }

    func run(_ sql: String) throws(RunStoreFault) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw fault() }
    }

    /// The body's changes are all on the disk afterwards, or none is.
    func transaction(_ body: () throws(RunStoreFault) -> Void) throws(RunStoreFault) {
        try run("BEGIN IMMEDIATE")
        do {
            try body()
            try run("COMMIT")
        } catch {
            // A full disk has rolled back already.
            sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    /// Each row of the answer is handed to `row` as its columns.
    func query(
        _ sql: String, _ values: [Value] = [], row: (Row) throws(RunStoreFault) -> Void = { _ in }
    ) throws(RunStoreFault) {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement else {
            throw fault()
        }
        defer { sqlite3_finalize(statement) }
        for (index, value) in values.enumerated() { try bind(value, to: statement, at: Int32(index + 1)) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: try row(Row(statement: statement))
            case SQLITE_DONE: return
            default: throw fault()
            }
        }
    }

    var lastRow: Int64 { sqlite3_last_insert_rowid(handle) }

    struct Row {
        fileprivate let statement: OpaquePointer

        func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
        func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

        func text(_ column: Int32) -> String {
            guard let start = sqlite3_column_text(statement, column) else { return "" }
            let count = Int(sqlite3_column_bytes(statement, column))
            return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
        }
    }

    private func bind(
        _ value: Value, to statement: OpaquePointer, at place: Int32
    ) throws(RunStoreFault) {
        let status =
            switch value {
            case .integer(let number): sqlite3_bind_int64(statement, place, number)
            case .null: sqlite3_bind_null(statement, place)
            case .text(var text):
                // SQLITE_TRANSIENT: SQLite keeps a copy of its own.
                text.withUTF8 { bytes in
                    bytes.withMemoryRebound(to: CChar.self) {
                        sqlite3_bind_text64(
                            statement, place, $0.baseAddress, UInt64($0.count),
                            unsafeBitCast(-1, to: sqlite3_destructor_type.self), UInt8(SQLITE_UTF8))
                    }
                }
            }
        guard status == SQLITE_OK else { throw fault() }
    }

    private func fault() -> RunStoreFault {
        let code = sqlite3_extended_errcode(handle) & 0xff
        let text = handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "out of memory"
        switch code {
        case SQLITE_NOTADB: return .foreign(path, "is no SQLite file")
        case SQLITE_CORRUPT, SQLITE_FORMAT, SQLITE_MISMATCH: return .damaged("\(path): \(text)")
        case SQLITE_FULL: return .system("\(path): the disk is full")
        default: return .system("\(path): \(text)")
        }
    }
}
