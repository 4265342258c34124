import ArgumentParser
import Operations

/// Where a role's HTTP interface listens.
struct OperationsOptions: ParsableArguments {
    @Option(
        help:
            "HTTP interface (JSON, OpenAPI, Prometheus metrics) on this port; 0 takes a free one. Without it there is none."
    )
    var apiPort: UInt16?
    @Option(help: "Its address.") var apiBind = "127.0.0.1"
    @Option(help: "The bearer token of its control calls; without one they are refused.")
    var apiToken: String?

    func validate() throws {
        if apiToken?.isEmpty == true { throw ValidationError("--api-token must not be empty") }
        if apiToken != nil, apiPort == nil { throw ValidationError("--api-token needs --api-port") }
    }

    /// Nil when no port was asked for.
    func serve(_ source: some RoleSource, log: EventLog) async throws -> OperationsTask? {
        guard let apiPort else { return nil }
        let task = try await OperationsTask(
            OperationsConfiguration(host: apiBind, port: Int(apiPort), token: apiToken), source: source)
        log.note(
            "api http://\(apiBind):\(task.port)/api/v1/global, metrics http://\(apiBind):\(task.port)/metrics"
        )
        return task
    }
}

/// A role's HTTP interface that runs until it is stopped.
final class OperationsTask: Sendable {
    private let task: Task<Void, any Error>
    let port: Int

    /// Returns when it accepts connections; throws what kept it from that.
    init(_ configuration: OperationsConfiguration, source: some RoleSource) async throws {
        let (ports, continuation) = AsyncThrowingStream.makeStream(of: Int.self)
        let service = OperationsService(configuration, source: source) { continuation.yield($0) }
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
        do {
            guard let port = try await iterator.next() else {
                throw CommandFault("the HTTP interface ended at once")
            }
            self.port = port
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
