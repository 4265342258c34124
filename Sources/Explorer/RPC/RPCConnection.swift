import NIOCore
import NIOPosix

/// One keep-alive connection: one exchange at a time. All state belongs to the channel's event loop.
final class RPCExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var decoder = HTTPReplyDecoder()
    private var pending: EventLoopPromise<HTTPReply>?
    private var timeout: Scheduled<Void>?

    func begin(_ promise: EventLoopPromise<HTTPReply>, on channel: any Channel, seconds: Int64) {
        guard channel.isActive, pending == nil else {
            promise.fail(ChannelError.ioOnClosedChannel)
            return
        }
        pending = promise
        timeout = channel.eventLoop.assumeIsolated().scheduleTask(in: .seconds(seconds)) {
            self.complete(.failure(RPCTimeout()))
            channel.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        do {
            guard let reply = try decoder.receive(buffer.readableBytesView) else { return }
            complete(.success(reply))
            if !reply.keepsAlive { context.close(promise: nil) }
        } catch {
            complete(.failure(error))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        do {
            if let reply = try decoder.end() {
                complete(.success(reply))
            } else {
                complete(.failure(ChannelError.eof))
            }
        } catch {
            complete(.failure(error))
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        complete(.failure(error))
        context.close(promise: nil)
    }

    private func complete(_ result: Result<HTTPReply, any Error>) {
        timeout?.cancel()
        timeout = nil
        let promise = pending
        pending = nil
        switch result {
        case .success(let reply): promise?.succeed(reply)
        case .failure(let error): promise?.fail(error)
        }
    }
}

struct RPCTimeout: Error {}

/// A connection that is open and idle or in one exchange.
struct RPCConnection: Sendable {
    let channel: any Channel
    private let handler: NIOLoopBound<RPCExchangeHandler>

    static func open(host: String, port: Int) async throws -> RPCConnection {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RPCExchangeHandler()
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return RPCConnection(
                        channel: channel, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop))
                }
            }
    }

    var isOpen: Bool { channel.isActive }

    func exchange(_ request: ByteBuffer) async throws -> HTTPReply {
        let promise = channel.eventLoop.makePromise(of: HTTPReply.self)
        channel.eventLoop.execute {
            self.handler.value.begin(promise, on: self.channel, seconds: Limits.exchangeSeconds)
            self.channel.writeAndFlush(request, promise: nil)
        }
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    func close() { channel.close(promise: nil) }
}
