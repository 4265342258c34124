import ArgumentParser
import Explorer
import Foundation
import JSONText

struct ExplorerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explorer",
        abstract: "Runs the block explorer beside any node with bitcoind's RPC.",
        discussion: """
            Examples:
              lab explorer --rpc http://127.0.0.1:18443 --rpc-user lab --rpc-password lab
              lab explorer --rpc 127.0.0.1:18443 --cookie ~/.bitcoin/regtest/.cookie
            """)

    @OptionGroup var rpc: RPCOptions
    @Option(help: "The address to listen on.") var bind = "127.0.0.1"
    @Option(help: "0 takes a free port.") var port: UInt16 = 3_002
    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    func run() async throws {
        let stop = StopSignal()
        let explorer = try await HTTPTask(
            explorer: ExplorerConfiguration(host: bind, port: Int(port), node: try rpc.endpoint()))
        Output.line("explorer http://\(bind):\(explorer.port)")
        _ = await stop.wait()
        await explorer.stop()
    }
}

/// How to reach a node's RPC.
struct RPCOptions: ParsableArguments {
    @Option(help: "The node's RPC: http://host:port.") var rpc = "http://127.0.0.1:18443"
    @Option(help: "RPC user.") var rpcUser: String?
    @Option(help: "RPC password.") var rpcPassword: String?
    @Option(help: "The node's cookie file.") var cookie: String?

    func endpoint() throws -> RPCEndpoint {
        let credentials: RPCCredentials
        if let cookie {
            credentials = .cookie(path: (cookie as NSString).expandingTildeInPath)
        } else {
            credentials = .password(user: rpcUser ?? "lab", password: rpcPassword ?? "lab")
        }
        guard let endpoint = RPCEndpoint(rpc, credentials: credentials) else {
            throw CommandFault("--rpc \(rpc) is no address of the form http://host:port")
        }
        return endpoint
    }
}

/// Listed here for `lab --help`; the words go to ``BitcoinCLI`` as they are.
struct CliCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cli", abstract: "Calls the node's RPC in the manner of bitcoin-cli.")

    @Argument(parsing: .allUnrecognized, help: "Options of bitcoin-cli, the method, and its parameters.")
    var words: [String] = []

    func run() async throws { throw ExitCode(BitcoinCLI.run(words, isLab: true)) }
}

/// Listed here for `lab --help`; the words go to ``BitcoindProgram`` as they are.
struct BitcoindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bitcoind", abstract: "Runs the node with bitcoind's own options and files.")

    @Argument(parsing: .allUnrecognized, help: "Options of bitcoind.")
    var words: [String] = []

    func run() async throws { throw ExitCode(await BitcoindProgram.run(words)) }
}

/// Words that are not ArgumentParser's to read: `lab cli …`, `lab bitcoind …`, and the program under the names
/// bitcoind and bitcoin-cli.
enum ForeignCommands {
    /// Ends the program with the status of such words; returns when they are the lab's own.
    static func endIfForeign(_ commandLine: [String]) async {
        if let status = await run(commandLine) { exit(status) }
    }

    /// The exit status; nil when the words are the lab's own.
    static func run(_ commandLine: [String]) async -> Int32? {
        let words = Array(commandLine.dropFirst())
        switch (commandLine.first ?? "").split(separator: "/").last {
        case "bitcoind": return await BitcoindProgram.run(words)
        case "bitcoin-cli": return BitcoinCLI.run(words, isLab: false)
        default: break
        }
        switch words.first {
        case "bitcoind": return await BitcoindProgram.run(Array(words.dropFirst()))
        case "cli": return BitcoinCLI.run(Array(words.dropFirst()), isLab: true)
        default: return nil
        }
    }
}
