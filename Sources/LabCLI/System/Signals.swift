import Dispatch
import Foundation
import Synchronization

/// SIGINT and SIGTERM as something to wait for. A second signal ends the process at once; not the one that coreutils'
/// `timeout` and terminals send to the whole group right after the first.
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
                if seen.isImpatient() { _exit(130) }
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
    /// Signals so close to the first are the same wish.
    private static let oneWish = Duration.milliseconds(250)
    private let first = Mutex<ContinuousClock.Instant?>(nil)

    /// Whether somebody asks again.
    func isImpatient() -> Bool {
        first.withLock { first in
            guard let first else {
                first = .now
                return false
            }
            return .now - first > Self.oneWish
        }
    }
}
