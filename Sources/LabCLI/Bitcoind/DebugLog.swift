import Foundation
import Synchronization

/// bitcoind's debug.log: one line for each thing worth telling, with the time in UTC before it. It is our own text,
/// not Core's.
final class DebugLog: Sendable {
    private let file: FileHandle?
    private let prints: Bool
    private let lock = Mutex(())

    init(path: String?, prints: Bool) {
        self.prints = prints
        guard let path else {
            file = nil
            return
        }
        if !FileManager.default.fileExists(atPath: path) {
            FileManager.default.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        file = FileHandle(forWritingAtPath: path)
        _ = try? file?.seekToEnd()
    }

    /// Whether a log can be kept at that path.
    static func canWrite(_ path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }

    func note(_ text: String) {
        let line = "\(Date.now.formatted(.iso8601)) \(text)\n"
        lock.withLock { _ in
            try? file?.write(contentsOf: Data(line.utf8))
            if prints { Output.text(line) }
        }
    }
}
