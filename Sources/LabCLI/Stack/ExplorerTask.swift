import Explorer
import Synchronization

/// An explorer that runs until it is stopped.
final class ExplorerTask: Sendable {
    private let task: Task<Void, any Error>
    let port: Int

    /// Returns when the explorer accepts connections; throws what kept it from that.
    init(_ configuration: ExplorerConfiguration) async throws {
        let (ports, continuation) = AsyncThrowingStream.makeStream(of: Int.self)
        var configuration = configuration
        configuration.onListening = { continuation.yield($0) }
        let service = ExplorerService(configuration)
        task = Task {
            do {
                try await service.run()
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
                throw error
            }
        }
        var iterator = ports.makeAsyncIterator()
        guard let port = try await iterator.next() else { throw CommandFault("the explorer ended at once") }
        self.port = port
    }

    func stop() async {
        task.cancel()
        _ = try? await task.value
    }
}
