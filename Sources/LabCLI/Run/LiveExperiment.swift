import DeviceModel
import Experiments
import Foundation
import Measurement
import Runtime
import SansIO
import Stratum
import Synchronization

/// What the user wants of a live run besides its experiment.
struct LiveOptions: Sendable {
    /// Nil: a temporary directory that goes with the run.
    var data: String?
    var plain = false
    var json = false
    /// Event loops of the devices, in each process.
    var threads = 2
    var shards = ShardPlan.none
    /// Of the file's keys, for workers.
    var changes: [(key: String, value: ProfileValue)] = []
}

/// Somebody wants the run to end: a signal, a key.
final class Interruption: Sendable {
    private struct State {
        var reason: String?
        var whenAsked: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    init(_ stop: StopSignal) {
        Task { [self] in ask(await stop.wait()) }
    }

    func ask(_ reason: String) {
        let action = state.withLock { state in
            state.reason = reason
            return state.whenAsked
        }
        action?()
    }

    var reason: String? { state.withLock { $0.reason } }

    /// Called once, at once if it has been asked for already.
    func whenAsked(_ action: @escaping @Sendable () -> Void) {
        let isAsked = state.withLock { state in
            state.whenAsked = action
            return state.reason != nil
        }
        if isAsked { action() }
    }
}

extension Second {
    fileprivate consuming func adding(_ other: Second) -> Second {
        var sum = self
        sum.add(other)
        return sum
    }
}

/// One run of an experiment in the live world: sockets, the wall clock, the machines of the virtual world.
struct LiveExperiment {
    let experiment: Experiment
    let file: ExperimentFile
    let sweep: ProfileValue?
    let repetition: Int
    let target: PoolURL?
    let options: LiveOptions
    let interruption: Interruption
    let keeper: RunKeeper?

    /// Seconds of which the generator may doubt itself before the run is called degraded.
    private static let doubtfulSecondsMax = 3
    /// Seconds after which a target that has opened no channel, or has lost all its devices, has failed.
    private static let patience = 30
    /// Seconds between looks at thresholds that abort.
    private static let abortCheckSeconds = 5

    private var seed: UInt64 { experiment.seed &+ UInt64(repetition) }

    /// - Throws: what keeps the stack or the target from serving.
    func run() async throws -> RunRecord {
        let profiles = try FleetProfiles(experiment, library: ProfileCommand.library)
        let log = EventLog(role: "run", prints: options.plain && !options.json)
        if let target { try await LiveRequirements.probe(target) }
        let folder = options.data ?? NSTemporaryDirectory() + "lab-run-\(getpid())-\(repetition)"
        defer { if options.data == nil { try? FileManager.default.removeItem(atPath: folder) } }
        let stack = try LiveStack(
            experiment, seed: seed, fleetHashRate: profiles.hashRate, target: target,
            directory: try DataDirectory(folder), log: log)
        do {
            try await stack.start()
            let source = try await load(profiles, pools: await stack.pools)
            do {
                let record = try await measure(source, stack, log)
                await source.stop()
                await stack.stop()
                return record
            } catch {
                await source.stop()
                throw error
            }
        } catch {
            await stack.stop()
            throw error
        }
    }

    private func load(_ profiles: FleetProfiles, pools: [PoolURL]) async throws -> any LoadSource {
        if let count = options.shards.count(for: experiment) {
            return try await ShardedLoad(
                options.shards, count: count, experiment: experiment,
                plan: WorkerPlan(
                    file: file, changes: options.changes,
                    sweep: sweep.map { (experiment.sweep?.key ?? "", $0) },
                    seed: seed, pools: pools, creditsAcceptance: target != nil, threads: options.threads))
        }
        return LocalLoad(
            LiveFleet(
                experiment, seed: seed, profiles: profiles, pools: pools, slice: 0..<experiment.deviceCount,
                threads: options.threads, creditsAcceptance: target != nil,
                sources: LocalLoad.sources(for: experiment.deviceCount)))
    }

    private func measure(_ source: any LoadSource, _ stack: LiveStack, _ log: EventLog) async throws
        -> RunRecord
    {
        var record = RunRecord(
            world: .live, experiment: experiment, path: file.path, source: file.text, sweep: sweep,
            repetition: repetition, seed: seed, startedAt: HostCalendar.unixNanoseconds / 1_000_000_000,
            series: RunSeries(fleetCount: experiment.fleets.count))
        record.target = target.map { "\($0)" }
        record.circumstances = circumstances
        let clock = ContinuousClock.now
        let preflight = Preflight(
            experiment, hasOwnPool: target == nil, shards: options.shards.count(for: experiment) ?? 0)
        for line in preflight.lines { Output.error("lab: \(line)\n") }
        let display = RunDisplay(
            experiment, seed: seed, target: target, options: options, interruption: interruption)
        interruption.whenAsked { source.finish() }
        let start = try await source.begin()
        let ahead = Int64(start) - Int64(HostCalendar.unixNanoseconds)
        let failures = Mutex<[String]>([])
        await stack.begin(at: ContinuousClock.now + .nanoseconds(ahead)) { text in
            failures.withLock { $0.append(text) }
        }
        keeper?.begin(record)
        var dark = 0
        for await second in source.seconds {
            let whole = stack.closeSecond(as: second.index).adding(second)
            record.series.add(whole)
            keeper?.append(whole)
            display.show(record.series, degradations: source.degradations)
            if second.index % Self.abortCheckSeconds == 0, let threshold = failing(record.series) {
                record.endedBy = "threshold \(threshold.text)"
                break
            }
            dark = second.total[.mining] == 0 && target != nil ? dark + 1 : 0
            if dark >= Self.patience, isDue(at: second.index - Self.patience) {
                record.failure = "no device works at the target for \(Self.patience) s"
                break
            }
        }
        display.end()
        record.elapsed = Interval(seconds: clock.duration(to: .now).seconds)
        if let reason = interruption.reason { record.endedBy = reason }
        record.degradations =
            preflight.shortages + source.degradations + failures.withLock { $0 } + doubts(record.series)
        if record.failure == nil, record.series.sum(0..<record.series.seconds.count)[.channels] == 0,
            !record.series.seconds.isEmpty, record.endedBy == nil
        {
            record.failure = "no device opened a channel"
        }
        if let fault = source.lastFault { record.failure? += "; the last device's reason: \(fault)" }
        return record
    }

    /// Whether a device should have been switched on by then.
    private func isDue(at second: Int) -> Bool {
        experiment.fleets.contains { $0.start.seconds + 1 < Double(second) }
    }

    private func failing(_ series: RunSeries) -> Threshold? {
        experiment.thresholds.first { threshold in
            guard threshold.aborts, let value = threshold.measure.value(in: series, of: experiment) else {
                return false
            }
            return !threshold.holds(value)
        }
    }

    private func doubts(_ series: RunSeries) -> [String] {
        let count = series.seconds.count
        return series.doubts(0..<count).filter { $0.seconds > Self.doubtfulSecondsMax }.map {
            "in \($0.seconds) of \(count) s the load was not to be trusted: \($0.reason)"
        }
    }

    private var circumstances: [(name: String, value: String)] {
        var name = utsname()
        uname(&name)
        func text<T>(_ tuple: T) -> String {
            withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return [
            ("lab", LabVersion.text), ("host", text(name.nodename)),
            ("system", "\(text(name.sysname)) \(text(name.release)) \(text(name.machine))"),
            ("cores", "\(GeneratorMeter.cores)"), ("descriptors", "\(Descriptors.raise())"),
        ] + LiveRequirements.remarks(on: experiment).map { ("live", $0) }
    }
}
