import Bitcoin
import Foundation
import Runtime

/// libbitcoinkernel in a Python process of its own.
final class KernelJudge {
    struct Verdict: Equatable, CustomStringConvertible {
        /// Nil for what was accepted.
        var reason: String?
        var height: Int
        var tip: String

        var description: String { "\(reason ?? "accepted"), tip \(height) \(tip)" }
    }

    struct Gone: Error {}

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("kernel_judge.py").path

    /// A Python that has the library: LAB_KERNEL_PYTHON, or the system's with what `lab test` installed.
    private static let interpreter: (path: String, packages: String?)? = {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["LAB_KERNEL_PYTHON"], !path.isEmpty { return (path, nil) }
        let packages = "\(root)/.build/python"
        guard FileManager.default.fileExists(atPath: "\(packages)/pbk") else { return nil }
        return ("/usr/bin/env", packages)
    }()

    static var isPresent: Bool { interpreter != nil }

    private let process: ChildProcess
    private var rest = Data()

    init() throws {
        guard let interpreter = Self.interpreter else { throw Gone() }
        var environment = ProcessInfo.processInfo.environment
        if let packages = interpreter.packages { environment["PYTHONPATH"] = packages }
        process = try ChildProcess(
            interpreter.path, interpreter.packages == nil ? [Self.script] : ["python3", Self.script],
            environment: environment, input: .pipe, output: .pipe, errors: .null)
    }

    deinit {
        try? process.input?.close()
        process.wait()
    }

    func reset() throws { _ = try ask("reset") }
    func block(_ bytes: [UInt8]) throws -> Verdict { try ask("block " + bytes.hex) }
    func header(_ bytes: [UInt8]) throws -> Verdict { try ask("header " + bytes.hex) }

    private func ask(_ line: String) throws -> Verdict {
        try process.input?.write(contentsOf: Data((line + "\n").utf8))
        while true {
            if let end = rest.firstIndex(of: 0x0a) {
                let text = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                rest = Data(rest[(end + 1)...])
                let fields = text.split(separator: "\t").map(String.init)
                guard fields.count == 3, let height = Int(fields[1]) else { throw Gone() }
                return Verdict(reason: fields[0] == "-" ? nil : fields[0], height: height, tip: fields[2])
            }
            let more = process.output?.availableData ?? Data()
            guard !more.isEmpty else {
                throw Gone()
            }
            rest += more
        }
    }
}
