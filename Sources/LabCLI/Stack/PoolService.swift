import Bitcoin
import Foundation
import JobDeclaration
import Ledger
import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum
import Vardiff

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
    var coinbase: Script?
    /// How they are divided.
    var payout = PayoutScheme.solo
    /// Every acknowledged share is on the disk itself first, not only with the operating system.
    var forcesLedger = false
    var sharesPerMinute = 6.0
    var vardiff = VardiffAlgorithm.lab
    var signature = "/mining-lab/"
    /// Nil: a key of the data directory.
    var authority: AuthoritySecretKey?
    var certificateValidity = Interval.hours(1)
    var shareBatchSize: UInt32 = 10
    var serverID: UInt8 = 0
    var admission = AdmissionRules()
    /// A listener without encryption, on loopback; nil for none.
    var plain: Endpoint?
}

/// A pool in the live world.
struct PoolService: Sendable {
    let host: MachineHost<PoolMachine>
    let mining: Endpoint
    /// Nil without a listener without encryption.
    let plain: Endpoint?
    let jobDeclarationServer: JobDeclarationService?
    let authority: AuthorityPublicKey
    private let ledger: LedgerKeeper

    var snapshot: PoolSnapshot? {
        get async { try? await host.query { [world = host.world] in $0.snapshot(at: world.now) } }
    }

    var url: PoolURL { PoolURL(scheme: .stratumV2(authority: authority), endpoint: mining) }

    static func start(
        _ settings: PoolSettings, runtime: LabRuntime, directory: DataDirectory, keys: KeyRing,
        declarationObserver: @escaping @Sendable (JobDeclarationServerObservation, Instant) -> Void = {
            _, _ in
        },
        change: (inout PoolConfiguration) -> Void = { _ in },
        observer: @escaping @Sendable (PoolObservation, Instant) -> Void
    ) async throws -> PoolService {
        let authority = settings.authority ?? AuthoritySecretKey(keys.secretKey("pool authority"))
        let payout = settings.coinbase ?? .p2wpkh(hash160(keys.secretKey("pool payout").publicKey.bytes))
        var configuration = PoolConfiguration(
            authority: authority, staticKey: keys.secretKey("pool static"), clock: runtime.world.wallClock,
            secretSeed: LiveWorld.entropy(32), templateProvider: settings.templates, payout: payout)
        configuration.templateProviderAuthority = settings.templateAuthority
        configuration.sharesPerMinute = settings.sharesPerMinute
        configuration.vardiff = settings.vardiff
        configuration.signature = settings.signature
        configuration.certificateValidity = settings.certificateValidity
        configuration.shareBatchSize = settings.shareBatchSize
        configuration.serverID = settings.serverID
        configuration.admission = settings.admission
        configuration.payoutScheme = settings.payout
        change(&configuration)
        let ledger = try LedgerKeeper(directory)
        configuration.ledger = ledger.start
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
            PoolMachine(configuration), loop: runtime.group.next(), world: runtime.world,
            onFault: { fault in LedgerKeeper.end(.storage(fault)) }
        ) { [declaration] observation, now in
            if case .customBlockFound(let solution) = observation {
                declaration?.host.send(.solution(solution))
            }
            observer(observation, now)
        }
        try await ledger.attach(host, forced: settings.forcesLedger)
        let mining = try await host.listen(.mining, on: Endpoint(host: settings.host, port: settings.port))
        var plain: Endpoint?
        if let endpoint = settings.plain { plain = try await host.listen(.plainMining, on: endpoint) }
        host.start()
        return PoolService(
            host: host, mining: mining, plain: plain, jobDeclarationServer: declaration,
            authority: authority.publicKey,
            ledger: ledger)
    }

    func latestBlocks(limit: Int) async -> [(row: BlockRow, user: String)] {
        await ledger.latestBlocks(limit: limit)
    }

    func stop() async {
        host.send(.settle)
        await host.stop()
        ledger.stop()
        await jobDeclarationServer?.stop()
    }
}
