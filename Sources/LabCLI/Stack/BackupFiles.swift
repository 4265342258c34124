import Chain
import Foundation
import Runtime

/// Backups of wallets where the caller of the RPC wants them. A relative path is below the data directory.
struct BackupFiles: WalletBackups {
    let root: String

    private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(root)/\(path)" }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: absolute(path)) }

    func read(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: absolute(path)).map { [UInt8]($0) }
    }

    func write(_ bytes: [UInt8], to path: String) -> Bool {
        let path = absolute(path)
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            return false
        }
        do { try DataDirectory.write(bytes, to: path) } catch { return false }
        return true
    }
}
