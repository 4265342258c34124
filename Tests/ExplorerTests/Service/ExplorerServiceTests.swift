import Bitcoin
import JSONText
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Explorer

/// The whole service over loopback sockets, against a fake node.
@Suite struct ExplorerServiceTests {
    @Test func itFollowsTheChainThroughAReorganizationAndServesIt() async throws {
        var chain = ChainFixture(blocks: 40)
        let payment = ChainFixture.spend(chain.coinbase(1), to: [(4_999_990_000, ChainFixture.alice)])
        chain.mine([payment])
        let node = try await FakeNode.start(chain)
        try await withExplorer(node) { explorer in
            try await explorer.until("/api/blocks/tip/height") { $0.text == "40" }
            let home = try await explorer.get("/")
            #expect(home.status == 200)
            #expect(home.headers["content-security-policy"]?.contains("default-src 'none'") == true)
            #expect(try await explorer.get("/tx/\(payment.txid.displayHex)").text.contains("1 confirmation"))
            #expect(
                try await explorer.get("/api/tx/\(payment.txid.displayHex)/hex").text == payment.bytes().hex)
            let stale = chain.tip.hash.displayHex
            chain.cut(to: 37)
            chain.tag = "other"
            for _ in 0..<5 { chain.mine([]) }
            let other = chain
            node.change { $0.chain = other }
            try await explorer.until("/api/blocks/tip/hash") { $0.text == other.tip.hash.displayHex }
            #expect(try await explorer.get("/tx/\(payment.txid.displayHex)").status == 404)
            let page = try await explorer.get("/block/\(stale)")
            #expect(page.status == 200)
            #expect(page.text.contains("stale"))
            #expect(try await explorer.get("/blocks").text.contains(stale))
        }
        try await node.stop()
    }

    @Test func aTransactionOfTheMempoolAppears() async throws {
        let chain = ChainFixture(blocks: 4)
        let node = try await FakeNode.start(chain)
        try await withExplorer(node) { explorer in
            let pending = ChainFixture.spend(chain.coinbase(1), to: [(1, ChainFixture.bob)])
            #expect(try await explorer.get("/tx/\(pending.txid.displayHex)").status != 200)
            node.change { $0.mempool = [pending] }
            try await explorer.until("/tx/\(pending.txid.displayHex)") { $0.status == 200 }
            #expect(try await explorer.get("/mempool").text.contains(pending.txid.displayHex))
            let found = try await explorer.get("/search?q=\(pending.txid.displayHex)")
            #expect(found.status == 303)
            #expect(found.headers["location"] == "/tx/\(pending.txid.displayHex)")
        }
        try await node.stop()
    }

    @Test func openPagesHearOfABlockWithoutReloading() async throws {
        let node = try await FakeNode.start(ChainFixture(blocks: 3))
        try await withExplorer(node) { explorer in
            try await explorer.until("/api/blocks/tip/height") { $0.text == "2" }
            let stream = try await EventReader.open(port: explorer.port)
            try await eventually("the stream is open") { explorer.service.listenerCount == 1 }
            node.change { $0.chain.mine([]) }
            try await eventually("the tip is announced") {
                stream.text.contains("event: change\ndata: tip") || stream.text.contains(" tip")
            }
            #expect(stream.text.hasPrefix("HTTP/1.1 200"))
            #expect(stream.text.contains("text/event-stream"))
            try await eventually("a heartbeat comes") { stream.text.contains(": still here") }
            stream.close()
            try await eventually("the listener is given up") { explorer.service.listenerCount == 0 }
            // A page that stays open must not keep the explorer from stopping.
            _ = try await EventReader.open(port: explorer.port)
            try await eventually("the stream is open") { explorer.service.listenerCount == 1 }
        }
        try await node.stop()
    }

    @Test func aNodeThatIsAwayIsSaidClearlyAndItsReturnIsNoticed() async throws {
        let chain = ChainFixture(blocks: 5)
        let node = try await FakeNode.start(chain)
        let port = node.port
        try await withExplorer(node) { explorer in
            try await explorer.until("/") { $0.status == 200 }
            try await node.stop()
            try await explorer.until("/") { $0.status == 503 }
            let page = try await explorer.get("/block/4")
            #expect(page.status == 503)
            #expect(page.text.contains("The node does not answer"))
            #expect(page.text.contains("127.0.0.1:\(port)"))
            #expect(page.text.contains(chain.tip.hash.displayHex), "what was known is shown all the same")
            #expect(try await explorer.get("/healthz").status == 503)
            #expect(try await explorer.get("/devices").status == 200)
            let again = try await FakeNode.start(chain, port: port)
            try await explorer.until("/") { $0.status == 200 && !$0.text.contains("does not answer") }
            again.change { $0.isWarmingUp = true }
            try await explorer.until("/") { $0.status == 503 && $0.text.contains("Loading block index") }
            try await again.stop()
        }
    }

    @Test func withoutAnyNodeItStartsAndNamesWhatIsMissing() async throws {
        let node = try await FakeNode.start(ChainFixture(blocks: 1))
        try await node.stop()
        try await withExplorer(node) { explorer in
            try await explorer.until("/") { $0.status == 503 && $0.text.contains("connection refused") }
            #expect(try await explorer.get("/api/v1/summary").status == 503)
            #expect(try await explorer.get("/api/blocks/tip/height").status == 503)
        }
    }

    @Test func wrongCredentialsAreNamed() async throws {
        let node = try await FakeNode.start(ChainFixture(blocks: 2))
        node.change { $0.authorization = "Basic bWluZXI6c2VjcmV0" }
        try await withExplorer(node, credentials: .password(user: "miner", password: "wrong")) { explorer in
            try await explorer.until("/") {
                $0.status == 503 && $0.text.contains("refuses these credentials")
            }
        }
        try await withExplorer(node, credentials: .password(user: "miner", password: "secret")) { explorer in
            try await explorer.until("/") { $0.status == 200 }
        }
        try await node.stop()
    }

    @Test func malformedIs400UnknownIs404AlsoInJSON() async throws {
        let node = try await FakeNode.start(ChainFixture(blocks: 3))
        try await withExplorer(node) { explorer in
            try await explorer.until("/") { $0.status == 200 }
            let zeros = String(repeating: "0", count: 64)
            let expected: [(String, Int)] = [
                ("/block/xyz", 400), ("/block/3", 404), ("/block/\(zeros)", 404), ("/tx/12", 400),
                ("/tx/\(zeros)", 404),
                ("/address/nonsense", 400), ("/search?q=", 400), ("/search?q=%3Cb%3E", 404),
                ("/blocks?page=0", 400),
                ("/blocks?page=x", 400), ("/devices?state=x", 400), ("/devices?sort=-rate", 200),
                ("/none", 404),
                ("/api/v1/block/xyz", 400), ("/api/v1/block/3", 404), ("/api/v1/tx/\(zeros)", 404),
                ("/api/block-height/2", 200), ("/api/none", 404), ("/static/app.css", 200),
                ("/static/app.js", 200),
                ("/favicon.ico", 200), ("/block/2", 200), ("/block/%32", 200), ("/healthz", 200),
            ]
            for (path, status) in expected {
                let reply = try await explorer.get(path)
                #expect(reply.status == status, "\(path)")
                if path.hasPrefix("/api/"), status >= 400 {
                    #expect(try JSON.parse(reply.body)["error"]?.stringValue?.isEmpty == false, "\(path)")
                }
            }
            #expect(
                try await explorer.get("/search?q=%3Cb%3E").text.contains(
                    "<p class=\"mono wrapall\">&lt;b&gt;</p>"))
            let fragment = try await explorer.get("/blocks", headers: "X-Fragment: main\r\n")
            #expect(!fragment.text.contains("<html"))
            #expect(fragment.text.contains("id=\"blocks\""))
        }
        try await node.stop()
    }

    @Test func aBusyPortIsNamed() async throws {
        let node = try await FakeNode.start(ChainFixture(blocks: 1))
        let second = ExplorerService(
            ExplorerConfiguration(port: node.port, node: RPCEndpoint(port: node.port)))
        let expected = ExplorerError.portInUse(host: "127.0.0.1", port: node.port)
        await #expect(throws: expected) { try await second.run() }
        #expect(expected.description.contains("port \(node.port) is already in use"))
        #expect(second.boundPort == nil)
        try await node.stop()
    }
}

/// A running explorer and a way to ask it.
struct RunningExplorer: Sendable {
    let service: ExplorerService
    let port: Int

    func get(_ path: String, headers: String = "") async throws -> HTTPReply {
        let connection = try await RPCConnection.open(host: "127.0.0.1", port: port)
        defer { connection.close() }
        return try await connection.exchange(
            ByteBuffer(
                string: "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(headers)Connection: close\r\n\r\n"))
    }

    func until(_ path: String, _ condition: (HTTPReply) -> Bool) async throws {
        try await eventually(path) { condition(try await get(path)) }
    }
}

extension HTTPReply {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Runs an explorer of this node on a free port while the body runs.
func withExplorer(
    _ node: FakeNode, credentials: RPCCredentials = .none, _ body: (RunningExplorer) async throws -> Void
) async throws {
    let service = ExplorerService(
        ExplorerConfiguration(
            port: 0, node: RPCEndpoint(port: node.port, credentials: credentials), pollMilliseconds: 10,
            heartbeatSeconds: 1))
    let running = Task { try await service.run() }
    do {
        try await eventually("the explorer listens") { service.boundPort != nil }
        try await body(RunningExplorer(service: service, port: try #require(service.boundPort)))
    } catch {
        running.cancel()
        _ = await running.result
        throw error
    }
    running.cancel()
    try await running.value
}

struct NotInTime: Error, CustomStringConvertible {
    let what: String
    var description: String { "not within 60 s: \(what)" }
}

/// Looks again until the condition holds, at most 60 s.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw NotInTime(what: what)
}

/// Collects what an event stream sends.
final class EventReader: Sendable {
    private let collected = Mutex("")
    private let channel = Mutex<(any Channel)?>(nil)

    static func open(port: Int) async throws -> EventReader {
        let reader = EventReader()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(reader: reader))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        reader.channel.withLock { $0 = channel }
        try await channel.writeAndFlush(ByteBuffer(string: "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"))
        return reader
    }

    var text: String { collected.withLock { $0 } }

    func close() { channel.withLock { $0 }?.close(promise: nil) }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let reader: EventReader

        init(reader: EventReader) { self.reader = reader }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            let text = String(buffer: buffer)
            reader.collected.withLock { $0 += text }
        }
    }
}
