import Bitcoin
public import SansIO

/// Why bytes are no record of a ledger.
public enum LedgerRecordError: Error, Equatable, Sendable {
    case truncated
    case unknownEntry(UInt8)
    case outOfRange
}

/// A record's bytes: sequence u64 and Unix time u32, little-endian, then the entries: a tag byte and fields. Integers
/// of entries are LEB128; texts have their length before them. A batch of ten shares takes about a dozen bytes.
public struct LedgerRecordWriter: Sendable {
    public static let headerBytes = 12
    /// The entries so far.
    public private(set) var entries = ByteWriter(capacity: 256)

    public init() {}

    public var isEmpty: Bool { entries.count == 0 }

    /// Writes the record and begins the next.
    public mutating func finish(sequence: UInt64, unixTime: UInt32, into writer: inout ByteWriter) {
        writer.write(u64: sequence)
        writer.write(u32: unixTime)
        entries.bytes.withUnsafeBytes { writer.write($0) }
        entries.removeAll()
    }

    public mutating func shares(
        _ account: AccountID, count: UInt32, work: UInt128, lastSequenceNumber: UInt32
    ) {
        entries.write(u8: LedgerEntry.Tag.shares)
        entries.write(leb128: UInt128(account.raw))
        entries.write(leb128: UInt128(count))
        entries.write(leb128: work)
        entries.write(leb128: UInt128(lastSequenceNumber))
    }

    public mutating func write(_ entry: LedgerEntry) {
        switch entry {
        case .account(let id, let user, let worker, let isExtended, let isSolo, let percent):
            entries.write(u8: LedgerEntry.Tag.account)
            entries.write(leb128: UInt128(id.raw))
            entries.write(u8: (isExtended ? 1 : 0) | (isSolo ? 2 : 0))
            entries.write(u8: percent)
            entries.write(text: user)
            entries.write(text: worker)
        case .shares(let id, let count, let work, let last):
            shares(id, count: count, work: work, lastSequenceNumber: last)
        case .rejects(let id, let code, let count):
            entries.write(u8: LedgerEntry.Tag.rejects)
            entries.write(leb128: UInt128(id.raw))
            entries.write(text: code)
            entries.write(leb128: UInt128(count))
        case .closed(let id):
            entries.write(u8: LedgerEntry.Tag.closed)
            entries.write(leb128: UInt128(id.raw))
        case .block(let hash, let height, let id, let reward, let work, let isSubmitted):
            entries.write(u8: LedgerEntry.Tag.block)
            entries.write(hash: hash)
            entries.write(leb128: UInt128(height))
            entries.write(leb128: UInt128(id.raw))
            entries.write(leb128: UInt128(reward))
            entries.write(leb128: work)
            entries.write(u8: isSubmitted ? 1 : 0)
        case .fate(let hash, let fate):
            entries.write(u8: LedgerEntry.Tag.fate)
            entries.write(hash: hash)
            entries.write(u8: fate.rawValue)
        case .terms(let height, let reward, let work):
            entries.write(u8: LedgerEntry.Tag.terms)
            entries.write(leb128: UInt128(height))
            entries.write(leb128: UInt128(reward))
            entries.write(leb128: work)
        }
    }
}

extension LedgerEntry {
    enum Tag {
        static let account: UInt8 = 1
        static let shares: UInt8 = 2
        static let rejects: UInt8 = 3
        static let closed: UInt8 = 4
        static let block: UInt8 = 5
        static let fate: UInt8 = 6
        static let terms: UInt8 = 7
    }
}

extension LedgerRecord {
    /// A record's sequence number without the rest; nil when it is too short to be one.
    public static func sequence(of bytes: RawSpan) -> UInt64? {
        var reader = ByteReader(bytes)
        return try? reader.u64()
    }

    public init(bytes: RawSpan) throws(LedgerRecordError) {
        var reader = ByteReader(bytes)
        do throws(ByteReaderError) {
            sequence = try reader.u64()
            unixTime = try reader.u32()
        } catch { throw .truncated }
        entries = []
        while !reader.isAtEnd {
            guard entries.count < LedgerLimits.entriesPerRecord else { throw .outOfRange }
            entries.append(try LedgerEntry(from: &reader))
        }
    }

    /// The same bytes that ``LedgerRecordWriter`` makes.
    public var bytes: [UInt8] {
        var record = LedgerRecordWriter()
        for entry in entries { record.write(entry) }
        var writer = ByteWriter()
        record.finish(sequence: sequence, unixTime: unixTime, into: &writer)
        return writer.bytes
    }
}

extension LedgerEntry {
    init(from reader: inout ByteReader) throws(LedgerRecordError) {
        let tag = try reader.ledgerByte()
        switch tag {
        case Tag.account:
            let id = AccountID(try reader.leb128(UInt64.self))
            let flags = try reader.ledgerByte()
            let percent = try reader.ledgerByte()
            guard percent <= 100 else { throw .outOfRange }
            let user = try reader.ledgerText(limit: LedgerLimits.nameBytes)
            let worker = try reader.ledgerText(limit: LedgerLimits.nameBytes)
            self = .account(
                id, user: user, worker: worker, isExtended: flags & 1 != 0, isSolo: flags & 2 != 0,
                poolPercent: percent)
        case Tag.shares:
            self = .shares(
                AccountID(try reader.leb128(UInt64.self)), count: try reader.leb128(UInt32.self),
                work: try reader.leb128(UInt128.self), lastSequenceNumber: try reader.leb128(UInt32.self))
        case Tag.rejects:
            self = .rejects(
                AccountID(try reader.leb128(UInt64.self)),
                code: try reader.ledgerText(limit: LedgerLimits.reasonBytes),
                count: try reader.leb128(UInt32.self))
        case Tag.closed: self = .closed(AccountID(try reader.leb128(UInt64.self)))
        case Tag.block:
            self = .block(
                try reader.ledgerHash(), height: try reader.leb128(UInt32.self),
                AccountID(try reader.leb128(UInt64.self)), reward: try reader.leb128(UInt64.self),
                networkWork: try reader.leb128(UInt128.self), isSubmitted: try reader.ledgerByte() != 0)
        case Tag.fate:
            let hash = try reader.ledgerHash()
            guard let fate = BlockFate(rawValue: try reader.ledgerByte()) else { throw .outOfRange }
            self = .fate(hash, fate)
        case Tag.terms:
            self = .terms(
                height: try reader.leb128(UInt32.self), reward: try reader.leb128(UInt64.self),
                networkWork: try reader.leb128(UInt128.self))
        default: throw .unknownEntry(tag)
        }
    }
}

extension ByteWriter {
    /// Seven bits a byte, the least significant first.
    mutating func write(leb128 value: UInt128) {
        var rest = value
        while rest >= 0x80 {
            write(u8: UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        write(u8: UInt8(truncatingIfNeeded: rest))
    }

    mutating func write(text: String) {
        write(leb128: UInt128(text.utf8.count))
        write(utf8: text)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func leb128<T: FixedWidthInteger & UnsignedInteger>(
        _ type: T.Type
    ) throws(LedgerRecordError) -> T {
        var value: UInt128 = 0
        var shift: UInt128 = 0
        while true {
            let byte = try ledgerByte()
            let bits = UInt128(byte & 0x7f)
            guard shift < 128, (bits << shift) >> shift == bits else { throw .outOfRange }
            value |= bits << shift
            if byte & 0x80 == 0 { break }
            shift += 7
        }
        guard let exact = T(exactly: value) else { throw .outOfRange }
        return exact
    }

    @_lifetime(self: copy self)
    mutating func ledgerByte() throws(LedgerRecordError) -> UInt8 {
        do throws(ByteReaderError) { return try u8() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func ledgerText(limit: Int) throws(LedgerRecordError) -> String {
        let count = Int(try leb128(UInt32.self))
        guard count <= limit else { throw .outOfRange }
        if count == 0 { return "" }
        do throws(ByteReaderError) { return String(decoding: try bytes(count), as: UTF8.self) } catch {
            throw .truncated
        }
    }

    @_lifetime(self: copy self)
    mutating func ledgerHash() throws(LedgerRecordError) -> Hash256 {
        do throws(ByteReaderError) { return try hash256() } catch { throw .truncated }
    }
}
