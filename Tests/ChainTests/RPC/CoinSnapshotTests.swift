import Bitcoin
import HTTPText
import JSONText
import SansIO
import Testing

@testable import Chain

/// dumptxoutset, and the files that calls have written.
@Suite struct CoinSnapshotTests {
    private static func node() -> NodeUnderTest {
        var configuration = NodeUnderTest.configuration()
        configuration.rpc.readsFiles = true
        configuration.mempoolPath = "/data/mempool.dat"
        var node = NodeUnderTest(configuration)
        node.handle(.generate(count: 5, script: .anyone, maxTries: 100_000))
        return node
    }

    /// Makes a call that has a file written, lets the driver answer with `fault`, and gives file and answer.
    private static func call(
        _ method: String, _ params: JSON, fault: FileWriteFault? = nil, on node: inout NodeUnderTest
    ) throws -> (path: String, bytes: [UInt8], answer: JSON) {
        let id = node.open(.rpc)
        let body = (["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params] as JSON).text
        node.observations = []
        node.receive(
            Array(
                ("POST / HTTP/1.1\r\nAuthorization: Basic \(Base64.encode(Array(NodeUnderTest.credentials.utf8)))"
                    + "\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8), on: id)
        #expect(node.take(id).isEmpty, "it waits for the driver")
        var written: (String, [UInt8])?
        for case .fileWriteRequested(let path, let bytes, _) in node.observations { written = (path, bytes) }
        let (path, bytes) = try #require(written)
        // Another block meanwhile is not in the answer.
        node.handle(.generate(count: 1, script: .anyone, maxTries: 100_000))
        node.handle(.fileWritten(path: path, fault: fault))
        return (path, bytes, try JSON.parse(NodeUnderTest.split(node.take(id)).body))
    }

    @Test("The snapshot names network, block and number of coins, and holds every coin")
    func latest() throws {
        var node = Self.node()
        let hash = try node.call("gettxoutsetinfo")["hash_serialized_3"]
        let tip = node.machine.chain.tip.hash
        let (path, bytes, answer) = try Self.call("dumptxoutset", ["coins.dat", "latest"], on: &node)
        #expect(path == "/data/coins.dat")
        #expect(bytes.prefix(11).elementsEqual(Array("utxo".utf8) + [0xff, 2, 0, 0xfa, 0xbf, 0xb5, 0xda]))
        #expect(Array(bytes[11..<43]) == tip.bytes)
        #expect(Array(bytes[43..<51]) == [5, 0, 0, 0, 0, 0, 0, 0])
        // Each: txid, one coin, index 0, height and coinbase, 50 bitcoin, seven for a script of one byte, OP_1.
        #expect(bytes.count == 51 + 5 * (32 + 6))
        #expect(bytes[83...].prefix(2).elementsEqual([1, 0]))
        #expect(bytes[86...].prefix(3).elementsEqual([50, 7, 0x51]))
        let result = try #require(answer["result"])
        #expect(result["coins_written"] == 5 && result["base_height"] == 5 && result["nchaintx"] == 6)
        #expect(result["txoutset_hash"] == hash)
        #expect(result["path"] == "/data/coins.dat")
    }

    @Test("An earlier height is what the coins were then, and what cannot be written is said")
    func earlier() throws {
        var node = Self.node()
        let third = try #require(node.machine.chain.entry(at: 3)).hash
        let (_, bytes, answer) = try Self.call(
            "dumptxoutset", ["/a/b", "rollback", ["rollback": 3]], on: &node)
        #expect(Array(bytes[11..<43]) == third.bytes)
        #expect(answer["result"]?["coins_written"] == 3)
        #expect(node.machine.chain.height == 6)
        let exists = try Self.call("dumptxoutset", ["/a/b", "latest"], fault: .exists, on: &node).answer
        #expect(exists["error"]?["message"]?.stringValue?.hasPrefix("/a/b already exists.") == true)
        let refused = try Self.call("dumptxoutset", ["/a/b", "latest"], fault: .refused, on: &node).answer
        #expect(refused["error"]?["message"] == "Couldn't open file /a/b.incomplete for writing.")
        #expect(try node.failure("dumptxoutset", ["/a/b", "bogus"]).code == -8)
        let pool = try Self.call("savemempool", [], fault: .refused, on: &node).answer
        #expect(pool["error"]?["message"] == "Unable to dump mempool to disk")
        let saved = try Self.call("savemempool", [], on: &node)
        #expect(saved.answer["result"]?["filename"] == "/data/mempool.dat")
        #expect(try MempoolFile(bytes: saved.bytes).waiting.isEmpty)
    }

    @Test(
        "Amounts are compressed as Bitcoin Core's own tests have them",
        arguments: [
            (0, 0), (1, 1), (1_000_000, 7), (100_000_000, 9), (5_000_000_000, 0x32),
            (2_100_000_000_000_000, 0x140_6f40),
        ] as [(UInt64, UInt64)])
    func amounts(satoshi: UInt64, compressed: UInt64) {
        #expect(CoinSnapshot.compressed(satoshi) == compressed)
    }

    @Test("A node that is still being loaded answers every call -28, known or not")
    func warmup() throws {
        var configuration = NodeUnderTest.configuration()
        configuration.warmup = "Loading block index…"
        configuration.rpc.servesREST = true
        var node = NodeUnderTest(configuration)
        for method in ["getblockcount", "help", "waitfornewblock", "unheardof"] {
            let failure = try node.failure(method)
            #expect(failure.code == -28)
            #expect(failure.message == "Loading block index…")
        }
        let id = node.open(.rpc)
        node.receive(Array("GET /rest/chaininfo.json HTTP/1.1\r\n\r\n".utf8), on: id)
        #expect(NodeUnderTest.split(node.take(id)).status == 503)
    }

    @Test("A key that comes twice is refused where it names a parameter or a recipient")
    func duplicates() throws {
        var node = NodeUnderTest()
        let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
        func message(_ body: String) throws -> String? {
            try JSON.parse(node.post(body).body)["error"]?["message"]?.stringValue
        }
        #expect(
            try message(
                #"{"method":"createrawtransaction","params":[[],{"\#(address)":1,"\#(address)":1}]}"#)
                == "Invalid parameter, duplicated address: \(address)")
        #expect(
            try message(#"{"method":"getblockhash","params":{"height":0,"height":1}}"#)
                == "Parameter height specified multiple times")
    }
}
