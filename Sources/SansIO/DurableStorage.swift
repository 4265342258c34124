/// Names one append-only byte log of a storage. Each role names its own as static members.
public struct LogID: Hashable, Sendable {
    public var raw: UInt8
    @inlinable
    public init(_ raw: UInt8) { self.raw = raw }
}

/// Names one ordered table of a storage. Each role names its own as static members.
public struct TableID: Hashable, Sendable {
    public var raw: UInt8
    @inlinable
    public init(_ raw: UInt8) { self.raw = raw }
}

/// Where bytes of a log begin: a file of the log, counted from 0, and the place in it.
public struct LogPosition: Hashable, Sendable {
    public var file: UInt32
    public var offset: UInt32

    public init(file: UInt32, offset: UInt32) {
        self.file = file
        self.offset = offset
    }

    /// A place further on in the same file.
    public func advanced(by count: Int) -> LogPosition {
        LogPosition(file: file, offset: offset + UInt32(count))
    }
}

/// Why a storage can no longer be relied on. The text names the file and what is wrong with it.
public struct StorageFault: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// The operating system refused: no room, no permission, a broken disk.
        case system
        /// Bytes are not what was written. Rebuilding from what is left is the remedy.
        case damaged
        /// Written by another version or for another network.
        case foreign
        /// A test said that the power went.
        case crashed
    }

    public var kind: Kind
    /// The file or table.
    public var place: String
    public var detail: String

    public init(_ kind: Kind, _ place: String, _ detail: String) {
        self.kind = kind
        self.place = place
        self.detail = detail
    }

    public var description: String { "\(place): \(detail)" }
}

/// What a world lends to a machine that owns more than memory holds: append-only logs and ordered tables. One
/// machine writes; nothing else does.
///
/// The contract:
/// 1. Reads see every change made so far.
/// 2. ``commit()`` makes all changes since the last one durable, all or none: a storage that is opened again after
///    a crash at any instruction, the power's going included, is as it was after its last commit that returned, or
///    after the one that was under way. Its logs end where that commit left them.
/// 3. A storage whose ``fault`` is set makes nothing durable any more. Its driver discards the effects of the event
///    in which that happened, and the machine: nothing that was not stored is acknowledged.
/// 4. No method fails by itself: reads of what cannot be read answer nil and note the damage. The machine decides
///    with ``fail(_:)`` whether it can go on.
public protocol DurableStorage: AnyObject, Sendable {
    /// Why nothing is stored any more; nil while all is well.
    var fault: StorageFault? { get }
    /// Declares the storage unusable; the first fault stays.
    func fail(_ fault: StorageFault)
    /// Notes damage that does not stop the storage, or not yet.
    func note(_ damage: StorageFault)
    /// What was noted since the last call.
    func takeDamage() -> [StorageFault]

    /// Appends bytes; they never straddle two files of the log. At most 2^31 bytes.
    func append(_ bytes: RawSpan, to log: LogID) -> LogPosition
    /// The next bytes that are appended to a log begin a new file of it.
    func beginFile(of log: LogID)
    /// Forgets a file of a log, all of it: its length is 0 from now on, and its number is not used again. Its bytes
    /// leave the disk after the commit that makes this durable. The last file of a log stays.
    func discard(_ log: LogID, file: UInt32)
    /// Bytes of a log; nil, and a note of the damage, when the log does not hold them.
    func read(_ log: LogID, at position: LogPosition, count: Int) -> [UInt8]?
    /// The length of each file of a log, the first file's first; 0 for one that was discarded.
    func lengths(of log: LogID) -> [Int]
    /// How an operator calls a file of a log.
    func name(of log: LogID, file: UInt32) -> String

    func value(_ table: TableID, _ key: RawSpan) -> [UInt8]?
    func set(_ table: TableID, _ key: RawSpan, _ value: RawSpan)
    func remove(_ table: TableID, _ key: RawSpan)
    /// Entries with `from <= key < end` in the order of their keys' bytes, to the table's end when `end` is nil,
    /// from the last to the first if `backwards`. Ends when `visit` answers false. `visit` must not write.
    func scan(
        _ table: TableID, from: [UInt8], to end: [UInt8]?, backwards: Bool,
        _ visit: (RawSpan, RawSpan) -> Bool)

    /// Makes everything durable. Returns when it is.
    func commit()
}

extension DurableStorage {
    public func value(_ table: TableID, _ key: [UInt8]) -> [UInt8]? { value(table, key.span.bytes) }

    public func set(_ table: TableID, _ key: [UInt8], _ value: [UInt8]) {
        set(table, key.span.bytes, value.span.bytes)
    }

    public func remove(_ table: TableID, _ key: [UInt8]) { remove(table, key.span.bytes) }

    public func append(_ bytes: [UInt8], to log: LogID) -> LogPosition { append(bytes.span.bytes, to: log) }

    public func scan(
        _ table: TableID, from: [UInt8] = [], to end: [UInt8]? = nil, _ visit: (RawSpan, RawSpan) -> Bool
    ) {
        scan(table, from: from, to: end, backwards: false, visit)
    }

    /// Every entry whose key begins with `prefix`.
    public func scan(
        _ table: TableID, prefix: [UInt8], backwards: Bool = false, _ visit: (RawSpan, RawSpan) -> Bool
    ) {
        scan(table, from: prefix, to: Self.end(of: prefix), backwards: backwards, visit)
    }

    /// The least key that is above every key that begins with `prefix`; nil if there is none.
    static func end(of prefix: [UInt8]) -> [UInt8]? {
        var end = prefix
        while let last = end.popLast() {
            if last < .max { return end + [last + 1] }
        }
        return nil
    }
}
