import DeviceModel
import Experiments
import Firmware
import Foundation
import Hardware
import Measurement
import NIOCore
import NIOPosix
import Rig
import Runtime
import SansIO
import Stratum
import Synchronization

/// A shard's devices in the live world: each a machine on its own connection, counted on its own event loop.
///
/// What is drawn for a device comes from the seed and its number alone, as in the virtual world and for any number of
/// shards.
final class LiveFleet: @unchecked Sendable {
    /// Everything that one event loop counts; touched there only.
    private final class Ear {
        var observer: FleetObserver
        var lag = Interval.zero
        var fault: String?

        init(_ observer: FleetObserver) { self.observer = observer }

        func note(_ place: Int, _ observation: MinerObservation, at now: Instant) {
            observer.note(place, observation, at: now)
            switch observation {
            case .disconnected(_, let reason): fault = reason
            case .shareTooHard(let hashes):
                fault =
                    "shares need \(Figures.difficulty(hashes)) hashes each, too many for this hashrate scale"
            default: break
            }
        }
    }

    private struct Collected {
        var open: [Int: (second: Second, lag: Interval, loops: Int)] = [:]
        var meter = GeneratorMeter()
        var fault: String?
    }

    /// How often a loop is asked how late it is.
    private static let lagPeriod = Interval.milliseconds(100)

    let slice: Range<Int>
    /// One element for each second of the run, in their order; ends after the last one, or when the fleet is stopped.
    let seconds: AsyncStream<Second>
    private let experiment: Experiment
    private let continuation: AsyncStream<Second>.Continuation
    private let group: MultiThreadedEventLoopGroup
    private let loops: [any EventLoop]
    private let ears: [Ear]
    private let clocks: [String: Double]
    private let sources: [String?]
    private let collected = Mutex(Collected())
    private let secondCount: Int
    /// The next one last.
    private var machines: [RigMachine] = []
    private var hosts: [MachineHost<RigMachine>] = []

    /// Makes the devices; none of them runs yet.
    ///
    /// - Parameters:
    ///   - pools: where each fleet's devices dial.
    ///   - creditsAcceptance: for pools that are not ours; see ``FleetObserver``.
    init(
        _ experiment: Experiment, seed: UInt64, profiles: FleetProfiles, pools: [PoolURL], slice: Range<Int>,
        threads: Int, creditsAcceptance: Bool, sources: [String?]
    ) {
        self.experiment = experiment
        self.slice = slice
        self.sources = sources
        clocks = profiles.clocks
        secondCount = Int(experiment.duration.seconds.rounded(.up))
        (seconds, continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        self.group = group
        loops = (0..<threads).map { _ in group.next() }
        let fleets = experiment.fleets.enumerated().flatMap { Array(repeating: $0, count: $1.count) }[slice]
        ears = (0..<threads).map { loop in
            let mine = stride(from: slice.lowerBound + loop, to: slice.upperBound, by: threads)
            return Ear(
                FleetObserver(
                    fleets: mine.map { fleets[$0] }, fleetCount: experiment.fleets.count,
                    creditsAcceptance: creditsAcceptance))
        }
        let entropy = LiveWorld.entropy(32)
        let clock = LiveWorld().wallClock
        machines = slice.reversed().map { number in
            let fleet = fleets[number]
            let place = number - experiment.firstDevice(of: fleet)
            var rig = RigConfiguration(
                experiment.fleets[fleet], profile: profiles[fleet, place], place: place, number: number,
                pools: [pools[fleet]], seed: seed, clock: clock)
            rig.secretSeed = entropy
            rig.telemetryMax = .seconds(30)
            return RigMachine(rig)
        }
    }

    /// Plugs the devices in at a time of the calendar, in Unix nanoseconds, each after its own delay.
    func begin(at unixNanoseconds: UInt64) {
        let world = LiveWorld(beginningAt: unixNanoseconds)
        hosts.reserveCapacity(slice.count)
        while let machine = machines.popLast() {
            let index = hosts.count
            let (place, ear) = (index / loops.count, ears[index % loops.count])
            // The observer runs on the host's loop, where its ear belongs.
            nonisolated(unsafe) let heard = ear
            let host = MachineHost(
                machine, loop: loops[index % loops.count], world: world,
                dialFrom: sources[index % sources.count]
            ) { observation, now in heard.note(place, observation, at: now) }
            host.send(.setWallClock(world.wallClock))
            host.start()
            hosts.append(host)
        }
        for loop in loops.indices {
            close(0, of: loop, since: world.epoch)
            watchLag(of: loop, at: world.epoch + Self.amount(Self.lagPeriod))
        }
        let steps = experiment.deviceSteps
        for step in steps {
            loops[0].scheduleTask(deadline: world.epoch + Self.amount(step.at)) { [weak self] in
                self?.perform(step)
            }
        }
    }

    /// Why a device lost its connection or cannot mine, the latest such reason.
    var lastFault: String? { collected.withLock { $0.fault } }

    /// Ends the stream of seconds.
    func finish() { continuation.finish() }

    /// Ends the stream of seconds, and then every device.
    func stop() async {
        finish()
        await withTaskGroup(of: Void.self) { tasks in
            for host in hosts { tasks.addTask { await host.stop() } }
        }
        try? await group.shutdownGracefully()
    }

    // MARK: Seconds

    private static func amount(_ interval: Interval) -> TimeAmount {
        .nanoseconds(Int64(clamping: interval.nanoseconds))
    }

    private func close(_ index: Int, of loop: Int, since epoch: NIODeadline) {
        guard index < secondCount else { return }
        loops[loop].scheduleTask(deadline: epoch + .seconds(Int64(index) + 1)) { [weak self] in
            guard let self else { return }
            let ear = ears[loop]
            take(ear.observer.close(), lag: ear.lag, fault: ear.fault)
            (ear.lag, ear.fault) = (.zero, nil)
            close(index + 1, of: loop, since: epoch)
        }
    }

    private func watchLag(of loop: Int, at deadline: NIODeadline) {
        loops[loop].scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            let now = NIODeadline.now()
            let late = max(0, (now - deadline).nanoseconds)
            ears[loop].lag = max(ears[loop].lag, .nanoseconds(UInt64(late)))
            let period = Self.amount(Self.lagPeriod)
            watchLag(of: loop, at: max(deadline, now - period) + period)
        }
    }

    /// One loop's part of a second; the last one makes it whole.
    private func take(_ second: Second, lag: Interval, fault: String?) {
        let whole = collected.withLock { collected -> Second? in
            if let fault { collected.fault = fault }
            var entry =
                collected.open.removeValue(forKey: second.index)
                ?? (Second(index: second.index, fleetCount: second.fleets.count), .zero, 0)
            entry.second.add(second)
            entry.lag = max(entry.lag, lag)
            entry.loops += 1
            guard entry.loops == loops.count else {
                collected.open[second.index] = entry
                return nil
            }
            entry.second.health = collected.meter.read(lag: entry.lag)
            return entry.second
        }
        guard let whole else { return }
        continuation.yield(whole)
        if whole.index + 1 == secondCount { continuation.finish() }
    }

    // MARK: The timeline

    private func perform(_ step: DeviceStep) {
        for (number, fleet) in experiment.devices(of: step, in: slice) {
            let host = hosts[number - slice.lowerBound]
            let plan = experiment.fleets[fleet]
            switch step.what {
            case .clock(let factor):
                let place = number - experiment.firstDevice(of: fleet)
                let nominal = clocks[plan.profile(of: place)] ?? 1
                host.send(.operate(.setFrequency(Megahertz(nominal * max(0.01, factor)))))
            case .ambient(let target, let share):
                host.send(.setAmbient(Celsius(plan.ambient + (target - plan.ambient) * share)))
            case .reset: host.breakConnections()
            case .powerOff: host.send(.powerOff)
            case .powerOn: host.send(.powerOn)
            case .fault(let fault): host.send(.addFault(fault))
            }
        }
    }
}
