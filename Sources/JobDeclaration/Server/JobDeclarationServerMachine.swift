import Bitcoin
import Pool
import SansIO
import Stratum

/// A job declaration server: gives out tokens, learns the transactions of declared jobs, has a node judge the whole
/// block without its proof of work, and makes blocks of solutions.
///
/// It speaks with its node by JSON-RPC over raw TCP, so that it stays a value and the virtual world can run it with a
/// node of its own. It shares nothing with the pool but the secret that makes its tokens believed.
public struct JobDeclarationServerMachine: Machine {
    public typealias Command = JobDeclarationServerCommand
    public typealias Observation = JobDeclarationServerObservation
    typealias Effects = EffectBuffer<JobDeclarationServerObservation>

    enum Timer: Hashable, Sendable {
        /// A connection's handshake, setup or next word is overdue.
        case connection(ConnectionID)
        /// A declaration's transactions or tip are overdue.
        case declaration(DeclarationKey)
        /// An answer of the node is overdue.
        case answer(NodeWay)
        /// The pause after a failure is over.
        case retry(NodeWay)
        case poll
        case mempool
        /// The grace of a drain is over.
        case drained
    }

    var configuration: JobDeclarationServerConfiguration
    var clock: WallClock
    var secrets: SecretGenerator
    var credentials: NoiseCredentials
    var credentialsRenewAt: UInt32

    /// Looked up; walked in the order of the ids, and only where an operator asks.
    var connections: [ConnectionID: DeclarationConnection] = [:]
    /// Connections with held allocations, in the order of the first of them.
    var waiting: [ConnectionID] = []
    /// Every declaration under way, oldest first.
    var underWay: [DeclarationKey] = []
    /// The newest last.
    var jobs: [DeclaredJob] = []
    /// Of ``jobs`` and of declarations under way.
    var heldBytes = 0
    var mirror = TransactionMirror()

    /// By ``NodeWay/rawValue``.
    var links: [NodeLink]
    var tip: NodeTip?
    var isNodeReady = false
    /// What was last told of the node's absence.
    var nodeFault: String?
    var longPollID: String?
    var lastPoll = Instant.start
    var mempoolBacklog: [Hash256] = []
    /// Hashes of blocks that were handed to the node.
    var submitted: [Hash256] = []

    var timers = TimerQueue<Timer>()
    var isDraining = false
    var nextDeclaration: UInt64 = 1
    var tokensAllocated: UInt64 = 0
    var jobsDeclared: UInt64 = 0
    var jobsRefused: UInt64 = 0
    var blocksSubmitted: UInt64 = 0
    /// What this call sends on the connection it is about; flushed as one effect.
    var out = ByteWriter(capacity: 1_024)

    public init(_ configuration: JobDeclarationServerConfiguration) {
        self.configuration = configuration
        clock = configuration.clock
        secrets = SecretGenerator(seed: configuration.secretSeed)
        (credentials, credentialsRenewAt) = JobDeclarationServerMachine.issueCredentials(
            configuration, unixTime: configuration.clock.unixSeconds(at: .start))
        links = NodeWay.allCases.map { _ in NodeLink(limits: configuration.limits) }
        if configuration.node != nil {
            timers.set(.poll, .start)
            timers.set(.mempool, .start)
        }
    }

    /// What the server's address carries.
    public var authorityPublicKey: AuthorityPublicKey { configuration.authority.publicKey }

    public var nextDeadline: Instant? { timers.next }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationServerObservation>
    ) {
        switch origin {
        case .dialed(let dial):
            guard let way = NodeWay(dial) else { return effects.close(id, .closed("not dialled")) }
            nodeOpened(way, id, at: now, into: &effects)
        case .accepted(_, let address): accept(id, from: address, at: now, into: &effects)
        }
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationServerObservation>
    ) {
        if let way = way(of: id) {
            nodeReceived(bytes, by: way, at: now, into: &effects)
        } else if connections[id] != nil {
            receive(bytes, on: id, at: now, into: &effects)
        }
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationServerObservation>
    ) {
        if let way = way(of: id) {
            nodeClosed(way, "\(reason)", at: now, into: &effects)
        } else {
            forget(id, reason: reason, into: &effects)
        }
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationServerObservation>
    ) {
        guard let way = NodeWay(dial) else { return }
        nodeClosed(way, "\(reason)", at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming JobDeclarationServerCommand, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationServerObservation>
    ) {
        switch command {
        case .setClock(let clock): self.clock = clock
        case .disconnect(let id, let text): close(id, text, into: &effects)
        case .solution(let solution): solve(solution, at: now, into: &effects)
        case .setNodeCredentials(let text): configuration.node?.credentials = text
        case .setPayout(let payout): configuration.payout = payout
        case .drain(let host, let port, let grace):
            drain(host: host, port: port, grace: grace, at: now, into: &effects)
        case .resume:
            isDraining = false
            timers.stop(.drained)
        case .revokeTokens(let identity): revokeTokens(of: identity, into: &effects)
        }
    }

    public mutating func deadlineReached(
        at now: Instant, into effects: inout EffectBuffer<JobDeclarationServerObservation>
    ) {
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .connection(let id): connectionOverdue(id, into: &effects)
            case .declaration(let key): declarationOverdue(key, at: now, into: &effects)
            case .answer(let way): nodeOverdue(way, at: now, into: &effects)
            case .retry(let way):
                links[way.rawValue].phase = .idle
                pump(way, at: now, into: &effects)
            case .drained: drainOverdue(into: &effects)
            case .poll: pollNode(at: now, into: &effects)
            case .mempool: lookThroughMempool(at: now, into: &effects)
            }
        }
    }

    /// Sends what was written for this connection.
    mutating func flush(_ id: ConnectionID, into effects: inout Effects) {
        guard out.count > 0 else { return }
        effects.send(on: id) { writer in out.bytes.withUnsafeBytes { writer.write($0) } }
        out.removeAll()
    }

    private func way(of id: ConnectionID) -> NodeWay? {
        NodeWay.allCases.first { links[$0.rawValue].connection == id }
    }

    static func issueCredentials(
        _ configuration: JobDeclarationServerConfiguration, unixTime: UInt32
    ) -> (NoiseCredentials, renewAt: UInt32) {
        let validity = UInt32(clamping: configuration.certificateValidity.nanoseconds / 1_000_000_000)
        let (end, overflow) = unixTime.addingReportingOverflow(validity)
        let credentials = NoiseCredentials.issue(
            authority: configuration.authority, staticKey: configuration.staticKey, validFrom: unixTime,
            notValidAfter: overflow ? .max : end)
        return (credentials, overflow ? .max : unixTime + validity / 2)
    }
}
