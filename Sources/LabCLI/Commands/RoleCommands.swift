import ArgumentParser
import Chain
import Runtime
import SansIO

/// Runs until a signal and then stops in order.
enum RoleRunner {
    static func run(_ log: EventLog, until stop: StopSignal, ending: () async -> Void) async {
        let why = await stop.wait()
        log.note("stopping", "\(why, as: "reason"), stopping")
        await ending()
    }
}

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Runs the Bitcoin node: JSON-RPC, peer-to-peer port, template provider.",
        discussion: """
            Examples:
              lab node
              lab node --data /tmp/node --rpc-port 18443 --template-port 8442
              lab node --network labnet --block-hashes 1e7
            """)

    @OptionGroup var role: RoleOptions
    @OptionGroup var network: NetworkOptions
    @Option(help: "JSON-RPC over HTTP; 0 takes a free port.") var rpcPort: UInt16 = 18_443
    @Option(help: "Bitcoin's peer-to-peer protocol; 0 takes a free port.") var p2pPort: UInt16 = 18_444
    @Option(help: "Stratum V2 template distribution; 0 takes a free port.") var templatePort: UInt16 = 8_442
    @Option(help: "RPC user beside the cookie.") var rpcUser = "lab"
    @Option(help: "RPC password.") var rpcPassword = "lab"
    @Flag(help: "Build the database anew from the block files.") var reindex = false
    @Flag(inversion: .prefixedNo, help: "Find every transaction by its id; the explorer needs it.")
    var txindex = true
    @Flag(inversion: .prefixedNo, help: "Keep history and coins of each script.") var addressindex = false
    @OptionGroup var logging: LogOptions

    func run() async throws {
        let stop = StopSignal()
        let log = try logging.log("node")
        let runtime = LabRuntime(threads: 1)
        let directory = try role.directory("node")
        var settings = NodeSettings()
        settings.network = network.parameters
        settings.host = role.bind
        (settings.rpcPort, settings.peerPort, settings.templatePort) = (rpcPort, p2pPort, templatePort)
        (settings.rpcUser, settings.rpcPassword) = (rpcUser, rpcPassword)
        settings.reindexes = reindex
        settings.chain = ChainOptions(transactionIndex: txindex, addressIndex: addressindex)
        let observatory = Observatory(log: log)
        let node = try await NodeService.start(
            settings, runtime: runtime, directory: directory, keys: KeyRing(directory)
        ) { observation, now in
            observatory.node(observation, at: now)
            if observation == .stopRequested { stop.request("stop was called") }
        }
        log.note(
            "listening",
            "node on \(settings.network.name, as: "network"): rpc \("http://\(node.rpc)", as: "rpc"), "
                + "peers \(node.peer, as: "peers")")
        log.note(
            "listening_templates",
            "templates \(node.templates, as: "address"), authority \(node.templateAuthority, as: "authority")"
        )
        log.note(
            "restored",
            "cookie \(node.cookiePath, as: "cookie"); height \(node.restoredHeight, as: "height")")
        await RoleRunner.run(log, until: stop) { await node.stop() }
    }
}
