import DeviceModel
import Foundation
import TOMLKit

/// A file that cannot be used, said with file, line and key.
public struct FileError: Error, Equatable, CustomStringConvertible {
    public let path: String
    /// Counted from 1; nil when the fault has no place in the text.
    public let line: Int?
    public let message: String

    public init(path: String, line: Int?, message: String) {
        self.path = path
        self.line = line
        self.message = message
    }

    public var description: String { line.map { "\(path):\($0): \(message)" } ?? "\(path): \(message)" }
}

/// A TOML file as scalar values by dotted path, each with the line that it stands on. Where lists are taken, each
/// element of one is an entry of the list's path, and tables of an array are numbered from 0: `upstreams.0.port`.
public struct SettingsFile: Sendable {
    public struct Entry: Sendable {
        /// `chip.nominal_mhz`
        public let path: String
        public let value: ProfileValue
        public let line: Int?

        public init(path: String, value: ProfileValue, line: Int?) {
            self.path = path
            self.value = value
            self.line = line
        }
    }

    public let path: String
    /// In the order of their lines.
    public let entries: [Entry]

    /// - Parameters:
    ///   - takesLists: whether arrays of scalars and of tables are read or refused.
    ///   - takesTables: whether arrays of tables are read all the same.
    /// - Throws: ``FileError`` when the file cannot be read, is no TOML, or holds a value that is no scalar.
    public init(path: String, takesLists: Bool = false, takesTables: Bool = false) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw FileError(path: path, line: nil, message: exists ? "cannot be read" : "no such file")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw FileError(path: path, line: nil, message: "is not UTF-8 text")
        }
        try self.init(path: path, text: text, takesLists: takesLists, takesTables: takesTables)
    }

    public init(path: String, text: String, takesLists: Bool = false, takesTables: Bool = false) throws {
        self.path = path
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw FileError(path: path, line: error.source.begin.line, message: error.description)
        }
        let lines = SettingsFile.lines(of: text)
        entries = try SettingsFile.flatten(
            table, prefix: "", path: path, lines: lines, takesLists: takesLists,
            takesTables: takesLists || takesTables
        )
        .sorted { ($0.line ?? 0, $0.path) < ($1.line ?? 0, $1.path) }
    }

    public subscript(key: String) -> ProfileValue? { entries.first { $0.path == key }?.value }

    public func line(of key: String) -> Int? { entries.first { $0.path == key }?.line }

    private static func flatten(
        _ table: TOMLTable, prefix: String, path: String, lines: [String: Int], takesLists: Bool,
        takesTables: Bool
    ) throws -> [Entry] {
        var entries: [Entry] = []
        for key in table.keys {
            let name = prefix + key
            guard let value = table[key] else { continue }
            if let inner = value.table {
                entries += try flatten(
                    inner, prefix: name + ".", path: path, lines: lines, takesLists: takesLists,
                    takesTables: takesTables)
                continue
            }
            if takesTables, let list = value.array, takesLists || list.allSatisfy({ $0.table != nil }) {
                for (index, element) in list.enumerated() {
                    if let inner = element.table {
                        entries += try flatten(
                            inner, prefix: "\(name).\(index).", path: path, lines: lines,
                            takesLists: takesLists, takesTables: true)
                    } else if let scalar = scalar(element) {
                        entries.append(Entry(path: name, value: scalar, line: lines[name]))
                    } else {
                        throw FileError(
                            path: path, line: lines[name],
                            message: "\(name) must hold numbers, texts, true or false")
                    }
                }
                continue
            }
            guard let scalar = scalar(value) else {
                throw FileError(
                    path: path, line: lines[name], message: "\(name) must be a number, a text, true or false")
            }
            entries.append(Entry(path: name, value: scalar, line: lines[name]))
        }
        return entries
    }

    private static func scalar(_ value: any TOMLValueConvertible) -> ProfileValue? {
        switch value.type {
        case .int: value.int.map { .integer(Int64($0)) }
        case .double: value.double.map { .number($0) }
        case .bool: value.bool.map { .boolean($0) }
        case .string: value.string.map { .text($0) }
        default: nil
        }
    }

    /// Where each dotted key stands. TOML's parser keeps no lines, so the text is read once more: table headers and
    /// the keys before `=`.
    private static func lines(of text: String) -> [String: Int] {
        var lines: [String: Int] = [:]
        var table = ""
        var elements: [String: Int] = [:]
        for (index, line) in text.components(separatedBy: "\n").enumerated() {
            let code = line.trimmingCharacters(in: .whitespaces)
            if code.hasPrefix("["), let end = code.firstIndex(of: "]") {
                table = String(code[code.index(after: code.startIndex)..<end])
                    .trimmingCharacters(in: CharacterSet(charactersIn: "[ ]"))
                if code.hasPrefix("[[") {
                    let number = elements[table, default: 0]
                    elements[table] = number + 1
                    table += ".\(number)"
                }
            } else if !code.hasPrefix("#"), let equals = code.firstIndex(of: "=") {
                let key = code[..<equals].trimmingCharacters(in: CharacterSet(charactersIn: " \t\"'"))
                let name = table.isEmpty ? key : "\(table).\(key)"
                if lines[name] == nil { lines[name] = index + 1 }
            }
        }
        return lines
    }
}
