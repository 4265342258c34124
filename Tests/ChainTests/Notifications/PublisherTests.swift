import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// A subscriber as libzmq's SUB socket speaks.
@Suite("Notifications over ZMTP")
struct PublisherTests {
    private static let greeting: [UInt8] =
        [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + Array("NULL".utf8) + [UInt8](repeating: 0, count: 48)
    private static let ready: [UInt8] =
        [4, 25, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 3] + Array("SUB".utf8)

    private static func node() -> NodeUnderTest {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.publishers = PublisherSettings.Topic.allCases.map {
            PublisherSettings(topic: $0, address: "tcp://127.0.0.1:1", listener: .publisher(0))
        }
        return NodeUnderTest(configuration)
    }

    private static func frames(_ bytes: [UInt8]) -> [[UInt8]] {
        var rest = bytes[...]
        var frames: [[UInt8]] = []
        while let flags = rest.popFirst() {
            var size = 0
            for _ in 0..<(flags & 2 != 0 ? 8 : 1) { size = size << 8 | Int(rest.popFirst() ?? 0) }
            frames.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return frames
    }

    @Test("A subscriber hears of a block in Core's order, with a number for each topic")
    func block() throws {
        var node = Self.node()
        let id = node.open(.publisher(0))
        #expect(node.take(id).count == 64)
        for byte in Self.greeting + Self.ready { node.receive([byte], on: id) }
        #expect(node.take(id).starts(with: [4, 25, 5] as [UInt8]))
        node.receive([0, 1, 1], on: id)
        let mined = try node.call("generatetodescriptor", [1, "raw(51)"])
        let hash = [UInt8](hex: mined[0]?.stringValue ?? "") ?? []
        let parts = Self.frames(node.take(id))
        let topics = stride(from: 0, to: parts.count, by: 3).map {
            String(decoding: parts[$0], as: UTF8.self)
        }
        #expect(topics == ["hashtx", "rawtx", "sequence", "hashblock", "rawblock"])
        #expect(parts[7] == hash + Array("C".utf8))
        #expect(parts[10] == hash)
        #expect(parts[11] == [0, 0, 0, 0])
        let raw = try node.call("getblock", [mined[0] ?? .null, 0]).stringValue
        #expect(parts[13].hex == raw)
    }

    @Test("Only subscribed topics come, until they are cancelled")
    func topics() throws {
        var node = Self.node()
        let id = node.open(.publisher(0))
        node.receive(Self.greeting + Self.ready + [0, 10, 1] + Array("hashblock".utf8), on: id)
        _ = node.take(id)
        _ = try node.call("generatetodescriptor", [2, "raw(51)"])
        let parts = Self.frames(node.take(id))
        #expect(parts.count == 6)
        #expect(parts[5] == [1, 0, 0, 0])
        node.receive([0, 10, 0] + Array("hashblock".utf8), on: id)
        _ = try node.call("generatetodescriptor", [1, "raw(51)"])
        #expect(node.take(id).isEmpty)
    }

    @Test("An invalidated block is told as disconnected, and the new tip as a block")
    func reorganisation() throws {
        var node = Self.node()
        let mined = try node.call("generatetodescriptor", [2, "raw(51)"])
        let id = node.open(.publisher(0))
        node.receive(Self.greeting + Self.ready + [0, 1, 1], on: id)
        _ = node.take(id)
        _ = try node.call("invalidateblock", [mined[1] ?? .null])
        let parts = Self.frames(node.take(id))
        #expect(parts.contains(([UInt8](hex: mined[1]?.stringValue ?? "") ?? []) + Array("D".utf8)))
        #expect(parts.contains([UInt8](hex: mined[0]?.stringValue ?? "") ?? []))
    }

    @Test("Whoever speaks no ZMTP is closed, and nobody else is disturbed")
    func garbage() throws {
        var node = Self.node()
        let good = node.open(.publisher(0))
        node.receive(Self.greeting + Self.ready + [0, 1, 1], on: good)
        let bad = node.open(.publisher(0))
        node.receive(Array("GET / HTTP/1.1\r\n\r\n".utf8), on: bad)
        #expect(node.closed[bad.raw] != nil)
        let long = node.open(.publisher(0))
        node.receive(Self.greeting + [6, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], on: long)
        #expect(node.closed[long.raw] != nil)
        _ = node.take(good)
        _ = try node.call("generatetodescriptor", [1, "raw(51)"])
        #expect(!node.take(good).isEmpty)
    }
}
