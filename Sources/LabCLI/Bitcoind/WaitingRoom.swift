import Chain
import NIOPosix
import Runtime
import SansIO

/// While a chain is loaded the RPC ports are open, and every call is answered -28 with what is going on, as bitcoind
/// does. A node that is ready at once needs no such room.
enum WaitingRoom {
    /// Longer than a node of a lab takes.
    private static let patience = Duration.milliseconds(300)

    /// Runs `load`, and serves the ports meanwhile if it takes long.
    static func whileLoading<R>(
        _ configuration: NodeConfiguration, on endpoints: [Endpoint], _ load: () throws -> R
    ) async throws -> R {
        var configuration = configuration
        configuration.warmup = "Loading block index…"
        let waiting = Task { [configuration] in
            try? await Task.sleep(for: patience)
            return Task.isCancelled ? nil : await open(configuration, endpoints)
        }
        let result = Result { try load() }
        waiting.cancel()
        await waiting.value?.stop()
        return try result.get()
    }

    private static func open(
        _ configuration: NodeConfiguration, _ endpoints: [Endpoint]
    ) async -> MachineHost<NodeMachine> {
        let runtime = LabRuntime(threads: 1)
        let host = MachineHost(
            NodeMachine(configuration), loop: runtime.group.next(), world: runtime.world,
            observer: { _, _ in })
        // A port that cannot be had is told of when the node itself asks for it.
        for endpoint in endpoints { _ = try? await host.listen(.rpc, on: endpoint) }
        host.start()
        return host
    }
}
