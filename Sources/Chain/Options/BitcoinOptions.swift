/// An option that cannot be understood, in Core's words.
public struct OptionError: Error, Equatable, Sendable, CustomStringConvertible {
    public var message: String
    /// Whether bitcoind says it without "Error: " before it.
    public var isPlain: Bool
    public var description: String { message }

    public init(_ message: String, isPlain: Bool = false) {
        self.message = message
        self.isPlain = isPlain
    }
}

/// bitcoind's settings as a value: the command line above the files, the network's section above the rest. It
/// reads no file itself; whoever has the text hands it over.
///
/// On the command line the last value of a single-valued option wins, in files the first. `-noX` and `noX=1` mean
/// no; `-noX=0` means yes.
public struct BitcoinOptions: Sendable {
    enum Value: Sendable, Equatable {
        case text(String)
        case negated
    }

    /// A `[section]` or `section.option=` of a file.
    public struct Section: Sendable, Equatable {
        public var name: String
        public var file: String
        public var line: Int
    }

    var commandLine: [String: [Value]] = [:]
    var files: [String: [String: [Value]]] = [:]
    public private(set) var sections: [Section] = []
    /// Names in files that nobody knows.
    public private(set) var ignored: [String] = []
    /// Confusing but harmless things.
    public private(set) var notes: [String] = []
    /// Words without a dash, from the first one on.
    public private(set) var words: [String] = []

    public init() {}

    /// - Parameter takesWords: bitcoin-cli's command and parameters follow the options; bitcoind has none.
    public init(commandLine arguments: [String], takesWords: Bool = false) throws(OptionError) {
        var included: String?
        for (index, argument) in arguments.enumerated() {
            if argument == "-" { break }
            guard argument.hasPrefix("-") else {
                guard takesWords else {
                    throw OptionError(
                        "Command line contains unexpected token '\(argument)', "
                            + "see bitcoind -h for a list of options.")
                }
                words = Array(arguments[index...])
                break
            }
            var key = argument
            var value: String?
            if let equals = argument.firstIndex(of: "=") {
                key = String(argument[..<equals])
                value = String(argument[argument.index(after: equals)...])
            }
            let name = String(key.dropFirst(key.hasPrefix("--") ? 2 : 1))
            let (plain, isNegated) = Self.plainName(name)
            guard !name.contains("."), OptionCatalogue.knows(plain) else {
                throw OptionError("Error parsing command line arguments: Invalid parameter \(argument)")
            }
            do throws(OptionError) {
                let read = try interpret(plain, isNegated, value)
                commandLine[plain, default: []].append(read)
                if plain == "includeconf" {
                    // A negation that is negated is a flag and no text.
                    if case .text(let text) = read {
                        included = included ?? (isNegated ? "true" : "\"\(text)\"")
                    } else {
                        included = nil
                    }
                }
            } catch {
                throw OptionError("Error parsing command line arguments: \(error.message)")
            }
        }
        if let included {
            throw OptionError(
                "Error parsing command line arguments: -includeconf cannot be used from commandline; "
                    + "-includeconf=\(included)")
        }
    }

    /// Sets an option as the command line would.
    public mutating func set(_ name: String, _ value: String) {
        commandLine[name, default: []].append(.text(value))
    }

    /// Takes a file's text. Values that came before win.
    public mutating func read(_ text: String, file: String) throws(OptionError) {
        var prefix = ""
        for (number, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let hash = raw.firstIndex(of: "#")
            let line = Self.trimmed(hash.map { raw[..<$0] } ?? raw)
            if line.isEmpty { continue }
            if line.hasPrefix("["), line.hasSuffix("]") {
                let name = String(line.dropFirst().dropLast())
                sections.append(Section(name: name, file: file, line: number + 1))
                prefix = name + "."
                continue
            }
            if line.hasPrefix("-") {
                throw OptionError(
                    "parse error on line \(number + 1): \(line), options in configuration file must be "
                        + "specified without leading -")
            }
            guard let equals = line.firstIndex(of: "=") else {
                let hint =
                    line.hasPrefix("no")
                    ? ", if you intended to specify a negated option, use \(line)=1 instead" : ""
                throw OptionError("parse error on line \(number + 1): \(line)\(hint)")
            }
            let name = prefix + Self.trimmed(line[..<equals])
            if hash != nil, name.contains("rpcpassword") {
                throw OptionError(
                    "parse error on line \(number + 1), using # in rpcpassword can be ambiguous and should be "
                        + "avoided")
            }
            if let dot = name.lastIndex(of: "."),
                name.distance(from: name.startIndex, to: dot) >= prefix.count
            {
                sections.append(Section(name: String(name[..<dot]), file: file, line: number + 1))
            }
            try take(name, Self.trimmed(line[line.index(after: equals)...]))
        }
    }

    private mutating func take(_ name: String, _ value: String) throws(OptionError) {
        let dot = name.firstIndex(of: ".")
        let section = dot.map { String(name[..<$0]) } ?? ""
        let (plain, isNegated) = Self.plainName(dot.map { String(name[name.index(after: $0)...]) } ?? name)
        if plain == "conf" {
            throw OptionError(
                "conf cannot be set in the configuration file; use includeconf= if you want to include "
                    + "additional config files")
        }
        guard OptionCatalogue.knows(plain) else {
            ignored.append(name)
            return
        }
        files[section, default: [:]][plain, default: []].append(try interpret(plain, isNegated, value))
    }

    private mutating func interpret(
        _ name: String, _ isNegated: Bool, _ value: String?
    ) throws(OptionError) -> Value {
        guard isNegated else { return .text(value ?? "") }
        if OptionCatalogue.notNegatable.contains(name) {
            throw OptionError("Negating of -\(name) is meaningless and therefore forbidden")
        }
        if let value, !Self.isTrue(value) {
            notes.append("Parsed potentially confusing double-negative -\(name)=\(value)")
            return .text("1")
        }
        return .negated
    }

    private static func plainName(_ name: String) -> (name: String, isNegated: Bool) {
        guard name.hasPrefix("no"), !OptionCatalogue.knows(name) else { return (name, false) }
        return (String(name.dropFirst(2)), true)
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let isBlank = { (character: Character) in character.isWhitespace || character.isNewline }
        var rest = Substring(text).drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }

    /// Core's InterpretBool: nothing is yes, else the leading integer decides.
    static func isTrue(_ text: String) -> Bool { text.isEmpty || leadingInteger(text) != 0 }

    /// C's atoi: leading blanks, a sign, digits; 0 when there are none.
    static func leadingInteger(_ text: String) -> Int64 {
        let rest = text.drop { $0 == " " || $0 == "\t" || $0 == "\n" }
        var digits = rest
        var sign = ""
        if let first = rest.first, first == "-" || first == "+" {
            sign = first == "-" ? "-" : ""
            digits = rest.dropFirst()
        }
        let number = digits.prefix { $0.isASCII && $0.isNumber }
        if number.isEmpty { return 0 }
        return Int64(sign + number) ?? (sign.isEmpty ? .max : .min)
    }

    /// The values after the last negation, and whether nothing came after it.
    static func span(_ values: [Value]) -> (values: [String], endsNegated: Bool, isNegated: Bool) {
        let start = values.lastIndex(of: .negated)
        let texts = values[(start.map { $0 + 1 } ?? 0)...].compactMap { value in
            if case .text(let text) = value { text } else { nil }
        }
        return (texts, start != nil && texts.isEmpty, start != nil)
    }
}
