import Bitcoin
import JSONText
import NIOCore
import NIOPosix
import Synchronization

/// A bitcoind of a few methods on a loopback port, for tests of the whole service.
final class FakeNode: Sendable {
    struct State {
        var chain = ChainFixture(blocks: 3)
        var mempool: [Transaction] = []
        var isWarmingUp = false
        var authorization: String?
        var requests = 0
    }

    let state: Mutex<State>
    private let channel: any Channel
    private let children = Mutex<[any Channel]>([])

    /// Takes any free port, or the one given (to come back where it was).
    static func start(_ chain: ChainFixture, port: Int = 0) async throws -> FakeNode {
        let box = Box()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    try child.pipeline.syncOperations.addHandler(Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        let node = FakeNode(channel: channel, chain: chain)
        box.node.withLock { $0 = node }
        return node
    }

    private init(channel: any Channel, chain: ChainFixture) {
        self.channel = channel
        var state = State()
        state.chain = chain
        self.state = Mutex(state)
    }

    var port: Int { channel.localAddress?.port ?? 0 }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    func stop() async throws {
        let open = children.withLock { children in
            let open = children
            children = []
            return open
        }
        for child in open { child.close(promise: nil) }
        try await channel.close()
    }

    private func answer(_ body: [UInt8], authorization: String?) -> (status: String, body: [UInt8]) {
        state.withLock { state in
            state.requests += 1
            if let expected = state.authorization, expected != authorization {
                return ("401 Unauthorized", [])
            }
            guard let calls = (try? JSON.parse(body))?.arrayValue else {
                return ("500 Internal Server Error", [])
            }
            var answer: [UInt8] = []
            JSON.array(calls.map { Self.answer($0, state) }).write(into: &answer)
            return ("200 OK", answer)
        }
    }

    private static func answer(_ call: JSON, _ state: State) -> JSON {
        let id = call["id"] ?? nil
        if state.isWarmingUp { return error(-28, "Loading block index…", id) }
        let chain = state.chain
        let parameter = call["params"]?[0]
        switch call["method"]?.stringValue {
        case "getblockchaininfo":
            return result(
                [
                    "chain": "regtest", "blocks": .int(chain.height), "headers": .int(chain.height),
                    "bestblockhash": .string(chain.tip.hash.displayHex), "difficulty": .number("4.6e-10"),
                ], id)
        case "getblockhash":
            guard let height = parameter?.int64, height <= chain.height else {
                return error(-8, "Block height out of range", id)
            }
            return result(.string(chain.blocks[Int(height)].hash.displayHex), id)
        case "getblock":
            guard let block = chain.blocks.first(where: { $0.hash.displayHex == parameter?.stringValue })
            else {
                return error(-5, "Block not found", id)
            }
            return result(.string(block.bytes().hex), id)
        case "getmempoolinfo":
            return result(
                [
                    "size": .int(state.mempool.count),
                    "bytes": .int(state.mempool.reduce(0) { $0 + $1.virtualSize }),
                    "total_fee": .number("0.00000000"),
                ], id)
        case "getrawmempool":
            let entries = state.mempool.map { transaction -> (String, JSON) in
                (
                    transaction.txid.displayHex,
                    ["vsize": .int(transaction.virtualSize), "fees": ["base": .number("0.00001000")]]
                )
            }
            return result(.object(JSONObject(entries)), id)
        case "getrawtransaction":
            guard let found = state.mempool.first(where: { $0.txid.displayHex == parameter?.stringValue })
            else {
                return error(-5, "No such mempool or blockchain transaction.", id)
            }
            return result(.string(found.bytes().hex), id)
        default: return error(-32601, "Method not found", id)
        }
    }

    private static func result(_ value: JSON, _ id: JSON) -> JSON {
        ["jsonrpc": "2.0", "result": value, "id": id]
    }

    private static func error(_ code: Int, _ message: String, _ id: JSON) -> JSON {
        ["jsonrpc": "2.0", "error": ["code": .int(code), "message": .string(message)], "id": id]
    }

    private final class Box: Sendable {
        let node = Mutex<FakeNode?>(nil)
    }

    /// Reads requests with a Content-Length, one after the other.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let box: Box
        private var text = ""

        init(box: Box) { self.box = box }

        func channelActive(context: ChannelHandlerContext) {
            let channel = context.channel
            box.node.withLock { $0 }?.children.withLock { $0.append(channel) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            text += String(buffer: buffer)
            while let end = text.range(of: "\r\n\r\n") {
                let head = text[..<end.lowerBound]
                guard let length = Self.field("content-length", head).flatMap({ Int($0) }),
                    text[end.upperBound...].utf8.count >= length
                else { return }
                let body = Array(text[end.upperBound...].utf8.prefix(length))
                let authorization = Self.field("authorization", head)
                text = String(decoding: text[end.upperBound...].utf8.dropFirst(length), as: UTF8.self)
                guard let node = box.node.withLock({ $0 }) else { return }
                let answer = node.answer(body, authorization: authorization)
                var reply = ByteBuffer(
                    string: "HTTP/1.1 \(answer.status)\r\nContent-Length: \(answer.body.count)\r\n\r\n")
                reply.writeBytes(answer.body)
                context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
            }
        }

        private static func field(_ name: String, _ head: Substring) -> String? {
            for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name + ":") {
                return String(line.dropFirst(name.count + 1).drop { $0 == " " })
            }
            return nil
        }
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }
}
