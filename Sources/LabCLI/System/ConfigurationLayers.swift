import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import JSONText

/// A command that also reads files written for another implementation's program of the same kind.
protocol ForeignKeys {
    /// The options that an entry stands for: none when it says nothing that this command could do otherwise, nil
    /// when it is no foreign key.
    static func options(for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry]) -> [String]?
    /// Why a foreign key cannot be followed here; nil when it can or is none.
    static func refusal(of entry: SettingsFile.Entry) -> String?
}

extension ForeignKeys {
    static func refusal(of entry: SettingsFile.Entry) -> String? { nil }
}

extension SettingsFile.Entry {
    /// The value as an option is written.
    var text: String {
        switch value {
        case .boolean(let value): "\(value)"
        case .text(let value): value
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        }
    }
}

/// A variable of the environment that says nothing usable, in one line.
struct EnvironmentFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Where a role's options come from, each layer above the one before: defaults, a TOML file (`--config FILE`), the
/// environment (`LAB_POOL_SHARES_PER_MINUTE` is `--shares-per-minute` of `lab pool`, and two underscores stand for the
/// dot of a table: `LAB_TRANSLATOR_UPSTREAMS__0__PORT`), the command line. Keys are a command's long options; where a
/// command knows another implementation's keys, those work in file and environment alike.
///
/// A layer's word on an option replaces the lower layers' whole word on it, lists included.
struct ConfigurationLayers {
    /// What the parser gets.
    var arguments: [String]
    /// What file and environment say where the command line says nothing, by canonical option.
    var settings: [String: [String]] = [:]
    /// Where an option stands: `LAB_POOL_PORT="x"` or `file.toml:3`, for messages.
    private var origins: [String: (origin: Origin, form: String)] = [:]

    private enum Origin {
        case variable(name: String, value: String)
        case file(path: String, line: Int?)
    }

    private struct Option {
        let text: String
        let name: String
        let origin: Origin
    }

    /// - Throws: ``FileError`` with file, line, key and the nearest right spelling; ``EnvironmentFault``.
    init(
        _ arguments: [String], environment: [String: String], of command: any ParsableCommand.Type
    ) throws {
        var rest = arguments
        var paths: [String] = []
        while let index = rest.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") }) {
            if rest[index] == "--config" {
                guard index + 1 < rest.count else {
                    throw FileError(path: "--config", line: nil, message: "needs the path of a TOML file")
                }
                paths.append(rest.remove(at: index + 1))
            } else {
                paths.append(String(rest[index].dropFirst("--config=".count)))
            }
            rest.remove(at: index)
        }
        self.arguments = rest
        guard
            let subcommand = rest.first.flatMap({ name in
                command.configuration.subcommands.first { $0._commandName == name }
            })
        else {
            if let path = paths.first {
                throw FileError(path: path, line: nil, message: "--config follows the name of a command")
            }
            return
        }
        let prefix = "LAB_" + subcommand._commandName.uppercased().replacing("-", with: "_") + "_"
        let variables = environment.filter { $0.key.hasPrefix(prefix) }
        guard !paths.isEmpty || !variables.isEmpty else { return }
        let table = OptionTable(subcommand)
        if paths.isEmpty, let path = variables[prefix + "CONFIG"] { paths = [path] }
        let above = try Self.options(of: variables, prefix: prefix, for: subcommand, table)
        var below: [Option] = []
        for path in paths { below += try Self.options(ofFile: path, for: subcommand, table) }
        let said = Set(rest.dropFirst().compactMap { table.canonical($0) })
        let environmentNames = Set(above.map(\.name))
        let options =
            below.filter { !said.contains($0.name) && !environmentNames.contains($0.name) }
            + above.filter { !said.contains($0.name) }
        for option in options {
            settings[option.name, default: []].append(option.text)
            origins[option.name] = (option.origin, table.form(of: option.name))
        }
        self.arguments = [rest[0]] + options.map(\.text) + rest.dropFirst()
    }

    /// Parses the command, and names the variable or the line where a wrong value stands.
    func parse() throws -> any ParsableCommand {
        do { return try Lab.parseAsRoot(arguments) } catch {
            guard Lab.exitCode(for: error) != .success else { throw error }
            let message = Lab.message(for: error)
            // The longest name first: --port stands in --port-range too.
            for name in origins.keys.sorted(by: { ($0.count, $0) > ($1.count, $1) })
            where message.contains("--\(name)") {
                guard let (origin, form) = origins[name] else { continue }
                let line = message.split(separator: "\n").joined(separator: " ") + form
                switch origin {
                case .variable(let variable, let value):
                    throw EnvironmentFault("\(variable)=\"\(value)\": \(line)")
                case .file(let path, let number): throw FileError(path: path, line: number, message: line)
                }
            }
            throw error
        }
    }

    private static func options(
        ofFile path: String, for command: any ParsableCommand.Type, _ table: OptionTable
    ) throws -> [Option] {
        let file = try SettingsFile(path: path, takesLists: true)
        return try file.entries.flatMap { entry in
            let origin = Origin.file(path: path, line: entry.line)
            do {
                return try options(for: entry, among: file.entries, command, table)
                    .map { Option(text: $0, name: table.canonical($0) ?? $0, origin: origin) }
            } catch let fault as EnvironmentFault {
                throw FileError(path: path, line: entry.line, message: fault.description)
            }
        }
    }

    private static func options(
        of variables: [String: String], prefix: String, for command: any ParsableCommand.Type,
        _ table: OptionTable
    ) throws -> [Option] {
        var named: [(variable: String, entry: SettingsFile.Entry)] = []
        for variable in variables.keys.sorted() where variable != prefix + "CONFIG" {
            let text = variables[variable] ?? ""
            let path = variable.dropFirst(prefix.count).lowercased().replacing("__", with: ".")
            // A number stays as it was typed: an option's own parser reads it.
            let isList = table.isRepeating(path.replacing("_", with: "-"))
            for part in isList ? text.split(separator: ",").map(String.init) : [text] {
                let value: ProfileValue
                switch part.lowercased() {
                case "true": value = .boolean(true)
                case "false": value = .boolean(false)
                default: value = .text(part)
                }
                named.append((variable, SettingsFile.Entry(path: path, value: value, line: nil)))
            }
        }
        let entries = named.map(\.entry)
        return try named.flatMap { variable, entry in
            let origin = Origin.variable(name: variable, value: variables[variable] ?? "")
            do {
                return try options(for: entry, among: entries, command, table)
                    .map { Option(text: $0, name: table.canonical($0) ?? $0, origin: origin) }
            } catch let fault as EnvironmentFault {
                throw EnvironmentFault("\(variable): \(fault.description)")
            }
        }
    }

    private static func options(
        for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry],
        _ command: any ParsableCommand.Type, _ table: OptionTable
    ) throws -> [String] {
        if let foreign = command as? any ForeignKeys.Type {
            if let refusal = foreign.refusal(of: entry) {
                throw EnvironmentFault("\(entry.path): \(refusal)")
            }
            if let options = foreign.options(for: entry, among: entries) { return options }
        }
        let option = entry.path.replacing("_", with: "-")
        guard table.names.contains(option) else {
            let nearest = Spelling.nearest(to: option, among: table.names.sorted())
            let hint = nearest.map { ": did you mean \($0)?" } ?? "; see lab \(command._commandName) --help"
            throw EnvironmentFault("\(entry.path) is no setting of lab \(command._commandName)\(hint)")
        }
        guard table.isFlag(option) else { return ["--\(option)=\(entry.text)"] }
        switch entry.value {
        case .boolean(true): return ["--\(option)"]
        case .boolean(false): return table.names.contains("no-\(option)") ? ["--no-\(option)"] : []
        default: throw EnvironmentFault("\(entry.path) is true or false, not \(entry.value.description)")
        }
    }
}

/// The long options of a command, as its own help lists them.
private struct OptionTable {
    private(set) var names: Set<String> = []
    private var flags: Set<String> = []
    private var repeating: Set<String> = []
    /// The first name of each name.
    private var firsts: [String: String] = [:]
    private var forms: [String: String] = [:]

    init(_ command: any ParsableCommand.Type) {
        let help = try? JSON.parse(command._dumpHelp())
        for argument in help?["command"]?["arguments"]?.arrayValue ?? [] {
            let long = (argument["names"]?.arrayValue ?? []).filter { $0["kind"] == "long" }
                .compactMap { $0["name"]?.stringValue }
            guard let first = long.first else { continue }
            guard !["help", "version", "config"].contains(first) else { continue }
            let example = argument["defaultValue"]?.stringValue.map { "; for example \($0)" } ?? ""
            forms[first] = argument["abstract"]?.stringValue.map { " (--\(first): \($0)\(example))" } ?? ""
            for name in long {
                names.insert(name)
                firsts[name] = first
                if argument["kind"] == "flag" { flags.insert(name) }
                if argument["isRepeating"] == true, argument["kind"] != "flag" { repeating.insert(name) }
            }
        }
    }

    /// What an option wants, for the end of a message.
    func form(of name: String) -> String { forms[name] ?? "" }

    func isFlag(_ name: String) -> Bool { flags.contains(name) }
    func isRepeating(_ name: String) -> Bool { repeating.contains(name) }

    /// `--no-jds` and `--jds` are one option, as are the names of one; nil for what is no long option.
    func canonical(_ word: String) -> String? {
        guard word.hasPrefix("--") else { return nil }
        let name = String(word.dropFirst(2).split(separator: "=", maxSplits: 1)[safe: 0] ?? "")
        let first = firsts[name] ?? name
        return first.hasPrefix("no-") && names.contains(String(first.dropFirst(3)))
            ? String(first.dropFirst(3)) : first
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
