import Foundation
import Runtime
import Synchronization
import Testing

/// The built program as a user runs it.
final class LabProcess: Sendable {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// LAB_BINARY, or the program that was built with these tests.
    static let binary =
        ProcessInfo.processInfo.environment["LAB_BINARY"] ?? "\(root)/.build/debug/lab"

    private struct Lines {
        var output = ""
        var fault = ""
    }

    private let process: ChildProcess
    private let lines = Mutex(Lines())

    /// `executable` is the lab itself, or the path of a program that is not ours.
    ///
    /// - Parameter variables: of the environment, besides this process's own.
    init(
        _ arguments: [String], executable: String = binary, environment variables: [String: String] = [:]
    ) throws {
        var environment = ProcessInfo.processInfo.environment
        environment["LAB_ROOT"] = Self.root
        environment["SWIFT_BACKTRACE"] = "enable=no"
        environment.merge(variables) { $1 }
        process = try ChildProcess(
            executable, arguments, environment: environment, output: .pipe, errors: .pipe)
        collect(process.output) { $0.output += $1 }
        collect(process.errors) { $0.fault += $1 }
    }

    deinit { process.signal(SIGKILL) }

    var output: String { lines.withLock { $0.output } }
    var fault: String { lines.withLock { $0.fault } }
    var isRunning: Bool { process.isRunning }
    var identifier: Int32 { process.identifier }

    func signal(_ number: Int32) { process.signal(number) }

    /// The exit status, or nil when it still runs after `seconds`.
    func status(within seconds: Double) async throws -> Int32? {
        _ = try await Poll.until(seconds: seconds) { !self.process.isRunning }
        return process.exitStatus
    }

    /// The word that the program prints behind a mark: a role's address, as an operator would copy it.
    func word(after mark: String) async throws -> String {
        var found: String?
        _ = try await Poll.until(seconds: 60) {
            if let range = output.range(of: mark) {
                let rest = output[range.upperBound...]
                if let end = rest.firstIndex(where: { $0.isWhitespace || $0 == "," }) {
                    found = String(rest[..<end])
                }
            }
            return found != nil || !isRunning
        }
        return try #require(found, "no \(mark) in \(output)\(fault)")
    }

    /// Runs to the end and answers status, output and error output.
    static func run(
        _ arguments: [String], within seconds: Double = 60
    ) async throws -> (status: Int32?, output: String, fault: String) {
        let process = try LabProcess(arguments)
        let status = try await process.status(within: seconds)
        // The pipes are read by their own threads; they end with the process.
        _ = try await Poll.until(seconds: 2) { process.isDrained }
        return (status, process.output, process.fault)
    }

    private let drained = Atomic(0)
    private var isDrained: Bool { drained.load(ordering: .acquiring) == 2 }

    private func collect(
        _ handle: FileHandle?, _ append: @escaping @Sendable (inout Lines, String) -> Void
    ) {
        guard let handle else { return }
        Thread.detachNewThread { [weak self] in
            while true {
                let data = handle.availableData
                guard !data.isEmpty, let self else { break }
                self.lines.withLock { append(&$0, String(decoding: data, as: UTF8.self)) }
            }
            self?.drained.add(1, ordering: .releasing)
        }
    }
}
enum Poll {
    /// Asks `condition` every 20 ms until it holds or the time is over.
    static func until(seconds: Double, _ condition: () async throws -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            if try await condition() { return true }
            guard ContinuousClock.now < deadline else { return false }
            await pause()
        }
    }

    private static func pause() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { continuation.resume() }
        }
    }
}

/// A directory that goes with its test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// `lab up` in its scriptable form.
final class RunningLab: Sendable {
    let process: LabProcess
    let ready: [String: [String: String]]
    let network: String

    init(data: String, arguments: [String] = []) async throws {
        let file = data + "/ready-\(UUID().uuidString).json"
        let process = try LabProcess(
            ["up", "--data", data, "--ready", file, "--ports", "auto"] + arguments)
        self.process = process
        let appeared = try await Poll.until(seconds: 60) {
            FileManager.default.fileExists(atPath: file) || !process.isRunning
        }
        try #require(appeared && process.isRunning, "\(process.output)\n\(process.fault)")
        let data = try #require(FileManager.default.contents(atPath: file))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        network = try #require(object["network"] as? String)
        ready = object.compactMapValues { $0 as? [String: String] }
    }

    func value(_ role: String, _ key: String) throws -> String {
        try #require(ready[role]?[key], "\(role).\(key)")
    }

    func port(_ role: String) throws -> UInt16 {
        let address = try value(role, role == "rpc" || role == "explorer" ? "url" : "address")
        return try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
    }

    /// The standard output of `lab cli METHOD …` against this lab.
    func cli(_ arguments: String...) async throws -> String {
        let result = try await LabProcess.run(["cli", "-rpcport=\(try port("rpc"))"] + arguments)
        try #require(result.status == 0, "\(arguments): \(result.fault)")
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func height() async throws -> Int { try #require(Int(try await cli("getblockcount"))) }

    func stop() async throws {
        process.signal(SIGTERM)
        let status = try await process.status(within: 10)
        #expect(status == 0, "\(process.output)\n\(process.fault)")
    }
}

/// Raw sockets to 127.0.0.1, for peers who behave as no library would let them.
enum Loopback {
    /// A port that was free a moment ago, for programs that cannot take port 0.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(bound)
        return UInt16(bigEndian: address.sin_port)
    }

    static func connect(to port: UInt16, sending bytes: [UInt8]) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
        // A listener may close in the middle of our bytes; that is its right.
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        return descriptor
    }

    /// The whole answer to one GET.
    static func get(_ path: String, port: UInt16) throws -> String {
        let request = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n"
        let descriptor = try connect(to: port, sending: Array(request.utf8))
        defer { close(descriptor) }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while answer.count < 4 << 20 {
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            answer.append(contentsOf: chunk[..<count])
        }
        return String(decoding: answer, as: UTF8.self)
    }
}
