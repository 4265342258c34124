import Foundation
import Synchronization

/// Which lines an operator wants to see.
enum LogLevel: String, Comparable, CaseIterable, Sendable {
    /// Everything that happened, each share too.
    case debug
    /// What an operator looks for.
    case info
    /// What is wrong.
    case warning

    static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
    private var rank: Int { LogLevel.allCases.firstIndex(of: self) ?? 0 }
}

/// Lines for a person, each with the time of day. Kept for the live view, printed where there is no terminal.
final class EventLog: Sendable {
    private struct State {
        var lines: [String] = []
        var prints: Bool
        var file: FileHandle?
    }

    /// How many lines the live view can look back on.
    private static let kept = 200
    private let state: Mutex<State>
    /// Of the lowest line that is taken, by its place in ``LogLevel/allCases``: read for each observation.
    private let lowest = Atomic(1)

    init(prints: Bool) { state = Mutex(State(prints: prints)) }

    var level: LogLevel {
        get { LogLevel.allCases[lowest.load(ordering: .relaxed)] }
        set { lowest.store(LogLevel.allCases.firstIndex(of: newValue) ?? 1, ordering: .relaxed) }
    }

    /// Appends every line to a file as well.
    func write(to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw CommandFault("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        state.withLock { $0.file = file }
    }

    /// A line that is only made when it is wanted.
    func debug(_ text: @autoclosure () -> String) {
        if lowest.load(ordering: .relaxed) == 0 { note(text(), .debug) }
    }

    func note(_ text: String, _ level: LogLevel = .info) {
        guard level >= self.level else { return }
        let line = "\(EventLog.timeOfDay())  \(text)"
        state.withLock { state in
            state.lines.append(line)
            if state.lines.count > Self.kept { state.lines.removeFirst(Self.kept / 2) }
            if state.prints { Output.line(line) }
            // A full disk must not end the role.
            try? state.file?.write(contentsOf: Array((line + "\n").utf8))
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
    static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }
    static func text(_ text: String) { write(text, to: STDOUT_FILENO) }
    static func fault(_ text: String) { write("lab: " + text + "\n", to: STDERR_FILENO) }
    static func error(_ text: String) { write(text, to: STDERR_FILENO) }

    private static let hasReader = Atomic(true)

    /// Nobody reading standard output any more (`lab up | head`) is a request to stop. Other failures are nobody's to
    /// hear of.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno != EINTR {
                if errno == EPIPE, descriptor == STDOUT_FILENO,
                    hasReader.exchange(false, ordering: .relaxed)
                {
                    kill(getpid(), SIGTERM)
                }
                return
            }
        }
    }
}
