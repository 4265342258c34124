import HTTPTypes
import Hummingbird
import JSONText
import Logging
import NIOCore

/// Where a role's HTTP interface listens.
public struct OperationsConfiguration: Sendable {
    public var host: String
    /// 0 takes any free port.
    public var port: Int
    /// What control calls must carry; nil refuses them all.
    public var token: String?

    public init(host: String = "127.0.0.1", port: Int, token: String? = nil) {
        self.host = host
        self.port = port
        self.token = token
    }
}

/// Serves a role's facts over HTTP: JSON, an OpenAPI document, a live stream, Prometheus metrics, control calls.
public struct OperationsService: Sendable {
    private let configuration: OperationsConfiguration
    private let desk: OperationsDesk
    private let onListening: @Sendable (Int) -> Void

    public init(
        _ configuration: OperationsConfiguration, source: any RoleSource,
        onListening: @escaping @Sendable (Int) -> Void
    ) {
        self.configuration = configuration
        desk = OperationsDesk(source: source, token: configuration.token)
        self.onListening = onListening
    }

    /// Runs until its task is cancelled; throws when it cannot listen.
    public func run() async throws {
        let router = Router(options: [])
        let desk = desk
        for method: HTTPRequest.Method in [.get, .post, .put, .delete] {
            router.on("**", method: method) { request, _ in
                request.uri.path == "/api/v1/events"
                    ? Self.events(desk) : try await Self.answer(request, desk)
            }
        }
        // A role's terminal is its own: the web framework speaks only when something is broken.
        var logger = Logger(label: "operations")
        logger.logLevel = .critical
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), serverName: "mining-lab"),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? configuration.port) },
            logger: logger)
        try await application.run()
    }

    private static func answer(_ request: Request, _ desk: OperationsDesk) async throws -> Response {
        var query: [String: String] = [:]
        for (key, value) in request.uri.queryParameters { query[String(key)] = String(value) }
        let prefix = "Bearer "
        let token = request.headers[.authorization].flatMap {
            $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil
        }
        // No control call is longer than a few lines.
        let body = try await request.body.collect(upTo: 65_536)
        let reply = await desk.answer(
            DeskRequest(
                method: request.method.rawValue, path: request.uri.path, query: query, token: token,
                body: Array(body.readableBytesView)))
        return Response(
            status: .init(code: reply.status),
            headers: [.contentType: reply.contentType, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: reply.body)))
    }

    /// Totals, once a second until the reader goes away.
    private static func events(_ desk: OperationsDesk) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                while !Task.isCancelled {
                    let global = OperationsDesk.global(await desk.source.facts(listing: nil))
                    try await writer.write(ByteBuffer(string: "event: global\ndata: \(global.text)\n\n"))
                    try await Task.sleep(for: .seconds(1))
                }
                try await writer.finish(nil)
            })
    }
}
