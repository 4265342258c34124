import Bitcoin
import SansIO
import Testing

@testable import Chain

/// A peer that speaks as little as a Core node does when it syncs.
struct PeerUnderTest {
    let id: ConnectionID
    private var decoder = PeerMessageDecoder(magic: NetworkParameters.regtest.magic)

    init(_ node: inout NodeUnderTest) { id = node.open(.peerToPeer) }

    func say(_ command: String, to node: inout NodeUnderTest, _ body: (inout ByteWriter) -> Void = { _ in }) {
        var writer = ByteWriter()
        PeerMessage.write(command, magic: NetworkParameters.regtest.magic, into: &writer, body)
        node.receive(writer.bytes, on: id)
    }

    mutating func messages(_ node: inout NodeUnderTest) throws -> [PeerMessage] {
        decoder.append(node.take(id).span.bytes)
        var list: [PeerMessage] = []
        while let message = try decoder.next() { list.append(message) }
        return list
    }

    func version(to node: inout NodeUnderTest, nonce: UInt64 = 1) {
        say("version", to: &node) { writer in
            writer.write(u32: 70_016)
            writer.write(u64: 0x409)
            writer.write(u64: 1_700_020_000)
            writer.write(repeating: 0, count: 52)
            writer.write(u64: nonce)
            writer.write(compactSize: 6)
            writer.write(utf8: "/test/")
            writer.write(u32: 0)
            writer.write(u8: 1)
        }
    }
}

@Suite struct PeerTests {
    static func connected(_ node: inout NodeUnderTest) throws -> PeerUnderTest {
        var peer = PeerUnderTest(&node)
        peer.version(to: &node)
        peer.say("verack", to: &node)
        // Core's order.
        let messages = try peer.messages(&node)
        for message in messages where message.command == "ping" {
            peer.say("pong", to: &node) { $0.write(message.payload) }
        }
        let commands = messages.map(\.command)
        #expect(
            commands == [
                "version", "wtxidrelay", "sendaddrv2", "verack", "sendcmpct", "ping", "getheaders",
                "feefilter",
            ])
        return peer
    }

    @Test("A peer can sync every header and block, with and without witnesses")
    func sync() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 20, script: .anyone, maxTries: 100_000))
        var peer = try Self.connected(&node)
        peer.say("getheaders", to: &node) { writer in
            writer.write(u32: 70_016)
            writer.write(compactSize: 1)
            writer.write(hash: NetworkParameters.regtest.genesis.hash)
            writer.write(hash: Hash256.zero)
        }
        let answer = try #require(try peer.messages(&node).first)
        #expect(answer.command == "headers")
        #expect(answer.payload.count == 1 + 20 * 81)
        let hashes = (1...20).compactMap { node.machine.chain.entry(at: $0)?.hash }
        for type in [UInt32(0x4000_0002), 2] {
            peer.say("getdata", to: &node) { writer in
                writer.write(compactSize: 20)
                for hash in hashes {
                    writer.write(u32: type)
                    writer.write(hash: hash)
                }
            }
            let answers = try peer.messages(&node)
            #expect(answers.map(\.command) == Array(repeating: "block", count: 20))
            var copy = Chainstate(.regtest)
            for message in answers {
                let block = try Block(bytes: message.payload)
                #expect(block.transactions[0].hasWitness == (type != 2))
                let whole = CoinbaseRepair.repair(block, on: copy)
                _ = copy.accept(whole, bytes: whole.bytes(), now: 1_800_000_000)
            }
            #expect(copy.tip.hash == node.machine.chain.tip.hash)
        }
    }

    @Test("New blocks are announced, pings answered and sent")
    func announcements() throws {
        var node = NodeUnderTest()
        // One block makes the node leave initial download, in which it announces nothing.
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        var peer = try Self.connected(&node)
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        #expect(try peer.messages(&node).map(\.command) == ["inv"])
        peer.say("sendheaders", to: &node)
        // It says that it has the parent, so that a header will connect.
        let tip = node.machine.chain.tip.header
        peer.say("headers", to: &node) { writer in
            writer.write(compactSize: 1)
            tip.encode(into: &writer)
            writer.write(u8: 0)
        }
        #expect(try peer.messages(&node).map(\.command) == ["sendheaders"])
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        #expect(try peer.messages(&node).map(\.command) == ["headers"])
        peer.say("ping", to: &node) { $0.write(u64: 77) }
        let pong = try #require(try peer.messages(&node).first)
        #expect(pong.command == "pong")
        #expect(pong.payload == [77, 0, 0, 0, 0, 0, 0, 0])
        node.wait(.minutes(3))
        #expect(try peer.messages(&node).map(\.command).contains("ping"))
        for _ in 0..<25 {
            node.wait(.minutes(1))
            peer.say("sendheaders", to: &node)
        }
        #expect(node.closed[peer.id.raw] == .closed("ping timeout"))
    }

    @Test("Wrong magic, oversize and late messages end the connection; a wrong checksum does not yet")
    func faults() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.v2Transport = false
        var node = NodeUnderTest(configuration)
        let stranger = PeerUnderTest(&node)
        node.receive([UInt8](repeating: 0xf9, count: 24), on: stranger.id)
        #expect(node.closed[stranger.id.raw] != nil)

        let large = PeerUnderTest(&node)
        node.receive(
            [0xfa, 0xbf, 0xb5, 0xda] + [UInt8](repeating: 0, count: 12) + [0, 0, 0, 1, 0, 0, 0, 0],
            on: large.id)
        #expect(node.closed[large.id.raw] != nil)

        var peer = try Self.connected(&node)
        var writer = ByteWriter()
        PeerMessage.write("ping", magic: NetworkParameters.regtest.magic, into: &writer) { $0.write(u64: 1) }
        writer.bytes[20] ^= 1
        node.receive(writer.bytes, on: peer.id)
        #expect(try peer.messages(&node).isEmpty)
        #expect(node.closed[peer.id.raw] == nil)
        let slow = PeerUnderTest(&node)
        node.wait(.minutes(2))
        #expect(node.closed[slow.id.raw] != nil)
        #expect(node.closed[peer.id.raw] == nil)
        peer.say("wtxidrelay", to: &node)
        #expect(node.closed[peer.id.raw] != nil)
    }

    @Test(
        "A peer that goes on sending what cannot be read is dropped, and others are not",
        arguments: [true, false])
    func unreadable(hasWrongChecksums: Bool) throws {
        var configuration = NodeUnderTest.configuration()
        configuration.v2Transport = false
        var node = NodeUnderTest(configuration)
        var good = try Self.connected(&node)
        let bad = PeerUnderTest(&node)
        bad.version(to: &node)
        bad.say("verack", to: &node)
        var sent = 0
        while node.closed[bad.id.raw] == nil, sent < 100 {
            var writer = ByteWriter()
            // A wrong checksum, or an inventory that ends before its first entry.
            PeerMessage.write(
                hasWrongChecksums ? "ping" : "inv", magic: NetworkParameters.regtest.magic, into: &writer
            ) {
                if hasWrongChecksums { $0.write(u64: 1) } else { $0.write(u8: 1) }
            }
            if hasWrongChecksums { writer.bytes[20] ^= 1 }
            node.receive(writer.bytes, on: bad.id)
            sent += 1
        }
        #expect(sent > 1 && sent < 20)
        #expect(node.closed[bad.id.raw] == .closed("too many unreadable messages"))
        _ = try good.messages(&node)
        good.say("ping", to: &node) { $0.write(u64: 7) }
        #expect(try good.messages(&node).map(\.command) == ["pong"])
    }
}
