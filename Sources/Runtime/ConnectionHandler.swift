import Glibc
import NIOCore
import NIOPosix
import SansIO

/// The one handler of a connection: it hands bytes to its host's machine and is what the host writes to.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let id: ConnectionID
    private let driver: HostDriver
    private let origin: ConnectionOrigin
    private(set) var context: ChannelHandlerContext?
    // The channel's own, without the way through its existential at each write.
    private var allocator = ByteBufferAllocator()
    private var isWritable = true
    /// Bytes written while the channel was not writable: what waits beyond the water mark.
    private var backlog = 0
    /// Why the connection will have ended, once somebody decided it.
    var closeReason: CloseReason?
    var needsFlush = false

    init(driver: HostDriver, id: ConnectionID, origin: ConnectionOrigin) {
        self.driver = driver
        self.id = id
        self.origin = origin
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        allocator = context.channel.allocator
        isWritable = context.channel.isWritable
        if context.channel.isActive { driver.opened(self, origin: origin) }
    }

    func channelActive(context: ChannelHandlerContext) {
        driver.opened(self, origin: origin)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard closeReason == nil else { return }
        driver.received(unwrapInboundIn(data), on: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        driver.flushWritten()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable { backlog = 0 }
    }

    func channelInactive(context: ChannelHandlerContext) {
        driver.closed(self, reason: closeReason ?? .peerClosed)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if closeReason == nil { closeReason = .networkFailure(describe(error)) }
        context.close(promise: nil)
    }

    /// Hands bytes over; false when the peer is too far behind.
    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let context, closeReason == nil else { return true }
        if !isWritable {
            backlog += bytes.count
            if backlog > RuntimeLimits.outboundBytes { return false }
        }
        var buffer = allocator.buffer(capacity: bytes.count)
        buffer.writeBytes(bytes)
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
