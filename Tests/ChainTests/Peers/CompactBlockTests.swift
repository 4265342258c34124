import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct CompactBlockTests {
    /// Bytes that were received under a message's name, over all peers of a node.
    static func received(_ command: String, _ node: inout NodeUnderTest) throws -> Int64 {
        try node.call("getpeerinfo").arrayValue?.reduce(0) {
            $0 + ($1["bytesrecv_per_msg"]?[command]?.int64 ?? 0)
        } ?? 0
    }

    @Test("SipHash-2-4 gives the digests of its authors' test vectors")
    func sipHash() {
        let hasher = SipHash(k0: 0x0706_0504_0302_0100, k1: 0x0f0e_0d0c_0b0a_0908)
        let expected: [(Int, UInt64)] = [
            (0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
        ]
        for (count, digest) in expected {
            let bytes = (0..<count).map { UInt8($0) }
            #expect(bytes.withUnsafeBytes { hasher.digest($0) } == digest)
        }
    }

    @Test("A block whose transactions both sides have travels as a compact block, without a round trip")
    func highBandwidth() throws {
        let net = NodeNetwork(2, edges: [(0, 1)])
        let address = try TemplateProviderTests.fund(&net[0].node)
        net.settle()
        // The peer that brought the last block is asked for compact blocks.
        #expect(try net[1].node.call("getpeerinfo")[0]?["bip152_hb_to"] == true)
        #expect(try net[0].node.call("getpeerinfo")[0]?["bip152_hb_from"] == true)
        for _ in 0..<5 { _ = try net[0].node.call("sendtoaddress", [.string(address), 1]) }
        net.run(.minutes(1))
        let blocks = try Self.received("block", &net[1].node)
        let compact = try Self.received("cmpctblock", &net[1].node)
        net.mine(0)
        #expect(net.tip(0) == net.tip(1))
        #expect(try Self.received("cmpctblock", &net[1].node) > compact)
        #expect(try Self.received("block", &net[1].node) == blocks)
        #expect(try Self.received("blocktxn", &net[1].node) == 0)
    }

    @Test("Transactions that the receiver lacks are asked for one by one")
    func missingTransactions() throws {
        let net = NodeNetwork(2, edges: [(0, 1)])
        let address = try TemplateProviderTests.fund(&net[0].node)
        net.settle()
        for _ in 0..<5 { _ = try net[0].node.call("sendtoaddress", [.string(address), 1]) }
        #expect(net[1].node.machine.mempool.count == 0)
        let blocks = try Self.received("block", &net[1].node)
        net.mine(0)
        #expect(net.tip(0) == net.tip(1))
        #expect(try Self.received("blocktxn", &net[1].node) > 500)
        #expect(try Self.received("block", &net[1].node) == blocks)
    }

    @Test("Three nodes follow each other through reorganisations", arguments: [1, 2, 3, 4])
    func reorganisations(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let net = NodeNetwork(3, edges: [(0, 1), (1, 2), (0, 2)]) { place, configuration in
            configuration.v2Transport = (Int(seed) + place) % 3 != 0
        }
        let address = try TemplateProviderTests.fund(&net[0].node)
        net.settle()
        for round in 0..<6 {
            let alone = Int(random.below(3))
            net.cut(alone, (alone + 1) % 3)
            net.cut(alone, (alone + 2) % 3)
            for place in 0..<3 where random.chance(2, in: 3) {
                net.mine(
                    place, 1 + Int(random.below(4)),
                    paying: Script(bytes: [0x51 + UInt8(place), UInt8(0x51 + round)]))
            }
            _ = try? net[0].node.call("sendtoaddress", [.string(address), 1])
            net.heal()
            net.run(.minutes(2))
            // Equal work may stand on both sides; one more block decides.
            net.mine(Int(random.below(3)), 1, paying: Script(bytes: [0x60, UInt8(0x51 + round)]))
            net.run(.seconds(30))
            #expect(net.tip(0) == net.tip(1))
            #expect(net.tip(1) == net.tip(2))
        }
        let left = (0..<3).map { place in
            net[place].node.observations.count { if case .blockDisconnected = $0 { true } else { false } }
        }
        #expect(left.reduce(0, +) > 0)
    }
}
