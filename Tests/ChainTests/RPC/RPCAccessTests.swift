import Bitcoin
import JSONText
import Testing

@testable import Chain

@Suite("Who may call")
struct RPCAccessTests {
    private static let count = "{\"id\":1,\"method\":\"getblockcount\"}"

    @Test("An rpcauth user enters with his password and with no other")
    func salted() throws {
        var configuration = NodeUnderTest.configuration()
        let hash = hmacSHA256(key: Array("salt".utf8), message: Array("secret".utf8)).bytes.hex
        configuration.rpc.users = [try #require(RPCSettings.User("alice:salt$\(hash)"))]
        var node = NodeUnderTest(configuration)
        #expect(node.post(Self.count, authorization: "alice:secret").status == 200)
        #expect(node.post(Self.count, authorization: "alice:wrong").status == 401)
        #expect(node.post(Self.count, authorization: "bob:secret").status == 401)
        #expect(node.post(Self.count, authorization: nil).status == 401)
    }

    @Test("A whitelist opens its methods alone, in batches too; users without one are shut out when told so")
    func whitelist() {
        var configuration = NodeUnderTest.configuration()
        configuration.cookie = "__cookie__:x"
        configuration.rpc.addWhitelist("user:getblockcount,getbestblockhash")
        configuration.rpc.refusesUnlisted = true
        var node = NodeUnderTest(configuration)
        #expect(node.post(Self.count).status == 200)
        #expect(node.post("{\"id\":1,\"method\":\"getmininginfo\"}").status == 403)
        #expect(node.post("[\(Self.count),{\"id\":2,\"method\":\"stop\"}]").status == 403)
        #expect(node.post("[\(Self.count)]").status == 200)
        #expect(node.post(Self.count, authorization: "__cookie__:x").status == 403)
    }

    @Test("Every wrong type is named at once, in Core's words")
    func types() throws {
        var node = NodeUnderTest()
        let (code, message) = try node.failure("gettxout", [1, "x"])
        #expect(code == -3)
        #expect(
            message
                == "Wrong type passed:\n{\n    \"Position 1 (txid)\": \"JSON value of type number is not of expected "
                + "type string\",\n    \"Position 2 (n)\": \"JSON value of type string is not of expected type number\"\n}"
        )
    }

    @Test("args stands for the leading parameters, and one given twice is refused")
    func named() throws {
        var node = NodeUnderTest()
        let genesis = JSON.string(node.machine.chain.tip.hash.displayHex)
        #expect(
            try node.call("getblockheader", ["args": [genesis], "verbose": false])
                == node.call("getblockheader", [genesis, false]))
        let twice = try node.failure("getblockhash", ["args": [0], "height": 0])
        #expect(twice.code == -8 && twice.message.contains("specified twice"))
        #expect(try node.failure("getblockhash", ["nope": 0]).message == "Unknown named parameter nope")
    }
}
