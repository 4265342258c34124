import Dispatch
import Foundation
import Synchronization

/// SIGINT and SIGTERM as something to wait for. A second signal ends the process at once.
final class StopSignal: @unchecked Sendable {
    private let stream: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation
    private let sources: [any DispatchSourceSignal]

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let continuation = continuation
        let seen = SignalCount()
        sources = [(SIGINT, "interrupted"), (SIGTERM, "terminated")].map { number, word in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if seen.next() > 1 { _exit(130) }
                continuation.yield(word)
            }
            source.resume()
            return source
        }
    }

    /// Asks for a stop as a signal would.
    func request(_ why: String) { continuation.yield(why) }

    /// Returns when a stop is asked for, with the reason.
    func wait() async -> String {
        for await why in stream { return why }
        return "stopped"
    }
}

private final class SignalCount: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
