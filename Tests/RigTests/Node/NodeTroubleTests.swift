import Bitcoin
import Firmware
import Hardware
import JSONText
import Rig
import SansIO
import Stratum
import Testing

@Suite struct NodeTroubleTests {
    private static func fault(_ code: Int, _ text: String) -> JSON {
        ["result": nil, "error": ["code": .int(code), "message": .string(text)], "id": 1]
    }

    @Test func `a node that is loading is waited for as long as it takes`() throws {
        var world = try NodeWorld {
            $0.excuses = Array(repeating: (500, Self.fault(-28, "Loading block index…")), count: 100)
        }
        world.run(for: .seconds(90))
        #expect(world.node.blocks.isEmpty)
        #expect(world.disconnections == [])
        #expect(world.excuses.allSatisfy { $0 == "Loading block index…" })
        world.run(for: .minutes(3))
        #expect(world.excuses.count == 100)
        #expect(!world.node.blocks.isEmpty)
    }

    @Test func `a node without peers or behind is asked every five seconds`() throws {
        var world = try NodeWorld {
            $0.excuses = [
                (500, Self.fault(-9, "Bitcoin Core is not connected!")),
                (200, Self.fault(-10, "Bitcoin Core is in initial sync and waiting for blocks...")),
            ]
        }
        world.run(for: .seconds(9))
        #expect(world.excuses.count == 2)
        #expect(world.node.calls.count == 2)
        world.run(for: .minutes(1))
        #expect(world.node.blocks.count > 0)
    }

    @Test func `a wrong password is said in plain words, and tried again later`() throws {
        var world = try NodeWorld { $0.excuses = [(401, "")] }
        world.run(for: .minutes(1))
        #expect(world.disconnections == ["the node refuses user and password (HTTP 401)"])
        #expect(world.node.blocks.count > 0)
    }

    @Test(arguments: [
        (
            ScriptedFault.body(404, "<html>"),
            "getblocktemplate: HTTP 404 and no JSON: is this a node's RPC port?"
        ),
        (.error(-32601, "Method not found"), "getblocktemplate: Method not found (code -32601)"),
        (
            .template(["rules": ["!signet"]]),
            "the node demands the rule !signet, which this miner does not know"
        ),
        (.template(["coinbasevalue": nil]), "template without a usable coinbasevalue"),
        (.template(["transactions": [["data": "0"]]]), "template without a usable transactions[].data"),
        (
            .template(["coinbaseaux": ["x": .string(String(repeating: "00", count: 90))]]),
            "the coinbase script would have 101 bytes"
        ),
    ]) func `a template that cannot be mined has its reason`(fault: ScriptedFault, reason: String) throws {
        var world = try NodeWorld { node in
            switch fault {
            case .body(let status, let text):
                // A string's text is quoted; without quotes it is no JSON.
                node.excuses = [(status, .number(text))]
            case .error(let code, let text): node.excuses = [(500, Self.fault(code, text))]
            case .template(let changes): node.changes = changes
            }
        }
        world.run(for: .seconds(1))
        #expect(world.disconnections.first == reason)
    }

    enum ScriptedFault: Sendable {
        case body(Int, String)
        case error(Int, String)
        case template(JSONObject)
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 4_000),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ]) func `what no HTTP server says ends the connection and nothing else`(text: String) throws {
        var world = try NodeWorld(hashes: 1e7)
        world.run(for: .seconds(5))
        world.inject(text)
        #expect(world.disconnections.count == 1)
        world.run(for: .minutes(1))
        #expect(world.rig.snapshot.phase == .mining)
    }

    @Test func `a node that goes away is found again`() throws {
        var world = try NodeWorld()
        world.run(for: .minutes(1))
        world.isReachable = false
        world.node.closeAll()
        world.flush()
        world.run(for: .minutes(1))
        let before = world.node.blocks.count
        #expect(world.rig.snapshot.phase == .backingOff)
        world.isReachable = true
        world.run(for: .minutes(5))
        #expect(world.node.blocks.count > before)
        #expect(world.node.polls == 1)
    }

    @Test func `a block waits for a node that cannot be reached for a moment`() throws {
        var world = try NodeWorld { $0.losesBlockAnswer = true }
        world.refusesDials = 5
        world.run(for: .minutes(5))
        #expect(world.refusesDials == 0)
        #expect(world.refusals == [])
        #expect(world.disconnections == [])
        #expect(world.rig.snapshot.accepted == UInt64(world.node.blocks.count))
        #expect(world.node.blocks.count > 8)
    }

    @Test func `pulling the plug leaves no connection behind`() throws {
        var world = try NodeWorld(hashes: 1e7)
        world.run(for: .seconds(5))
        #expect(world.open.count == 2)
        world.command(.powerOff)
        #expect(world.open.isEmpty)
    }

    @Test func `without anybody to pay nothing is mined`() throws {
        var world = try NodeWorld(rig: { $0.payout = nil })
        world.run(for: .seconds(10))
        #expect(world.disconnections.first == "nobody is named whom a block would pay")
        #expect(world.node.blocks.isEmpty)
    }

    @Test func `addresses of nodes are read, and their passwords are not printed`() throws {
        let url = try #require(PoolURL("http://us%40er:p%3Aw@[::1]:8332/wallet/a"))
        #expect(url.scheme == .getBlockTemplate(credentials: "us@er:p:w", path: "/wallet/a"))
        #expect(url.endpoint == Endpoint(host: "::1", port: 8332))
        #expect(url.description == "http://[::1]:8332/wallet/a")
        #expect(PoolURL("http://127.0.0.1:8332")?.scheme == .getBlockTemplate(credentials: nil, path: "/"))
        for text in ["http://127.0.0.1", "http://:8332", "https://h:1", "http://a%zz@h:1", "http://h:1/a b"] {
            #expect(PoolURL(text) == nil, "\(text)")
        }
    }
}
