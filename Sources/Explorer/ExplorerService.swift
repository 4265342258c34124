import Hummingbird
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Where the explorer listens, whom it asks, and what the lab tells it.
public struct ExplorerConfiguration: Sendable {
    public var host: String
    /// 0 takes any free port.
    public var port: Int
    public var node: RPCEndpoint
    /// The lab's own observations, asked for about once a second.
    public var feed: @Sendable () async -> LabFeed
    /// Milliseconds between two looks at the node.
    public var pollMilliseconds: Int
    /// Seconds between heartbeats on the event stream.
    public var heartbeatSeconds: Int64
    /// Called once with the port, when the explorer accepts connections.
    public var onListening: (@Sendable (Int) -> Void)?

    public init(
        host: String = "127.0.0.1", port: Int = 3002, node: RPCEndpoint,
        feed: @escaping @Sendable () async -> LabFeed = { .empty },
        pollMilliseconds: Int? = nil, heartbeatSeconds: Int64? = nil,
        onListening: (@Sendable (Int) -> Void)? = nil
    ) {
        self.host = host
        self.port = port
        self.node = node
        self.feed = feed
        self.pollMilliseconds = pollMilliseconds ?? Limits.pollMilliseconds
        self.heartbeatSeconds = heartbeatSeconds ?? Limits.heartbeatSeconds
        self.onListening = onListening
    }
}

/// Why the explorer could not begin.
public enum ExplorerError: Error, Equatable, Sendable, CustomStringConvertible {
    case portInUse(host: String, port: Int)
    case cannotListen(host: String, port: Int, reason: String)

    public var description: String {
        switch self {
        case .portInUse(let host, let port):
            "the explorer cannot listen on \(host):\(port): port \(port) is already in use; stop what "
                + "holds it, or choose another port (0 takes any free one)"
        case .cannotListen(let host, let port, let reason):
            "the explorer cannot listen on \(host):\(port): \(reason)"
        }
    }
}

/// The explorer: follows one node and serves pages about it. Needs no node to start; it says what is missing
/// and recovers by itself.
public final class ExplorerService: Sendable {
    private let configuration: ExplorerConfiguration
    private let hub = EventHub()
    private let port = Mutex<Int?>(nil)
    let store: StateStore

    public init(_ configuration: ExplorerConfiguration) {
        self.configuration = configuration
        var state = ExplorerState()
        state.nodeName = configuration.node.name
        store = StateStore(state, changes: hub)
    }

    /// The port that is listened on; nil before and after.
    public var boundPort: Int? { port.withLock { $0 } }

    /// Pages that listen for changes now.
    public var listenerCount: Int { hub.count }

    /// Runs until its task is cancelled. Throws ``ExplorerError`` when it cannot listen.
    public func run() async throws {
        let client = RPCClient(endpoint: configuration.node)
        let follower = ChainFollower(
            client: client, store: store, pollMilliseconds: max(1, configuration.pollMilliseconds))
        defer { port.withLock { $0 = nil } }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.serve() }
                group.addTask { try await follower.run() }
                group.addTask { try await self.readFeed() }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch is CancellationError {}
        await client.close()
    }

    private func serve() async throws {
        let routes = ExplorerRoutes(
            store: store, hub: hub, renderer: PageRenderer(),
            heartbeatSeconds: max(1, configuration.heartbeatSeconds))
        // The lab's terminal belongs to the lab: the web framework speaks only when something is broken.
        var logger = Logger(label: "explorer")
        logger.logLevel = .critical
        let application = Application(
            router: routes.router(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "mining-lab"),
            onServerRunning: { channel in self.listening(channel) },
            logger: logger)
        do {
            try await application.run()
        } catch let error as IOError {
            throw listenFailure(error)
        }
    }

    private func listening(_ channel: any Channel) {
        let bound = channel.localAddress?.port ?? configuration.port
        port.withLock { $0 = bound }
        configuration.onListening?(bound)
    }

    private func listenFailure(_ error: IOError) -> ExplorerError {
        let reason = systemReason(error.errnoCode)
        return isAddressInUse(error.errnoCode)
            ? .portInUse(host: configuration.host, port: configuration.port)
            : .cannotListen(host: configuration.host, port: configuration.port, reason: reason)
    }

    private func readFeed() async throws {
        while !Task.isCancelled {
            let feed = await configuration.feed()
            await store.update { state in
                guard state.feed != feed else { return [] }
                state.feed = feed
                return [.feed]
            }
            try await Task.sleep(for: .milliseconds(Limits.feedMilliseconds))
        }
    }
}
