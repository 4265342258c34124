import Stratum

/// Which way a message travelled.
public enum TapDirection: String, Sendable, Hashable, CaseIterable {
    /// From the miner's side to the pool's.
    case up
    /// From the pool's side to the miner's.
    case down

    public var opposite: TapDirection { self == .up ? .down : .up }
}

/// What the tap saw, once.
public struct TapRecord: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        /// A client came, from this address; the upstream is dialled.
        case opened(from: String, upstream: String)
        /// A Stratum V2 frame in plain text.
        case frame(V2Frame)
        /// A Stratum V1 line without its end.
        case line([UInt8])
        /// The session ended; both connections are closed.
        case closed(reason: String)
    }

    /// What became of a message.
    public enum Handling: String, Sendable, Hashable, CaseIterable {
        case forwarded
        /// A rule kept it from the other side for good.
        case dropped
        /// A rule put others in its place; they follow as ``injected``.
        case replaced
        /// A rule holds it back; it follows as ``injected`` when it is released.
        case held
        /// The other side got it from the tap.
        case injected
    }

    /// Nanoseconds since 1970-01-01 UTC.
    public var unixNanoseconds: UInt64
    /// Counts the clients' connections from 1.
    public var session: UInt32
    public var direction: TapDirection
    public var handling: Handling
    public var content: Content

    public init(
        unixNanoseconds: UInt64, session: UInt32, direction: TapDirection, handling: Handling = .forwarded,
        content: Content
    ) {
        self.unixNanoseconds = unixNanoseconds
        self.session = session
        self.direction = direction
        self.handling = handling
        self.content = content
    }

    public var frame: V2Frame? {
        if case .frame(let frame) = content { frame } else { nil }
    }

    /// Whether the side that it travels to got it.
    public var isDelivered: Bool { handling == .forwarded || handling == .injected }
}
