import Bitcoin

extension NetworkParameters {
    /// The network that bitcoind's options choose, by its name there, with what they change of it.
    ///
    /// `labnet` takes its difficulty elsewhere and is not made here.
    public init(_ options: BitcoinOptions, on name: String) throws(OptionError) {
        switch name {
        case "main": self = .mainnet
        case "test": self = .testnet3
        case "testnet4": self = .testnet4
        case "signet": self = try Self.signet(options)
        case "regtest": self = .regtest
        default: throw OptionError("Unknown chain \(name).")
        }
        if name != "signet" {
            for text in options.list("testactivationheight", on: name) { try setHeight(text) }
            for text in options.list("vbparams", on: name) { try setDeployment(text) }
        }
        if name == "regtest", options.list("test", on: name).contains("bip94") { work.enforcesBIP94 = true }
    }

    private static func signet(_ options: BitcoinOptions) throws(OptionError) -> NetworkParameters {
        let challenges = options.list("signetchallenge", on: "signet")
        guard challenges.count <= 1 else { throw OptionError("-signetchallenge cannot be multiple values.") }
        guard let text = challenges.first else { return .signet }
        guard let challenge = [UInt8](hex: text) else {
            throw OptionError("-signetchallenge must be hex, not '\(text)'.")
        }
        return .signet(challenge: challenge)
    }

    /// `name@height` of a buried soft fork.
    private mutating func setHeight(_ text: String) throws(OptionError) {
        guard let at = text.firstIndex(of: "@") else {
            throw OptionError("Invalid format (\(text)) for -testactivationheight=name@height.")
        }
        guard let height = Int32(text[text.index(after: at)...]), height >= 0, height < .max else {
            throw OptionError("Invalid height value (\(text)) for -testactivationheight=name@height.")
        }
        switch text[..<at] {
        case "bip34": softForks.bip34 = Int(height)
        case "dersig": softForks.bip66 = Int(height)
        case "cltv": softForks.bip65 = Int(height)
        case "csv": softForks.csv = Int(height)
        case "segwit": softForks.segwit = Int(height)
        default: throw OptionError("Invalid name (\(text)) for -testactivationheight=name@height.")
        }
    }

    /// `deployment:start:end[:min_activation_height]`.
    private mutating func setDeployment(_ text: String) throws(OptionError) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (3...4).contains(words.count) else {
            throw OptionError(
                "Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]")
        }
        guard let start = Int64(words[1]) else { throw OptionError("Invalid nStartTime (\(words[1]))") }
        guard let timeout = Int64(words[2]) else { throw OptionError("Invalid nTimeout (\(words[2]))") }
        guard let height = words.count == 4 ? Int(words[3]) : 0 else {
            throw OptionError("Invalid min_activation_height (\(words[3]))")
        }
        guard words[0] == "testdummy" else { throw OptionError("Invalid deployment (\(words[0]))") }
        testDummy.startTime = start
        testDummy.timeout = timeout
        testDummy.minActivationHeight = height
    }
}
