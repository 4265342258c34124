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
    let files: NodeFiles

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
        let peers = PeerKeeper(
            bans: directory.path("banlist.json"), addresses: directory.path("addresses.dat"))
        configuration.rpc.readsFiles = true
        let files = NodeFiles(
            directory: directory.root, keepsMempool: settings.flag("persistmempool", default: true))
        let folder = directory.path("chainstate")
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if let cookiePath, let cookie {
            try Self.write(cookie, to: cookiePath, settings.text("rpccookieperms") ?? "owner")
        }
        let observer: @Sendable (NodeObservation, Instant) -> Void = { observation, _ in
            files.observe(observation)
            switch observation {
            case .bansChanged: peers.saveBans()
            case .walletTransaction(let wallet, let txid, let block, let height):
                notifier.walletTransaction(wallet: wallet, txid: txid, block: block, height: height)
            case .stopRequested: stop.request("asked to by RPC")
            case .tipChanged(let height, let hash):
                log.note("new tip \(hash.displayHex) at height \(height)")
                notifier.tipChanged(hash.displayHex)
            default: break
            }
        }
        let (host, storage) = try await WaitingRoom.whileLoading(configuration, on: listeners.rpc) {
            try NodeStorage.host(
                configuration, settings: nodeSettings(settings, configuration), runtime: runtime,
                directory: directory, folder: directory.root, name: "chainstate/chain", observer: observer)
        }
        _ = try await host.open(stores: [(.wallet, name: "wallets.journal")], under: directory)
        let service = BitcoindNode(
            host: host, storage: storage, cookiePath: cookiePath, notifier: notifier, peers: peers,
            files: files)
        files.attach(host)
        await peers.load(into: host, log: log)
        do {
            try await service.prepare(settings, configuration)
            try await service.listen(settings, listeners, configuration.rpc)
        } catch {
            await host.stop()
            storage.close()
            throw error
        }
        host.start()
        files.load(takesOld: settings.flag("acceptstalefeeestimates", default: false))
        notifier.started()
        Daemon.tellReady()
        return service
    }

    /// What comes before anybody is served: a look at the clock, blocks of -loadblock, wallets of -wallet.
    private func prepare(_ settings: BitcoindSettings, _ configuration: NodeConfiguration) async throws {
        let now = configuration.mockTime ?? UInt32(clamping: Int64(Date.now.timeIntervalSince1970))
        let tip = try await host.query { ($0.chain.height, $0.chain.tip.header.time) }
        guard tip.0 == 0 || UInt64(tip.1) <= UInt64(now) + UInt64(ChainLimits.futureTime) else {
            throw OptionError(
                "The block database contains a block which appears to be from the future. This may be due to "
                    + "your computer's date and time being set incorrectly. Only rebuild the block database if "
                    + "you are sure that your computer's date and time are correct.\n"
                    + "Please restart with -reindex or -reindex-chainstate to recover.", isPlain: true)
        }
        for path in settings.list("loadblock") {
            try await BlockImport.load(
                BitcoindSettings.absolute(path), magic: configuration.network.magic, into: host)
        }
        for name in settings.list("wallet") where !name.isEmpty { host.send(.loadWallet(name)) }
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
        for (listener, endpoint) in rpc.publisherEndpoints() {
            _ = try await host.listen(listener, on: endpoint)
        }
    }

    private static func write(_ cookie: String, to path: String, _ readers: String) throws {
        let modes: [String: mode_t] = ["owner": 0o600, "group": 0o640, "all": 0o644]
        guard let mode = modes[readers] else {
            throw OptionError(
                "Invalid -rpccookieperms=\(readers); must be one of 'owner', 'group', or 'all'.")
        }
        do { try DataDirectory.write(Array(cookie.utf8), to: path, mode: mode) } catch {
            throw OptionError("Unable to start HTTP server. See debug log for details.")
        }
        // The process's mask took bits away that were asked for.
        chmod(path, mode)
    }

    private static func nodeSettings(
        _ settings: BitcoindSettings, _ configuration: NodeConfiguration
    ) -> NodeSettings {
        var node = NodeSettings()
        node.network = configuration.network
        node.chain = configuration.chain
        // Core's 64 KiB, which a file does not quite reach.
        if settings.flag("fastprune", default: false) { node.bytesPerFile = 0xffff }
        node.reindexes =
            settings.flag("reindex", default: false) || settings.flag("reindex-chainstate", default: false)
        return node
    }

    private static func parameters(_ settings: BitcoindSettings) throws -> NetworkParameters {
        guard settings.network == "labnet" else {
            return try NetworkParameters(settings.options, on: settings.network)
        }
        let hashes = settings.text("blockhashes").flatMap(Double.init) ?? 1e6
        return .labnet(target: Target(UInt256(clamping: 0x1p256 / max(2, hashes))))
    }

    func stop() async {
        notifier.stopped()
        await files.save()
        await peers.save()
        await host.stop()
        storage.close()
        if let cookiePath { try? FileManager.default.removeItem(atPath: cookiePath) }
    }
}
