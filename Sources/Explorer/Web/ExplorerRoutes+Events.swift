import HTTPTypes
import Hummingbird
import NIOCore

extension ExplorerRoutes {
    /// Server-sent events (WHATWG HTML, 9.2): `event: change` with the topics that changed. A page fetches
    /// itself again; no data travels here.
    func events(_ request: Request) -> Response {
        guard let subscription = hub.subscribe() else {
            var response = Reply.text("too many pages listen for changes (\(hub.limit))\n", status: 503)
            response.headers[.retryAfter] = "10"
            return response
        }
        let hub = hub
        let heartbeat = heartbeatSeconds
        let requestBody = request.body
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store"]
        if let name = HTTPField.Name("X-Accel-Buffering") { headers[name] = "no" }
        // If the body is never written (a HEAD request), the ticket goes back with the last reference to it.
        let ticket = Ticket(hub: hub, subscription: subscription)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                defer { ticket.giveBack() }
                try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
                // Notices at once when the reader goes away, instead of at the next heartbeat.
                try await requestBody.consumeWithInboundCloseHandler { _ in
                    for await beat in Self.beats(ticket.subscription, heartbeat: heartbeat) {
                        switch beat {
                        case .changed:
                            let topics = hub.take(ticket.subscription)
                            if topics.isEmpty { continue }
                            let names = topics.map(\.rawValue).joined(separator: " ")
                            try await writer.write(ByteBuffer(string: "event: change\ndata: \(names)\n\n"))
                        case .pause: try await writer.write(ByteBuffer(string: ": still here\n\n"))
                        }
                    }
                } onInboundClosed: {
                    ticket.giveBack()
                }
                try await writer.finish(nil)
            })
    }

    private enum Beat: Sendable {
        case changed
        case pause
    }

    /// Changes, and pauses between them. Ends with the subscription.
    private static func beats(_ subscription: EventHub.Subscription, heartbeat: Int64) -> AsyncStream<Beat> {
        AsyncStream(bufferingPolicy: .bufferingNewest(2)) { continuation in
            let changes = Task {
                for await _ in subscription.wakeUps { continuation.yield(.changed) }
                continuation.finish()
            }
            let pauses = Task {
                while !Task.isCancelled {
                    do { try await Task.sleep(for: .seconds(heartbeat)) } catch { break }
                    continuation.yield(.pause)
                }
            }
            continuation.onTermination = { _ in
                changes.cancel()
                pauses.cancel()
            }
        }
    }
}

/// Gives a subscription back once, at the latest when nobody holds it any more.
private final class Ticket: Sendable {
    let hub: EventHub
    let subscription: EventHub.Subscription

    init(hub: EventHub, subscription: EventHub.Subscription) {
        self.hub = hub
        self.subscription = subscription
    }

    func giveBack() { hub.unsubscribe(subscription) }

    deinit { giveBack() }
}
