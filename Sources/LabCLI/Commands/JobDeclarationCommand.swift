import ArgumentParser
import Bitcoin
import Foundation
import JobDeclaration
import Pool
import Runtime
import SansIO
import Stratum

/// A node's RPC port, with the reference implementation's key names.
struct CoreRPCOptions: ParsableArguments {
    @Option(help: "The node's JSON-RPC, Bitcoin Core's or ours: http://host or http://host:port.")
    var coreRpcUrl: String?
    @Option(help: "Its port, if the URL names none.") var coreRpcPort: UInt16 = 18_443
    @Option(help: "RPC user.") var coreRpcUser = "lab"
    @Option(help: "RPC password.") var coreRpcPass = "lab"
    @Option(help: ArgumentHelp("The node's cookie file instead of user and password.", valueName: "file"))
    var coreRpcCookie: String?
    @Option(help: ArgumentHelp("How often the mempool is looked through.", valueName: "seconds"))
    var mempoolUpdateInterval = DurationArgument(.seconds(5))

    /// Nil when no node is named.
    func node() throws -> JobDeclarationServerConfiguration.Node? {
        guard let coreRpcUrl else { return nil }
        var text = coreRpcUrl
        if text.hasPrefix("http://") { text.removeFirst("http://".count) }
        while text.hasSuffix("/") { text.removeLast() }
        guard !text.contains("/"), let endpoint = Endpoint(text) ?? Endpoint("\(text):\(coreRpcPort)") else {
            throw ValidationError("--core-rpc-url \(coreRpcUrl) is no http://host or http://host:port")
        }
        var credentials = "\(coreRpcUser):\(coreRpcPass)"
        if let coreRpcCookie {
            guard let cookie = NodeCookie.read(coreRpcCookie) else {
                throw CommandFault("\(coreRpcCookie) cannot be read; the node writes it while it runs")
            }
            credentials = cookie
        }
        var node = JobDeclarationServerConfiguration.Node(endpoint: endpoint, credentials: credentials)
        node.mempoolInterval = mempoolUpdateInterval.interval
        return node
    }
}

struct JobDeclarationServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jds",
        abstract: "Runs the job declaration server apart from its pool.",
        discussion: """
            Miners declare blocks of their own making here; a node judges them, and the pool believes the tokens that \
            are given out, because both know one secret. A token tells the pool for whom it is, what outputs the pool \
            was promised and, in full-template mode, exactly which work was judged; it expires after 30 minutes.

            Without --core-rpc-url only coinbase-only clients are served.

            Examples:
              lab jds --jds-secret 5e… --payout bcrt1q… --core-rpc-url http://127.0.0.1:18443
              lab jds --config jds-config.toml
            """)

    @OptionGroup var role: RoleOptions
    @Option(
        name: [.customLong("port")], help: "Stratum V2 job declaration; 0 takes a free port.")
    var port: UInt16 = 34_264
    @Option(help: "Address and port in one, instead of --bind and --port.") var listenJdAddress: Endpoint?
    @OptionGroup var node: CoreRPCOptions
    @Option(help: "What tokens are sealed with; the pool needs the same.") var jdsSecret: String?
    @Option(help: "The authority's secret key; without one a key of the data directory.")
    var authoritySecretKey: String?
    @Option(help: "Its public key, only to see that the two belong together.")
    var authorityPublicKey: AuthorityPublicKey?
    @Option(help: "How long a certificate is good, in seconds.") var certValiditySec: UInt64 = 3_600
    @Option(help: "The address that rewards go to: the pool's.") var payout: String?
    @Option(help: "The same as a descriptor: addr(ADDRESS).") var coinbaseRewardScript: String?
    @Flag(help: "Refuse coinbase-only clients.") var fullTemplateModeRequired = false

    func validate() throws {
        guard (1...31_536_000).contains(certValiditySec) else {
            throw ValidationError("--cert-validity-sec must be from 1 to 31536000")
        }
        if fullTemplateModeRequired, node.coreRpcUrl == nil {
            throw ValidationError(
                "--full-template-mode-required needs --core-rpc-url: a node judges templates")
        }
    }

    func run() async throws {
        let stop = StopSignal()
        let log = EventLog(prints: true)
        let runtime = LabRuntime(threads: 1)
        let keys = try KeyRing(try role.directory("jds"))
        let authority = try authorityKey(keys)
        var settings = JobDeclarationSettings(host: role.bind, port: port, node: try node.node())
        if let listenJdAddress {
            (settings.host, settings.port) = (listenJdAddress.host, listenJdAddress.port)
        }
        settings.cookiePath = node.coreRpcCookie
        settings.certificateValidity = .seconds(certValiditySec)
        if fullTemplateModeRequired { settings.modes = .fullTemplate }
        let secret = jdsSecret.map { TokenSecret(Array($0.utf8)) } ?? TokenSecret(authority: authority.secret)
        let server = try await JobDeclarationService.start(
            settings, authority: authority, staticKey: keys.secretKey("jds static"), secret: secret,
            payout: CoinbasePayout(scripts: [try payoutScript()]), runtime: runtime
        ) { observation, _ in JobDeclarationLines.note(observation, in: log) }
        log.note("job declaration server \(server.url)")
        if jdsSecret == nil, authoritySecretKey == nil {
            log.note("without --jds-secret no pool takes these tokens")
        }
        await RoleRunner.run(log, until: stop) { await server.stop() }
    }

    private func authorityKey(_ keys: KeyRing) throws -> AuthoritySecretKey {
        var authority = AuthoritySecretKey(keys.secretKey("jds authority"))
        if let authoritySecretKey {
            guard let given = AuthoritySecretKey(authoritySecretKey) else {
                throw ValidationError("--authority-secret-key is no base58check text of 32 bytes")
            }
            authority = given
        }
        if let authorityPublicKey, authorityPublicKey != authority.publicKey {
            throw CommandFault(
                "--authority-public-key is \(authorityPublicKey), the secret's is \(authority.publicKey)")
        }
        return authority
    }

    private func payoutScript() throws -> Script {
        var text = payout
        if let descriptor = coinbaseRewardScript {
            let body = descriptor.split(separator: "#")[0]
            guard body.hasPrefix("addr("), body.hasSuffix(")") else {
                throw ValidationError("--coinbase-reward-script \(descriptor) is no addr(ADDRESS)")
            }
            text = String(body.dropFirst(5).dropLast())
        }
        guard let script = try Payout.script(text) else {
            throw ValidationError("--payout ADDRESS is needed: clients must pay the pool")
        }
        return script
    }
}
