import Bitcoin
import JobDeclaration
import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum

/// What an operator decides about a job declaration client.
struct JobDeclarationClientSettings: Sendable {
    var host = "127.0.0.1"
    var port: UInt16 = 34_265
    var mode = JobDeclarationMode.fullTemplate
    var upstreams: [JobDeclarationUpstream] = []
    var templates: Endpoint
    var templateAuthority: AuthorityPublicKey?
    /// Where blocks pay while no pool serves; nil for a key of the data directory.
    var payout: Script?
    var sharesPerMinute = 6.0
    var shareBatchSize: UInt32 = 10
    var rollableExtranonceSize = 8
    var certificateValidity = Interval.hours(1)
    var signature = "/mining-lab/"
    /// Nil: a key of the data directory.
    var authority: AuthoritySecretKey?
}

/// A job declaration client in the live world.
struct JobDeclarationClientService: Sendable {
    let host: MachineHost<JobDeclarationClientMachine>
    let mining: Endpoint
    let authority: AuthorityPublicKey

    var url: PoolURL { PoolURL(scheme: .stratumV2(authority: authority), endpoint: mining) }

    static func start(
        _ settings: JobDeclarationClientSettings, runtime: LabRuntime, keys: KeyRing,
        observer: @escaping @Sendable (JobDeclarationClientObservation, Instant) -> Void
    ) async throws -> JobDeclarationClientService {
        let authority = settings.authority ?? AuthoritySecretKey(keys.secretKey("jdc authority"))
        let payout = settings.payout ?? .p2wpkh(hash160(keys.secretKey("jdc payout").publicKey.bytes))
        var devices = PoolConfiguration(
            authority: authority, staticKey: keys.secretKey("jdc static"), clock: runtime.world.wallClock,
            secretSeed: LiveWorld.entropy(32), templateProvider: settings.templates, payout: payout)
        devices.templateProviderAuthority = settings.templateAuthority
        devices.sharesPerMinute = settings.sharesPerMinute
        devices.shareBatchSize = settings.shareBatchSize
        devices.certificateValidity = settings.certificateValidity
        devices.signature = settings.signature
        var configuration = JobDeclarationClientConfiguration(devices: devices)
        configuration.mode = settings.mode
        configuration.upstreams = settings.upstreams
        configuration.rollableExtranonceSize = settings.rollableExtranonceSize
        let host = MachineHost(
            JobDeclarationClientMachine(configuration), loop: runtime.group.next(), world: runtime.world,
            observer: observer)
        let mining = try await host.listen(.mining, on: Endpoint(host: settings.host, port: settings.port))
        host.start()
        return JobDeclarationClientService(host: host, mining: mining, authority: authority.publicKey)
    }

    func stop() async { await host.stop() }
}

/// A job declaration client's observations as lines.
enum JobDeclarationClientLines {
    static func note(_ observation: JobDeclarationClientObservation, in log: EventLog) {
        switch observation {
        case .upstream(.serving(let endpoint, let identity)):
            log.note("jdc: works for pool \(endpoint) as \(identity)")
        case .upstream(.left(let endpoint, let reason)): log.note("jdc: left pool \(endpoint): \(reason)")
        case .soloStarted: log.note("jdc: no pool, blocks pay this miner")
        case .declaration(let job, .refused(let code)): log.note("jdc: job \(job) refused: \(code)")
        case .shareRefused(let code): log.note("jdc: the pool refused a share: \(code)")
        case .solutionSent(let hash, let isPushed):
            let whom = isPushed ? "the node and the job declaration server" : "the node"
            log.note("jdc: block \(hash.displayHex.prefix(20))… sent to \(whom)")
        case .templateProvider(.ready): log.note("jdc: templates from the node")
        case .templateProvider(.lost(let reason)): log.note("jdc: template provider lost: \(reason)")
        case .templateProvider(.templateUnusable(let id, let why)):
            log.note("jdc: template \(id) unusable: \(why)")
        case .templateProvider(.tipLeftOut(let height)):
            log.note("jdc: the template provider left out the tip below height \(height); it is asked again")
        case .templateProvider(.quiet): log.note("jdc: the template provider is silent; it is asked again")
        case .devices(let observation): note(observation, in: log)
        case .upstream(.dialing), .declaration, .sharesCredited, .templateProvider(.dialing): break
        }
    }

    private static func note(_ observation: PoolObservation, in log: EventLog) {
        switch observation {
        case .channelOpened(let key, let identity, let kind, let rate, _):
            log.note("jdc: channel \(key.channel) opened: \(identity), \(kind), \(Figures.hashRate(rate))")
        case .channelClosed(let key, let reason): log.note("jdc: channel \(key.channel) closed: \(reason)")
        case .channelRefused(_, let code): log.note("jdc: channel refused: \(code)")
        case .setupRefused(_, let code): log.note("jdc: setup refused: \(code)")
        default: break
        }
    }

    static func note(_ totals: JobDeclarationClientTotals, in log: EventLog) {
        log.note(
            "\(totals.acknowledged) jobs taken by pools, \(totals.refused) refused; \(totals.sharesRelayed) "
                + "shares sent, \(totals.sharesCredited) credited, \(totals.sharesRefused) refused; "
                + "\(totals.solutions) blocks")
    }
}
