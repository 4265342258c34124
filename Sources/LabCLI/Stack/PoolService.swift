import Bitcoin
import JobDeclaration
import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum

/// What an operator decides about a pool.
struct PoolSettings: Sendable {
    var host = "127.0.0.1"
    var port: UInt16 = 34_254
    /// The job declaration server beside the pool; nil for none.
    var jobDeclaration: JobDeclarationSettings? = JobDeclarationSettings()
    /// What job declaration servers elsewhere seal their tokens with; nil for what follows from the authority key.
    var tokenSecret: TokenSecret?
    /// False: custom jobs end in `jd-not-supported`.
    var takesCustomJobs = true
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
    let jobDeclarationServer: JobDeclarationService?
    let authority: AuthorityPublicKey

    var snapshot: PoolSnapshot? {
        get async { try? await host.query { [world = host.world] in $0.snapshot(at: world.now) } }
    }

    var url: PoolURL { PoolURL(scheme: .stratumV2(authority: authority), endpoint: mining) }

    static func start(
        _ settings: PoolSettings, runtime: LabRuntime, keys: KeyRing,
        declarationObserver: @escaping @Sendable (JobDeclarationServerObservation, Instant) -> Void = {
            _, _ in
        },
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
        let secret = settings.tokenSecret ?? TokenSecret(authority: authority.secret)
        if settings.takesCustomJobs {
            configuration.customJobs = CustomJobPolicy(
                secret: secret, payout: CoinbasePayout(scripts: [payout]))
        }
        var declaration: JobDeclarationService?
        if let settings = settings.jobDeclaration {
            declaration = try await JobDeclarationService.start(
                settings, authority: authority, staticKey: configuration.staticKey, secret: secret,
                payout: CoinbasePayout(scripts: [payout]), runtime: runtime, observer: declarationObserver)
        }
        let host = MachineHost(
            PoolMachine(configuration), loop: runtime.group.next(), world: runtime.world
        ) { [declaration] observation, now in
            if case .customBlockFound(let solution) = observation {
                declaration?.host.send(.solution(solution))
            }
            observer(observation, now)
        }
        let mining = try await host.listen(.mining, on: Endpoint(host: settings.host, port: settings.port))
        host.start()
        return PoolService(
            host: host, mining: mining, jobDeclarationServer: declaration,
            authority: authority.publicKey)
    }

    func stop() async {
        await host.stop()
        await jobDeclarationServer?.stop()
    }
}
