import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

/// Nodes of this kind with each other.
@Suite struct TwoNodesTests {
    @Test(
        "A node that starts empty takes the whole chain from the one it dials, and from the one that dials it"
    )
    func syncBothWays() {
        for dialer in [0, 1] {
            let net = NodeNetwork(2, edges: [(dialer, 1 - dialer)])
            net.cut(0, 1)
            net.mine(0, 2_100)
            net.heal()
            net.run(.minutes(3))
            #expect(net.height(1) == 2_100)
            #expect(net.tip(1) == net.tip(0))
        }
    }

    @Test("Each new block reaches the other side at once, whoever mines")
    func follow() {
        let net = NodeNetwork(3, edges: [(0, 1), (1, 2)])
        net.run(.seconds(1))
        for round in 0..<30 {
            net.mine(round % 3)
            #expect(net.tip(0) == net.tip(1))
            #expect(net.tip(1) == net.tip(2))
        }
        #expect(net.height(0) == 30)
    }

    @Test("A partition that heals ends with one chain, the one with more work")
    func partition() {
        let net = NodeNetwork(2, edges: [(0, 1)])
        net.mine(0, 5)
        net.cut(0, 1)
        net.mine(0, 12)
        net.mine(1, 30, paying: Script(bytes: [0x52]))
        #expect(net.tip(0) != net.tip(1))
        net.heal()
        net.run(.minutes(2))
        #expect(net.tip(0) == net.tip(1))
        #expect(net.height(0) == 35)
        let left = net[0].node.observations.count { if case .blockDisconnected = $0 { true } else { false } }
        #expect(left == 12)
    }

    @Test("A transaction sent on one side is in the pool of the other within seconds, and mined there")
    func transactions() throws {
        let net = NodeNetwork(2, edges: [(0, 1)])
        let address = try TemplateProviderTests.fund(&net[0].node)
        net.settle()
        #expect(net.tip(0) == net.tip(1))
        for _ in 0..<5 { _ = try net[0].node.call("sendtoaddress", [.string(address), 1]) }
        #expect(net[1].node.machine.mempool.count == 0)
        net.run(.minutes(1))
        #expect(net[1].node.machine.mempool.count == 5)
        net.mine(1)
        #expect(net[0].node.machine.mempool.count == 0)
    }

    @Test("A peer on the whitelist hears of transactions without delay")
    func whitelist() throws {
        let net = NodeNetwork(2, edges: [(0, 1)]) { _, configuration in
            configuration.whitelist = ["noban,in,out@127.0.0.1"].compactMap { try? PeerWhitelistEntry($0) }
        }
        let address = try TemplateProviderTests.fund(&net[0].node)
        net.settle()
        _ = try net[0].node.call("sendtoaddress", [.string(address), 1])
        net.settle()
        #expect(net[1].node.machine.mempool.count == 1)
    }

    @Test(
        "Both versions of the transport lead to the same chain, and who speaks only the first is met halfway")
    func transports() throws {
        for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
            let net = NodeNetwork(2, edges: [(0, 1)]) { place, configuration in
                configuration.v2Transport = place == 0 ? first : second
            }
            net.run(.seconds(5))
            net.mine(0, 3)
            net.mine(1, 3)
            #expect(net.height(0) == 6)
            #expect(net.tip(0) == net.tip(1))
            let info = try net[0].node.call("getpeerinfo")
            let isV2 = first && second
            #expect(info[0]?["transport_protocol_type"]?.stringValue == (isV2 ? "v2" : "v1"))
            let other = try net[1].node.call("getpeerinfo")
            #expect(info[0]?["session_id"] == other[0]?["session_id"])
            #expect((info[0]?["session_id"]?.stringValue == "") == !isV2)
        }
    }

    @Test("A node that connects to itself notices and lets go")
    func selfConnection() {
        let net = NodeNetwork(1, edges: [(0, 0)])
        net.run(.seconds(10))
        #expect(net[0].node.closed.values.contains(.closed("connected to self")))
        #expect(net[0].node.machine.snapshot.peers == 0)
    }

    @Test("Bytes may come in any pieces")
    func pieces() {
        let net = NodeNetwork(2, edges: [(0, 1)])
        net.pieces = 7
        net.mine(0, 20)
        net.run(.seconds(5))
        #expect(net.tip(0) == net.tip(1))
    }

    @Test("The same seeds give the same bytes")
    func determinism() throws {
        func run() throws -> Hash256 {
            let net = NodeNetwork(3, edges: [(0, 1), (1, 2), (2, 0)])
            let address = try TemplateProviderTests.fund(&net[0].node)
            net.settle()
            for round in 0..<6 {
                _ = try net[0].node.call("sendtoaddress", [.string(address), 1])
                net.run(.seconds(3))
                net.mine(round % 3)
            }
            return net.digest
        }
        let first = try run()
        #expect(try run() == first)
    }
}
