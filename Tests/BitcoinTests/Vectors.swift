import Foundation

/// Test vectors: our own lie in Tests/Vectors; those of other projects in a folder `shared` that may be absent.
enum Vectors {
    /// Shown where a test is skipped.
    static let absent: String = "the shared vectors are not here (set LAB_SHARED)"

    static var areShared: Bool { FileManager.default.fileExists(atPath: sharedRoot + "/vectors/SOURCES.md") }

    private static let testsFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let sharedRoot: String =
        ProcessInfo.processInfo.environment["LAB_SHARED"]
        ?? testsFolder.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
            "shared"
        ).path

    static func own(_ path: String) throws -> [[String: Any]] {
        let data = try Data(contentsOf: testsFolder.appendingPathComponent("Vectors/" + path))
        let file = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        return file?["cases"] as? [[String: Any]] ?? []
    }

    static func shared(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: sharedRoot + "/vectors/" + path)))
    }

    static func sharedJSON(_ path: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(try shared(path)), options: [.fragmentsAllowed])
    }

    /// Rows of comma-separated values without the header line. No field of ours is quoted with a comma inside before
    /// the last one.
    static func sharedRows(_ path: String) throws -> [[String]] {
        String(decoding: try shared(path), as: UTF8.self).split(whereSeparator: \.isNewline).dropFirst().map {
            $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }
}

/// Deterministic bytes for tests; not secret.
func patternBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}
