import DeviceModel
import Foundation

/// A profile file's values over those of the profiles that it inherits from, `inherits = "antminer-s19-pro"`, each
/// with the file and line that it comes from. A list in the file replaces the inherited one as a whole.
public struct InheritedValues: Sendable {
    /// The key that names the parent: a profile beside the file or in the library, or a path that ends in `.toml`.
    public static let key = "inherits"

    public struct Origin: Sendable {
        public let value: ProfileValue
        public let path: String
        public let line: Int?
    }

    private var origins: [String: Origin] = [:]
    /// The file itself, then its parent, and so on.
    public private(set) var chain: [String] = []

    /// - Throws: ``FileError`` for a parent that is not there, for a circle, and for more than
    ///   ``Limits/inheritanceDepthMax`` generations.
    public init(_ file: SettingsFile, library: ProfileLibrary) throws {
        var file = file
        while true {
            chain.append(file.path)
            inherit(file)
            guard let entry = file.entries.first(where: { $0.path == Self.key }) else { return }
            let parent = try Self.path(of: entry, in: file, library: library)
            let names = (chain + [parent]).map(Self.name)
            guard !chain.contains(where: { Self.isSame($0, parent) }) else {
                throw FileError(
                    path: file.path, line: entry.line,
                    message: "inherits goes in a circle: " + names.joined(separator: " -> "))
            }
            guard chain.count < Limits.inheritanceDepthMax else {
                throw FileError(
                    path: file.path, line: entry.line,
                    message: "inherits goes deeper than \(Limits.inheritanceDepthMax) files: "
                        + names.joined(separator: " -> "))
            }
            file = try SettingsFile(path: parent, takesTables: true)
        }
    }

    public subscript(key: String) -> ProfileValue? { origins[key]?.value }

    public func origin(of key: String) -> Origin? { origins[key] }

    /// In alphabetical order, without `inherits`.
    public var keys: [String] { origins.keys.sorted() }

    /// Says where the key of an error stands.
    func located(_ error: ProfileError) -> FileError {
        let origin = origins[error.key] ?? firstElement(of: error.key)
        return FileError(path: origin?.path ?? chain[0], line: origin?.line, message: "\(error)")
    }

    /// A missing key of an element, and a list as a whole, stand where the element's first line is.
    private func firstElement(of key: String) -> Origin? {
        let table =
            key.contains(where: \.isNumber) ? String(key[..<(key.lastIndex(of: ".") ?? key.startIndex)]) : key
        let inside = origins.filter { $0.key.hasPrefix(table + ".") && $0.key.contains(where: \.isNumber) }
        return inside.values.min { ($0.line ?? .max) < ($1.line ?? .max) }
    }

    /// Takes what no file before has said.
    private mutating func inherit(_ file: SettingsFile) {
        let lists = DeviceProfile.lists.map { $0.path + "." }
        let settled = lists.filter { list in origins.keys.contains { $0.hasPrefix(list) } }
        for entry in file.entries where entry.path != Self.key && origins[entry.path] == nil {
            guard !settled.contains(where: { entry.path.hasPrefix($0) }) else { continue }
            origins[entry.path] = Origin(value: entry.value, path: file.path, line: entry.line)
        }
    }

    private static func path(
        of entry: SettingsFile.Entry, in file: SettingsFile, library: ProfileLibrary
    ) throws -> String {
        guard case .text(let name) = entry.value, !name.isEmpty else {
            throw FileError(
                path: file.path, line: entry.line,
                message: "inherits is \(entry.value.description): it must be the name of a profile")
        }
        let folder = (file.path as NSString).deletingLastPathComponent
        let beside = name.hasSuffix(".toml") ? name : name + ".toml"
        let near = name.hasPrefix("/") ? beside : (folder as NSString).appendingPathComponent(beside)
        if FileManager.default.fileExists(atPath: near) { return near }
        do { return try library.path(of: name) } catch let error as FileError {
            throw FileError(path: file.path, line: entry.line, message: "inherits: " + error.message)
        }
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        URL(fileURLWithPath: a).standardizedFileURL == URL(fileURLWithPath: b).standardizedFileURL
    }

    private static func name(_ path: String) -> String {
        ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    }
}
