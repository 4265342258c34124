import DeviceModel
import Foundation

/// The device profiles of a directory.
public struct ProfileLibrary: Sendable {
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// Names without `.toml`, sorted.
    public var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return files.filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }.sorted()
    }

    /// Loads a profile by its name in the library, or by its path when `name` ends in `.toml` or has a slash.
    ///
    /// - Throws: ``FileError`` that names the file, the line, the key, what was expected and, for a misspelt key or
    ///   name, the nearest right one.
    public func load(_ name: String) throws -> DeviceProfile {
        if name.hasSuffix(".toml") || name.contains("/") { return try ProfileLibrary.profile(at: name) }
        guard names.contains(name) else {
            let hint = Spelling.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
            throw FileError(
                path: directory, line: nil,
                message: "no device profile \"\(name)\"; \(hint)there are: \(names.joined(separator: ", "))")
        }
        return try ProfileLibrary.profile(at: "\(directory)/\(name).toml")
    }

    public static func profile(at path: String) throws -> DeviceProfile {
        try profile(from: SettingsFile(path: path))
    }

    public static func profile(from file: SettingsFile) throws -> DeviceProfile {
        for entry in file.entries {
            do { try DeviceProfile.check(key: entry.path) } catch {
                throw FileError(path: file.path, line: entry.line, message: "\(error)")
            }
        }
        do {
            return try DeviceProfile { file[$0] }
        } catch {
            throw FileError(path: file.path, line: line(of: error, in: file), message: "\(error)")
        }
    }

    private static func line(of error: ProfileError, in file: SettingsFile) -> Int? {
        switch error {
        case .missing: nil
        case .wrong(let key, _, _), .unknown(let key, _), .contradiction(let key, _): file.line(of: key)
        }
    }
}
