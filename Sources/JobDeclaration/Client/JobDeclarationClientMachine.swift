import Bitcoin
import Pool
import SansIO
import Stratum

/// A job declaration client: devices work on templates of the miner's own node and are paid by a pool.
///
/// Towards devices it is a ``PoolMachine`` whose owner it is, so every rule about channels, groups, targets and shares is
/// the pool's. Upstream it has one extended channel, whatever hangs below: its extranonce is divided among the devices.
/// A template becomes a job of the devices at once; declaring it to the pool goes on beside, and shares found
/// meanwhile wait for the pool's number of the job.
///
/// Without a pool that takes the work, blocks pay the miner: devices keep their connections and get solo jobs until a
/// pool is reached again.
public struct JobDeclarationClientMachine: Machine {
    public typealias Command = JobDeclarationClientCommand
    public typealias Observation = JobDeclarationClientObservation
    typealias Effects = EffectBuffer<JobDeclarationClientObservation>

    enum Timer: Int, CaseIterable, Sendable {
        /// Time to reach for the template provider, or for the next pool.
        case dialProvider, dialUpstream
        /// They did not get ready.
        case provider, upstream
        /// The template provider said nothing for long.
        case providerQuiet
        /// A request to pool or server should be answered by now.
        case answers
        /// A refusal is believed.
        case doubt
        case updateChannel
        case refreshJob
        /// The template provider forgot what devices work on.
        case freshTemplate
        /// Time to ask whether a pool of more preference serves again, and its answer is overdue.
        case seekPreferred, preferred
    }

    /// Whom the devices work for.
    enum Footing: Sendable, Equatable {
        /// Not known yet: the first round through the pools is under way and devices wait.
        case undecided
        case pool
        case solo
    }

    let configuration: JobDeclarationClientConfiguration
    var clock: WallClock
    var secrets: SecretGenerator
    var devices: PoolMachine
    var footing = Footing.undecided

    var provider = V2ClientLink()
    var providerSession: UInt32 = 0
    var providerAttempts = 0
    var constraints: TemplateDistribution.CoinbaseOutputConstraints
    var lastDemand = Instant.start
    var heldSolutions: [TemplateDistribution.SubmitSolution] = []
    /// Templates and tips that came before the footing was known.
    var shelf: [ShelvedTemplate] = []
    /// The last tip, its template and what came after, whoever mines them.
    var recent: [ShelvedTemplate] = []
    /// What the template provider was asked for and what it said, newest last.
    var requestedTransactions: [UInt64] = []
    var transactions: [TemplateTransactions] = []
    var tip: TemplateDistribution.SetNewPrevHash?

    var upstream: Upstream?
    var pool = V2ClientLink()
    var server = V2ClientLink()
    /// Which of the configured pools is next.
    var choice = 0
    /// Rounds through the list since a pool last took a job.
    var rounds = 0
    var redirect: Endpoint?
    /// A pool of more preference that is being tried while another one serves.
    var probe: PreferenceProbe?
    var preference: PoolPreference
    /// Ascending by job.
    var declarations: [CustomJob] = []

    var lastAttempt: UInt32 = 0
    var fleetChanged = false
    var lastUpdate = Instant.start
    var timers = TimerTable<Timer>()
    public internal(set) var totals = JobDeclarationClientTotals()

    public init(_ configuration: JobDeclarationClientConfiguration) {
        self.configuration = configuration
        preference = PoolPreference(configuration.limits.returns)
        var devices = configuration.devices
        devices.work = .owner
        self.devices = PoolMachine(devices)
        clock = devices.clock
        secrets = SecretGenerator(seed: devices.secretSeed + [1])
        var constraints = RewardOutputs(devices.payout).constraints
        constraints.coinbaseOutputMaxAdditionalSize = max(
            constraints.coinbaseOutputMaxAdditionalSize, configuration.limits.outputBytes)
        self.constraints = constraints
        timers.set(.dialProvider, .start)
        if configuration.isSolo {
            footing = .solo
        } else {
            timers.set(.dialUpstream, .start)
        }
        let layout = JobDeclarationClientMachine.soloLayout(configuration)
        var unused = EffectBuffer<PoolObservation>()
        self.devices.setTerms(
            WorkTerms(
                rewards: RewardOutputs(devices.payout), layout: layout,
                isVersionRollingAllowed: devices.isVersionRollingAllowed), keepsJobs: true, at: .start,
            into: &unused)
    }

    /// What a device's address of this client carries: `stratum2+tcp://host:port/KEY`.
    public var authorityPublicKey: AuthorityPublicKey { devices.authorityPublicKey }

    public var nextDeadline: Instant? {
        guard let own = timers.next else { return devices.nextDeadline }
        return devices.nextDeadline.map { min($0, own) } ?? own
    }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationClientObservation>
    ) {
        switch origin {
        case .accepted:
            withDevices(at: now, into: &effects) {
                $0.connectionOpened(id, origin: origin, at: now, into: &$1)
            }
        case .dialed(let attempt):
            if attempt == provider.attempt {
                providerOpened(id, at: now)
            } else if attempt == pool.attempt {
                poolOpened(id)
            } else if attempt == server.attempt {
                serverOpened(id)
            } else if probeOpened(attempt, id) {
                break
            } else {
                effects.close(id, .closed("no longer wanted"))
            }
        }
        flush(into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationClientObservation>
    ) {
        let unixTime = clock.unixSeconds(at: now)
        if id == provider.connection {
            var event = provider.receive(bytes, unixTime: unixTime)
            while let current = event {
                handleProvider(current, at: now, into: &effects)
                event = provider.next()
            }
        } else if id == pool.connection {
            var event = pool.receive(bytes, unixTime: unixTime)
            while let current = event {
                handlePool(current, at: now, into: &effects)
                event = pool.next()
            }
        } else if id == server.connection {
            var event = server.receive(bytes, unixTime: unixTime)
            while let current = event {
                handleServer(current, at: now, into: &effects)
                event = server.next()
            }
        } else if probe?.isOn(id) == true {
            probeReceived(bytes, on: id, at: now, into: &effects)
        } else {
            withDevices(at: now, into: &effects) { $0.bytesReceived(bytes, on: id, at: now, into: &$1) }
        }
        flush(into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationClientObservation>
    ) {
        if id == provider.connection {
            provider.lost()
            providerLost(reason, at: now, into: &effects)
        } else if id == pool.connection {
            pool.lost()
            leaveUpstream("the pool is gone: \(reason)", .lost, at: now, into: &effects)
        } else if id == server.connection {
            server.lost()
            leaveUpstream("the job declaration server is gone: \(reason)", .lost, at: now, into: &effects)
        } else if probe?.isOn(id) == true {
            probeFailed(at: now, into: &effects)
        } else {
            withDevices(at: now, into: &effects) {
                $0.connectionClosed(id, reason: reason, at: now, into: &$1)
            }
        }
        flush(into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationClientObservation>
    ) {
        if dial == provider.attempt {
            providerLost(reason, at: now, into: &effects)
        } else if dial == pool.attempt {
            leaveUpstream("the pool cannot be reached: \(reason)", .lost, at: now, into: &effects)
        } else if dial == server.attempt {
            leaveUpstream(
                "the job declaration server cannot be reached: \(reason)", .lost, at: now, into: &effects)
        } else if let probe, dial == probe.pool.attempt || dial == probe.server.attempt {
            probeFailed(at: now, into: &effects)
        }
        flush(into: &effects)
    }

    public mutating func handle(
        _ command: consuming JobDeclarationClientCommand, at now: Instant,
        into effects: inout EffectBuffer<JobDeclarationClientObservation>
    ) {
        switch command {
        case .setClock(let clock):
            self.clock = clock
            withDevices(at: now, into: &effects) { $0.handle(.setClock(clock), at: now, into: &$1) }
        case .disconnect(let id, let text):
            withDevices(at: now, into: &effects) { $0.handle(.disconnect(id, text), at: now, into: &$1) }
        case .refreshJob:
            withDevices(at: now, into: &effects) { $0.handle(.refreshJob, at: now, into: &$1) }
        case .nextUpstream:
            leaveUpstream("the operator asked for the next pool", .wish, at: now, into: &effects)
        case .useUpstream(let index): use(index, at: now, into: &effects)
        case .devices(let command):
            withDevices(at: now, into: &effects) { $0.handle(command, at: now, into: &$1) }
        }
        flush(into: &effects)
    }

    public mutating func deadlineReached(
        at now: Instant, into effects: inout EffectBuffer<JobDeclarationClientObservation>
    ) {
        if let deadline = devices.nextDeadline, deadline <= now {
            withDevices(at: now, into: &effects) { $0.deadlineReached(at: now, into: &$1) }
        }
        for timer in Timer.allCases where timers.fire(timer, at: now) {
            switch timer {
            case .dialProvider: dialProvider(at: now, into: &effects)
            case .dialUpstream: dialUpstream(at: now, into: &effects)
            case .provider:
                providerLost(.closed("the template provider did not get ready"), at: now, into: &effects)
            case .providerQuiet: providerIsQuiet(at: now, into: &effects)
            case .upstream: leaveUpstream("the pool did not get ready in time", at: now, into: &effects)
            case .answers: checkAnswers(at: now, into: &effects)
            case .doubt: resolveDoubts(at: now, into: &effects)
            case .updateChannel: updateChannel(at: now)
            case .seekPreferred: seekPreferred(at: now, into: &effects)
            case .preferred: probeFailed(at: now, into: &effects)
            case .freshTemplate: demandTemplate(at: now)
            case .refreshJob:
                withDevices(at: now, into: &effects) { $0.handle(.refreshJob, at: now, into: &$1) }
            }
        }
        flush(into: &effects)
    }

    /// A number for a dial that no earlier one had.
    mutating func takeAttempt() -> DialID {
        lastAttempt &+= 1
        return DialID(lastAttempt)
    }

    private mutating func flush(into effects: inout EffectBuffer<JobDeclarationClientObservation>) {
        provider.flush(into: &effects)
        pool.flush(into: &effects)
        server.flush(into: &effects)
        probe?.pool.flush(into: &effects)
        probe?.server.flush(into: &effects)
    }
}
