import Foundation
import Synchronization

/// Lines for a person, each with the time of day. Kept for the live view, printed where there is no terminal.
final class EventLog: Sendable {
    private struct State {
        var lines: [String] = []
        var prints: Bool
    }

    /// How many lines the live view can look back on.
    private static let kept = 200
    private let state: Mutex<State>

    init(prints: Bool) { state = Mutex(State(prints: prints)) }

    func note(_ text: String) {
        let line = "\(EventLog.timeOfDay())  \(text)"
        state.withLock { state in
            state.lines.append(line)
            if state.lines.count > Self.kept { state.lines.removeFirst(Self.kept / 2) }
            if state.prints { Output.line(line) }
        }
    }

    var lines: [String] { state.withLock { $0.lines } }

    private static func timeOfDay() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }
            .joined(separator: ":")
    }
}

/// Standard output and error, unbuffered, so that a pipe sees each line when it happens.
enum Output {
    static func line(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
    static func text(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
    static func fault(_ text: String) { FileHandle.standardError.write(Data(("lab: " + text + "\n").utf8)) }
}
