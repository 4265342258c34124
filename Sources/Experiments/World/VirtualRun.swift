import Bitcoin
import Chain
import DeviceModel
import Firmware
import Foundation
import Hardware
import JobDeclaration
import Measurement
import Pool
import Rig
import SansIO
import Simulation
import Stratum

/// Where an experiment's names are looked up.
public struct ExperimentLibrary: Sendable {
    public let devices: ProfileLibrary
    public let links: LinkLibrary

    public init(devices: ProfileLibrary, links: LinkLibrary) {
        self.devices = devices
        self.links = links
    }
}

/// One run of an experiment in the virtual world: the machines of the live world, virtual links, time as fast as the
/// processor goes. The same experiment and seed give the same seconds to the byte.
public final class VirtualRun {
    public let experiment: Experiment
    public let seed: UInt64
    public let world: VirtualWorld
    public private(set) var series: RunSeries
    /// Set when a threshold that aborts has failed.
    public private(set) var aborted: Threshold?
    private let stack: VirtualStack
    private let ears: Ears
    private var devices: [NodeID] = []
    /// Nominal clocks in MHz by profile.
    private let clocks: [String: Double]
    private var blocks: PRNG
    private var traffic: TransactionTraffic

    /// What happened since the last second; machines' observers share it.
    private final class Ears {
        var observer: FleetObserver
        var credit: PoolCredit
        /// Transactions of the node's latest templates, oldest first.
        private var templates: [(id: UInt64, transactions: Int)] = []
        /// Templates of the pool's latest jobs, oldest first.
        private var jobs: [(id: UInt32, template: UInt64)] = []
        /// Since when the pool's work on the present tip has no transactions.
        private var emptySince: Instant?
        /// Without any, every job is full.
        private let hasTransactions: Bool

        init(_ observer: FleetObserver, _ credit: PoolCredit, hasTransactions: Bool) {
            self.observer = observer
            self.credit = credit
            self.hasTransactions = hasTransactions
        }

        func hear(_ observation: NodeObservation) {
            guard case .templateIssued(let id, _, _, let transactions, _) = observation else { return }
            if templates.count >= Limits.templatesRemembered { templates.removeFirst() }
            templates.append((id, transactions))
        }

        private func isEmpty(job: UInt32) -> Bool? {
            guard let template = jobs.last(where: { $0.id == job })?.template else { return nil }
            return templates.last { $0.id == template }.map { $0.transactions == 0 }
        }

        func hear(_ observation: PoolObservation, at now: Instant) {
            switch observation {
            case .jobIssued(let job, let template, let cause, _):
                if jobs.count >= Limits.templatesRemembered { jobs.removeFirst() }
                jobs.append((job, template))
                guard cause == .update, let since = emptySince, isEmpty(job: job) == false else { return }
                observer.worked(emptyFor: now - since)
                emptySince = nil
            case .tipChanged(_, let job):
                // A tip that another one follows before there was full work stays empty to its end.
                if let since = emptySince { observer.worked(emptyFor: now - since) }
                emptySince = nil
                guard hasTransactions, let isEmpty = isEmpty(job: job) else { return }
                if isEmpty { emptySince = now } else { observer.worked(emptyFor: .zero) }
            default: credit.hear(observation, into: &observer)
            }
        }
    }

    /// - Throws: ``FileError`` for a profile or link that is not there.
    public init(_ experiment: Experiment, seed: UInt64, library: ExperimentLibrary) throws {
        self.experiment = experiment
        self.seed = seed
        series = RunSeries(fleetCount: experiment.fleets.count)
        blocks = PRNG(seed: seed, stream: 0xb10c)
        traffic = TransactionTraffic(seed: seed)
        let world = VirtualWorld(seed: seed)
        self.world = world
        let clock = WallClock(unixSecondsAtStart: Limits.virtualCalendarStart)
        let profiles = try FleetProfiles(experiment, library: library.devices)

        clocks = profiles.clocks

        let fleets = experiment.fleets.enumerated().flatMap { Array(repeating: $0, count: $1.count) }
        let ears = Ears(
            FleetObserver(fleets: fleets, fleetCount: experiment.fleets.count), PoolCredit(experiment),
            hasTransactions: experiment.network.transactionsPerSecond > 0)
        self.ears = ears
        stack = try VirtualStack(
            experiment, seed: seed, fleetHashRate: profiles.hashRate, clock: clock, world: world,
            ears: VirtualStack.Ears(
                pool: { observation, now in ears.hear(observation, at: now) },
                node: { observation, _ in ears.hear(observation) }, client: { _, _ in }))
        for (index, fleet) in experiment.fleets.enumerated() {
            let link = try LinkDescription(of: fleet, in: library.links)
            let ids = addDevices(
                index, fleet, profiles: profiles, link: link.profile, clock: clock, ears: ears)
            for id in ids {
                interrupt(
                    id,
                    link.interruptions(
                        seed: PRNG(seed: seed, stream: 0x5711 ^ UInt64(id.index) << 16), from: .start))
            }
        }
        for action in experiment.actions { schedule(action) }
        if experiment.network.transactionsPerSecond > 0 {
            stack.prepareTraffic(&traffic)
            scheduleTransaction()
        }
        if experiment.network.blockSource != .fleet { scheduleBlock() }
        if experiment.network.reorganisationsPerHour > 0 { scheduleReorganisation() }
    }

    private func addDevices(
        _ index: Int, _ fleet: FleetPlan, profiles: FleetProfiles, link: LinkProfile, clock: WallClock,
        ears: Ears
    ) -> [NodeID] {
        let url = stack.url(for: fleet)
        let first = experiment.firstDevice(of: index)
        var ids: [NodeID] = []
        for place in 0..<fleet.count {
            let number = first + place
            var rig = RigConfiguration(
                fleet, profile: profiles[index, place], place: place, number: number, pools: [url],
                seed: seed,
                clock: clock)
            // Steady sensors are read once a minute; physics integrates over the time between.
            rig.telemetryMax = .minutes(1)
            ids.append(
                world.add(RigMachine(rig), link: link) { observation, now in
                    ears.observer.note(number, observation, at: now)
                })
        }
        for id in ids { world.count(id, on: index) }
        devices += ids
        return ids
    }

    /// Runs to the end of the last phase, or until a threshold that aborts fails.
    ///
    /// - Parameter progress: called after each virtual second that ends; false ends the run there.
    public func run(progress: (VirtualRun) -> Bool = { _ in true }) {
        let seconds = Int(experiment.duration.seconds.rounded(.up))
        while series.seconds.count < seconds {
            world.run(until: .start + .seconds(UInt64(series.seconds.count + 1)))
            for (fleet, carried) in world.takeCarried().enumerated() {
                ears.observer.carried(up: carried.up, down: carried.down, fleet: fleet)
            }
            series.add(ears.observer.close())
            guard aborted == nil, progress(self) else { return }
            if series.seconds.count % Limits.abortCheckSeconds == 0 { checkAborts() }
        }
    }

    public var verdicts: [Verdict] { experiment.verdicts(series) }

    private func checkAborts() {
        for threshold in experiment.thresholds where threshold.aborts {
            let value = threshold.measure.value(in: series, of: experiment)
            if let value, !threshold.holds(value) { aborted = threshold }
        }
    }

    // MARK: The timeline

    private func schedule(_ action: ActionPlan) {
        world.schedule(at: .start + action.at) { [unowned self] _ in self.perform(action) }
    }

    /// Whom an action concerns.
    private func chosen(_ action: ActionPlan) -> [(device: NodeID, number: Int, fleet: Int)] {
        experiment.fleets.indices.filter { action.fleet ?? $0 == $0 }.flatMap { fleet in
            let first = experiment.firstDevice(of: fleet)
            let count = Int((Double(experiment.fleets[fleet].count) * action.percent / 100).rounded(.up))
            return (first..<first + count).map { (devices[$0], $0, fleet) }
        }
    }

    private func perform(_ action: ActionPlan) {
        switch action.what {
        case .hashrate: setHashrate(action, factor: action.value)
        case .ramp:
            steps(action) { run, share in run.setHashrate(action, factor: 1 + (action.value - 1) * share) }
        case .oscillate: oscillate(action)
        case .storm: for (device, _, _) in chosen(action) { world.reset(connectionsOf: device) }
        case .powerCut:
            tell(action, .powerOff)
            if action.duration > .zero { later(action.duration) { $0.tell(action, .powerOn) } }
        case .ambient:
            steps(action) { run, share in
                for (device, _, fleet) in run.chosen(action) {
                    let from = run.experiment.fleets[fleet].ambient
                    let celsius = Celsius(from + (action.value - from) * share)
                    run.world.send(.setAmbient(celsius), to: device, as: RigMachine.self)
                }
            }
        case .partition:
            let end = world.now + action.duration
            for (device, _, _) in chosen(action) { world.partition(device, until: end) }
        case .latency:
            let delay = Interval(seconds: max(0, action.value) / 1_000)
            for (device, _, _) in chosen(action) { world.changeLink(of: device) { $0.delay = delay } }
        case .kill:
            guard let role = VirtualStack.Role(rawValue: action.role) else { return }
            stack.kill(role)
            if action.duration > .zero {
                later(action.duration) { run in
                    // A role whose storage is in memory starts from it; it held before the kill.
                    do { try run.stack.restart(role) } catch { preconditionFailure("\(role): \(error)") }
                }
            }
        case .drain: stack.drain(for: action.duration)
        case .block: stack.makeBlocks(max(1, Int(action.value)))
        case .reorganisation: stack.reorganise(depth: max(1, Int(action.value)))
        case .fault:
            guard let kind = DeviceFault.Kind(named: action.fault, value: action.value) else { return }
            let duration = action.duration == .zero ? nil : action.duration
            tell(action, .addFault(DeviceFault(kind, duration: duration)))
        }
    }

    private func tell(_ action: ActionPlan, _ command: RigMachine.Command) {
        for (device, _, _) in chosen(action) { world.send(command, to: device, as: RigMachine.self) }
    }

    private func later(_ time: Interval, _ body: @escaping (VirtualRun) -> Void) {
        world.schedule(at: world.now + time) { [unowned self] _ in body(self) }
    }

    /// Calls `body` with shares rising to 1, evenly over the action's time.
    private func steps(_ action: ActionPlan, _ body: @escaping (VirtualRun, Double) -> Void) {
        guard action.duration > .zero else { return body(self, 1) }
        for step in 1...Limits.actionSteps {
            let share = Double(step) / Double(Limits.actionSteps)
            later(Interval(seconds: action.duration.seconds * share)) { body($0, share) }
        }
    }

    private func setHashrate(_ action: ActionPlan, factor: Double) {
        for (device, number, fleet) in chosen(action) {
            let place = number - experiment.firstDevice(of: fleet)
            let nominal = clocks[experiment.fleets[fleet].profile(of: place)] ?? 1
            world.send(
                .operate(.setFrequency(Megahertz(nominal * max(0.01, factor)))), to: device,
                as: RigMachine.self)
        }
    }

    private func oscillate(_ action: ActionPlan) {
        guard action.duration > .zero else { return }
        var at = Interval.zero
        var step = 0
        let pause = Interval(seconds: action.duration.seconds / Double(Limits.oscillationSteps))
        while action.at + at < experiment.duration, step < Limits.oscillationStepsMax {
            let angle = 2 * Double.pi * Double(step) / Double(Limits.oscillationSteps)
            let share = (1 - cos(angle)) / 2
            later(at) { $0.setHashrate(action, factor: 1 + (action.value - 1) * share) }
            at = at + pause
            step += 1
        }
    }

    // MARK: What the network does by itself

    private func scheduleBlock() {
        let interval = experiment.network.blockInterval
        let pause = experiment.network.blockSource == .chance ? blocks.exponential(mean: interval) : interval
        later(max(pause, .milliseconds(1))) { run in
            run.stack.makeBlocks(1)
            run.scheduleBlock()
        }
    }

    private func scheduleTransaction() {
        let mean = Interval(seconds: 1 / experiment.network.transactionsPerSecond)
        later(blocks.exponential(mean: mean)) { run in
            if let transaction = run.traffic.take() { run.stack.send(transaction) }
            run.scheduleTransaction()
        }
    }

    private func scheduleReorganisation() {
        let mean = Interval(seconds: 3_600 / experiment.network.reorganisationsPerHour)
        later(blocks.exponential(mean: mean)) { run in
            run.stack.reorganise(depth: 1)
            run.scheduleReorganisation()
        }
    }

    /// A link profile's resets and stalls, of one device after the other.
    private func interrupt(_ device: NodeID, _ link: LinkInterruptions) {
        var link = link
        guard let (at, what) = link.take() else { return }
        let rest = link
        world.schedule(at: at) { [unowned self] world in
            switch what {
            case .reset: world.reset(connectionsOf: device)
            case .stall(let end): world.stall(connectionsOf: device, until: end)
            }
            self.interrupt(device, rest)
        }
    }
}
