import JSONText
import SansIO

/// The state of the RPC listener: its connections, and the calls that are held open.
struct RPCServer: Sendable {
    struct Connection: Sendable {
        let id: ConnectionID
        var parser = HTTPRequestParser()
        /// A held call; nothing further is read from the buffer until it is answered.
        var held: HeldCall?
    }

    /// A getblocktemplate that waits for something new.
    struct HeldCall: Sendable {
        var id: JSON?
        var isVersion2: Bool
        var keepsAlive: Bool
        /// The tip and the pool that the client knows.
        var tip: String
        var mempoolSequence: UInt64
        /// When a change of the pool alone is reason enough.
        var poolMatters: Instant
    }

    /// In the order of arrival.
    var connections: [Connection] = []

    func index(_ id: ConnectionID) -> Int? { connections.firstIndex { $0.id == id } }

    mutating func close(_ id: ConnectionID) { connections.removeAll { $0.id == id } }

    var heldCount: Int { connections.count { $0.held != nil } }
}

/// One answered call: what goes into the body, and the HTTP status.
struct RPCAnswer {
    /// Nil for a notification, which gets no answer.
    var body: JSON?
    var status: Int
}
