import SansIO
import Stratum

/// Writes records as a pcapng file (draft-ietf-opsawg-pcapng): raw IPv4 packets, times in nanoseconds. Each session
/// is one TCP connection that never travelled; its payload is the plain text of frames or lines, with right sequence
/// numbers and checksums, so that stream reassembly and any dissector for Stratum's frames work. Each first segment of
/// a message carries the message's name as the packet's comment.
public struct PcapngExport: Sendable {
    private struct Stream: Sendable {
        var session: UInt32
        var conversation: SyntheticTCP
    }

    private let serverPort: UInt16
    /// Ascending by session.
    private var streams: [Stream] = []

    /// - Parameter serverPort: what the upstream's side of every connection shows.
    public init(serverPort: UInt16) { self.serverPort = serverPort }

    /// The blocks that begin the file.
    public func header() -> [UInt8] {
        var section = ByteWriter()
        section.write(u32: 0x1a2b_3c4d)
        section.write(u16: 1)
        section.write(u16: 0)
        section.write(u64: .max)
        PcapngExport.option(4, Array("lab tap".utf8), into: &section)
        PcapngExport.endOfOptions(into: &section)
        var interface = ByteWriter()
        interface.write(u16: 101)  // LINKTYPE_RAW: the packet begins with its IP header
        interface.write(u16: 0)
        interface.write(u32: 0)
        PcapngExport.option(2, Array("stratum in plain text".utf8), into: &interface)
        PcapngExport.option(9, [9], into: &interface)  // if_tsresol: nanoseconds
        PcapngExport.endOfOptions(into: &interface)
        return PcapngExport.block(0x0a0d_0d0a, section.bytes) + PcapngExport.block(1, interface.bytes)
    }

    /// The packets of one record. What the other side never got is left out.
    public mutating func packets(of record: TapRecord) -> [UInt8] {
        guard record.isDelivered else { return [] }
        let place = stream(of: record.session)
        var packets: [SyntheticTCP.Packet] = []
        switch record.content {
        case .opened: packets = streams[place].conversation.open()
        case .closed: packets = streams[place].conversation.close()
        case .frame(let frame):
            packets = streams[place].conversation.send(
                frame.bytes, record.direction, comment: MessageCatalog.name(of: frame))
        case .line(let line):
            packets = streams[place].conversation.send(
                line + [0x0a], record.direction, comment: record.name)
        }
        return packets.flatMap { PcapngExport.packet($0, at: record.unixNanoseconds) }
    }

    /// A whole file.
    public static func file(_ records: [TapRecord], serverPort: UInt16) -> [UInt8] {
        var export = PcapngExport(serverPort: serverPort)
        var bytes = export.header()
        for record in records { bytes += export.packets(of: record) }
        return bytes
    }

    /// The place of a session's stream, made when there is none yet.
    private mutating func stream(of session: UInt32) -> Int {
        if let place = streams.lastIndex(where: { $0.session == session }) { return place }
        streams.append(
            Stream(
                session: session, conversation: SyntheticTCP(session: session, serverPort: serverPort)))
        return streams.count - 1
    }

    private static func packet(_ packet: SyntheticTCP.Packet, at nanoseconds: UInt64) -> [UInt8] {
        var body = ByteWriter()
        body.write(u32: 0)
        body.write(u32: UInt32(truncatingIfNeeded: nanoseconds >> 32))
        body.write(u32: UInt32(truncatingIfNeeded: nanoseconds))
        body.write(u32: UInt32(packet.bytes.count))
        body.write(u32: UInt32(packet.bytes.count))
        body.write(packet.bytes)
        pad(&body)
        if let comment = packet.comment {
            option(1, Array(comment.utf8.prefix(1_000)), into: &body)
            endOfOptions(into: &body)
        }
        return block(6, body.bytes)
    }

    private static func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(capacity: body.count + 12)
        writer.write(u32: type)
        writer.write(u32: UInt32(body.count + 12))
        writer.write(body)
        writer.write(u32: UInt32(body.count + 12))
        return writer.bytes
    }

    private static func option(_ code: UInt16, _ value: [UInt8], into writer: inout ByteWriter) {
        writer.write(u16: code)
        writer.write(u16: UInt16(value.count))
        writer.write(value)
        pad(&writer)
    }

    private static func endOfOptions(into writer: inout ByteWriter) { writer.write(u32: 0) }

    private static func pad(_ writer: inout ByteWriter) {
        while writer.count % 4 != 0 { writer.write(u8: 0) }
    }
}
