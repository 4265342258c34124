public import SansIO

/// Something at the end of one stream of bytes, as a value: a serial device, or a protocol that is not a machine's.
public protocol LineDevice: Sendable {
    mutating func connected(at now: Instant, into output: inout [TimedBytes])
    /// - Parameter baud: bits per second of the peer's port, where the stream has such a thing.
    mutating func receive(_ bytes: [UInt8], baud: Double?, at now: Instant, into output: inout [TimedBytes])
    mutating func deadlineReached(at now: Instant, into output: inout [TimedBytes])
    var nextDeadline: Instant? { get }
    /// Until when no more bytes are wanted: what a slow line cannot carry waits at the sender's.
    var isBusyUntil: Instant { get }
    /// Why the connection must end; nil while all is well.
    var fault: String? { get }
    /// Lines for whoever watches, since the last call.
    mutating func takeLog() -> [String]
}

/// Bytes to be written at an instant.
public struct TimedBytes: Sendable, Equatable {
    public var bytes: [UInt8]
    public var due: Instant

    public init(bytes: [UInt8], due: Instant) {
        self.bytes = bytes
        self.due = due
    }
}
