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
        change: (inout PoolConfiguration) -> Void = { _ in },
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
        change(&devices)
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
            log.note(observation, "jdc: works for pool \(endpoint) as \(identity)", as: "jdc")
        case .upstream(.left(let endpoint, let reason)):
            log.note(observation, "jdc: left pool \(endpoint): \(reason)", as: "jdc")
        case .soloStarted: log.note(observation, "jdc: no pool, blocks pay this miner", as: "jdc")
        case .declaration(let job, .refused(let code)):
            log.note(observation, "jdc: job \(job) refused: \(code)", as: "jdc")
        case .shareRefused(let code):
            log.note(observation, "jdc: the pool refused a share: \(code)", as: "jdc")
        case .solutionSent(let hash, let isPushed):
            let whom = isPushed ? "the node and the job declaration server" : "the node"
            log.note(observation, "jdc: block \(hash.displayHex.prefix(20))… sent to \(whom)", as: "jdc")
        case .templateProvider(.ready): log.note(observation, "jdc: templates from the node", as: "jdc")
        case .templateProvider(.lost(let reason)):
            log.note(observation, "jdc: template provider lost: \(reason)", as: "jdc")
        case .templateProvider(.templateUnusable(let id, let why)):
            log.note(observation, "jdc: template \(id) unusable: \(why)", as: "jdc")
        case .templateProvider(.tipLeftOut(let height)):
            log.note(
                observation,
                "jdc: the template provider left out the tip below height \(height); it is asked again",
                as: "jdc")
        case .templateProvider(.quiet):
            log.note(observation, "jdc: the template provider is silent; it is asked again", as: "jdc")
        case .devices(let observation): note(observation, in: log)
        case .upstream(.dialing), .declaration, .sharesCredited, .templateProvider(.dialing):
            log.debug(observation, as: "jdc")
        }
    }

    private static func note(_ observation: PoolObservation, in log: EventLog) {
        switch observation {
        case .channelOpened(let key, let identity, let kind, let rate, _):
            log.note(
                observation,
                "jdc: channel \(key.channel) opened: \(identity), \(kind), \(Figures.hashRate(rate))",
                as: "jdc")
        case .channelClosed(let key, let reason):
            log.note(observation, "jdc: channel \(key.channel) closed: \(reason)", as: "jdc")
        case .channelRefused(_, let code): log.note(observation, "jdc: channel refused: \(code)", as: "jdc")
        case .setupRefused(_, let code): log.note(observation, "jdc: setup refused: \(code)", as: "jdc")
        default: log.debug(observation, as: "jdc")
        }
    }

    static func note(_ totals: JobDeclarationClientTotals, in log: EventLog) {
        log.note(
            "totals",
            "\(totals.acknowledged, as: "acknowledged") jobs taken by pools, \(totals.refused, as: "refused") refused; "
                + "\(totals.sharesRelayed, as: "shares_sent") shares sent, "
                + "\(totals.sharesCredited, as: "shares_credited") credited, "
                + "\(totals.sharesRefused, as: "shares_refused") refused; "
                + "\(totals.solutions, as: "blocks") blocks")
    }
}
