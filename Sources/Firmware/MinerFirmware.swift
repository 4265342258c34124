import Bitcoin
import Hardware
import SansIO
import Stratum

/// The firmware of one mining device: it boots the boards, finds a pool, gives jobs to the chips, believes a nonce
/// only after hashing it again, submits shares, and keeps the device from overheating.
///
/// An inner machine. Connections and time come in as in ``SansIO/Machine``; the hardware comes in as
/// ``HashboardEvent`` and goes out as ``HashboardCommand``, which the owner carries out in order right after the
/// call. It imports no simulation and cannot know whether it is in one.
///
/// Boards and link live side by side: a miner dials its pool while its clock still ramps up.
public struct MinerFirmware {
    public typealias Effects = EffectBuffer<MinerObservation>

    public internal(set) var settings: FirmwareSettings
    /// Put together and not kept: a fleet has a hundred thousand of them.
    var habits: Habits {
        var habits = settings.personality.habits
        settings.departures.apply(to: &habits)
        return habits
    }
    /// What the calendar says; the owner sets it anew when the clock steps.
    public var wallClock: WallClock
    var secrets: SecretGenerator
    var random: PRNG

    var boards = Boards.off
    var governor: ThermalGovernor
    var fan: FanController
    var fanDuty = FanDuty.off
    /// Since when a fan has not turned as it should.
    var fanLostSince: Instant?
    var fanIsLost = false
    /// Empty or one: few devices tune their chips.
    var tuner: [ChipTuner] = []
    var telemetry: BoardTelemetry?
    var telemetryInterval: Interval
    var telemetryAt = Instant.start

    var link = Link.down
    var pollLink = PollLink.down
    var session: PoolSession?
    var pool = 0
    /// The last V1 session, which some firmwares take up again.
    /// Empty or one: most have none, and it is large.
    var resumable: [(account: PoolAccount, id: String)] = []
    /// Where a pool sent the device; good for one connection.
    var detour: Endpoint?
    var backoff: Backoff
    var nextDial: UInt32 = 1
    var openSince: Instant?
    var lastHeard = Instant.start
    var reconnects = 0
    /// Failed attempts at the present pool since the last that stood.
    var attempts = 0
    /// A connection that only shows whether the preferred pool is back.
    var probe: DialID?
    /// By place in the list.
    var poolCounters: [PoolCounters]

    var issued: [IssuedWork] = []
    var nextWork: UInt32 = 1
    /// What the chips' work is on; see ``MinerObservation/tipChanged(_:)``.
    var loadedTip: UInt64 = 0
    /// The session has a job; the chips may not have it yet.
    var hasJob = false
    var jobSince = Instant.start
    var submittedAt: [Instant] = []
    var counters = MinerCounters()
    /// The last nonces of the present work, where the firmware looks for repetitions.
    var recentNonces = RecentNonces()
    var lastShare = Instant.start
    var isIdentifying = false
    var counts = 0
    var bestDifficulty = 0.0

    /// What the last count said.
    var chipsFound = 0
    var phase = MinerPhase.off
    var bootedAt = Instant.start
    var timers = TimerTable<Timer>()

    /// The state of the hashing side.
    enum Boards: Equatable, Sendable {
        case off
        /// Rails settle, reset is held.
        case poweringUp
        /// Chips are counted and configured.
        case enumerating
        /// The clock rises step by step.
        case ramping(step: Int)
        case running
        /// Switched off by the governor.
        case coolingDown(since: Instant)
        /// Switched off by the owner; the network stays up.
        case sleeping
        /// Chips are missing and this firmware does not mine without them.
        case faulty
        /// The supply's output is gone. The controller runs on, on the supply's standby output.
        case unpowered
    }

    /// The state of the network side.
    enum Link: Equatable, Sendable {
        case down
        /// The network interface has no address yet.
        case starting
        /// Before the next attempt.
        case waiting
        case dialing(DialID)
        case connected(ConnectionID)
        /// A node's session goes on; the connection for its calls is made anew.
        case redialing(DialID)
        /// A node's session goes on; it gets a connection when it has something to call.
        case detached
    }

    /// The second connection to a node, on which its long poll waits.
    enum PollLink: Equatable, Sendable {
        case down
        case dialing(DialID)
        case connected(ConnectionID)
    }

    enum Timer: Int, CaseIterable, Sendable {
        case boards
        case telemetry
        case link
        case silence
        case work
        /// Look whether the preferred pool is back.
        case probe
        /// A window of tuning is over.
        case tune
        /// A node's session wants to be woken.
        case call
        /// A node's session wants to poll.
        case poll
    }

    /// Work that chips may answer for.
    struct IssuedWork: Sendable {
        var work: MiningWork
        var ticket: ShareTicket
    }

    public init(
        settings: FirmwareSettings, wallClock: WallClock, secrets: SecretGenerator, seed random: PRNG
    ) {
        precondition(!settings.accounts.isEmpty, "a miner without a pool")
        precondition(settings.accounts.count <= Limits.poolsMax, "more than \(Limits.poolsMax) pools")
        self.settings = settings
        poolCounters = settings.accounts.map { _ in PoolCounters() }
        self.wallClock = wallClock
        self.secrets = secrets
        self.random = random
        governor = ThermalGovernor(
            settings: settings.governor, frequency: settings.frequency, voltage: settings.voltage)
        fan = FanController(
            target: settings.governor.target, minimum: settings.governor.fanMinimum,
            start: settings.governor.fanStart)
        backoff = Backoff(settings: settings.backoff)
        telemetryInterval = settings.telemetryMin
    }

    public var nextDeadline: Instant? { timers.next }

    // MARK: Power

    /// The plug goes in. Does nothing on a device that runs.
    public mutating func powerOn(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard boards == .off else { return }
        bootedAt = now
        powerUpBoards(at: now, commands: &commands)
        link = .starting
        timers.set(.link, now + settings.boot.network)
        skipElapsed(at: now, into: &effects, commands: &commands)
    }

    /// The plug is pulled: the connection is gone with it.
    public mutating func powerOff(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard boards != .off else { return }
        if case .connected(let id) = link { effects.close(id, .closed("device switched off")) }
        boards = .off
        link = .down
        timers = TimerTable()
        forgetSession(into: &effects)
        probe = nil
        governor = ThermalGovernor(
            settings: settings.governor, frequency: settings.frequency, voltage: settings.voltage)
        backoff.reset()
        fanDuty = .off
        commands.append(.setFan(.off))
        commands.append(.setPower(false))
        announcePhase(into: &effects)
    }

    // MARK: Time

    public mutating func deadlineReached(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        if timers.fire(.boards, at: now) { advanceBoards(at: now, commands: &commands) }
        if timers.fire(.telemetry, at: now) { commands.append(.readTelemetry) }
        if timers.fire(.link, at: now) { linkTimerFired(at: now, into: &effects, commands: &commands) }
        if timers.fire(.silence, at: now) { silenceTimerFired(at: now, into: &effects, commands: &commands) }
        if timers.fire(.work, at: now) {
            loadWork(clean: false, at: now, into: &effects, commands: &commands)
        }
        if timers.fire(.tune, at: now) { tuningWindowEnded(at: now, commands: &commands) }
        if timers.fire(.probe, at: now) { probePreferredPool(at: now, into: &effects) }
        if timers.fire(.call, at: now) { wakeSession(at: now, into: &effects) }
        if timers.fire(.poll, at: now) { poll(into: &effects) }
        skipElapsed(at: now, into: &effects, commands: &commands)
    }

    /// Stages of no length follow each other within one call.
    mutating func skipElapsed(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        if timers.fire(.boards, at: now) { advanceBoards(at: now, commands: &commands) }
        if timers.fire(.link, at: now) { linkTimerFired(at: now, into: &effects, commands: &commands) }
        announcePhase(into: &effects)
    }

    // MARK: Phase

    mutating func announcePhase(into effects: inout Effects) {
        let present = presentPhase
        guard present != phase else { return }
        phase = present
        effects.observe(.phaseChanged(present))
    }

    private var presentPhase: MinerPhase {
        switch boards {
        case .off: return .off
        case .coolingDown: return .coolingDown
        case .sleeping: return .sleeping
        case .faulty, .unpowered: return .faulty
        case .poweringUp, .enumerating, .ramping: return .booting
        case .running: break
        }
        switch link {
        case .down, .starting: return .booting
        case .waiting: return .backingOff
        case .dialing: return .connecting
        case .connected, .redialing, .detached:
            guard session?.isOpen ?? false else { return .handshaking }
            guard !issued.isEmpty else { return .waiting }
            return governor.isThrottled ? .throttled : .mining
        }
    }

    // MARK: Snapshot

    public var snapshot: MinerSnapshot {
        MinerSnapshot(
            phase: phase, pool: session == nil ? nil : pool,
            frequency: boards == .running ? governor.frequency : .zero, voltage: governor.voltage,
            fanDuty: fanDuty, telemetry: telemetry, counters: counters,
            jobDifficulty: issued.last?.work.target.difficulty ?? 0, bestDifficulty: bestDifficulty,
            bootedAt: bootedAt, reconnects: reconnects, accounts: settings.accounts, pools: poolCounters,
            chips: chipsFound, isIdentifying: isIdentifying, manualFan: settings.manualFan,
            configuredFrequency: settings.frequency, targetTemperature: settings.governor.target,
            chipTemperatureOffset: habits.chipTemperatureOffset, tuning: tuner.first?.status)
    }
}
