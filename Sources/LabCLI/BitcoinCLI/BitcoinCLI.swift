import Chain
import Foundation
import JSONText

/// `lab cli`, or `lab` under the name bitcoin-cli: one call of a node's RPC, with bitcoin-cli's options, conversions,
/// texts and exit codes.
struct BitcoinCLI {
    let settings: BitcoindSettings
    /// What a lab's own node takes where no cookie lies.
    let fallbackCredentials: String?
    let host: String
    let port: UInt16
    private var password: String?

    struct Fault: Error { let message: String }
    /// The node answered with an error.
    struct Refusal: Error { let error: JSON }

    static func run(_ arguments: [String], isLab: Bool) -> Int32 {
        do {
            if let status = answerAtOnce(arguments) { return status }
            let settings = try BitcoindSettings(
                commandLine: arguments, takesWords: true, createsDirectories: false,
                defaultNetwork: isLab ? "regtest" : "main")
            var cli = try BitcoinCLI(settings, fallbackCredentials: isLab ? "lab:lab" : nil)
            let text = try cli.perform()
            if !text.isEmpty { Output.line(text) }
            return 0
        } catch let refusal as Refusal {
            Output.error(text(of: refusal.error) + "\n")
            return Int32(truncatingIfNeeded: abs(refusal.error["code"]?.int64 ?? 1))
        } catch let fault as Fault {
            Output.error("error: \(fault.message)\n")
        } catch {
            Output.error("error: \(error)\n")
        }
        return 1
    }

    private init(_ settings: BitcoindSettings, fallbackCredentials: String?) throws {
        self.settings = settings
        self.fallbackCredentials = fallbackCredentials
        var host = settings.text("rpcconnect") ?? "127.0.0.1"
        var port = BitcoinPorts.rpc(settings.network)
        if let colon = host.lastIndex(of: ":"),
            host.firstIndex(of: ":") == colon || host.hasPrefix("[") && host.last != "]"
        {
            guard let given = UInt16(host[host.index(after: colon)...]), given > 0 else {
                throw Fault(message: "Invalid port provided in -rpcconnect: \(host)")
            }
            port = given
            host = String(host[..<colon])
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if let text = settings.text("rpcport") {
            guard let given = UInt16(text), given > 0 else {
                throw Fault(message: "Invalid port provided in -rpcport: \(text)")
            }
            port = given
        }
        self.host = host
        self.port = port
    }

    private mutating func perform() throws -> String {
        var words = settings.options.words
        if settings.flag("stdinrpcpass", default: false) {
            guard let line = readLine() else {
                throw Fault(message: "-stdinrpcpass specified but failed to read from standard input")
            }
            password = line
        }
        if settings.flag("stdinwalletpassphrase", default: false) {
            guard words.first?.hasPrefix("walletpassphrase") ?? false else {
                throw Fault(message: "-stdinwalletpassphrase is only applicable for walletpassphrase(change)")
            }
            guard let line = readLine() else {
                throw Fault(
                    message: "-stdinwalletpassphrase specified but failed to read from standard input")
            }
            words.insert(line, at: 1)
        }
        if settings.flag("stdin", default: false) { while let line = readLine() { words.append(line) } }
        if settings.flag("getinfo", default: false) { return try CLIReports.information(self) }
        if settings.flag("netinfo", default: false) { return try CLIReports.network(self, words) }
        if settings.flag("addrinfo", default: false) { return try CLIReports.addresses(self) }
        if settings.flag("generate", default: false) { return try generate(words) }
        guard let method = words.first else {
            throw Fault(message: "too few parameters (need at least command)")
        }
        let rest = Array(words.dropFirst())
        let parameters =
            settings.flag("named", default: false)
            ? try CLIArguments.named(method, rest) : try CLIArguments.positional(method, rest)
        return Self.text(of: try call(method, parameters))
    }

    /// `-generate [blocks [tries]]`: a new address of the wallet, then blocks to it.
    private func generate(_ words: [String]) throws -> String {
        guard words.count <= 2 else {
            throw Fault(message: "too many arguments (maximum 2 for nblocks and maxtries)")
        }
        let count = words.first ?? "1"
        if let number = Int64(count), number <= 0 {
            throw Fault(
                message:
                    "the first argument (number of blocks to generate, default: 1) must be an integer value greater than zero"
            )
        }
        let address = try call("getnewaddress", [])
        guard let text = address.stringValue else { throw Fault(message: "no address from getnewaddress") }
        let parameters = try CLIArguments.positional(
            "generatetoaddress", [count, text] + words.dropFirst())
        let blocks = try call("generatetoaddress", parameters)
        return JSON.object(["address": .string(text), "blocks": blocks]).indentedText
    }

    /// One call; the result. Retries while a node is not there yet when told to wait.
    func call(_ method: String, _ parameters: JSON, usesWallet: Bool = true) throws -> JSON {
        let waits = settings.flag("rpcwait", default: false)
        let limit = Int(settings.text("rpcwaittimeout") ?? "0") ?? 0
        let start = Date.now
        while true {
            do {
                return try once(method, parameters, usesWallet: usesWallet)
            } catch let refusal as Refusal {
                guard waits, refusal.error["code"]?.int64 == -28 else { throw refusal }
            } catch let unreachable as PlainHTTP.Unreachable {
                let isOver = limit > 0 && Date.now.timeIntervalSince(start) >= Double(limit)
                guard waits, !isOver else {
                    let text =
                        "Error while attempting to communicate with server \(host):\(port) "
                        + "(\(unreachable.reason))\n\nMake sure the bitcoind server is running and that you are "
                        + "connecting to the correct RPC port.\nUse \"bitcoin-cli -help\" for more info."
                    throw Fault(message: waits ? "timeout on transient error: \(text)" : text)
                }
            }
            Thread.sleep(forTimeInterval: 0.5)
        }
    }

    private func once(_ method: String, _ parameters: JSON, usesWallet: Bool) throws -> JSON {
        let request: JSON = ["method": .string(method), "params": parameters, "id": "1", "jsonrpc": "2.0"]
        var path = "/"
        if usesWallet, let wallet = settings.text("rpcwallet") {
            path =
                "/wallet/" + (wallet.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? wallet)
        }
        let (credentials, problem) = credentials()
        let timeout = Int(settings.text("rpcclienttimeout") ?? "900") ?? 900
        let answer = try PlainHTTP.post(
            host: host, port: port, path: path,
            authorization: Data(credentials.utf8).base64EncodedString(),
            body: Array((request.text + "\n").utf8), timeoutSeconds: timeout)
        switch answer.status {
        case 401:
            throw Fault(
                message:
                    "Authorization failed: \(problem) Configuration file: (\(settings.configurationPath))")
        case 503: throw Fault(message: "Server response: \(String(decoding: answer.body, as: UTF8.self))")
        case 400...:
            guard [400, 404, 500].contains(answer.status) else {
                throw Fault(message: "server returned HTTP error \(answer.status)")
            }
        default: break
        }
        guard !answer.body.isEmpty else { throw Fault(message: "no response from server") }
        guard let reply = try? JSON.parse(answer.body), reply.objectValue != nil else {
            throw Fault(message: "couldn't parse reply from server")
        }
        if let error = reply["error"], !error.isNull { throw Refusal(error: error) }
        return reply["result"] ?? .null
    }

    /// The same client for another wallet.
    func naming(wallet: String) throws -> BitcoinCLI {
        var options = settings.options
        options.set("rpcwallet", wallet)
        return try BitcoinCLI(settings.with(options), fallbackCredentials: fallbackCredentials)
    }

    /// What to send, and what to say when it is refused.
    private func credentials() -> (String, String) {
        let given = password ?? settings.text("rpcpassword") ?? ""
        if !given.isEmpty {
            return (
                "\(settings.text("rpcuser") ?? ""):\(given)",
                "Incorrect rpcuser or rpcpassword were specified."
            )
        }
        guard let path = settings.cookiePath else {
            return (
                fallbackCredentials ?? "",
                "Cookie file was disabled via -norpccookiefile and no rpcpassword was specified."
            )
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            return (
                fallbackCredentials ?? "", "Failed to read cookie file and no rpcpassword was specified."
            )
        }
        return (
            text.trimmingCharacters(in: .newlines),
            "Cookie file credentials were invalid and no rpcpassword was specified."
        )
    }

    /// Strings bare, null as nothing, an error as bitcoin-cli tells it, everything else indented.
    static func text(of value: JSON) -> String {
        switch value {
        case .string(let text): return text
        case .null: return ""
        default: break
        }
        guard let code = value["code"], let message = value["message"]?.stringValue,
            value.objectValue?.count == 2
        else { return value.indentedText }
        var text = "error code: \(code.text)\nerror message:\n\(message)"
        if code.int64 == -19 {
            text +=
                "\nOr for the CLI, specify the \"-rpcwallet=<walletname>\" option before the command "
                + "(run \"bitcoin-cli -h\" for help or \"bitcoin-cli listwallets\" to see which wallets are currently loaded)."
        }
        return text
    }

    private static func answerAtOnce(_ arguments: [String]) -> Int32? {
        // Behind the method a word of that look is a parameter.
        let options = arguments.prefix { $0.hasPrefix("-") }.map {
            $0.hasPrefix("--") ? String($0.dropFirst()) : $0
        }
        if options.contains("-version") {
            Output.text("Bitcoin Core RPC client version v31.0.0 (compatible; mining-lab)\n")
            return 0
        }
        guard arguments.isEmpty || options.contains(where: { ["-?", "-h", "-help"].contains($0) }) else {
            return nil
        }
        let help = """
            lab cli: calls a node's RPC in the manner of bitcoin-cli

            Usage: lab cli [options] <command> [params]
                   lab cli [options] -named <command> [name=value]...
                   lab cli [options] -generate [blocks [tries]] | -getinfo | -netinfo | -addrinfo
                   lab cli [options] help [command]

            Options: -regtest -chain= -rpcconnect= -rpcport= -rpcuser= -rpcpassword= -rpccookiefile= -datadir= -conf=
                     -rpcwallet= -named -stdin -stdinrpcpass -stdinwalletpassphrase -rpcwait -rpcwaittimeout=
                     -rpcclienttimeout=

            Example: lab cli -regtest -generate 101

            """
        if arguments.isEmpty {
            Output.error("error: too few parameters (need at least command)\n")
            return 1
        }
        Output.text(help)
        return 0
    }
}
