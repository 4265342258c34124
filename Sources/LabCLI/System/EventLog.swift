import Foundation
import JSONText
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

/// How lines are written.
enum LogFormat: String, CaseIterable, Sendable {
    /// A sentence with the time of day, for a person.
    case text
    /// One object a line, for a program: time, level, role, event and the event's fields.
    case json
}

/// What happens in a role, line by line: sentences for a person, or objects for a program, made from the same words. Kept
/// for the live view, printed where there is no terminal.
final class EventLog: Sendable {
    private struct State {
        var lines: [String] = []
        var prints: Bool
        var file: FileHandle?
    }

    /// How many lines the live view can look back on.
    private static let kept = 200
    /// The role of lines that name no other one.
    let role: String
    let format: LogFormat
    private let stamp: @Sendable () -> String
    private let state: Mutex<State>
    /// Of the lowest line that is taken, by its place in ``LogLevel/allCases``: read for each observation.
    private let lowest = Atomic(1)

    /// - Parameter stamp: what stands before a sentence.
    init(
        role: String, prints: Bool = true, format: LogFormat = .text,
        stamp: @escaping @Sendable () -> String = { EventLog.timeOfDay() + "  " }
    ) {
        self.role = role
        self.format = format
        self.stamp = stamp
        state = Mutex(State(prints: prints))
    }

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

    /// An event that no machine observed. The sentence's named parts are its fields.
    func note(
        _ event: StaticString, _ sentence: @autoclosure () -> LogSentence, _ level: LogLevel = .info,
        as role: String? = nil
    ) {
        guard level >= self.level else { return }
        let sentence = sentence()
        switch format {
        case .text: append(stamp() + sentence.text)
        case .json: append(object("\(event)", sentence.fields, level, role))
        }
    }

    /// What a machine observed, in words; an object's fields are the observation's own and those of `context`.
    func note(
        _ observation: some Sendable, _ text: @autoclosure () -> String, _ level: LogLevel = .info,
        with context: @autoclosure () -> JSONObject = [:], as role: String? = nil
    ) {
        guard level >= self.level else { return }
        switch format {
        case .text: append(stamp() + text())
        case .json:
            let event = ObservedEvent(observation)
            append(object(event.name, event.fields.merging(context()), level, role))
        }
    }

    /// What a machine observed and nobody put into words.
    func debug(
        _ observation: some Sendable, with context: @autoclosure () -> JSONObject = [:],
        as role: String? = nil
    ) {
        guard lowest.load(ordering: .relaxed) == 0 else { return }
        note(observation, "\(observation)", .debug, with: context(), as: role)
    }

    private func object(_ event: String, _ fields: JSONObject, _ level: LogLevel, _ role: String?) -> String {
        var object: JSONObject = [
            "time": .string(RFC3339.now()), "level": .string(level.rawValue),
            "role": .string(role ?? self.role), "event": .string(event),
        ]
        object = object.merging(fields)
        return JSON.object(object).text
    }

    private func append(_ line: String) {
        state.withLock { state in
            state.lines.append(line)
            if state.lines.count > Self.kept { state.lines.removeFirst(Self.kept / 2) }
            if state.prints { Output.line(line) }
            // A full disk must not end the role.
            try? state.file?.write(contentsOf: Array((line + "\n").utf8))
        }
    }

    var lines: [String] { state.withLock { $0.lines } }

    static func timeOfDay() -> String {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }
            .joined(separator: ":")
    }
}

extension JSONObject {
    /// The first word on a key counts: a field cannot pass for the line's time or level.
    func merging(_ fields: JSONObject) -> JSONObject {
        var merged = self
        for (key, value) in fields.entries where merged[key] == nil { merged.append(key, value) }
        return merged
    }
}

/// Times as logs have them: UTC with microseconds (RFC 3339).
enum RFC3339 {
    static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: Int(time.tv_sec), microseconds: Int(time.tv_nsec) / 1_000)
    }

    /// - Parameter seconds: since 1970.
    static func text(seconds: Int, microseconds: Int) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        gmtime_r(&moment, &parts)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let day = [Int(parts.tm_year) + 1_900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
            .map { digits($0, 2) }.joined(separator: "-")
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits(Int($0), 2) }
            .joined(separator: ":")
        return "\(day)T\(clock).\(digits(microseconds, 6))Z"
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
