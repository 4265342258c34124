/// A role as a value: it takes an event and the time and appends effects. It opens no socket, reads no clock,
/// draws no random number that its seed did not give it, and writes no log.
///
/// The driver's contract:
/// 1. `now` never goes back.
/// 2. After each call the driver drains the effect buffer completely before the next call.
/// 3. The driver calls ``deadlineReached(at:into:)`` once `now >= nextDeadline`, and asks ``nextDeadline`` again
///    after every call.
/// 4. A connection's events come in the order: opened, bytes or writable any number of times, closed once.
/// 5. After a machine emits `.close` for a connection the driver delivers no more bytes on it; it still delivers
///    ``connectionClosed(_:reason:at:into:)`` once.
public protocol Machine: ~Copyable, SendableMetatype {
    /// Operator or sibling input, as data.
    associatedtype Command: Sendable
    /// Domain facts: what an operator, a checker or the explorer may want to know. The only thing that is logged.
    associatedtype Observation: Sendable & Equatable

    /// The address on this side of a connection, from a driver that knows it, right before ``connectionOpened``.
    mutating func connectionBound(_ id: ConnectionID, to local: Endpoint)
    mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>)
    mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>)
    mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>)
    /// An outgoing connection could not be made; the machine decides when to try again.
    mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>)
    mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>)
    mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>)
    /// The earliest instant at which the machine wants ``deadlineReached(at:into:)``; nil for never.
    var nextDeadline: Instant? { get }
}

extension Machine where Self: ~Copyable {
    /// Most machines do not care.
    @inlinable
    public mutating func connectionBound(_ id: ConnectionID, to local: Endpoint) {}
}

/// Names one connection of one machine. Drivers number them upward from 1 and never use a number twice.
public struct ConnectionID: Hashable, Comparable, Sendable {
    public var raw: UInt64
    @inlinable
    public init(_ raw: UInt64) { self.raw = raw }
    @inlinable
    public static func < (a: ConnectionID, b: ConnectionID) -> Bool { a.raw < b.raw }
}

/// Which of a machine's listeners a connection came in by. Each role names its own as static members.
public struct ListenerID: Hashable, Sendable {
    public var raw: UInt8
    @inlinable
    public init(_ raw: UInt8) { self.raw = raw }
}

/// A machine's own name for an outgoing connection attempt.
public struct DialID: Hashable, Sendable {
    public var raw: UInt32
    @inlinable
    public init(_ raw: UInt32) { self.raw = raw }
}

/// Where a connection came from.
public enum ConnectionOrigin: Hashable, Sendable {
    case accepted(on: ListenerID, from: String)
    case dialed(DialID)
}

/// Host and port as an operator writes them; the driver resolves.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port` and `[v6]:port`; nil when the port is missing or out of range.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { return nil }
        self.init(host: host, port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Why a connection ended or could not be made.
public enum CloseReason: Hashable, Sendable {
    /// The peer ended the stream in order.
    case peerClosed
    /// The network failed: reset, unreachable, refused. The text is the system's.
    case networkFailure(String)
    /// A machine closed it; the text is for the operator.
    case closed(String)
    /// The peer did not read: more than the driver's bound of outbound bytes was waiting.
    case slowConsumer
    /// The driver is shutting down.
    case shutdown
}

extension CloseReason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .peerClosed: "peer closed"
        case .networkFailure(let text): text
        case .closed(let text): text
        case .slowConsumer: "slow consumer"
        case .shutdown: "shutdown"
        }
    }
}

/// A machine whose durable records are read back before anything else happens to it. The driver calls
/// ``restore(_:from:)`` once for each whole record of each stream, oldest first; a torn last record was cut off.
public protocol DurableMachine: Machine, ~Copyable {
    mutating func restore(_ record: RawSpan, from store: StoreID)
}
