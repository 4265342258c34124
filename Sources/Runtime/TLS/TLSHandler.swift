import NIOCore

/// Seals what a connection's handler writes and opens what its peer sends. What is written before the handshake is
/// done waits for it.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSSession
    private var early: [ByteBuffer] = []
    private var isClosed = false

    init(_ session: TLSSession) { self.session = session }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        let sealed = unwrapInboundIn(data)
        let wasEstablished = session.isEstablished
        let progress = sealed.withUnsafeReadableBytes { bytes in
            session.receive(bytes) { plain in
                context.fireChannelRead(wrapInboundOut(context.channel.allocator.buffer(bytes: plain)))
                return !isClosed
            }
        }
        if !wasEstablished, session.isEstablished {
            let waiting = early
            early = []
            for buffer in waiting { _ = seal(buffer) }
        }
        sendSealed(context, promise: nil)
        context.flush()
        switch progress {
        case .open: break
        case .ended, .failed:
            guard !isClosed else { return }
            isClosed = true
            context.close(promise: nil)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let plain = unwrapOutboundIn(data)
        guard session.isEstablished else {
            early.append(plain)
            promise?.succeed()
            return
        }
        guard seal(plain) else {
            promise?.fail(ChannelError.inappropriateOperationForState)
            return
        }
        sendSealed(context, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !isClosed {
            isClosed = true
            session.shutdown()
            sendSealed(context, promise: nil)
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    private func seal(_ buffer: ByteBuffer) -> Bool {
        buffer.withUnsafeReadableBytes { session.send($0) }
    }

    private func sendSealed(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        let count = session.waiting
        guard count > 0 else {
            promise?.succeed()
            return
        }
        var buffer = context.channel.allocator.buffer(capacity: count)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { session.takeWaiting(into: $0) }
        context.write(wrapOutboundOut(buffer), promise: promise)
    }
}
