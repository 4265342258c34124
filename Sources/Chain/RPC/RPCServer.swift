import HTTPText
import JSONText
import SansIO

/// The state of the RPC listener: its connections, and the calls that are held open.
struct RPCServer: Sendable {
    struct Connection: Sendable {
        let id: ConnectionID
        var parser = HTTPRequestParser(
            headLimit: ChainLimits.httpHead, bodyLimit: ChainLimits.httpBody)
        /// A held call; nothing further is read from the buffer until it is answered.
        var held: HeldCall?
        /// A wrong password whose answer waits; nothing further is read either.
        var penalty: Penalty?
        /// When it last received or was sent something.
        var activeAt: Instant
        var waits: Bool { held != nil || penalty != nil }
    }

    struct Penalty: Sendable {
        var until: Instant
        var request: HTTPRequest
    }

    /// A call that waits for something new.
    struct HeldCall: Sendable {
        var call: JSON
        var wallet: String?
        var keepsAlive: Bool
        var wait: RPCWait
        var since: Instant
        /// What it will be told when its file is written.
        var answer: JSON?
    }

    /// The log's categories that are on.
    var logCategories: [String] = []

    init(_ settings: RPCSettings) {
        let names = settings.logCategories
        logCategories = names.contains(where: LogCategories.isAll) ? LogCategories.all : names
    }

    /// Files that calls asked for, until these calls are answered; nil content for what cannot be read.
    var files: [String: [UInt8]?] = [:]

    /// Files that calls had written, until these calls are answered, and why not if they were not.
    var written: [String: FileWriteFault?] = [:]
    /// The answer of the call that is being answered, made when its file was.
    var prepared: JSON?

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
