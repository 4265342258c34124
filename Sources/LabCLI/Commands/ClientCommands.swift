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
        let explorer = try await ExplorerTask(
            ExplorerConfiguration(host: bind, port: Int(port), node: try rpc.endpoint()))
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

struct CliCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cli",
        abstract: "Calls the node's RPC in the manner of bitcoin-cli.",
        discussion: """
            Options of bitcoin-cli come before the method: -rpcconnect= -rpcport= -rpcuser= -rpcpassword= \
            -rpccookiefile= -rpcwallet= -named -regtest -rpcwait -stdin. A parameter that reads as JSON (number, true, \
            false, null, array, object) is sent as such, everything else as a string.

            Examples:
              lab cli getblockchaininfo
              lab cli generatetoaddress 101 "$(lab cli getnewaddress)"
              lab cli -named sendtoaddress address=bcrt1… amount=0.001
              lab cli -rpcport=18443 -rpcwallet=lab getbalance
            """)

    @Argument(parsing: .allUnrecognized, help: "Options of bitcoin-cli, the method, and its parameters.")
    var words: [String] = []

    func run() async throws {
        let call = try CliCall(words)
        let client = RPCClient(endpoint: call.endpoint)
        do {
            let result = try await call.send(through: client)
            await client.close()
            switch result {
            case .success(let value): Output.line(CliCommand.text(of: value))
            case .failure(let error):
                FileHandle.standardError.write(
                    Data("error code: \(error.code)\nerror message:\n\(error.message)\n".utf8))
                // As bitcoin-cli: the magnitude of the RPC error.
                throw ExitCode(Int32(truncatingIfNeeded: min(255, abs(error.code))))
            }
        } catch let failure as RPCFailure {
            Output.fault("\(failure)")
            throw ExitCode(1)
        }
    }

    /// Strings without quotes and everything else indented, as bitcoin-cli prints.
    static func text(of value: JSON) -> String {
        switch value {
        case .string(let text): text
        case .null: ""
        default: value.indentedText
        }
    }
}

/// One call as bitcoin-cli's words describe it.
struct CliCall {
    let endpoint: RPCEndpoint
    let method: String
    let parameters: JSON
    private let waits: Bool

    init(_ words: [String]) throws {
        var host = "127.0.0.1"
        var port = 18_443
        var (user, password, cookie, wallet): (String?, String?, String?, String?) = (nil, nil, nil, nil)
        var isNamed = false
        var readsInput = false
        var waits = false
        var rest = words[...]
        while let word = rest.first, word.hasPrefix("-"), word.count > 1, Int(word) == nil {
            rest.removeFirst()
            let option = word.drop { $0 == "-" }
            let name = String(option.prefix { $0 != "=" })
            let value = option.contains("=") ? String(option.drop { $0 != "=" }.dropFirst()) : nil
            switch name {
            case "rpcconnect": host = value ?? host
            case "rpcport":
                guard let number = value.flatMap({ Int($0) }), (1...65_535).contains(number) else {
                    throw CommandFault("-rpcport=\(value ?? "") is no port")
                }
                port = number
            case "rpcuser": user = value
            case "rpcpassword": password = value
            case "rpccookiefile": cookie = value
            case "rpcwallet": wallet = value
            case "named": isNamed = true
            case "stdin": readsInput = true
            case "rpcwait": waits = true
            case "regtest", "chain", "conf", "datadir": break
            default: throw CommandFault("\(word) is no option of lab cli; see lab cli --help")
            }
        }
        guard let method = rest.popFirst() else {
            throw CommandFault("a method is needed; try: lab cli help")
        }
        var arguments = Array(rest)
        if readsInput { while let line = readLine() { arguments.append(line) } }
        self.method = method
        self.waits = waits
        parameters = isNamed ? try CliCall.named(arguments) : .array(arguments.map(CliCall.value))
        let credentials: RPCCredentials =
            cookie.map { .cookie(path: $0) } ?? .password(user: user ?? "lab", password: password ?? "lab")
        var endpoint = RPCEndpoint(host: host, port: port, credentials: credentials)
        endpoint.wallet = wallet
        self.endpoint = endpoint
    }

    func send(through client: RPCClient) async throws -> RPCResult {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await client.call(method, parameters: parameters)
            } catch {
                guard waits, ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private static func named(_ arguments: [String]) throws -> JSON {
        var object = JSONObject()
        for argument in arguments {
            guard let equals = argument.firstIndex(of: "=") else {
                throw CommandFault("-named needs name=value, not \(argument)")
            }
            object[String(argument[..<equals])] = value(String(argument[argument.index(after: equals)...]))
        }
        return .object(object)
    }

    private static func value(_ text: String) -> JSON {
        // Hashes and addresses that happen to be all digits stay strings.
        if text.count > 20, text.allSatisfy(\.isHexDigit) { return .string(text) }
        guard let parsed = try? JSON.parse(text), parsed.stringValue == nil else { return .string(text) }
        return parsed
    }
}
