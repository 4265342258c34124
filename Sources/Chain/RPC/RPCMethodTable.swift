import JSONText

extension RPCMethod {
    /// Every method. A topic adds its own table here with one line and keeps everything else in its own files.
    static let all: [RPCMethod] =
        blockchain + control + generating + mining + rawTransactions + utilities
        + chainStatistics + coinStatistics + proofs + waiting + scripts
        + notifications + diagnostics + scans + feeEstimates + mempoolFiles
        + mempool + mempoolSubmission + coinSnapshots + descriptions
        + network
        + wallet + partiallySigned + scriptUtilities

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    static func named(_ name: String) -> RPCMethod? { byName[name] }

    /// The first line of the help: the name and its parameters, optional ones in parentheses.
    var usage: String {
        var words = [name]
        var isOpen = false
        for parameter in parameters {
            if parameter.isOptional, !isOpen { words.append("(") }
            if !parameter.isOptional, isOpen { words.append(")") }
            isOpen = parameter.isOptional
            words.append(parameter.usage)
        }
        if isOpen { words.append(")") }
        return words.joined(separator: " ")
    }

    /// The whole help, in the order of Core's: usage, summary, arguments, examples.
    var help: String {
        // A method of old whose summary is all that there is to say.
        if summary.hasPrefix(name + "\n") { return summary }
        var text = usage + "\n"
        if !summary.isEmpty { text += "\n\(summary)\n" }
        if !parameters.isEmpty {
            let width = parameters.map { $0.names[0].utf8.count }.max() ?? 0
            text += "\nArguments:\n"
            for (index, parameter) in parameters.enumerated() {
                let name = parameter.names[0]
                let gap = String(repeating: " ", count: width - name.utf8.count + 4)
                let need = parameter.isOptional ? "optional" : "required"
                text += "\(index + 1). \(name)\(gap)(\(parameter.typeName), \(need))\n"
            }
            let named = parameters.flatMap(\.options)
            if !named.isEmpty {
                text += "\nNamed Arguments:\n"
                for option in named { text += "\(option.names[0])    (\(option.typeName), optional)\n" }
            }
        }
        let required = parameters.prefix { !$0.isOptional }
        let example = ([name] + required.map { "\($0.names[0].uppercased())" }).joined(separator: " ")
        return text + "\nExamples:\n> bitcoin-cli \(example)\n"
    }

    /// Every name under which a parameter may be given, with its place, and whether its words are taken as they are.
    static let conversions: JSON = {
        var rows: [JSON] = []
        for method in all {
            for (place, parameter) in method.parameters.enumerated() {
                // What echo gives back is not read, as far as Core's table says.
                let isEcho = method.name.hasPrefix("echo")
                let isText = parameter.kind == .string || parameter.kind == .hex || isEcho
                for name in parameter.names {
                    rows.append([.string(method.name), .int(place), .string(name), .bool(isText)])
                }
                for option in parameter.options {
                    let isText = option.kind == .string || option.kind == .hex
                    for name in option.names {
                        rows.append([.string(method.name), .int(place), .string(name), .bool(isText)])
                    }
                }
            }
        }
        return .array(rows)
    }()

    /// What `help` without a command prints.
    static let overview: String = {
        let titles = [
            "Blockchain", "Control", "Mining", "Network", "Rawtransactions", "Util", "Wallet", "Zmq",
        ]
        return titles.compactMap { title in
            let members = all.filter { $0.category == title }
            if members.isEmpty { return nil }
            let lines = members.sorted { $0.name < $1.name }.map(\.usage)
            return (["== \(title) =="] + lines).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }()
}
