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

    var isWanted: Bool { apiPort != nil }

    func validate() throws {
        if apiToken?.isEmpty == true { throw ValidationError("--api-token must not be empty") }
        if apiToken != nil, apiPort == nil { throw ValidationError("--api-token needs --api-port") }
    }

    /// Nil when no port was asked for.
    func serve(_ source: some RoleSource, log: EventLog) async throws -> HTTPTask? {
        guard let apiPort else { return nil }
        let task = try await HTTPTask(
            operations: OperationsConfiguration(host: apiBind, port: Int(apiPort), token: apiToken),
            source: source)
        let base = "http://\(apiBind):\(task.port)"
        log.note(
            "api",
            "api \("\(base)/api/v1/global", as: "url"), metrics \("\(base)/metrics", as: "metrics")")
        return task
    }
}
