import Bitcoin
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite("REST")
struct RESTTests {
    private static func node() throws -> NodeUnderTest {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.servesREST = true
        var node = NodeUnderTest(configuration)
        _ = try node.call("generatetodescriptor", [3, "raw(51)"])
        return node
    }

    private static func get(_ path: String, _ node: inout NodeUnderTest) -> (
        status: Int, head: String, body: [UInt8]
    ) {
        let id = node.open(.rpc)
        node.receive(Array("GET \(path) HTTP/1.1\r\n\r\n".utf8), on: id)
        let answer = node.take(id)
        let text = String(decoding: answer, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return (0, "", []) }
        let head = String(text[..<end.upperBound])
        let status = Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0
        return (status, head, Array(answer[head.utf8.count...]))
    }

    @Test("A block comes as bytes, as hex and as an object, and what cannot change may be kept")
    func block() throws {
        var node = try Self.node()
        let hash = node.machine.chain.tip.hash.displayHex
        let raw = try #require(try node.call("getblock", [.string(hash), 0]).stringValue)
        let bytes = Self.get("/rest/block/\(hash).bin", &node)
        #expect(bytes.body.hex == raw)
        #expect(bytes.head.contains("Cache-Control: public, immutable, max-age=86400"))
        let hex = Self.get("/rest/block/\(hash).hex", &node)
        #expect(String(decoding: hex.body, as: UTF8.self) == raw + "\n")
        let object = Self.get("/rest/block/notxdetails/\(hash).json", &node)
        #expect(object.head.contains("no-store"))
        #expect(try JSON.parse(object.body) == node.call("getblock", [.string(hash), 1]))
        #expect(Self.get("/rest/blockpart/\(hash).hex?offset=0&size=80", &node).body.count == 161)
    }

    @Test("Headers, heights, spent outputs, filters and unspent outputs agree with the RPC")
    func others() throws {
        var node = try Self.node()
        let genesis = try #require(node.machine.chain.entry(at: 0)?.hash.displayHex)
        #expect(Self.get("/rest/headers/\(genesis).bin?count=3", &node).body.count == 240)
        #expect(Self.get("/rest/headers/2/\(genesis).bin", &node).body.count == 160)
        let tip = node.machine.chain.tip.hash
        #expect(Self.get("/rest/blockhashbyheight/3.bin", &node).body == tip.bytes)
        #expect(Self.get("/rest/spenttxouts/\(tip.displayHex).hex", &node).body == Array("0100\n".utf8))
        let filter = try JSON.parse(Self.get("/rest/blockfilter/basic/\(tip.displayHex).json", &node).body)
        #expect(filter["filter"] == (try node.call("getblockfilter", [.string(tip.displayHex)])["filter"]))
        let block = try node.call("getblock", [.string(tip.displayHex)])
        let txid = try #require(block["tx"]?[0]?.stringValue)
        let found = try JSON.parse(Self.get("/rest/getutxos/\(txid)-0/\(txid)-7.json", &node).body)
        #expect(found["bitmap"] == "10")
        #expect(found["utxos"]?[0]?["height"] == 3)
    }

    @Test(
        "What is malformed or missing is told in Core's words",
        arguments: [
            ("/rest/block/00.json", 400, "Invalid hash: 00\r\n"),
            ("/rest/blockhashbyheight/9.json", 404, "Block height out of range\r\n"),
            ("/rest/blockhashbyheight/x.json", 400, "Invalid height: x\r\n"),
            ("/rest/nosuch", 404, ""), ("/rest/getutxos.json", 400, "Error: empty request\r\n"),
            (
                "/rest/mempool/contents.json?verbose=x", 400,
                "The \"verbose\" query parameter must be either \"true\" or \"false\".\r\n"
            ),
            (
                "/rest/headers/0.bin?count=0", 400,
                "Header count is invalid or out of acceptable range (1-2000): 0\r\n"
            ),
        ])
    func refusals(path: String, status: Int, text: String) throws {
        var node = try Self.node()
        let answer = Self.get(path, &node)
        #expect(answer.status == status)
        #expect(String(decoding: answer.body, as: UTF8.self) == text)
    }

    @Test("Without -rest there is none")
    func off() {
        var node = NodeUnderTest()
        #expect(Self.get("/rest/chaininfo.json", &node).status == 404)
    }
}
