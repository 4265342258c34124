import Chain
import Foundation
import SansIO

/// bitcoind's options with the files read, and where everything lies.
struct BitcoindSettings {
    private(set) var options: BitcoinOptions
    let network: String
    /// `-datadir`, without the network's folder.
    let baseDirectory: String
    /// The network's folder.
    let directory: String
    let configurationPath: String

    /// - Parameter defaultNetwork: what is meant when nobody says; bitcoind means mainnet.
    init(
        commandLine: [String], takesWords: Bool = false, createsDirectories: Bool = true,
        defaultNetwork: String = "main"
    ) throws(OptionError) {
        var options = try BitcoinOptions(commandLine: commandLine, takesWords: takesWords)
        // Before the files are read only the command line speaks.
        let given = options.text("datadir", on: "main")
        var base = Self.absolute(given ?? "~/.bitcoin")
        if given != nil, !Self.isDirectory(base) {
            throw OptionError("Specified data directory \"\(given ?? "")\" does not exist.")
        }
        let name = options.text("conf", on: "main")
        configurationPath = Self.absolute(name ?? "bitcoin.conf", in: base)
        if !options.isNegated("conf", on: "main") {
            do throws(OptionError) {
                try Self.read(configurationPath, isExplicit: name != nil, into: &options)
            } catch {
                throw OptionError("Error reading configuration file: \(error.message)")
            }
        }
        var network = try options.networkName()
        if network == "main", !options.choosesNetwork { network = defaultNetwork }
        if let later = options.text("datadir", on: network), given == nil {
            base = Self.absolute(later)
            guard Self.isDirectory(base) else {
                throw OptionError(
                    "Error reading configuration file: specified data directory \"\(later)\" does not exist.")
            }
        }
        let folders = ["main": "", "test": "/testnet3", "testnet4": "/testnet4", "signet": "/signet"]
        directory = base + (folders[network] ?? "/\(network)")
        baseDirectory = base
        self.network = network
        self.options = options
        if let blocks = options.text("blocksdir", on: network), !Self.isDirectory(Self.absolute(blocks)) {
            throw OptionError("Specified blocks directory \"\(blocks)\" does not exist.")
        }
        if createsDirectories { try makeDirectories() }
    }

    private static func read(
        _ path: String, isExplicit: Bool, into options: inout BitcoinOptions
    ) throws(OptionError) {
        if isDirectory(path) { throw OptionError("Config file \"\(path)\" is a directory.") }
        guard let data = FileManager.default.contents(atPath: path) else {
            if isExplicit { throw OptionError("specified config file \"\(path)\" could not be opened.") }
            return
        }
        try options.read(String(decoding: data, as: UTF8.self), file: path)
        let folder = (path as NSString).deletingLastPathComponent
        let network = try options.networkName()
        let names = options.includes(on: network)
        for name in names {
            let included = absolute(name, in: folder)
            if isDirectory(included) {
                throw OptionError("Included config file \"\(included)\" is a directory.")
            }
            guard let data = FileManager.default.contents(atPath: included) else {
                throw OptionError("Failed to include configuration file \(name)")
            }
            try options.read(String(decoding: data, as: UTF8.self), file: name)
        }
        for name in options.includes(on: network) where !names.contains(name) {
            let warning = "-includeconf cannot be used from included files; ignoring -includeconf=\(name)"
            FileHandle.standardError.write(Data("warning: \(warning)\n".utf8))
        }
    }

    private func makeDirectories() throws(OptionError) {
        for folder in [baseDirectory, directory] where !Self.isDirectory(folder) {
            do {
                try FileManager.default.createDirectory(
                    atPath: folder + "/wallets", withIntermediateDirectories: true)
            } catch {
                throw OptionError("Cannot create directory \(folder): \(error.localizedDescription)")
            }
        }
    }

    func with(_ options: BitcoinOptions) -> BitcoindSettings {
        var copy = self
        copy.options = options
        return copy
    }

    func text(_ name: String) -> String? { options.text(name, on: network) }
    func flag(_ name: String, default fallback: Bool) -> Bool {
        options.flag(name, on: network, default: fallback)
    }
    func list(_ name: String) -> [String] { options.list(name, on: network) }

    /// A path of the network's folder unless absolute.
    func path(_ name: String) -> String { Self.absolute(name, in: directory) }

    /// Nil when the cookie is off.
    var cookiePath: String? {
        options.isNegated("rpccookiefile", on: network) ? nil : path(text("rpccookiefile") ?? ".cookie")
    }

    static func absolute(_ path: String, in folder: String = FileManager.default.currentDirectoryPath)
        -> String
    {
        let expanded = (path as NSString).expandingTildeInPath
        return expanded.hasPrefix("/") ? expanded : folder + "/" + expanded
    }

    private static func isDirectory(_ path: String) -> Bool {
        var flag: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &flag) && flag.boolValue
    }
}

/// Ports by network, as Core has them; labnet shares regtest's.
enum BitcoinPorts {
    static func rpc(_ network: String) -> UInt16 {
        switch network {
        case "main": 8_332
        case "test": 18_332
        case "testnet4": 48_332
        case "signet": 38_332
        default: 18_443
        }
    }

    static func peer(_ network: String) -> UInt16 {
        switch network {
        case "main": 8_333
        case "test": 18_333
        case "testnet4": 48_333
        case "signet": 38_333
        default: 18_444
        }
    }
}
