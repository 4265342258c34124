import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import JSONText
import Measurement
import SansIO
import Simulation

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Runs an experiment: a fleet, a timeline, and what must hold.",
        discussion: """
            The file says it all (lab experiment schema); --set changes single keys. With --virtual the same machines \
            run in virtual time. The exit status is 0 when every threshold holds, 1 when one does not, 2 when the run \
            is not what was asked for (a lost shard, a generator too busy), 3 for a wrong file or flag, 4 when the \
            stack, the target or the host failed.

            Examples:
              lab run hello
              lab run hello --shards 2 --set fleets.0.count=2000
              lab run hello --virtual
              lab run my-experiment.toml --virtual --seed 7
              lab run stale-rate --virtual --set fleets.0.count=100
            """)

    @Argument(help: "A name from `lab experiment list`, or a path that ends in .toml.") var file: String
    @Flag(help: "In virtual time: as fast as the processor goes, the same on every run.") var virtual = false
    @Option(help: "Seed instead of the file's.") var seed: UInt64?
    @Option(name: .customLong("set"), help: ArgumentHelp("Another value for a key.", valueName: "key=value"))
    var changes: [String] = []
    @Flag(help: "Lines for pipes instead of the live view.") var plain = false
    @Flag(help: "One JSON object for each run instead of text.") var json = false
    @Option(help: ArgumentHelp("Where runs are kept for lab runs, report and compare.", valueName: "dir"))
    var runs = RunKeeper.directory
    @Flag(inversion: .prefixedNo, help: "Keep the run.") var keep = true

    @OptionGroup var live: LiveRunOptions

    /// Of a wrong file or flag.
    static let usageStatus: Int32 = 3

    func run() async throws {
        try await Self.reporting { try await runAll() }
    }

    /// Runs' own exit statuses.
    static func reporting(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let error as ExitCode { throw error } catch {
            Output.fault("\(error)")
            switch error {
            case is FileError, is UsageFault, is PlanError, is EnvironmentFault: throw ExitCode(usageStatus)
            default: throw ExitCode(RunRecord.Outcome.broken.rawValue)
            }
        }
    }

    /// - Parameter shards: where the load comes from, unless the options say.
    func runAll(shards: ShardPlan? = nil) async throws {
        let file = try ExperimentLibraryFiles.file(named: file)
        var changes = try changes.map(Self.change)
        if let seed { changes.append(("seed", .integer(Int64(clamping: seed)))) }
        let points = try file.experiments(changing: changes)
        guard let name = points.first?.experiment.name else { return }
        let keeper = keep ? try RunKeeper(directory: runs, experiment: name) : nil
        var worst = RunRecord.Outcome.passed
        func report(_ finished: RunRecord) {
            var record = finished
            if let fault = keeper?.finish(record) { record.degradations.append(fault) }
            if json {
                Output.line(RunSummary(record).json.text)
            } else {
                RunSummary(record).lines.forEach(Output.line)
            }
            if record.outcome.rawValue > worst.rawValue { worst = record.outcome }
        }
        if virtual {
            for point in points {
                for repetition in 0..<point.experiment.repetitions {
                    report(
                        try VirtualExperiment.run(
                            point.experiment, of: file, sweep: point.value, repetition: repetition,
                            showsProgress: !json && !plain))
                }
            }
        } else {
            try await runLive(points, of: file, changes, shards ?? live.shards, keeper, report)
        }
        if let keeper, !json { Output.line(keeper.hint) }
        if worst != .passed { throw ExitCode(worst.rawValue) }
    }

    private func runLive(
        _ points: [(value: ProfileValue?, experiment: Experiment)], of file: ExperimentFile,
        _ changes: [(key: String, value: ProfileValue)], _ shards: ShardPlan, _ keeper: RunKeeper?,
        _ report: (RunRecord) -> Void
    ) async throws {
        for point in points {
            if let refusal = LiveRequirements.refusal(of: point.experiment) { throw UsageFault(refusal) }
        }
        let interruption = Interruption(StopSignal())
        var options = LiveOptions(plain: plain, json: json)
        options.data = live.data
        options.threads = live.threads
        options.changes = changes
        options.shards = shards
        for point in points {
            for target in try LiveRequirements.targets(of: point.experiment) {
                for repetition in 0..<point.experiment.repetitions where interruption.reason == nil {
                    report(
                        try await LiveExperiment(
                            experiment: point.experiment, file: file, sweep: point.value,
                            repetition: repetition, target: target, options: options,
                            interruption: interruption, keeper: keeper
                        ).run())
                }
            }
        }
    }

    /// `fleets.0.count=100`.
    static func change(_ text: String) throws -> (key: String, value: ProfileValue) {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw UsageFault("--set \(text): key=value is needed, for example fleets.0.count=100")
        }
        let key = String(text[..<equals])
        let word = String(text[text.index(after: equals)...])
        if let number = Int64(word) { return (key, .integer(number)) }
        if let number = Double(word) { return (key, .number(number)) }
        if word == "true" || word == "false" { return (key, .boolean(word == "true")) }
        return (key, .text(word))
    }
}

/// What only the live world asks.
struct LiveRunOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the stack keeps its state; without it a temporary directory that goes with the run.",
            valueName: "directory"))
    var data: String?
    @Option(help: "Event loops (threads) of the devices, in each process.") var threads = 2
    @Option(
        help: ArgumentHelp(
            "Processes that share the devices: a number, or auto for what this host needs; without it, this one.",
            valueName: "count"))
    var shards = ShardPlan.none

    func validate() throws {
        guard (1...64).contains(threads) else { throw ValidationError("--threads must be 1 to 64") }
    }
}

/// The experiments of the checkout.
enum ExperimentLibraryFiles {
    static var directory: String { LabRuntime.folder("Profiles/experiments") }

    static var names: [String] { ProfileLibrary(directory: directory).names }

    static func file(named name: String) throws -> ExperimentFile {
        if name.hasSuffix(".toml") || name.contains("/") { return try ExperimentFile(path: name) }
        guard names.contains(name) else {
            let hint = Spelling.nearest(to: name, among: names).map { "did you mean \($0)? " } ?? ""
            throw FileError(
                path: directory, line: nil,
                message: "no experiment \"\(name)\"; \(hint)there are: \(names.joined(separator: ", "))")
        }
        return try ExperimentFile(path: "\(directory)/\(name).toml")
    }
}

/// A run in virtual time, with its progress on a terminal.
enum VirtualExperiment {
    static func run(
        _ experiment: Experiment, of file: ExperimentFile, sweep: ProfileValue?, repetition: Int,
        showsProgress: Bool
    ) throws -> RunRecord {
        let seed = experiment.seed &+ UInt64(repetition)
        let library = ExperimentLibrary(devices: ProfileCommand.library, links: ProfileCommand.links)
        let started = ContinuousClock.now
        let date = UInt64(Date().timeIntervalSince1970)
        let run = try VirtualRun(experiment, seed: seed, library: library)
        let isTerminal = showsProgress && isatty(STDERR_FILENO) == 1
        let total = experiment.duration.seconds
        var shown = ContinuousClock.now
        run.run { run in
            guard isTerminal, shown.duration(to: .now) > .milliseconds(200) else { return true }
            shown = .now
            let done = Double(run.series.seconds.count)
            let phase = experiment.phase(at: .seconds(UInt64(done)))?.plan.name ?? ""
            Output.error("\r\u{1b}[K\(phase)  \(Figures.duration(done)) of \(Figures.duration(total))  ")
            return true
        }
        if isTerminal { Output.error("\r\u{1b}[K") }
        var record = RunRecord(
            world: .virtual, experiment: experiment, path: file.path, source: file.text, sweep: sweep,
            repetition: repetition, seed: seed, startedAt: date, series: run.series)
        let elapsed = started.duration(to: .now).components
        record.elapsed = Interval(seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
        record.digest = run.world.digest
        record.events = run.world.eventCount
        if let aborted = run.aborted { record.endedBy = "threshold \(aborted.text)" }
        return record
    }
}
