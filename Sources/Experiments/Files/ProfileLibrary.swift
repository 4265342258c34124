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
    public func load(_ name: String) throws -> DeviceProfile { try profile(at: path(of: name)) }

    /// The file of a name; see ``load(_:)``.
    public func path(of name: String) throws -> String {
        if name.hasSuffix(".toml") || name.contains("/") { return name }
        guard names.contains(name) else {
            let hint = Spelling.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
            throw FileError(
                path: directory, line: nil,
                message: "no device profile \"\(name)\"; \(hint)there are: \(names.joined(separator: ", "))")
        }
        return "\(directory)/\(name).toml"
    }

    public func profile(at path: String) throws -> DeviceProfile {
        try profile(from: SettingsFile(path: path, takesTables: true))
    }

    /// - Throws: The first of ``faults(in:)``.
    public func profile(from file: SettingsFile) throws -> DeviceProfile {
        let values = try InheritedValues(file, library: self)
        if let first = ProfileLibrary.faults(in: values).first { throw first }
        do { return try DeviceProfile { values[$0] } } catch { throw values.located(error) }
    }

    /// Everything that is wrong with a profile file, in the order of its lines; empty for one that can be used. What
    /// keeps the file or one that it inherits from being read at all is thrown.
    public func faults(in file: SettingsFile) throws -> [FileError] {
        ProfileLibrary.faults(in: try InheritedValues(file, library: self))
    }

    private static func faults(in values: InheritedValues) -> [FileError] {
        var faults: [FileError] = []
        for key in values.keys {
            do { try DeviceProfile.check(key: key) } catch { faults.append(values.located(error)) }
        }
        faults += DeviceProfile.faults { values[$0] }.map(values.located)
        return faults.sorted { ($0.line ?? .max, $0.message) < ($1.line ?? .max, $1.message) }
    }
}
