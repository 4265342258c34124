import ArgumentParser
import DeviceModel
import Experiments
import Foundation

/// A command that also reads files written for another implementation's program of the same kind.
protocol ForeignKeys {
    /// The options that an entry stands for: none when it says nothing that this command could do otherwise, nil
    /// when it is no foreign key.
    static func options(for entry: SettingsFile.Entry, among entries: [SettingsFile.Entry]) -> [String]?
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

/// `--config FILE`: a TOML file whose keys are a command's long options. It is read into options that stand before
/// those of the command line, so the command line wins.
enum ConfigurationFile {
    /// Answers `arguments` with `--config FILE` replaced by the file's content.
    ///
    /// - Throws: ``FileError`` with file, line, key and the nearest right spelling.
    static func expand(_ arguments: [String], of command: any ParsableCommand.Type) throws -> [String] {
        var rest = arguments
        var options: [String] = []
        while let index = rest.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") }) {
            let path: String
            if rest[index] == "--config" {
                guard index + 1 < rest.count else {
                    throw FileError(path: "--config", line: nil, message: "needs the path of a TOML file")
                }
                path = rest.remove(at: index + 1)
            } else {
                path = String(rest[index].dropFirst("--config=".count))
            }
            rest.remove(at: index)
            guard
                let subcommand = rest.first.flatMap({ name in
                    command.configuration.subcommands.first { $0._commandName == name }
                })
            else {
                throw FileError(path: path, line: nil, message: "--config follows the name of a command")
            }
            options += try read(path, for: subcommand)
        }
        guard !options.isEmpty, let name = rest.first else { return rest }
        return [name] + options + rest.dropFirst()
    }

    private static func read(_ path: String, for command: any ParsableCommand.Type) throws -> [String] {
        let foreign = command as? any ForeignKeys.Type
        let file = try SettingsFile(path: path, takesLists: true)
        let known = names(of: command)
        return try file.entries.flatMap { entry -> [String] in
            if let options = foreign?.options(for: entry, among: file.entries) { return options }
            let option = entry.path.replacingOccurrences(of: "_", with: "-")
            guard known.contains(option) else {
                let nearest = Spelling.nearest(to: option, among: known.sorted())
                let hint =
                    nearest.map { ": did you mean \($0)?" } ?? "; see lab \(command._commandName) --help"
                throw FileError(
                    path: path, line: entry.line,
                    message: "\(entry.path) is no setting of lab \(command._commandName)\(hint)")
            }
            switch entry.value {
            case .boolean(true): return ["--\(option)"]
            case .boolean(false): return known.contains("no-\(option)") ? ["--no-\(option)"] : []
            case .text(let text): return ["--\(option)=\(text)"]
            case .integer(let number): return ["--\(option)=\(number)"]
            case .number(let number): return ["--\(option)=\(number)"]
            }
        }
    }

    /// The long options of a command, as its own help lists them.
    private static func names(of command: any ParsableCommand.Type) -> Set<String> {
        var names: Set<String> = []
        for match in command.helpMessage(columns: 200).matches(of: /--([a-z][a-z0-9-]*)/) {
            names.insert(String(match.1))
        }
        return names.subtracting(["help", "version", "config"])
    }
}
