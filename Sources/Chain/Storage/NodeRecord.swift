import Bitcoin
import SansIO

/// One durable record of the block stream: a tag byte, then the content.
enum NodeRecord: Equatable {
    /// A block whose scripts were verified before it was written.
    case verifiedBlock([UInt8])
    /// A block of a side chain, which must still be judged if its chain wins.
    case unverifiedBlock([UInt8])
    case invalidate(Hash256)
    case reconsider(Hash256)
    case prefer(Hash256)

    private static let tags:
        (verified: UInt8, unverified: UInt8, invalidate: UInt8, reconsider: UInt8, prefer: UInt8) =
            (1, 2, 3, 4, 5)

    /// Nil for a record of a kind that this version does not know.
    init?(_ record: RawSpan) {
        var reader = ByteReader(record)
        do throws(ByteReaderError) {
            let tag = try reader.u8()
            switch tag {
            case Self.tags.verified: self = .verifiedBlock(try reader.bytes(reader.remaining))
            case Self.tags.unverified: self = .unverifiedBlock(try reader.bytes(reader.remaining))
            case Self.tags.invalidate: self = .invalidate(try reader.hash256())
            case Self.tags.reconsider: self = .reconsider(try reader.hash256())
            case Self.tags.prefer: self = .prefer(try reader.hash256())
            default: return nil
            }
        } catch {
            return nil
        }
    }

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .verifiedBlock(let bytes):
            writer.write(u8: Self.tags.verified)
            writer.write(bytes)
        case .unverifiedBlock(let bytes):
            writer.write(u8: Self.tags.unverified)
            writer.write(bytes)
        case .invalidate(let hash):
            writer.write(u8: Self.tags.invalidate)
            writer.write(hash: hash)
        case .reconsider(let hash):
            writer.write(u8: Self.tags.reconsider)
            writer.write(hash: hash)
        case .prefer(let hash):
            writer.write(u8: Self.tags.prefer)
            writer.write(hash: hash)
        }
    }
}
