extension RPCMethod {
    /// Every method. A topic adds its own table here with one line and keeps everything else in its own files.
    static let all: [RPCMethod] =
        blockchain + control + generating + mining + rawTransactions + utilities
        + chainStatistics + coinStatistics + proofs + waiting + scripts
        + notifications + diagnostics
        + mempool + mempoolSubmission
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
