import Bitcoin
import Chain
import Foundation
import NIOPosix
import Runtime
import SansIO

/// The running node of ``BitcoindProgram``: machine, stores, listeners, cookie.
struct BitcoindNode {
    let host: MachineHost<NodeMachine>
    let storage: LiveStorage
    let cookiePath: String?
    let notifier: ShellNotifier
    let peers: PeerKeeper
    /// Nil with -persistmempool=0.
    let mempool: MempoolKeeper?

    static func start(
        _ settings: BitcoindSettings, _ listeners: BitcoindListeners, directory: DataDirectory,
        logPath: String,
        log: DebugLog, stop: StopSignal
    ) async throws -> BitcoindNode {
        let runtime = LabRuntime(threads: 1)
        let keys = try KeyRing(directory)
        let needsCookie = (settings.text("rpcpassword") ?? "").isEmpty
        let cookiePath = needsCookie ? settings.cookiePath : nil
        let cookie = cookiePath.map { _ in "__cookie__:" + LiveWorld.entropy(32).hex }
        var configuration = NodeConfiguration(
            network: try parameters(settings), clock: runtime.world.wallClock, secretSeed: keys.bytes("node"),
            cookie: cookie)
        // As Core: without an estimate nothing is sent unless -fallbackfee says what to pay.
        configuration.walletFeeRate = 0
        try configuration.apply(settings.options, on: settings.network)
        configuration.rpc.logPath = logPath
        configuration.userAgent = ""
        configuration.mempoolPath = directory.path("mempool.dat")
        configuration.listens = !listeners.peer.isEmpty
        configuration.sessionSeed = LiveWorld.entropy(32)
        configuration.reloadsWallets = false
        configuration.backups = BackupFiles(root: directory.root)
        configuration.seed = LiveWorld.entropy(8).reduce(0) { $0 << 8 | UInt64($1) }
        let notifier = ShellNotifier(settings)
        let saves = MempoolKeeper(path: configuration.mempoolPath)
        let peers = PeerKeeper(
            bans: directory.path("banlist.json"), addresses: directory.path("addresses.dat"))
        let folder = directory.path("chainstate")
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (host, storage) = try NodeStorage.host(
            configuration, settings: nodeSettings(settings, configuration), runtime: runtime,
            directory: directory, folder: directory.root, name: "chainstate/chain"
        ) { observation, _ in
            switch observation {
            case .mempoolSaveRequested: saves.request()
            case .bansChanged: peers.saveBans()
            case .stopRequested: stop.request("asked to by RPC")
            case .tipChanged(let height, let hash):
                log.note("new tip \(hash.displayHex) at height \(height)")
                notifier.tipChanged(hash.displayHex)
            default: break
            }
        }
        _ = try await host.open(stores: [(.wallet, name: "wallets.journal")], under: directory)
        let persists = settings.flag("persistmempool", default: true)
        let service = BitcoindNode(
            host: host, storage: storage, cookiePath: cookiePath, notifier: notifier, peers: peers,
            mempool: persists ? saves : nil)
        saves.attach(host)
        await peers.load(into: host, log: log)
        do {
            try await service.listen(settings, listeners, configuration.rpc)
        } catch {
            await host.stop()
            storage.close()
            throw error
        }
        if let cookiePath, let cookie {
            let modes: [String: mode_t] = ["owner": 0o600, "group": 0o640, "all": 0o644]
            let mode = modes[settings.text("rpccookieperms") ?? "owner"] ?? 0o600
            try DataDirectory.write(Array(cookie.utf8), to: cookiePath, mode: mode)
        }
        host.start()
        if persists { saves.load() }
        notifier.started()
        Daemon.tellReady()
        return service
    }

    private func listen(
        _ settings: BitcoindSettings, _ listeners: BitcoindListeners, _ rpc: RPCSettings
    ) async throws {
        var isServed = listeners.rpc.isEmpty
        for endpoint in listeners.rpc {
            do {
                _ = try await host.listen(.rpc, on: endpoint)
                isServed = true
            } catch  where listeners.isDefaultRPC {}
        }
        guard isServed else { throw OptionError("Unable to start HTTP server. See debug log for details.") }
        for endpoint in listeners.peer {
            do { _ = try await host.listen(.peerToPeer, on: endpoint, namesPorts: true) } catch {
                throw OptionError(
                    "Unable to bind to \(endpoint) on this computer. Bitcoin Core is probably already running."
                )
            }
        }
        if let templates = listeners.templates { _ = try await host.listen(.templateProvider, on: templates) }
        for (listener, endpoint) in try rpc.publisherEndpoints() {
            _ = try await host.listen(listener, on: endpoint)
        }
    }

    private static func nodeSettings(
        _ settings: BitcoindSettings, _ configuration: NodeConfiguration
    ) -> NodeSettings {
        var node = NodeSettings()
        node.network = configuration.network
        node.chain = configuration.chain
        node.reindexes =
            settings.flag("reindex", default: false) || settings.flag("reindex-chainstate", default: false)
        return node
    }

    private static func parameters(_ settings: BitcoindSettings) throws -> NetworkParameters {
        switch settings.network {
        case "regtest": return .regtest
        case "labnet":
            let hashes = settings.text("blockhashes").flatMap(Double.init) ?? 1e6
            return .labnet(target: Target(UInt256(clamping: 0x1p256 / max(2, hashes))))
        default:
            throw OptionError(
                "The network \(settings.network) is not served by this node; use -regtest or -chain=labnet.")
        }
    }

    func stop() async {
        notifier.stopped()
        host.send(.commit)
        await mempool?.save()
        await peers.save()
        await host.stop()
        storage.close()
        if let cookiePath { try? FileManager.default.removeItem(atPath: cookiePath) }
    }
}
