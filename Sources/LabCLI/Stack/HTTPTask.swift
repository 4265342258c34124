import Explorer
import Operations

/// An HTTP service that runs until it is stopped.
final class HTTPTask: Sendable {
    private let task: Task<Void, any Error>
    let port: Int

    /// Returns when the service says on which port it accepts connections; throws what kept it from that.
    ///
    /// - Parameter run: serves until its task is cancelled.
    init(
        _ name: String,
        _ run: @escaping @Sendable (_ onListening: @escaping @Sendable (Int) -> Void) async throws -> Void
    ) async throws {
        let (ports, continuation) = AsyncThrowingStream.makeStream(of: Int.self)
        task = Task {
            do {
                try await run { continuation.yield($0) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
                throw error
            }
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = try await iterator.next() else { throw CommandFault("\(name) ended at once") }
        self.port = port
    }

    convenience init(explorer configuration: ExplorerConfiguration) async throws {
        try await self.init("the explorer") { onListening in
            var configuration = configuration
            configuration.onListening = onListening
            try await ExplorerService(configuration).run()
        }
    }

    convenience init(operations configuration: OperationsConfiguration, source: some RoleSource) async throws
    {
        do {
            try await self.init("the HTTP interface") { onListening in
                try await OperationsService(configuration, source: source, onListening: onListening).run()
            }
        } catch {
            throw CommandFault(
                "the HTTP interface cannot listen on \(configuration.host):\(configuration.port): \(error); "
                    + "choose another --api-port (0 takes any free one)")
        }
    }

    func stop() async {
        task.cancel()
        _ = try? await task.value
    }
}
