import Synchronization

/// Tells listening pages what changed. Bounded: a listener that does not read keeps at most one pending set
/// of topics, because a page only needs to know *that* something changed.
final class EventHub: Sendable {
    private struct Listeners {
        var next = 0
        var continuations: [Int: AsyncStream<Set<Topic>>.Continuation] = [:]
        var pending: [Int: Set<Topic>] = [:]
    }

    /// A listener's ticket; it must be given back.
    struct Subscription: Sendable {
        let id: Int
        let wakeUps: AsyncStream<Set<Topic>>
    }

    private let listeners = Mutex(Listeners())
    let limit: Int

    init(limit: Int = Limits.eventClients) { self.limit = limit }

    var count: Int { listeners.withLock { $0.continuations.count } }

    /// Nil when there are already too many listeners.
    func subscribe() -> Subscription? {
        listeners.withLock { listeners in
            guard listeners.continuations.count < limit else { return nil }
            let id = listeners.next
            listeners.next += 1
            let (stream, continuation) = AsyncStream.makeStream(
                of: Set<Topic>.self, bufferingPolicy: .bufferingNewest(1))
            listeners.continuations[id] = continuation
            listeners.pending[id] = []
            return Subscription(id: id, wakeUps: stream)
        }
    }

    func unsubscribe(_ subscription: Subscription) {
        let continuation = listeners.withLock { listeners in
            listeners.pending[subscription.id] = nil
            return listeners.continuations.removeValue(forKey: subscription.id)
        }
        continuation?.finish()
    }

    func publish(_ topics: [Topic]) {
        listeners.withLock { listeners in
            for (id, continuation) in listeners.continuations {
                listeners.pending[id, default: []].formUnion(topics)
                continuation.yield(Set(topics))
            }
        }
    }

    /// What has changed since the last call, in a fixed order.
    func take(_ subscription: Subscription) -> [Topic] {
        listeners.withLock { listeners in
            let topics = listeners.pending[subscription.id] ?? []
            if listeners.pending[subscription.id] != nil { listeners.pending[subscription.id] = [] }
            return Topic.allCases.filter { topics.contains($0) }
        }
    }
}
