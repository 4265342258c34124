import Foundation

/// The release build of the lab, as `./lab` runs it.
final class Program {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let binary = ProcessInfo.processInfo.environment["LAB_BINARY"] ?? "\(root)/.build/release/lab"

    let process = Process()
    private let file: String

    init(_ arguments: [String], of program: String = Program.binary) throws {
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["LAB_ROOT"] = Self.root
        environment["SWIFT_DETERMINISTIC_HASHING"] = "1"
        process.environment = environment
        file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        let handle = FileHandle(forWritingAtPath: file)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(atPath: file)
    }

    var output: String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }

    /// The first capture of `pattern`, polled for until `seconds` have passed.
    func waitFor(_ pattern: Regex<(Substring, Substring)>, seconds: Double) -> String? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            if let match = output.firstMatch(of: pattern) { return String(match.1) }
            guard process.isRunning else { break }
            usleep(50_000)
        }
        return output.firstMatch(of: pattern).map { String($0.1) }
    }

    /// Resident memory in bytes.
    var residentBytes: Int {
        let status =
            (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
        return (status.firstMatch(of: /VmRSS:\s+([0-9]+) kB/).flatMap { Int($0.1) } ?? 0) * 1_024
    }

    /// User and system time in seconds, of all threads that still live.
    var processorSeconds: Double {
        let folder = "/proc/\(process.processIdentifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return threads.reduce(0) { sum, thread in
            let line = (try? String(contentsOfFile: "\(folder)/\(thread)/schedstat", encoding: .utf8)) ?? ""
            return sum + (line.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1e9
        }
    }
}
