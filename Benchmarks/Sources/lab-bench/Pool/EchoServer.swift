import Foundation
import NIOCore
import NIOPosix

/// The yardstick beside the pool: SwiftNIO by itself on one event loop, that answers each read with as many bytes as
/// an acknowledgement has and does nothing else.
enum EchoServer {
    static let argument = "echo-server"
    /// A share's and an acknowledgement's bytes on the wire.
    static let request = 62
    static let answer = 58

    static func run() -> Never {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler())
                }
            }
        do {
            let channel = try bootstrap.bind(host: "127.0.0.1", port: 0).wait()
            print("mining 127.0.0.1:\(channel.localAddress?.port ?? 0)")
            fflush(nil)
            try channel.closeFuture.wait()
        } catch { print("\(error)") }
        exit(1)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var out = context.channel.allocator.buffer(capacity: EchoServer.answer)
            out.writeRepeatingByte(1, count: EchoServer.answer)
            context.writeAndFlush(wrapOutboundOut(out), promise: nil)
        }
    }
}
