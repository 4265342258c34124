import Foundation
import JSONText

/// The public test vectors, which live outside the repository; a test that needs one skips where it is
/// absent.
enum Vectors {
    static let root: URL = {
        if let path = ProcessInfo.processInfo.environment["LAB_SHARED"] { return URL(fileURLWithPath: path) }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared")
    }()

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: root.appendingPathComponent(path)))
    }

    static func json(_ path: String) throws -> JSON { try JSON.parse(try bytes(path)) }

    /// Vectors that we derived ourselves.
    static func own(_ path: String) throws -> [JSON] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent("Vectors/" + path)))
        return try JSON.parse(bytes)["cases"]?.arrayValue ?? []
    }
}
