/// A storage that lives as long as the process: for the virtual world and for tests. It can lose its power after
/// any operation; ``recovered()`` is then what a disk would still hold.
public final class MemoryStorage: DurableStorage, @unchecked Sendable {
    private struct Table {
        var durable: [[UInt8]: [UInt8]] = [:]
        /// Changes since the last commit; nil stands for a removal.
        var pending: [[UInt8]: [UInt8]?] = [:]
        /// Keys in order as of the last scan; nil once something changed.
        var order: [[UInt8]]?
    }

    private struct Log {
        var files: [[UInt8]] = []
        /// What the last commit made part of the storage.
        var committed = LogPosition(file: 0, offset: 0)
        /// What reached the disk.
        var synced = LogPosition(file: 0, offset: 0)
        /// Files that were discarded since the last commit, as they were.
        var discarded: [(file: Int, bytes: [UInt8])] = []
        var beginsFile = false
    }

    public private(set) var fault: StorageFault?
    /// Operations so far that change something: appends, sets, removals, and two for each commit (logs, tables).
    public private(set) var operations = 0
    public private(set) var commits = 0
    private let bytesPerFile: Int
    private var tables: [Table] = []
    private var logs: [Log] = []
    private var damage: [StorageFault] = []
    private var operationsLeft: Int?

    /// - Parameter bytesPerFile: a log begins a new file when this would be exceeded.
    public init(bytesPerFile: Int = 128 << 20) { self.bytesPerFile = bytesPerFile }

    // MARK: Faults

    public func fail(_ fault: StorageFault) { if self.fault == nil { self.fault = fault } }

    public func note(_ damage: StorageFault) {
        if self.damage.count < 16 { self.damage.append(damage) }
    }

    public func takeDamage() -> [StorageFault] {
        defer { damage = [] }
        return damage
    }

    /// The power goes after so many more operations.
    public func crash(afterOperations count: Int) { operationsLeft = count }

    /// What is left of the storage when the process or the power goes now: everything that was committed.
    public func recovered() -> MemoryStorage {
        let copy = MemoryStorage(bytesPerFile: bytesPerFile)
        copy.tables = tables.map { Table(durable: $0.durable) }
        copy.logs = logs.map { log in
            var log = log
            for (file, bytes) in log.discarded { log.files[file] = bytes }
            log.discarded = []
            log.beginsFile = false
            Self.cut(&log.files, at: log.committed)
            log.synced = log.committed
            return log
        }
        return copy
    }

    /// What is left when all tables are lost besides: the logs as they lie on disk. Of what was appended and not
    /// yet synced, `torn` bytes survive.
    public func recoveredWithoutTables(torn: Int = 0, of log: LogID, keeping logsKept: [LogID])
        -> MemoryStorage
    {
        let copy = MemoryStorage(bytesPerFile: bytesPerFile)
        for kept in logsKept {
            copy.grow(log: kept)
            var one = logs.indices.contains(Int(kept.raw)) ? logs[Int(kept.raw)] : Log()
            for (file, bytes) in one.discarded { one.files[file] = bytes }
            one.discarded = []
            one.beginsFile = false
            let end = one.synced.advanced(by: kept == log ? torn : 0)
            Self.cut(&one.files, at: end)
            // What follows a file that is gone cannot be read without it.
            if let gap = one.files.dropLast().firstIndex(where: \.isEmpty) {
                one.files.removeSubrange(gap...)
            }
            one.synced = LogPosition(
                file: UInt32(max(0, one.files.count - 1)), offset: UInt32(one.files.last?.count ?? 0))
            one.committed = one.synced
            copy.logs[Int(kept.raw)] = one
        }
        return copy
    }

    /// Changes a byte of a log, as a failing disk would.
    public func damage(_ log: LogID, at position: LogPosition) {
        logs[Int(log.raw)].files[Int(position.file)][Int(position.offset)] ^= 0xff
    }

    private static func cut(_ files: inout [[UInt8]], at end: LogPosition) {
        if files.count > Int(end.file) + 1 { files.removeSubrange((Int(end.file) + 1)...) }
        guard files.count == Int(end.file) + 1, files[files.count - 1].count > Int(end.offset) else { return }
        files[files.count - 1].removeSubrange(Int(end.offset)...)
    }

    /// Counts an operation; false once the power is gone.
    private func spend() -> Bool {
        operations += 1
        guard fault == nil else { return false }
        if let left = operationsLeft {
            if left == 0 {
                fault = StorageFault(.crashed, "memory storage", "the power went")
                return false
            }
            operationsLeft = left - 1
        }
        return true
    }

    // MARK: Logs

    private func grow(log: LogID) {
        while logs.count <= Int(log.raw) { logs.append(Log()) }
    }

    public func append(_ bytes: RawSpan, to log: LogID) -> LogPosition {
        _ = spend()
        grow(log: log)
        let index = Int(log.raw)
        let last = logs[index].files.last?.count ?? 0
        let isFull = last > 0 && (logs[index].beginsFile || last + bytes.byteCount > bytesPerFile)
        if logs[index].files.isEmpty || isFull { logs[index].files.append([]) }
        logs[index].beginsFile = false
        let file = logs[index].files.count - 1
        let position = LogPosition(file: UInt32(file), offset: UInt32(logs[index].files[file].count))
        bytes.withUnsafeBytes { logs[index].files[file].append(contentsOf: $0) }
        return position
    }

    public func beginFile(of log: LogID) {
        grow(log: log)
        logs[Int(log.raw)].beginsFile = true
    }

    public func discard(_ log: LogID, file: UInt32) {
        _ = spend()
        let index = Int(log.raw)
        let file = Int(file)
        precondition(file + 1 < logs[index].files.count, "the last file of a log stays")
        guard !logs[index].files[file].isEmpty else { return }
        logs[index].discarded.append((file, logs[index].files[file]))
        logs[index].files[file] = []
    }

    public func read(_ log: LogID, at position: LogPosition, count: Int) -> [UInt8]? {
        let files = logs.indices.contains(Int(log.raw)) ? logs[Int(log.raw)].files : []
        let start = Int(position.offset)
        guard files.indices.contains(Int(position.file)), count >= 0,
            files[Int(position.file)].count >= start + count
        else {
            note(
                StorageFault(
                    .damaged, name(of: log, file: position.file), "ends before byte \(start + count)"))
            return nil
        }
        return Array(files[Int(position.file)][start..<start + count])
    }

    public func lengths(of log: LogID) -> [Int] {
        logs.indices.contains(Int(log.raw)) ? logs[Int(log.raw)].files.map(\.count) : []
    }

    public func name(of log: LogID, file: UInt32) -> String { "memory log \(log.raw), file \(file)" }

    // MARK: Tables

    private func grow(table: TableID) {
        while tables.count <= Int(table.raw) { tables.append(Table()) }
    }

    public func value(_ table: TableID, _ key: RawSpan) -> [UInt8]? {
        guard tables.indices.contains(Int(table.raw)) else { return nil }
        let key = key.withUnsafeBytes { Array($0) }
        if let change = tables[Int(table.raw)].pending[key] { return change }
        return tables[Int(table.raw)].durable[key]
    }

    public func set(_ table: TableID, _ key: RawSpan, _ value: RawSpan) {
        _ = spend()
        grow(table: table)
        tables[Int(table.raw)].pending[key.withUnsafeBytes { Array($0) }] = .some(
            value.withUnsafeBytes { Array($0) })
        tables[Int(table.raw)].order = nil
    }

    public func remove(_ table: TableID, _ key: RawSpan) {
        _ = spend()
        grow(table: table)
        tables[Int(table.raw)].pending.updateValue(nil, forKey: key.withUnsafeBytes { Array($0) })
        tables[Int(table.raw)].order = nil
    }

    public func scan(
        _ table: TableID, from: [UInt8], to end: [UInt8]?, backwards: Bool,
        _ visit: (RawSpan, RawSpan) -> Bool
    ) {
        guard tables.indices.contains(Int(table.raw)) else { return }
        let keys = ordered(Int(table.raw))
        let low = Self.place(of: from, in: keys)
        let high = end.map { Self.place(of: $0, in: keys) } ?? keys.count
        guard low < high else { return }
        for step in 0..<high - low {
            let key = keys[backwards ? high - 1 - step : low + step]
            guard let value = value(table, key.span.bytes) else { continue }
            guard visit(key.span.bytes, value.span.bytes) else { return }
        }
    }

    private func ordered(_ table: Int) -> [[UInt8]] {
        if let order = tables[table].order { return order }
        let old = tables[table].pending.keys.filter { tables[table].durable[$0] == nil }
        let keys = (Array(tables[table].durable.keys) + old).sorted { $0.lexicographicallyPrecedes($1) }
        tables[table].order = keys
        return keys
    }

    /// The index of the first key that is not below `key`.
    private static func place(of key: [UInt8], in keys: [[UInt8]]) -> Int {
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle].lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    public func commit() {
        guard spend() else { return }
        for index in logs.indices {
            let files = logs[index].files
            logs[index].synced = LogPosition(
                file: UInt32(max(0, files.count - 1)), offset: UInt32(files.last?.count ?? 0))
        }
        guard spend() else { return }
        for index in logs.indices {
            logs[index].committed = logs[index].synced
            logs[index].discarded = []
        }
        for index in tables.indices where !tables[index].pending.isEmpty {
            // The order in which distinct keys change is of no consequence.
            for (key, value) in tables[index].pending { tables[index].durable[key] = value }
            tables[index].pending.removeAll(keepingCapacity: tables[index].pending.count < 1_024)
            tables[index].order = nil
        }
        commits += 1
    }
}
