import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Chain

/// Nothing that comes from outside may stop the node.
@Suite struct NodeAbuseTests {
    static let limit = 100

    static func mutate(_ bytes: [UInt8], _ random: inout PRNG) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.below(4) where !bytes.isEmpty {
            let at = Int(random.below(UInt64(bytes.count)))
            switch random.below(4) {
            case 0: bytes[at] = UInt8(random.below(256))
            case 1: bytes[at] ^= 1 << UInt8(random.below(8))
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int(random.below(40))))
            default:
                bytes.insert(contentsOf: (0..<random.below(20)).map { _ in UInt8(random.below(256)) }, at: at)
            }
        }
        return bytes
    }

    @Test(
        "Mutated blocks and transactions are refused or accepted, and the node lives on",
        arguments: [1, 2, 3])
    func mutatedBlocks(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        var node = NodeUnderTest()
        let address = try TemplateProviderTests.fund(&node)
        let txid = try #require(
            Hash256(displayHex: try node.call("sendtoaddress", [.string(address), 1]).stringValue ?? ""))
        let transaction = try #require(node.machine.mempool[txid]?.transaction)
        let block = BlockTemplate(on: node.machine.chain, from: node.machine.mempool).block(
            paying: .anyone, now: 1_700_020_000)
        for _ in 0..<Self.limit {
            var bytes = Self.mutate(block.bytes(), &random)
            if var parsed = try? Block(bytes: bytes) {
                parsed.header.merkleRoot = parsed.merkleRoot().root
                parsed.header.bits = CompactTarget(bits: 0x207f_ffff)
                var tries: UInt64 = 1_000
                _ = node.machine.mine(&parsed, target: Target(UInt256.max >> 1), tries: &tries)
                bytes = parsed.bytes()
            }
            node.handle(.submitBlock(bytes))
            node.handle(.submitTransaction(Self.mutate(transaction.bytes(), &random)))
            let hex = JSON.string(Self.mutate(transaction.bytes(), &random).hex)
            _ = node.post(JSON.object(["method": "decoderawtransaction", "params": [hex]]).text)
        }
        let height = node.machine.chain.height
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000_000))
        #expect(node.machine.chain.height == height + 1)
    }

    @Test("Every method survives parameters of every kind", arguments: RPCMethod.all.map(\.name))
    func oddParameters(method: String) throws {
        var node = NodeUnderTest()
        _ = try TemplateProviderTests.fund(&node)
        let odd: [JSON] = [
            nil, true, 0, -1, 1, 9_223_372_036_854_775_807, 1.5, "", "x", "00", [], [1], [:], ["a": 1],
            .number("1e400"), .string(String(repeating: "f", count: 64)),
            .string(node.machine.chain.tip.hash.displayHex),
            "21000000", .string(String(repeating: "ff", count: 80)),
            ["rules": ["segwit"], "mode": "proposal", "data": "00"],
        ]
        let count = RPCMethod.named(method)?.parameters.count ?? 0
        let isLong = method.hasPrefix("generate") || method == "keypoolrefill"
        // These answer when something happens, which here is never.
        let isHeld = method.hasPrefix("waitfor") || method == "stop"
        for first in odd where !(isLong && first == 9_223_372_036_854_775_807) {
            for second in odd where count > 1 || second.isNull {
                for third in [JSON.null, "x"] where count > 2 || third.isNull {
                    let call: JSON = ["id": 1, "method": .string(method), "params": [first, second, third]]
                    #expect(node.post(call.text).status != 0 || isHeld)
                }
            }
            let status = node.post(JSON.object(["method": .string(method), "params": [first]]).text).status
            #expect(status != 0 || isHeld)
        }
    }

    @Test("Random and mutated bytes on every listener end at worst that connection", arguments: [1, 2, 3])
    func randomBytes(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        var node = NodeUnderTest()
        let post = Array(
            "POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                .utf8)
        var version = ByteWriter()
        for command in ["version", "verack", "getheaders", "getdata", "inv", "ping"] {
            PeerMessage.write(command, magic: NetworkParameters.regtest.magic, into: &version) { writer in
                writer.write(repeating: 1, count: 90)
            }
        }
        for _ in 0..<Self.limit {
            for (listener, model) in [
                (ListenerID.rpc, post), (.peerToPeer, version.bytes),
                (.templateProvider, [UInt8](repeating: 3, count: 200)),
            ] {
                let id = node.open(listener)
                node.receive(Self.mutate(model, &random), on: id)
                if node.closed[id.raw] == nil { node.disconnect(id) }
            }
        }
        #expect(node.machine.snapshot.rpcConnections == 0)
        #expect(node.machine.snapshot.templateClients == 0)
    }

    @Test("Mutated template messages end at worst that client", arguments: [1, 2, 3])
    func mutatedTemplateMessages(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        var node = NodeUnderTest()
        for round in 0..<60 {
            var client = try TemplateClient(&node)
            try client.setUp(&node)
            let (template, previous) = try TemplateProviderTests.pair(try client.messages(&node))
            let solution = try TemplateClient.solve(template, previous, extra: [UInt8(round), 1])
            var out = ByteWriter()
            let frame = V2Frame(
                extensionType: 0, messageType: UInt8(0x6f + random.below(9)),
                payload: Self.mutate(solution.payload, &random))
            client.connection.send(frame: frame, into: &out)
            node.receive(out.bytes, on: client.id)
            if node.closed[client.id.raw] == nil { node.disconnect(client.id) }
        }
        #expect(node.machine.snapshot.templateClients == 0)
    }
}
