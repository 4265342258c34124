import SansIO

/// One made-up TCP connection over IPv4 (RFC 791, RFC 9293): turns what each side said into packets.
struct SyntheticTCP: Sendable {
    struct Packet: Sendable {
        var bytes: [UInt8]
        var comment: String?
    }

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let fin = Flags(rawValue: 0x01)
        static let syn = Flags(rawValue: 0x02)
        static let push = Flags(rawValue: 0x08)
        static let acknowledge = Flags(rawValue: 0x10)
    }

    private let client: UInt32
    private let server: UInt32 = 0x0a00_0001
    private let clientPort: UInt16
    private let serverPort: UInt16
    /// The next byte of each side.
    private var clientSequence: UInt32
    private var serverSequence: UInt32
    private var identification: UInt16 = 0
    private var isOpen = false

    /// 10.1.0.0/16 for the clients, one address and port each; 10.0.0.1 for the upstream.
    init(session: UInt32, serverPort: UInt16) {
        client = 0x0a01_0000 | (session & 0xffff)
        clientPort = UInt16(49_152 + session % 16_384)
        self.serverPort = serverPort
        clientSequence = 1_000
        serverSequence = 2_000
    }

    mutating func open() -> [Packet] {
        guard !isOpen else { return [] }
        isOpen = true
        let first = segment(.up, [], .syn)
        clientSequence &+= 1
        let second = segment(.down, [], [.syn, .acknowledge])
        serverSequence &+= 1
        return [first, second, segment(.up, [], .acknowledge)]
    }

    /// The session's ends are seen from the tap, so both sides end in order.
    mutating func close() -> [Packet] {
        guard isOpen else { return [] }
        isOpen = false
        let first = segment(.down, [], [.fin, .acknowledge])
        serverSequence &+= 1
        let second = segment(.up, [], [.fin, .acknowledge])
        clientSequence &+= 1
        return [first, second, segment(.down, [], .acknowledge)]
    }

    mutating func send(_ bytes: [UInt8], _ direction: TapDirection, comment: String) -> [Packet] {
        var packets = open()
        var start = 0
        while start < bytes.count {
            let end = min(start + TapLimits.segmentBytes, bytes.count)
            let flags: Flags = end == bytes.count ? [.push, .acknowledge] : .acknowledge
            var packet = segment(direction, Array(bytes[start..<end]), flags)
            if start == 0 { packet.comment = comment }
            packets.append(packet)
            let count = UInt32(end - start)
            if direction == .up { clientSequence &+= count } else { serverSequence &+= count }
            start = end
        }
        return packets
    }

    private mutating func segment(_ direction: TapDirection, _ payload: [UInt8], _ flags: Flags) -> Packet {
        identification &+= 1
        let isUp = direction == .up
        let (from, to) = isUp ? (client, server) : (server, client)
        let length = UInt16(40 + payload.count)
        var header = ByteWriter(capacity: Int(length))
        header.write(u8: 0x45)
        header.write(u8: 0)
        header.write(bigEndian16: length)
        header.write(bigEndian16: identification)
        header.write(bigEndian16: 0x4000)  // do not fragment
        header.write(u8: 64)
        header.write(u8: 6)  // TCP
        header.write(bigEndian16: 0)
        header.write(bigEndian32: from)
        header.write(bigEndian32: to)
        let headerSum = SyntheticTCP.checksum(header.bytes)
        header.bytes[10] = UInt8(headerSum >> 8)
        header.bytes[11] = UInt8(headerSum & 0xff)

        var tcp = ByteWriter(capacity: 20 + payload.count)
        tcp.write(bigEndian16: isUp ? clientPort : serverPort)
        tcp.write(bigEndian16: isUp ? serverPort : clientPort)
        tcp.write(bigEndian32: isUp ? clientSequence : serverSequence)
        let acknowledged = isUp ? serverSequence : clientSequence
        tcp.write(bigEndian32: flags.contains(.acknowledge) ? acknowledged : 0)
        tcp.write(u8: 5 << 4)
        tcp.write(u8: flags.rawValue)
        tcp.write(bigEndian16: 0xffff)
        tcp.write(bigEndian32: 0)  // checksum and urgent pointer
        tcp.write(payload)
        var pseudo = ByteWriter(capacity: 12 + tcp.count)
        pseudo.write(bigEndian32: from)
        pseudo.write(bigEndian32: to)
        pseudo.write(bigEndian16: 6)
        pseudo.write(bigEndian16: UInt16(tcp.count))
        pseudo.write(tcp.bytes)
        let sum = SyntheticTCP.checksum(pseudo.bytes)
        tcp.bytes[16] = UInt8(sum >> 8)
        tcp.bytes[17] = UInt8(sum & 0xff)
        return Packet(bytes: header.bytes + tcp.bytes, comment: nil)
    }

    /// The Internet checksum (RFC 1071).
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        var index = 0
        while index < bytes.count {
            let low = index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0
            sum += UInt32(bytes[index]) << 8 | low
            index += 2
        }
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(sum)
    }
}
