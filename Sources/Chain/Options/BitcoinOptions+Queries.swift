/// Looking settings up.
extension BitcoinOptions {
    /// The network that the options choose, by bitcoind's name; `main` without any.
    public func networkName() throws(OptionError) -> String {
        let flags = [
            ("regtest", "regtest"), ("signet", "signet"), ("testnet", "test"), ("testnet4", "testnet4"),
        ]
        let chosen =
            flags.filter { chainSetting($0.0).map(Self.isTrue) ?? false }.map(\.1)
            + ((chainSetting("labnet").map(Self.isTrue) ?? false) ? ["labnet"] : [])
        let named = chainSetting("chain")
        if chosen.count + (named == nil ? 0 : 1) > 1 {
            throw OptionError(
                "Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. Can use at most one."
            )
        }
        let name = named ?? chosen.first ?? "main"
        guard OptionCatalogue.networks.contains(name) else { throw OptionError("Unknown chain \(name).") }
        return name
    }

    /// Whether a network was chosen at all.
    public var choosesNetwork: Bool {
        ["chain", "regtest", "signet", "testnet", "testnet4", "labnet"].contains { chainSetting($0) != nil }
    }

    /// Chain settings count on the command line and in a file's head only.
    private func chainSetting(_ name: String) -> String? {
        for (values, firstWins) in [(commandLine[name], false), (files[""]?[name], true)] {
            guard let values else { continue }
            let span = Self.span(values)
            if let value = firstWins ? span.values.first : span.values.last { return value }
            if span.endsNegated { return nil }
        }
        return nil
    }

    /// A single value for the network; nil when there is none or it was negated.
    public func text(_ name: String, on network: String) -> String? { setting(name, on: network).value }

    /// Whether the option is explicitly off.
    public func isNegated(_ name: String, on network: String) -> Bool { setting(name, on: network).isOff }

    public func isSet(_ name: String, on network: String) -> Bool {
        let found = setting(name, on: network)
        return found.value != nil || found.isOff
    }

    /// A number; what is no number reads as 0, as in C.
    public func number(_ name: String, on network: String) -> Int64? {
        let found = setting(name, on: network)
        if found.isOff { return 0 }
        return found.value.map { $0.isEmpty ? 1 : Self.leadingInteger($0) }
    }

    public func flag(_ name: String, on network: String, default fallback: Bool) -> Bool {
        let found = setting(name, on: network)
        if found.isOff { return false }
        return found.value.map(Self.isTrue) ?? fallback
    }

    /// Every value of an option that may come many times: the command line's first.
    public func list(_ name: String, on network: String) -> [String] {
        var list: [String] = []
        for values in sources(name, on: network) {
            let span = Self.span(values)
            list += span.values
            if span.isNegated { break }
        }
        return list
    }

    /// Options of a file's head that count only in the network's section, and are not there.
    public func ignoredOffMain(on network: String) -> [String] {
        guard network != "main" else { return [] }
        return OptionCatalogue.networkOnly.sorted().filter { name in
            commandLine[name] == nil && files[network]?[name] == nil && files[""]?[name] != nil
        }
    }

    /// Sections that are no network's.
    public var unknownSections: [Section] { sections.filter { !OptionCatalogue.networks.contains($0.name) } }

    /// Files that the text read so far includes, in order: the network's section first.
    public func includes(on network: String) -> [String] {
        if let values = commandLine["includeconf"], Self.span(values).endsNegated { return [] }
        return [network, ""].flatMap { Self.span(files[$0]?["includeconf"] ?? []).values }
    }

    private func sources(_ name: String, on network: String) -> [[Value]] {
        var list = [commandLine[name], files[network]?[name]]
        if network == "main" || !OptionCatalogue.networkOnly.contains(name) { list.append(files[""]?[name]) }
        return list.compactMap { $0 }
    }

    private func setting(_ name: String, on network: String) -> (value: String?, isOff: Bool) {
        for (index, values) in sources(name, on: network).enumerated() {
            let span = Self.span(values)
            let isCommandLine = index == 0 && commandLine[name] != nil
            if let value = isCommandLine ? span.values.last : span.values.first { return (value, false) }
            if span.endsNegated { return (nil, true) }
        }
        return (nil, false)
    }
}
