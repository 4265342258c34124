import DeviceModel
import Measurement
import SansIO

/// One run with everything that a report says of it.
public struct RunRecord: Sendable {
    public enum World: String, Sendable, CaseIterable {
        case live
        case virtual
    }

    /// How a run ended. The raw value is the exit status of `lab run`.
    public enum Outcome: Int32, Sendable, CaseIterable {
        case passed = 0
        /// A threshold does not hold.
        case failed = 1
        /// It was measured, but not what was asked for: a shard was lost, or the generator itself was too busy.
        case degraded = 2
        /// The stack, the target or the host failed before anything was measured.
        case broken = 4

        public var text: String {
            switch self {
            case .passed: "passed"
            case .failed: "failed"
            case .degraded: "degraded"
            case .broken: "broken"
            }
        }
    }

    public var world: World
    public var experiment: Experiment
    /// The file that it came from and its text.
    public var path: String
    public var source: String
    /// Which value of the sweep this run is of.
    public var sweep: ProfileValue?
    /// Counted from 0.
    public var repetition: Int
    public var seed: UInt64
    /// The target of this run, where targets are compared.
    public var target: String?
    /// Unix seconds.
    public var startedAt: UInt64
    /// Of the machine that ran it.
    public var elapsed = Interval.zero
    public var series: RunSeries
    /// Everything that was delivered, to whom and when, in one number; nil in the live world.
    public var digest: UInt64?
    public var events: UInt64?
    /// Host, system, versions, limits: names and values.
    public var circumstances: [(name: String, value: String)] = []
    /// What was not as asked for.
    public var degradations: [String] = []
    /// The stack, the target or the host failed, and how.
    public var failure: String?
    /// Why it ended before its time; nil when it did not.
    public var endedBy: String?

    public init(
        world: World, experiment: Experiment, path: String, source: String, sweep: ProfileValue? = nil,
        repetition: Int = 0, seed: UInt64, startedAt: UInt64, series: RunSeries
    ) {
        self.world = world
        self.experiment = experiment
        self.path = path
        self.source = source
        self.sweep = sweep
        self.repetition = repetition
        self.seed = seed
        self.startedAt = startedAt
        self.series = series
    }

    public var verdicts: [Verdict] { experiment.verdicts(series) }

    public var outcome: Outcome { outcome(verdicts) }

    /// With the verdicts of this record, where they are known already: each walks through the whole series.
    public func outcome(_ verdicts: [Verdict]) -> Outcome {
        if failure != nil || series.seconds.isEmpty { return .broken }
        if !degradations.isEmpty { return .degraded }
        return verdicts.allSatisfy(\.isPassed) ? .passed : .failed
    }

    /// The figures that the experiment's references are about, beside them.
    public var comparisons: [(reference: ReferencePlan, value: Double?, isWithin: Bool)] {
        experiment.references.filter { $0.sweep == nil || $0.sweep == sweep }.map { reference in
            let value = Measure.scoped(reference.measure)?.value(in: series, of: experiment)
            return (reference, value, value.map { $0 >= reference.low && $0 <= reference.high } ?? false)
        }
    }
}

extension Measure {
    /// A measure with its scope; nil for what the file's reader would refuse.
    public static func scoped(_ text: String) -> Measure? {
        var words = Words(text)
        guard var measure = try? Measure(&words), (try? measure.scope(&words)) != nil, words.peek == nil
        else {
            return nil
        }
        return measure
    }

    /// A value in words: `12.3 ms`, `0.21 %`, `1,234`.
    public func text(_ value: Double) -> String {
        if isTime { return DurationText.text(Interval(seconds: value)) }
        if isRatio { return DurationText.digits(value * 100) + " %" }
        return DurationText.digits(value)
    }
}
