import Bitcoin
import SansIO

/// One peer-to-peer message.
struct PeerMessage: Equatable, Sendable {
    var command: String
    var payload: [UInt8]

    /// Appends header and payload in version 1's framing.
    static func write(
        _ command: String, magic: [UInt8], into writer: inout ByteWriter, _ body: (inout ByteWriter) -> Void
    ) {
        writer.write(magic)
        let name = Array(command.utf8)
        precondition(name.count <= 12, "command \(command)")
        writer.write(name)
        writer.write(repeating: 0, count: 12 - name.count)
        let lengthAt = writer.count
        writer.write(u32: 0)
        writer.write(u32: 0)
        let start = writer.count
        body(&writer)
        let length = writer.count - start
        let checksum = SHA256.double(writer.bytes[start...]).bytes
        writer.patch(u32: UInt32(length), at: lengthAt)
        writer.patch(u32: checksum.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }, at: lengthAt + 4)
    }
}

/// The messages that this node knows by name, in the order in which it counts their traffic.
enum PeerCommand: String, CaseIterable, Sendable {
    case version, verack, addr, addrv2, sendaddrv2, inv, getdata, merkleblock, getblocks, getheaders, tx
    case headers, block, getaddr, mempool, ping, pong, notfound, filterload, filteradd, filterclear
    case sendheaders, feefilter, sendcmpct, cmpctblock, getblocktxn, blocktxn, getcfilters, cfilter
    case getcfheaders, cfheaders, getcfcheckpt, cfcheckpt, wtxidrelay, sendtxrcncl, feature

    /// Where ``PeerTraffic`` counts it; messages of other names share the last place.
    var place: Int { Self.places[self] ?? Self.allCases.count }

    private static let places = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) })
}

/// What an `inv` or `getdata` entry names (protocol.h, BIP144, BIP152, BIP339).
enum InventoryKind: UInt32, Sendable {
    case transaction = 1
    case block = 2
    case filteredBlock = 3
    case compactBlock = 4
    case witnessTransaction = 5
    case transactionWithWitness = 0x4000_0001
    case blockWithWitness = 0x4000_0002
}

/// One entry of an `inv`, `getdata` or `notfound`.
struct InventoryEntry: Equatable, Sendable {
    var type: UInt32
    var hash: Hash256

    init(_ kind: InventoryKind, _ hash: Hash256) {
        type = kind.rawValue
        self.hash = hash
    }

    init(from reader: inout ByteReader) throws(ByteReaderError) {
        type = try reader.u32()
        hash = try reader.hash256()
    }

    var kind: InventoryKind? { InventoryKind(rawValue: type) }

    static func write(_ entries: [InventoryEntry], into writer: inout ByteWriter) {
        writer.write(compactSize: UInt64(entries.count))
        for entry in entries {
            writer.write(u32: entry.type)
            writer.write(hash: entry.hash)
        }
    }
}

/// Messages of a peer that could not be read: they are passed over.
struct LostMessages: Equatable, Sendable {
    var bytes = 0
    /// Those of them whose checksum was wrong; the others have a name that none can have, as what is not known yet.
    var damaged = 0

    mutating func add(_ size: Int, isDamaged: Bool) {
        bytes += size
        if isDamaged { damaged += 1 }
    }

    mutating func take() -> LostMessages {
        defer { self = LostMessages() }
        return self
    }
}

/// A bounded push decoder for version 1's framing of 24 bytes. A message with a wrong checksum is passed over; wrong
/// magic and oversize end the connection, as in Core.
struct PeerMessageDecoder: Sendable {
    enum Fault: Error, Equatable {
        case wrongMagic
        case tooLong(Int)
    }

    private let magic: [UInt8]
    private var buffer: [UInt8] = []
    private var start = 0
    /// What was passed over since the last look: wrong checksums, impossible names.
    var lost = LostMessages()

    init(magic: [UInt8]) { self.magic = magic }

    mutating func append(_ bytes: RawSpan) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    /// The next whole message with a right checksum; nil when more bytes are needed.
    mutating func next() throws(Fault) -> PeerMessage? {
        while buffer.count - start >= 24 {
            guard buffer[start..<start + 4].elementsEqual(magic) else { throw .wrongMagic }
            let length = number(at: start + 16)
            guard length <= ChainLimits.peerMessage else { throw .tooLong(length) }
            guard buffer.count - start >= 24 + length else { return nil }
            let field = buffer[start + 4..<start + 16]
            let command = field.prefix { $0 != 0 }
            let checksum = buffer[start + 20..<start + 24]
            let payload = buffer[start + 24..<start + 24 + length]
            let isDamaged = !SHA256.double(payload).bytes.prefix(4).elementsEqual(checksum)
            let isWhole =
                !isDamaged && command.allSatisfy { (0x20...0x7e).contains($0) }
                && field.dropFirst(command.count).allSatisfy { $0 == 0 }
            let message =
                isWhole
                ? PeerMessage(command: String(decoding: command, as: UTF8.self), payload: Array(payload))
                : nil
            start += 24 + length
            if let message { return message }
            lost.add(24 + length, isDamaged: isDamaged)
        }
        return nil
    }

    private func number(at offset: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(buffer[offset + $1]) << (8 * $1) }
    }
}
