import DeviceModel
import Foundation

/// The link profiles of a directory.
public struct LinkLibrary: Sendable {
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// Names without `.toml`, sorted.
    public var names: [String] { ProfileLibrary(directory: directory).names }

    /// Loads a link by its name, or by its path when `name` ends in `.toml` or has a slash.
    ///
    /// - Throws: ``FileError`` that names the file, the line, the key, what was expected and, for a misspelt key or
    ///   name, the nearest right one.
    public func load(_ name: String) throws -> LinkDescription {
        if name.hasSuffix(".toml") || name.contains("/") { return try LinkLibrary.link(at: name) }
        guard names.contains(name) else {
            let hint = Spelling.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
            throw FileError(
                path: directory, line: nil,
                message: "no link profile \"\(name)\"; \(hint)there are: \(names.joined(separator: ", "))")
        }
        return try LinkLibrary.link(at: "\(directory)/\(name).toml")
    }

    public static func link(at path: String) throws -> LinkDescription {
        try link(from: SettingsFile(path: path))
    }

    public static func link(from file: SettingsFile) throws -> LinkDescription {
        if let first = faults(in: file).first { throw first }
        var link = LinkDescription()
        for entry in file.entries { _ = take(entry, into: &link) }
        return link
    }

    /// Everything that is wrong with a link file, in the order of its lines; empty for one that can be used.
    public static func faults(in file: SettingsFile) -> [FileError] {
        var scratch = LinkDescription()
        var faults: [FileError] = []
        for entry in file.entries {
            guard let message = take(entry, into: &scratch) else { continue }
            faults.append(FileError(path: file.path, line: entry.line, message: message))
        }
        if file["name"] == nil {
            faults.append(
                FileError(path: file.path, line: nil, message: "name is missing: it must be a text"))
        }
        for key in LinkDescription.schema where key.isRequired && file[key.path] == nil {
            let message = "\(key.path) is missing: it must be \(key.expectation)"
            faults.append(FileError(path: file.path, line: nil, message: message))
        }
        return faults
    }

    /// What is wrong with an entry; nil when it was taken.
    private static func take(_ entry: SettingsFile.Entry, into link: inout LinkDescription) -> String? {
        if entry.path == "name" || entry.path == "summary" {
            guard case .text(let text) = entry.value, !text.isEmpty else {
                return "\(entry.path) is \(entry.value.description): it must be a text"
            }
            if entry.path == "name" { link.name = text } else { link.summary = text }
            return nil
        }
        guard let key = LinkDescription.schema.first(where: { $0.path == entry.path }) else {
            let known = LinkDescription.schema.map(\.path) + ["name", "summary"]
            let hint = Spelling.nearest(to: entry.path, among: known).map { ": did you mean \($0)?" } ?? ""
            return "\(entry.path) is not a key of a link profile" + hint
        }
        let number: Double? =
            switch entry.value {
            case .number(let value): value
            case .integer(let value): Double(value)
            case .text, .boolean: nil
            }
        guard let number, key.range.contains(number) else {
            return "\(key.path) is \(entry.value.description): it must be \(key.expectation)"
        }
        key.assign(&link, number)
        return nil
    }
}
