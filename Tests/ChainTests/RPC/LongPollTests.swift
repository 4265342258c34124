import Bitcoin
import HTTPText
import JSONText
import SansIO
import Testing

@testable import Chain

@Suite struct LongPollTests {
    static func poll(_ node: inout NodeUnderTest, _ longPollID: String) -> ConnectionID {
        let id = node.open(.rpc)
        let call: JSON = [
            "id": 5, "method": "getblocktemplate",
            "params": [["rules": ["segwit"], "longpollid": .string(longPollID)]],
        ]
        let body = call.text
        let authorization = Base64.encode(Array(NodeUnderTest.credentials.utf8))
        let head =
            "POST / HTTP/1.1\nAuthorization: Basic \(authorization)\nContent-Length: \(body.utf8.count)\n\n"
        node.receive(Array((head + body).utf8), on: id)
        return id
    }

    @Test("A long poll is held open and answered the moment a block arrives")
    func newBlock() throws {
        var node = NodeUnderTest()
        let template = try node.call("getblocktemplate", [["rules": ["segwit"]]])
        let id = Self.poll(&node, try #require(template["longpollid"]?.stringValue))
        #expect(node.take(id).isEmpty)
        node.wait(.seconds(300))
        #expect(node.take(id).isEmpty)
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1_000))
        let answer = try JSON.parse(NodeUnderTest.split(node.take(id)).body)
        #expect(answer["result"]?["height"] == 2)
        #expect(answer["id"] == 5)
    }

    @Test("A changed pool answers it after a minute")
    func changedPool() throws {
        var node = NodeUnderTest()
        let address = try TemplateProviderTests.fund(&node)
        let template = try node.call("getblocktemplate", [["rules": ["segwit"]]])
        let id = Self.poll(&node, try #require(template["longpollid"]?.stringValue))
        _ = try node.call("sendtoaddress", [.string(address), 1])
        node.wait(.seconds(59))
        #expect(node.take(id).isEmpty)
        node.wait(.seconds(2))
        let answer = try JSON.parse(NodeUnderTest.split(node.take(id)).body)
        #expect(answer["result"]?["transactions"]?.arrayValue?.count == 1)
    }

    @Test("An outdated long poll id is answered at once")
    func outdated() throws {
        var node = NodeUnderTest()
        let id = Self.poll(&node, String(repeating: "0", count: 64) + "1")
        #expect(NodeUnderTest.split(node.take(id)).status == 200)
    }

    @Test("stop answers first and then tells the driver; the cookie opens the door too")
    func stop() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.cookie = "__cookie__:00ff"
        var node = NodeUnderTest(configuration)
        #expect(node.post(#"{"method":"uptime","id":1}"#, authorization: "__cookie__:00fe").status == 401)
        #expect(node.post(#"{"method":"uptime","id":1}"#, authorization: nil).status == 401)
        let answer = node.post(#"{"method":"stop","id":1}"#, authorization: "__cookie__:00ff")
        #expect(answer.status == 200)
        #expect(answer.body.hasSuffix("\n"))
        #expect(node.observations.contains(.stopRequested))
    }
}
