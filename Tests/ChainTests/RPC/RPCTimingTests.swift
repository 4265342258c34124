import Bitcoin
import HTTPText
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite("How long RPC connections and calls may take")
struct RPCTimingTests {
    private static func post(
        _ body: String, _ credentials: String, on id: ConnectionID, _ node: inout NodeUnderTest
    ) {
        let head =
            "POST / HTTP/1.1\r\nAuthorization: Basic \(Base64.encode(Array(credentials.utf8)))\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n"
        node.receive(Array((head + body).utf8), on: id)
    }

    private static let wait = #"{"id":1,"method":"waitfornewblock"}"#

    @Test("A wrong password is answered a quarter of a second later, and the connection lives on")
    func penalty() {
        var node = NodeUnderTest()
        let id = node.open(.rpc)
        Self.post(#"{"id":1,"method":"uptime"}"#, "user:wrong", on: id, &node)
        node.wait(.milliseconds(249))
        #expect(node.take(id).isEmpty)
        node.wait(.milliseconds(1))
        #expect(NodeUnderTest.split(node.take(id)).status == 401)
        Self.post(#"{"id":1,"method":"uptime"}"#, NodeUnderTest.credentials, on: id, &node)
        #expect(NodeUnderTest.split(node.take(id)).status == 200)
    }

    @Test("A call beyond the work queue is refused with 503 and Core's words")
    func workQueue() {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.callsHeldMax = 2
        var node = NodeUnderTest(configuration)
        for _ in 0..<2 { Self.post(Self.wait, NodeUnderTest.credentials, on: node.open(.rpc), &node) }
        let third = node.open(.rpc)
        Self.post(Self.wait, NodeUnderTest.credentials, on: third, &node)
        let answer = NodeUnderTest.split(node.take(third))
        #expect(answer.status == 503)
        #expect(answer.body == "Work queue depth exceeded")
    }

    @Test("A connection that is idle for -rpcservertimeout is closed; one that waits for its answer is not")
    func idle() {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.serverTimeout = .seconds(2)
        var node = NodeUnderTest(configuration)
        let idle = node.open(.rpc)
        let waiting = node.open(.rpc)
        Self.post(Self.wait, NodeUnderTest.credentials, on: waiting, &node)
        node.wait(.seconds(5))
        #expect(node.closed[idle.raw] != nil)
        #expect(node.closed[waiting.raw] == nil)
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        #expect(NodeUnderTest.split(node.take(waiting)).status == 200)
        node.wait(.seconds(3))
        #expect(node.closed[waiting.raw] != nil)
    }

    @Test("getrpcinfo lists held calls, and stop answers them before the node ends")
    func stop() throws {
        var node = NodeUnderTest()
        let id = node.open(.rpc)
        Self.post(Self.wait, NodeUnderTest.credentials, on: id, &node)
        let active = try node.call("getrpcinfo")["active_commands"]
        #expect(active?.arrayValue?.count == 2)
        _ = try node.call("stop")
        #expect(NodeUnderTest.split(node.take(id)).status == 200)
        #expect(node.observations.contains(.stopRequested))
    }
}
