import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct TransactionRelayTests {
    /// Two nodes on one chain that were parted, and a chain of transactions that only the first has.
    static func parted(_ count: Int) throws -> (NodeNetwork, [Transaction]) {
        let net = NodeNetwork(2, edges: [(0, 1)])
        let address = try TemplateProviderTests.fund(&net[0].node)
        net.settle()
        net.cut(0, 1)
        var list: [Transaction] = []
        for _ in 0..<count {
            let text = try net[0].node.call("sendtoaddress", [.string(address), 1]).stringValue ?? ""
            let txid = try #require(Hash256(displayHex: text))
            list.append(try #require(net[0].node.machine.mempool[txid]?.transaction))
        }
        return (net, list)
    }

    static func announce(_ transaction: Transaction, by peer: PeerUnderTest, to node: inout NodeUnderTest) {
        peer.say("inv", to: &node) { writer in
            InventoryEntry.write([InventoryEntry(.transaction, transaction.txid)], into: &writer)
        }
    }

    /// The hashes that the node asks this peer for.
    static func asked(_ peer: inout PeerUnderTest, _ node: inout NodeUnderTest) throws -> [Hash256] {
        var list: [Hash256] = []
        for message in try peer.messages(&node) where message.command == "getdata" {
            var reader = ByteReader(message.payload.span.bytes)
            for _ in 0..<(try reader.compactSize()) { list.append(try InventoryEntry(from: &reader).hash) }
        }
        return list
    }

    @Test("A child that comes before its parent waits, the parent is asked for, and both enter")
    func orphans() throws {
        let (net, list) = try Self.parted(3)
        var peer = try PeerTests.connected(&net[1].node)
        for transaction in list.dropFirst().reversed() {
            peer.say("tx", to: &net[1].node) { transaction.encode(into: &$0) }
        }
        #expect(net[1].node.machine.mempool.count == 0)
        net[1].node.wait(.seconds(3))
        #expect(try Self.asked(&peer, &net[1].node).contains(list[0].txid))
        peer.say("tx", to: &net[1].node) { list[0].encode(into: &$0) }
        #expect(net[1].node.machine.mempool.count == 3)
        #expect(net[1].node.machine.peers.orphans.count == 0)
    }

    @Test("One peer is asked at a time; the next one when the first is silent, says notfound or leaves")
    func alternatives() throws {
        for way in 0..<3 {
            let (net, list) = try Self.parted(1)
            var first = try PeerTests.connected(&net[1].node)
            var second = try PeerTests.connected(&net[1].node)
            Self.announce(list[0], by: first, to: &net[1].node)
            Self.announce(list[0], by: second, to: &net[1].node)
            net[1].node.wait(.seconds(5))
            #expect(try Self.asked(&first, &net[1].node) == [list[0].txid])
            #expect(try Self.asked(&second, &net[1].node).isEmpty)
            switch way {
            case 0: net[1].node.wait(.seconds(61))
            case 1:
                first.say("notfound", to: &net[1].node) { writer in
                    InventoryEntry.write(
                        [InventoryEntry(.transactionWithWitness, list[0].txid)], into: &writer)
                }
            default: net[1].node.disconnect(first.id)
            }
            net[1].node.wait(.milliseconds(1))
            #expect(try Self.asked(&second, &net[1].node) == [list[0].txid])
            second.say("tx", to: &net[1].node) { list[0].encode(into: &$0) }
            #expect(net[1].node.machine.mempool.count == 1)
            #expect(net[1].node.machine.peers.requests.count == 0)
        }
    }

    @Test("What a peer's feefilter excludes is not announced to it")
    func feeFilter() throws {
        let (net, list) = try Self.parted(1)
        var rich = try PeerTests.connected(&net[1].node)
        var poor = try PeerTests.connected(&net[1].node)
        rich.say("feefilter", to: &net[1].node) { $0.write(u64: 50_000) }
        net[1].node.handle(.submitTransaction(list[0].bytes()))
        net[1].node.wait(.minutes(1))
        #expect(try !rich.messages(&net[1].node).map(\.command).contains("inv"))
        #expect(try poor.messages(&net[1].node).map(\.command).contains("inv"))
    }

    @Test("With -blocksonly a peer that announces transactions is dropped, and blocks still come")
    func blocksOnly() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.blocksOnly = true
        var node = NodeUnderTest(configuration)
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        let peer = PeerUnderTest(&node)
        peer.version(to: &node)
        peer.say("verack", to: &node)
        peer.say("inv", to: &node) { writer in
            InventoryEntry.write([InventoryEntry(.transaction, .zero)], into: &writer)
        }
        #expect(node.closed[peer.id.raw] == .closed("transaction inv sent in violation of protocol"))
        let net = NodeNetwork(2, edges: [(0, 1)]) { place, configuration in
            configuration.blocksOnly = place == 1
        }
        net.mine(0, 3)
        #expect(net.tip(0) == net.tip(1))
    }

    @Test("A peer may have at most 5000 announcements open")
    func announcementBound() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        let peer = try PeerTests.connected(&node)
        peer.say("inv", to: &node) { writer in
            let entries = (0..<20_000).map { number in
                InventoryEntry(.transaction, SHA256.hash(Array(String(number).utf8)))
            }
            InventoryEntry.write(entries, into: &writer)
        }
        #expect(node.machine.peers.requests.announced(by: peer.id) == 5_000)
        node.disconnect(peer.id)
        #expect(node.machine.peers.requests.count == 0)
    }

    @Test("Addresses that one peer tells are passed on and given out, a thousand at most")
    func addresses() throws {
        var node = NodeUnderTest()
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        let teller = try PeerTests.connected(&node)
        var hearer = try PeerTests.connected(&node)
        hearer.say("getaddr", to: &node)
        teller.say("addr", to: &node) { writer in
            writer.write(compactSize: 1)
            writer.write(u32: 1_700_020_000)
            writer.write(u64: 9)
            writer.write([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 8, 8, 4, 4])
            writer.write(bigEndian16: 18_444)
        }
        #expect(try node.call("getnodeaddresses", [0])[0]?["address"] == "8.8.4.4")
        node.wait(.minutes(10))
        #expect(try hearer.messages(&node).map(\.command).contains("addr"))
    }
}
