import DeviceModel
public import Experiments
import Measurement
import SansIO

/// Two runs, or two groups of repetitions, measure by measure.
public struct RunComparison: Sendable {
    /// One measure at one point of the sweep.
    public struct Line: Sendable {
        /// As in thresholds, without the comparison.
        public var name: String
        public var measure: Measure
        /// The sweep's value; nil where there is none.
        public var point: ProfileValue?
        public var a: Sample
        public var b: Sample
        public var test: WelchTest
    }

    public let nameA: String
    public let nameB: String
    public let lines: [Line]
    /// What makes the comparison less than it seems.
    public let cautions: [String]

    /// Measures that every run is compared by, beside those of the thresholds and references of both.
    static let standard = [
        "stale_rate", "reject_rate", "submit p(50)", "submit p(99)", "prevhash_last p(99)", "hashrate_error",
        "mining_ratio mean", "share_rate", "bytes_per_share", "disconnections", "reconnect p(99)",
    ]

    /// Records of the same point of a sweep are compared; a target is no point, so that two targets of one run, each as
    /// a run of its own, can be.
    public init(_ a: StoredRun, _ b: StoredRun) {
        nameA = a.name
        nameB = b.name
        var lines: [Line] = []
        let measures = Self.measures(a, b)
        for point in Self.points(a, b) {
            let (ofA, ofB) = (Self.records(of: a, at: point), Self.records(of: b, at: point))
            for (name, measure) in measures {
                let (first, second) = (SweepSection.sample(measure, ofA), SweepSection.sample(measure, ofB))
                guard !first.values.isEmpty || !second.values.isEmpty else { continue }
                lines.append(
                    Line(
                        name: name, measure: measure, point: point, a: first, b: second,
                        test: WelchTest(first, second)))
            }
        }
        self.lines = lines
        cautions = Self.cautions(a, b, tests: lines.count { $0.test.finding != .tooFew })
    }

    private static func measures(_ a: StoredRun, _ b: StoredRun) -> [(String, Measure)] {
        var list: [(String, Measure)] = []
        func add(_ name: String, _ measure: Measure?) {
            guard let measure, !list.contains(where: { $0.1 == measure }) else { return }
            list.append((name, measure))
        }
        for record in [a.records.first, b.records.first].compactMap({ $0 }) {
            for threshold in record.experiment.thresholds {
                add(SweepSection.words(threshold), threshold.measure)
            }
            for reference in record.experiment.references {
                add(reference.measure, .scoped(reference.measure))
            }
        }
        for name in standard { add(name, .scoped(name)) }
        return list
    }

    /// Those that both have; nil once where neither sweeps or the points have nothing in common.
    private static func points(_ a: StoredRun, _ b: StoredRun) -> [ProfileValue?] {
        var points: [ProfileValue?] = []
        for record in a.records
        where !points.contains(record.sweep) && b.records.contains(where: { $0.sweep == record.sweep }) {
            points.append(record.sweep)
        }
        return points.isEmpty ? [nil] : points
    }

    private static func records(of run: StoredRun, at point: ProfileValue?) -> [RunRecord] {
        let fitting = run.records.filter { $0.sweep == point }
        return fitting.isEmpty ? run.records : fitting
    }

    private static func cautions(_ a: StoredRun, _ b: StoredRun, tests: Int) -> [String] {
        var cautions: [String] = a.name == b.name ? ["A and B are the same run"] : []
        for run in [a, b] {
            let bad = run.records.count {
                $0.outcome == .degraded || $0.outcome == .broken || $0.endedBy != nil
            }
            if bad > 0 {
                cautions.append(
                    "\(run.name): \(bad) of \(run.records.count) records are degraded or ended early")
            }
            let doubts = run.records.count { !$0.series.doubts(0..<$0.series.seconds.count).isEmpty }
            if doubts > 0 {
                cautions.append("\(run.name): the generator was too busy at times in \(doubts) records")
            }
        }
        if let first = a.records.first?.experiment, let second = b.records.first?.experiment {
            if first.name != second.name {
                cautions.append("the experiments differ: \(first.name) and \(second.name)")
            } else if a.records.first?.source != b.records.first?.source {
                cautions.append("the experiment file changed between the runs")
            }
            if a.records.first?.world != b.records.first?.world {
                cautions.append("one ran live and one in virtual time")
            }
        }
        let pointsA = Set(a.records.map { $0.sweep.map(Wording.value) ?? "" })
        let pointsB = Set(b.records.map { $0.sweep.map(Wording.value) ?? "" })
        if pointsA != pointsB { cautions.append("the sweeps' points differ; only common ones are compared") }
        if tests > 10 {
            cautions.append("of \(tests) comparisons at 5 %, about one in twenty differs by chance alone")
        }
        return cautions
    }
}
