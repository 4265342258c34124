import Bitcoin
import Foundation
import JobDeclaration
import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum
import Synchronization

/// What an operator decides about a job declaration server.
struct JobDeclarationSettings: Sendable {
    var host = "127.0.0.1"
    var port: UInt16 = 34_264
    var modes = JobDeclarationServerConfiguration.Modes.both
    /// Nil: only coinbase-only clients can be served.
    var node: JobDeclarationServerConfiguration.Node?
    /// Read again when the node does not take what it said.
    var cookiePath: String?
    var certificateValidity = Interval.hours(1)
}

/// A job declaration server in the live world, in the pool's process or in its own.
struct JobDeclarationService: Sendable {
    let host: MachineHost<JobDeclarationServerMachine>
    let endpoint: Endpoint
    let authority: AuthorityPublicKey
    let hasNode: Bool

    var url: PoolURL { PoolURL(scheme: .stratumV2(authority: authority), endpoint: endpoint) }

    static func start(
        _ settings: JobDeclarationSettings, authority: AuthoritySecretKey, staticKey: SecretKey,
        secret: TokenSecret, payout: CoinbasePayout, runtime: LabRuntime,
        observer: @escaping @Sendable (JobDeclarationServerObservation, Instant) -> Void
    ) async throws -> JobDeclarationService {
        var configuration = JobDeclarationServerConfiguration(
            authority: authority, staticKey: staticKey, clock: runtime.world.wallClock,
            secretSeed: LiveWorld.entropy(32), tokenSecret: secret, payout: payout, node: settings.node)
        configuration.modes = settings.modes
        configuration.certificateValidity = settings.certificateValidity
        let cookie = settings.cookiePath.map { NodeCookie($0) }
        let host = MachineHost(
            JobDeclarationServerMachine(configuration), loop: runtime.group.next(), world: runtime.world
        ) { observation, now in
            if case .node(.lost) = observation { cookie?.readAgain() }
            observer(observation, now)
        }
        cookie?.attach(host)
        let endpoint = try await host.listen(
            .jobDeclarationServer, on: Endpoint(host: settings.host, port: settings.port))
        host.start()
        return JobDeclarationService(
            host: host, endpoint: endpoint, authority: authority.publicKey,
            hasNode: settings.node != nil)
    }

    func stop() async { await host.stop() }
}

/// A node's cookie, which it writes anew at each start.
final class NodeCookie: Sendable {
    private let path: String
    private let host = Mutex<MachineHost<JobDeclarationServerMachine>?>(nil)

    init(_ path: String) { self.path = path }

    func attach(_ host: MachineHost<JobDeclarationServerMachine>) { self.host.withLock { $0 = host } }

    func readAgain() {
        guard let text = NodeCookie.read(path) else { return }
        host.withLock { $0?.send(.setNodeCredentials(text)) }
    }

    /// `user:password`; nil when there is no such file.
    static func read(_ path: String) -> String? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A job declaration server's observations as lines.
enum JobDeclarationLines {
    static func note(_ observation: JobDeclarationServerObservation, in log: EventLog) {
        switch observation {
        case .connectionReady(_, let vendor, let isFullTemplate):
            log.note(
                observation, "jds: \(vendor), \(isFullTemplate ? "full template" : "coinbase only")",
                as: "jds")
        case .setupRefused(_, let code): log.note(observation, "jds: setup refused: \(code)", as: "jds")
        case .jobDeclared(_, _, let count):
            log.note(observation, "jds: job declared with \(count) transactions", as: "jds")
        case .jobRefused(_, _, let code, let details):
            log.note(
                observation, "jds: job refused: \(code)\(details.isEmpty ? "" : ": \(details)")", as: "jds")
        case .blockJudged(let hash, let refusal):
            log.note(observation, "jds: block \(hash): \(refusal ?? "taken by the node")", as: "jds")
        case .solutionIgnored(_, let text): log.note(observation, "jds: solution ignored: \(text)", as: "jds")
        case .node(.ready): log.note(observation, "jds: node ready", as: "jds")
        case .node(.lost(let text)): log.note(observation, "jds: node lost: \(text)", as: "jds")
        case .draining(let connections):
            log.note(observation, "jds: draining: \(connections) peers were sent away", as: "jds")
        case .drained: log.note(observation, "jds: drained: no connection is left", as: "jds")
        case .tokensRevoked(let identity, let count):
            log.note(observation, "jds: \(count) unused tokens of \(identity) were taken back", as: "jds")
        case .connectionOpened, .connectionClosed, .tokenAllocated, .transactionsAsked, .blockSubmitted,
            .tipChanged:
            log.debug(observation, as: "jds")
        }
    }
}
