import SansIO
import Stratum
import Testing

@testable import Tap

@Suite("Tap: pcapng")
struct PcapngExportTests {
    private struct Packet {
        var bytes: [UInt8]
        var nanoseconds: UInt64
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    private func bigEndian(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    /// The packets, read by the format's own rules.
    private func packets(_ file: [UInt8]) throws -> [Packet] {
        var packets: [Packet] = []
        var at = 0
        while at < file.count {
            let length = number(file[at + 4..<at + 8])
            try #require(length % 4 == 0 && at + length <= file.count)
            #expect(number(file[at + length - 4..<at + length]) == length)
            if number(file[at..<at + 4]) == 6 {
                let high = UInt64(number(file[at + 12..<at + 16]))
                let low = UInt64(number(file[at + 16..<at + 20]))
                let count = number(file[at + 20..<at + 24])
                packets.append(
                    Packet(bytes: Array(file[at + 28..<at + 28 + count]), nanoseconds: high << 32 | low))
            }
            at += length
        }
        return packets
    }

    @Test("the exported streams reassemble to the frames, with right checksums and sequence numbers")
    func reassembles() throws {
        let records = TapReadingTests.records.filter { $0.session == 1 || $0.frame != nil }
        let file = PcapngExport.file(records, serverPort: 3_333)
        #expect(Array(file[..<4]) == [0x0a, 0x0d, 0x0d, 0x0a])
        var streams: [Int: [UInt8]] = [:]
        var next: [Int: Int] = [:]
        for packet in try packets(file) {
            let ip = packet.bytes
            #expect(SyntheticTCP.checksum(Array(ip[..<20])) == 0)
            #expect(bigEndian(ip[2..<4]) == ip.count)
            let tcp = Array(ip[20...])
            let pseudo = Array(ip[12..<20]) + [0, 6, UInt8(tcp.count >> 8), UInt8(tcp.count & 0xff)]
            #expect(SyntheticTCP.checksum(pseudo + tcp) == 0)
            let flow = bigEndian(ip[12..<20]) &* 65_599 &+ bigEndian(tcp[0..<4])
            let sequence = bigEndian(tcp[4..<8])
            if let expected = next[flow] { #expect(sequence == expected) }
            let payload = tcp[20...]
            let isMark = tcp[13] & 0x03 != 0
            next[flow] = sequence + payload.count + (isMark ? 1 : 0)
            streams[flow, default: []] += payload
        }
        let down = records.filter { $0.direction == .down && $0.isDelivered }
        for session in [UInt32(1), 2] {
            let said = down.filter { $0.session == session }.compactMap { $0.frame?.bytes }.flatMap { $0 }
            let isThere = streams.values.contains(said)
            #expect(isThere, "session \(session)")
        }
        #expect(!streams.values.contains { String(decoding: $0, as: UTF8.self).contains("mining.submit") })
    }

    @Test("the times are the records' own, in nanoseconds")
    func times() throws {
        let file = PcapngExport.file([TapReadingTests.records[1]], serverPort: 3_333)
        #expect(try packets(file).allSatisfy { $0.nanoseconds == 1_795_000_000_123_456_789 })
    }

    @Test("Wireshark's script knows every message")
    func dissector() {
        for entry in MessageCatalog.entries {
            #expect(WiresharkDissector.script.contains("\"\(entry.name)\""))
        }
    }
}
