import Bitcoin
import SansIO

/// A block as the block table holds it: its header and what cannot be computed from headers.
struct BlockRow {
    var header: BlockHeader
    var status: BlockEntry.Status
    var flags: BlockEntry.Flags
    var precedence: Int64
    var body: StoredBytes
    var undo: StoredBytes
    var transactionCount: UInt32
    var weight: UInt32
    var strippedSize: UInt32

    static let byteCount = 80 + 1 + 1 + 8 + 16 + 16 + 12

    init(_ entry: BlockEntry) {
        header = entry.header
        status = entry.status
        flags = entry.flags
        precedence = entry.precedence
        body = entry.body
        undo = entry.undo
        transactionCount = UInt32(entry.transactionCount)
        weight = UInt32(entry.weight)
        strippedSize = UInt32(entry.strippedSize)
    }

    func encode(into writer: inout ByteWriter) {
        header.encode(into: &writer)
        writer.write(u8: status.rawValue)
        writer.write(u8: flags.rawValue)
        writer.write(u64: UInt64(bitPattern: precedence))
        body.encode(into: &writer)
        undo.encode(into: &writer)
        writer.write(u32: transactionCount)
        writer.write(u32: weight)
        writer.write(u32: strippedSize)
    }

    /// Nil for bytes that no row encodes to.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount else { return nil }
        var reader = ByteReader(bytes)
        do throws(ByteReaderError) {
            header = try BlockHeader(from: &reader)
            guard let status = BlockEntry.Status(rawValue: try reader.u8()) else { return nil }
            self.status = status
            flags = BlockEntry.Flags(rawValue: try reader.u8())
            precedence = Int64(bitPattern: try reader.u64())
            body = try StoredBytes(from: &reader)
            undo = try StoredBytes(from: &reader)
            transactionCount = try reader.u32()
            weight = try reader.u32()
            strippedSize = try reader.u32()
        } catch {
            return nil
        }
    }
}

/// Where bytes lie in a log, and their check. A count of 0 says that there are none.
struct StoredBytes: Sendable, Equatable {
    var position = LogPosition(file: 0, offset: 0)
    var count: UInt32 = 0
    /// CRC-32C.
    var checksum: UInt32 = 0

    init() {}

    init(position: LogPosition, count: Int, checksum: UInt32) {
        self.position = position
        self.count = UInt32(count)
        self.checksum = checksum
    }

    init(from reader: inout ByteReader) throws(ByteReaderError) {
        position = LogPosition(file: try reader.u32(), offset: try reader.u32())
        count = try reader.u32()
        checksum = try reader.u32()
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(u32: position.file)
        writer.write(u32: position.offset)
        writer.write(u32: count)
        writer.write(u32: checksum)
    }
}
