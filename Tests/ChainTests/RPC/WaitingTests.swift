import Bitcoin
import HTTPText
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite("Calls that wait")
struct WaitingTests {
    private static func request(_ method: String, _ params: JSON) -> [UInt8] {
        let body = JSON.object(["id": 1, "jsonrpc": "2.0", "method": .string(method), "params": params]).text
        let head =
            "POST / HTTP/1.1\r\nAuthorization: Basic \(Base64.encode(Array(NodeUnderTest.credentials.utf8)))\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n"
        return Array((head + body).utf8)
    }

    @Test("waitfornewblock is answered by the next block, waitforblockheight by its height")
    func blocks() throws {
        var node = NodeUnderTest()
        let next = node.open(.rpc)
        node.receive(Self.request("waitfornewblock", []), on: next)
        let second = node.open(.rpc)
        node.receive(Self.request("waitforblockheight", [2]), on: second)
        #expect(node.take(next).isEmpty && node.take(second).isEmpty)
        _ = try node.call("generatetodescriptor", [1, "raw(51)"])
        #expect(NodeUnderTest.split(node.take(next)).body.contains("\"height\":1"))
        #expect(node.take(second).isEmpty)
        _ = try node.call("generatetodescriptor", [1, "raw(51)"])
        #expect(NodeUnderTest.split(node.take(second)).body.contains("\"height\":2"))
    }

    @Test("A wait ends with its time, and a negative one is refused at once")
    func timeouts() throws {
        var node = NodeUnderTest()
        let id = node.open(.rpc)
        node.receive(Self.request("waitforblockheight", [9, 1_000]), on: id)
        node.wait(.milliseconds(900))
        #expect(node.take(id).isEmpty)
        node.wait(.milliseconds(200))
        #expect(NodeUnderTest.split(node.take(id)).body.contains("\"height\":0"))
        #expect(try node.failure("waitfornewblock", [-1]).message == "Negative timeout")
        #expect(try node.call("waitforblockheight", [0])["height"] == 0)
    }
}
