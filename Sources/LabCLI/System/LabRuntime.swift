import Bitcoin
import Foundation
import NIOCore
import NIOPosix
import Runtime
import SansIO

/// What every live command stands on: a world's time, event loops, and where the project's files lie.
struct LabRuntime: Sendable {
    let world = LiveWorld()
    let group: MultiThreadedEventLoopGroup

    init(threads: Int) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, threads))
    }

    /// A folder of the project (`Profiles/devices`): in LAB_ROOT, in the present directory, or above the program.
    static func folder(_ name: String) -> String {
        var candidates: [String] = []
        if let root = ProcessInfo.processInfo.environment["LAB_ROOT"] { candidates.append(root) }
        candidates.append(FileManager.default.currentDirectoryPath)
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        var above = URL(fileURLWithPath: program)
        for _ in 0..<6 {
            above.deleteLastPathComponent()
            candidates.append(above.path)
        }
        for candidate in candidates where FileManager.default.fileExists(atPath: "\(candidate)/\(name)") {
            return "\(candidate)/\(name)"
        }
        return name
    }

    /// Where state goes unless `--data` says otherwise.
    static var defaultData: String {
        (ProcessInfo.processInfo.environment["LAB_ROOT"] ?? FileManager.default.currentDirectoryPath)
            + "/data"
    }
}

/// The long-lived keys of a data directory: all come from one secret file that is drawn the first time.
struct KeyRing: Sendable {
    private let seed: [UInt8]

    init(_ directory: DataDirectory) throws {
        seed = try directory.secret("lab.key") { LiveWorld.entropy(32) }
        guard seed.count == 32 else {
            throw StoreFault(message: "\(directory.path("lab.key")) holds \(seed.count) bytes instead of 32")
        }
    }

    /// The same for the same directory and purpose.
    func generator(_ purpose: String) -> SecretGenerator {
        SecretGenerator(seed: seed + Array(purpose.utf8))
    }

    func bytes(_ purpose: String) -> [UInt8] {
        var generator = generator(purpose)
        return generator.bytes(32)
    }

    func secretKey(_ purpose: String) -> SecretKey {
        var generator = generator(purpose)
        return generator.secretKey()
    }
}

/// A fault that ends a command: one line that names the thing and the remedy.
struct StoreFault: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
