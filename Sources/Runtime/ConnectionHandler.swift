import Glibc
import NIOCore
import NIOPosix
import SansIO

/// The one handler of a connection: it hands bytes to its host's machine and is what the host writes to.
final class ConnectionHandler<M: Machine & ~Copyable>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let id: ConnectionID
    private let host: MachineHost<M>
    private let origin: ConnectionOrigin
    private(set) var context: ChannelHandlerContext?
    /// Bytes written while the channel was not writable: what waits beyond the water mark.
    private var backlog = 0
    /// Why the connection will have ended, once somebody decided it.
    var closeReason: CloseReason?
    var needsFlush = false

    init(host: MachineHost<M>, id: ConnectionID, origin: ConnectionOrigin) {
        self.host = host
        self.id = id
        self.origin = origin
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { host.opened(self, origin: origin) }
    }

    func channelActive(context: ChannelHandlerContext) {
        host.opened(self, origin: origin)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard closeReason == nil else { return }
        host.received(unwrapInboundIn(data), on: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        host.flushWritten()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { backlog = 0 }
    }

    func channelInactive(context: ChannelHandlerContext) {
        host.closed(self, reason: closeReason ?? .peerClosed)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if closeReason == nil { closeReason = .networkFailure(describe(error)) }
        context.close(promise: nil)
    }

    /// Hands bytes over; false when the peer is too far behind.
    func write(_ buffer: ByteBuffer) -> Bool {
        guard let context, closeReason == nil else { return true }
        if !context.channel.isWritable {
            backlog += buffer.readableBytes
            if backlog > RuntimeLimits.outboundBytes { return false }
        }
        context.write(wrapOutboundOut(buffer), promise: nil)
        return true
    }

    func flush() {
        needsFlush = false
        context?.flush()
    }

    /// Closes after what was handed over before.
    func close(_ reason: CloseReason) {
        guard closeReason == nil, let context else { return }
        closeReason = reason
        context.flush()
        context.close(promise: nil)
    }

    func pauseReads(_ pause: Bool) {
        guard let context else { return }
        context.channel.setOption(.autoRead, value: !pause).whenFailure { _ in }
    }
}

func describe(_ error: any Error) -> String {
    if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
    if let error = error as? NIOConnectionError {
        return error.connectionErrors.first.map { describe($0.error) } ?? "cannot resolve \(error.host)"
    }
    return String(describing: error)
}
