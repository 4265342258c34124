import Bitcoin
import SansIO
import Stratum

/// A session's work, ready for chips.
struct SessionWork: Equatable, Sendable {
    var header: BlockHeader
    var target: Target
    var versionMask: UInt32
    var ticket: ShareTicket
}

/// What a share must say beside nonce, time and version.
struct ShareTicket: Equatable, Sendable {
    /// V2: the pool's job id. V1: the session's own number for the pool's text.
    var job: UInt32
    /// The rollable part of the extranonce as a counter, big-endian on the wire; of a block template the counter in
    /// the coinbase.
    var extranonce: UInt64
    /// The job's version, against which V1 reports rolled bits.
    var version: UInt32
}

/// What a session tells the firmware.
enum SessionEvent: Equatable, Sendable {
    case opened(channel: UInt32, target: Target)
    /// There is new work to ask for; clean means that older work is worthless.
    case work(clean: Bool)
    /// Nothing is left to mine until the pool says more.
    case idle
    case targetChanged(Target)
    case accepted(count: UInt32, last: UInt32)
    case rejected(sequence: UInt32, reason: ShareRejection)
    /// The pool wants the device elsewhere (nil: same place) after some seconds.
    case moved(to: Endpoint?, after: Interval)
    /// A node has no templates yet, and why.
    case notReady(String)
    /// Wake the session after so long.
    case callWanted(after: Interval)
    /// Let it poll after so long, on a connection of its own.
    case pollWanted(after: Interval)
    /// This connection takes no further calls; the session wants another one.
    case connectionSpent
}

/// Why a session cannot go on; becomes the reason of the connection's close.
enum SessionFailure: Error, Equatable, Sendable {
    case failed(String)

    var text: String {
        switch self {
        case .failed(let text): text
        }
    }
}

/// The dialogue with one pool over one connection, in either protocol, or with one node over two.
///
/// One of three arrays holds one session and the others nothing: sessions are large, each device has one kind, and an
/// array's element changes in place.
struct PoolSession: Sendable {
    private var v2: [V2Session] = []
    private var v1: [V1Session] = []
    private var nodeSession: [GBTSession] = []
    /// What only a node's session has to say is said to it directly.
    var gbt: GBTSession? {
        get { nodeSession.first }
        _modify {
            var session = nodeSession.popLast()
            defer { if let session { nodeSession.append(session) } }
            yield &session
        }
    }

    init(v2 session: V2Session) { v2 = [session] }
    init(v1 session: V1Session) { v1 = [session] }
    init(gbt session: GBTSession) { nodeSession = [session] }

    var isOpen: Bool { v2.first?.isOpen ?? v1.first?.isOpen ?? nodeSession.first?.isOpen ?? false }
    /// Nothing is worth mining before the pool has answered.
    var isPaused: Bool { nodeSession.first?.isPaused ?? false }

    /// What a V1 pool calls the session; nil before it said so and on V2.
    var sessionID: String? { v1.first.flatMap { $0.sessionID.isEmpty ? nil : $0.sessionID } }

    /// The first bytes of the dialogue.
    mutating func start(into out: inout ByteWriter) {
        if !v2.isEmpty { v2[0].start(into: &out) }
        if !v1.isEmpty { v1[0].start(into: &out) }
        if !nodeSession.isEmpty { nodeSession[0].connected(into: &out) }
    }

    mutating func receive(
        _ bytes: RawSpan, unixTime: UInt32, into out: inout ByteWriter, events: inout [SessionEvent]
    ) throws(SessionFailure) {
        if !v2.isEmpty { try v2[0].receive(bytes, unixTime: unixTime, into: &out, events: &events) }
        if !v1.isEmpty { try v1[0].receive(bytes, into: &out, events: &events) }
        if !nodeSession.isEmpty { try nodeSession[0].receive(bytes, into: &out, events: &events) }
    }

    /// A part of the current job's search space that was not given out before; nil when there is none now.
    /// `elapsed` is the time since the job came: header times may advance by that much.
    mutating func nextWork(elapsed: Interval) -> SessionWork? {
        if !v2.isEmpty { return v2[0].nextWork(elapsed: elapsed) }
        if !nodeSession.isEmpty { return nodeSession[0].nextWork(elapsed: elapsed) }
        return v1.isEmpty ? nil : v1[0].nextWork(elapsed: elapsed)
    }

    /// Writes a share and returns its sequence number.
    mutating func submit(
        _ ticket: ShareTicket, nonce: UInt32, version: UInt32, time: UInt32, into out: inout ByteWriter
    ) -> UInt32? {
        if !v2.isEmpty {
            return v2[0].submit(ticket, nonce: nonce, version: version, time: time, into: &out)
        }
        if !nodeSession.isEmpty {
            return nodeSession[0].submit(ticket, nonce: nonce, version: version, time: time, into: &out)
        }
        guard !v1.isEmpty else { return nil }
        return v1[0].submit(ticket, nonce: nonce, version: version, time: time, into: &out)
    }
}
