import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// A peer that breaks the protocol loses its connection; nobody else notices.
@Suite struct PeerAbuseTests {
    typealias Writing = @Sendable (inout ByteWriter) -> Void

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var command: String
        var write: Writing

        init(_ name: String, _ command: String, _ write: @escaping Writing) {
            testDescription = name
            self.command = command
            self.write = write
        }
    }

    static let genesis = NetworkParameters.regtest.genesis

    static func header(after previous: Hash256, nonce: UInt32 = 0, mined: Bool = true) -> BlockHeader {
        var header = BlockHeader(
            version: 0x2000_0000, previousBlockHash: previous, merkleRoot: .zero, time: 1_700_020_000,
            bits: CompactTarget(bits: 0x207f_ffff), nonce: nonce)
        let limit = NetworkParameters.regtest.proofOfWorkLimit
        while limit.isMet(by: header.hash) != mined { header.nonce += 1 }
        return header
    }

    static let faults: [Case] = [
        Case("an inv of 50,001 entries", "inv") { writer in
            writer.write(compactSize: 50_001)
            writer.write(repeating: 0, count: 50_001 * 36)
        },
        Case("a getdata of 50,001 entries", "getdata") { writer in
            writer.write(compactSize: 50_001)
            writer.write(repeating: 0, count: 50_001 * 36)
        },
        Case("2,001 headers", "headers") { $0.write(compactSize: 2_001) },
        Case("a header without proof of work", "headers") { writer in
            writer.write(compactSize: 1)
            header(after: genesis.hash, mined: false).encode(into: &writer)
            writer.write(u8: 0)
        },
        Case("headers that do not follow each other", "headers") { writer in
            writer.write(compactSize: 2)
            for nonce in [UInt32(0), 1_000] {
                header(after: genesis.hash, nonce: nonce).encode(into: &writer)
                writer.write(u8: 0)
            }
        },
        Case("a locator of 102 hashes", "getheaders") { writer in
            writer.write(u32: 70_016)
            writer.write(compactSize: 102)
            writer.write(repeating: 1, count: 103 * 32)
        },
        Case("1,001 addresses", "addr") { $0.write(compactSize: 1_001) },
        Case("a sendcmpct that is neither 0 nor 1", "sendcmpct") { writer in
            writer.write(u8: 2)
            writer.write(u64: 2)
        },
        Case("a getblocktxn without indexes", "getblocktxn") { writer in
            writer.write(hash: genesis.hash)
            writer.write(u8: 0)
        },
        Case("a block with a wrong merkle root", "block") { writer in
            Block(header: header(after: genesis.hash), transactions: genesis.transactions)
                .encode(into: &writer)
        },
        Case("a filterload that nobody offered", "filterload") { $0.write(repeating: 0, count: 10) },
        Case("a mempool that nobody offered", "mempool") { _ in },
        Case("a getcfilters that nobody offered", "getcfilters") { $0.write(repeating: 0, count: 37) },
        Case("a verack's privilege after verack", "sendaddrv2") { _ in },
    ]

    @Test("It is dropped", arguments: faults)
    func dropped(fault: Case) throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        let culprit = try PeerTests.connected(&node)
        var bystander = try PeerTests.connected(&node)
        culprit.say(fault.command, to: &node) { fault.write(&$0) }
        #expect(node.closed[culprit.id.raw] != nil)
        #expect(node.closed[bystander.id.raw] == nil)
        bystander.say("ping", to: &node) { $0.write(u64: 5) }
        #expect(try bystander.messages(&node).map(\.command) == ["pong"])
    }

    @Test(
        "A message that does not parse is lost and its sender stays, as with Core",
        arguments: [
            "tx", "block", "cmpctblock", "blocktxn", "inv", "headers", "addrv2", "getblocktxn",
        ])
    func lost(command: String) throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        var peer = try PeerTests.connected(&node)
        peer.say(command, to: &node) { $0.write(repeating: 1, count: 9) }
        peer.say("ping", to: &node) { $0.write(u64: 5) }
        #expect(node.closed[peer.id.raw] == nil)
        #expect(try peer.messages(&node).map(\.command) == ["pong"])
    }

    @Test(
        "Honest oddities are borne: unknown messages, unconnected headers, duplicates, headers of the future")
    func borne() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        var peer = try PeerTests.connected(&node)
        peer.say("unheardof", to: &node) { $0.write(repeating: 3, count: 50) }
        peer.version(to: &node)
        peer.say("verack", to: &node)
        peer.say("headers", to: &node) { writer in
            writer.write(compactSize: 1)
            Self.header(after: Hash256(bytes: [UInt8](repeating: 9, count: 32)) ?? .zero).encode(
                into: &writer)
            writer.write(u8: 0)
        }
        peer.say("headers", to: &node) { writer in
            var header = Self.header(after: Self.genesis.hash)
            header.time += 10_000
            while !NetworkParameters.regtest.proofOfWorkLimit.isMet(by: header.hash) { header.nonce += 1 }
            writer.write(compactSize: 1)
            header.encode(into: &writer)
            writer.write(u8: 0)
        }
        #expect(node.closed[peer.id.raw] == nil)
        #expect(try !peer.messages(&node).map(\.command).contains("reject"))
    }

    /// A block on the node's tip, or on `previous` instead, that holds these transactions.
    private static func block(
        on node: borrowing NodeUnderTest, holding transactions: [Transaction] = [], previous: Hash256? = nil
    ) -> Block {
        var template = BlockTemplate(on: node.machine.chain, from: Mempool())
        template.replaceTransactions(transactions)
        var block = template.block(
            coinbase: template.coinbase(paying: .anyone, extra: [7], value: 0),
            time: template.time(at: 1_700_020_000))
        if let previous { block.header.previousBlockHash = previous }
        while !template.target.isMet(by: block.hash) { block.header.nonce += 1 }
        return block
    }

    @Test("Who sends a longer chain on a block that spends twice is dropped, and the chain stays")
    func invalidAncestor() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 101, script: .anyone, maxTries: 1_000_000))
        let coinbase = try #require(node.machine.chain.block(node.machine.chain.active[1])).transactions[0]
        func spend(_ value: Int64) -> Transaction {
            Transaction(
                version: 2,
                inputs: [TransactionInput(previousOutput: OutPoint(txid: coinbase.txid, index: 0))],
                outputs: [TransactionOutput(value: value, scriptPubKey: .anyone)], lockTime: 0)
        }
        node.handle(.submitBlock(Self.block(on: node, holding: [spend(1_000_000)]).bytes()))
        #expect(node.machine.chain.height == 102)
        let double = Self.block(on: node, holding: [spend(2_000_000)])
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        let better = Self.block(on: node, previous: double.hash)
        let tip = node.machine.chain.tip.hash
        let culprit = try PeerTests.connected(&node)
        let bystander = try PeerTests.connected(&node)
        culprit.say("block", to: &node) { double.encode(into: &$0) }
        // It has no more work than the tip, so nobody looked at what it spends.
        #expect(node.closed[culprit.id.raw] == nil)
        culprit.say("block", to: &node) { better.encode(into: &$0) }
        #expect(
            node.closed[culprit.id.raw]
                == .closed("invalid block built upon: bad-txns-inputs-missingorspent"))
        #expect(node.closed[bystander.id.raw] == nil)
        #expect(node.machine.chain.tip.hash == tip)
    }

    @Test("An address that misbehaved may not take the last places, and a banned one none")
    func bans() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.maxConnections = 13
        var node = NodeUnderTest(configuration)
        let bad = node.open(.peerToPeer, from: "1.2.3.4:5")
        var writer = ByteWriter()
        let magic = NetworkParameters.regtest.magic
        PeerMessage.write("version", magic: magic, into: &writer) { writer in
            writer.write(u32: 70_016)
            writer.write(u64: 0x409)
            writer.write(repeating: 0, count: 86)
        }
        PeerMessage.write("verack", magic: magic, into: &writer) { _ in }
        PeerMessage.write("headers", magic: magic, into: &writer) { $0.write(compactSize: 3_000) }
        node.receive(writer.bytes, on: bad)
        #expect(node.closed[bad.raw] == .closed("headers message size = 3000"))
        _ = node.open(.peerToPeer, from: "1.1.1.1:1")
        let again = node.open(.peerToPeer, from: "1.2.3.4:6")
        #expect(node.closed[again.raw] == .closed("discouraged"))
        _ = try node.call("setban", ["7.7.0.0/16", "add"])
        let banned = node.open(.peerToPeer, from: "7.7.8.9:1")
        #expect(node.closed[banned.raw] == .closed("banned"))
        #expect(try node.call("listbanned")[0]?["address"] == "7.7.0.0/16")
        _ = try node.call("clearbanned")
        let free = node.open(.peerToPeer, from: "7.7.8.9:1")
        #expect(node.closed[free.raw] == nil)
    }

    @Test("Random and mutated conversations never stop the node", arguments: [1, 2, 3, 4])
    func mutated(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        var node = NodeUnderTest()
        node.handle(.generate(count: 3, script: .anyone, maxTries: 1_000))
        let commands = PeerCommand.allCases.map(\.rawValue)
        let block = try #require(node.machine.chain.block(node.machine.chain.tipID))
        for _ in 0..<150 {
            let peer = try PeerTests.connected(&node)
            for _ in 0..<8 where node.closed[peer.id.raw] == nil {
                let command = commands[Int(random.below(UInt64(commands.count)))]
                var body: [UInt8]
                switch random.below(4) {
                case 0: body = block.bytes()
                case 1:
                    var writer = ByteWriter()
                    CompactBlock(block, nonce: 1).encode(into: &writer)
                    body = writer.bytes
                case 2:
                    body =
                        [UInt8(random.below(4))]
                        + (0..<random.below(120)).map { _ in UInt8(random.below(256)) }
                default: body = [0] + block.hash.bytes + [1, 0]
                }
                if random.chance(2, in: 3) { body = NodeAbuseTests.mutate(body, &random) }
                peer.say(command, to: &node) { $0.write(body) }
            }
            if node.closed[peer.id.raw] == nil { node.disconnect(peer.id) }
        }
        #expect(node.machine.snapshot.peers == 0)
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        #expect(node.machine.chain.height >= 4)
    }
}
