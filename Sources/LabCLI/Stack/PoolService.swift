import Bitcoin
import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum

/// What an operator decides about a pool.
struct PoolSettings: Sendable {
    var host = "127.0.0.1"
    var port: UInt16 = 34_254
    var jobDeclarationServerPort: UInt16 = 34_264
    var jobDeclarationClientPort: UInt16 = 34_265
    var templates: Endpoint
    var templateAuthority: AuthorityPublicKey?
    /// Where rewards go; nil for a key of the data directory.
    var payout: Script?
    var sharesPerMinute = 6.0
    var signature = "/mining-lab/"
}

/// A pool in the live world.
struct PoolService: Sendable {
    let host: MachineHost<PoolMachine>
    let mining: Endpoint
    /// Job declaration is not there yet; its ports stand and say so.
    let jobDeclarationServer: Endpoint
    let jobDeclarationClient: Endpoint
    let authority: AuthorityPublicKey

    var url: PoolURL { PoolURL(scheme: .stratumV2(authority: authority), endpoint: mining) }

    static func start(
        _ settings: PoolSettings, runtime: LabRuntime, keys: KeyRing,
        observer: @escaping @Sendable (PoolObservation, Instant) -> Void
    ) async throws -> PoolService {
        let authority = AuthoritySecretKey(keys.secretKey("pool authority"))
        let payout = settings.payout ?? .p2wpkh(hash160(keys.secretKey("pool payout").publicKey.bytes))
        var configuration = PoolConfiguration(
            authority: authority, staticKey: keys.secretKey("pool static"), clock: runtime.world.wallClock,
            secretSeed: LiveWorld.entropy(32), templateProvider: settings.templates, payout: payout)
        configuration.templateProviderAuthority = settings.templateAuthority
        configuration.sharesPerMinute = settings.sharesPerMinute
        configuration.signature = settings.signature
        let host = MachineHost(
            PoolMachine(configuration), loop: runtime.group.next(), world: runtime.world, observer: observer)
        let mining = try await host.listen(.mining, on: Endpoint(host: settings.host, port: settings.port))
        let server = try await host.listen(
            .jobDeclaration, on: Endpoint(host: settings.host, port: settings.jobDeclarationServerPort))
        let client = try await host.listen(
            .jobDeclaration, on: Endpoint(host: settings.host, port: settings.jobDeclarationClientPort))
        host.start()
        return PoolService(
            host: host, mining: mining, jobDeclarationServer: server, jobDeclarationClient: client,
            authority: authority.publicKey)
    }

    func stop() async { await host.stop() }
}
