import Bitcoin
import Chain
import Foundation
import NIOPosix
import Runtime
import SansIO
import Stratum

/// What an operator decides about a node.
struct NodeSettings: Sendable {
    var network = NetworkParameters.regtest
    var host = "127.0.0.1"
    var rpcPort: UInt16 = 18_443
    var peerPort: UInt16 = 18_444
    var templatePort: UInt16 = 8_442
    var rpcUser: String?
    var rpcPassword: String?
    /// Drops the database and builds it anew from the block files.
    var reindexes = false
    /// Bytes of one block file.
    var bytesPerFile = RuntimeLimits.logFileBytes
    /// What the chain keeps besides blocks and coins.
    var chain = ChainOptions()
    /// The command that repairs, for people.
    var repair = "lab node --reindex"
}

/// A node in the live world: its machine on its own event loop; blocks, database and wallet journal in the data
/// directory.
struct NodeService: Sendable {
    let host: MachineHost<NodeMachine>
    private let storage: LiveStorage
    private let files: NodeFiles
    let settings: NodeSettings
    let rpc: Endpoint
    let peer: Endpoint
    let templates: Endpoint
    let templateAuthority: AuthorityPublicKey
    let cookiePath: String
    let rpcUser: String
    let rpcPassword: String
    /// Height of the chain that was on the disk.
    let restoredHeight: Int

    static func start(
        _ settings: NodeSettings, runtime: LabRuntime, directory: DataDirectory, keys: KeyRing,
        observer: @escaping @Sendable (NodeObservation, Instant) -> Void
    ) async throws -> NodeService {
        let user = settings.rpcUser ?? "lab"
        let password = settings.rpcPassword ?? "lab"
        let cookie = "__cookie__:" + LiveWorld.entropy(32).hex
        var configuration = NodeConfiguration(
            network: settings.network, clock: runtime.world.wallClock, secretSeed: keys.bytes("node"),
            rpcCredentials: "\(user):\(password)", cookie: cookie)
        configuration.chain = settings.chain
        configuration.sessionSeed = LiveWorld.entropy(32)
        configuration.backups = BackupFiles(root: directory.root)
        let folder = directory.path(settings.network.name)
        configuration.mempoolPath = folder + "/mempool.dat"
        configuration.rpc.readsFiles = true
        let files = NodeFiles(directory: folder)
        let (host, storage) = try NodeStorage.host(
            configuration, settings: settings, runtime: runtime, directory: directory
        ) { observation, now in
            files.observe(observation)
            observer(observation, now)
        }
        files.attach(host)
        let name = settings.network.name
        _ = try await host.open(stores: [(.wallet, name: "\(name)-wallet.journal")], under: directory)
        try await NodeStorage.importJournal("\(name)-blocks.journal", of: directory, into: host)
        let restoredHeight = try await host.query { $0.chain.height }
        let rpc = try await host.listen(.rpc, on: Endpoint(host: settings.host, port: settings.rpcPort))
        let peer = try await host.listen(
            .peerToPeer, on: Endpoint(host: settings.host, port: settings.peerPort), namesPorts: true)
        let templates = try await host.listen(
            .templateProvider, on: Endpoint(host: settings.host, port: settings.templatePort))
        let cookiePath = directory.path(".cookie")
        try DataDirectory.write(Array(cookie.utf8), to: cookiePath)
        host.start()
        files.load()
        return NodeService(
            host: host, storage: storage, files: files, settings: settings, rpc: rpc, peer: peer,
            templates: templates,
            templateAuthority: configuration.templateAuthority.publicKey, cookiePath: cookiePath,
            rpcUser: user,
            rpcPassword: password, restoredHeight: restoredHeight)
    }

    func stop() async {
        await files.save()
        await host.stop()
        storage.close()
        try? FileManager.default.removeItem(atPath: cookiePath)
    }
}
