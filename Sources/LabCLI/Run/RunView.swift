import Experiments
import Measurement
import SansIO

/// The picture of a live run: a function of what is known of it.
struct RunView: Sendable {
    let experiment: Experiment
    let seed: UInt64
    let target: String?
    var verdicts: [Verdict] = []
    private var seconds = 0
    /// Since the beginning.
    private var total = FleetSecond()
    /// The last ones, for rates and percentiles.
    private var recent: [FleetSecond] = []
    private var health: GeneratorHealth?
    private var degradations: [String] = []

    private static let recentSeconds = 10

    init(experiment: Experiment, seed: UInt64, target: String?) {
        self.experiment = experiment
        self.seed = seed
        self.target = target
    }

    /// Takes the newest second.
    mutating func take(_ series: RunSeries, degradations: [String]) {
        guard let second = series.seconds.last else { return }
        seconds = series.seconds.count
        total.follow(with: second.total)
        recent.append(second.total)
        if recent.count > Self.recentSeconds { recent.removeFirst() }
        health = second.health
        self.degradations = degradations
    }

    private var window: FleetSecond { recent.reduce(into: FleetSecond()) { $0.follow(with: $1) } }
    private var duration: Double { experiment.duration.seconds }
    private var phase: String { experiment.phase(at: .seconds(UInt64(seconds)))?.plan.name ?? "end" }
    private var rate: Double {
        recent.isEmpty ? 0 : Double(window[.sharesAccepted]) / Double(recent.count)
    }

    private func levels(_ level: Level) -> String { Figures.grouped(Int(total[level])) }

    /// For pipes.
    var line: String {
        let submit = window[.submit]
        var words = [
            Figures.duration(Double(seconds)), phase,
            "\(levels(.mining))/\(Figures.grouped(experiment.deviceCount)) mining",
            "\(Figures.decimal(rate, 1)) shares/s",
            "\(Figures.grouped(total[.sharesAccepted])) accepted",
            "\(Figures.grouped(total[.sharesRejected])) rejected",
            "\(Figures.grouped(total[.sharesDiscarded])) discarded",
        ]
        if !submit.isEmpty {
            words.append(
                "submit p50 \(DurationText.text(submit.percentile(50))) p99 \(DurationText.text(submit.percentile(99)))"
            )
        }
        if let health {
            words.append(Self.text(health))
            if let doubt = health.doubt { words.append("DOUBTFUL: \(doubt)") }
        }
        return words.joined(separator: "  ")
    }

    private static func text(_ health: GeneratorHealth) -> String {
        "cpu \(Figures.decimal(health.processor, 2))/\(Figures.decimal(health.cores, 0))"
            + " lag \(DurationText.text(health.loopLag))"
            + " retransmits \(Figures.grouped(health.retransmissions))"
            + " memory \(Figures.grouped(health.memory >> 20)) MiB"
    }

    func lines(columns: Int, rows: Int) -> [String] {
        var lines = [title(columns), progress(columns), ""]
        lines.append(
            [
                StyledText.bold("devices "), StyledText.green("\(levels(.mining)) mining"),
                StyledText.yellow("\(levels(.connecting)) connecting"),
                StyledText.red("\(levels(.backingOff)) backing off"), "\(levels(.down)) down",
                "\(levels(.throttled)) throttled",
                "of \(Figures.grouped(experiment.deviceCount))",
            ].joined(separator: "  "))
        lines.append(
            [
                StyledText.bold("shares  "), "\(Figures.decimal(rate, 1)) a second",
                "\(Figures.grouped(total[.sharesAccepted])) accepted",
                "\(Figures.grouped(total[.sharesRejected])) rejected (\(Figures.grouped(total[.sharesStale])) stale)",
                "\(Figures.grouped(total[.sharesDiscarded])) discarded",
            ].joined(separator: "  "))
        lines += total.reasons.map { StyledText.red("          \($0.name): \(Figures.grouped($0.count))") }
        lines.append("")
        lines += latencies
        lines += ["", StyledText.bold("thresholds")]
        lines += verdicts.map(row)
        lines += [""] + generator
        return lines
    }

    private func title(_ columns: Int) -> String {
        let whom = target.map { " · \($0)" } ?? ""
        let left = "\(experiment.name) · seed \(seed)\(whom)"
        let right = "q quits with a report"
        return StyledText.bold(left)
            + String(repeating: " ", count: max(2, columns - left.count - right.count))
            + StyledText.dim(right)
    }

    private func progress(_ columns: Int) -> String {
        let share = min(1, Double(seconds) / max(1, duration))
        let width = max(10, min(40, columns - 50))
        let done = Int(share * Double(width))
        return "\(StyledText.pad(phase, 14)) ["
            + String(repeating: "█", count: done) + String(repeating: "░", count: width - done) + "] "
            + "\(Figures.decimal(share * 100, 0)) %  \(Figures.duration(max(0, duration - Double(seconds)))) left"
    }

    /// Of the last seconds.
    private var latencies: [String] {
        let sum = window
        let header = StyledText.dim(
            (["LATENCY (last \(Self.recentSeconds) s)"].map { StyledText.pad($0, 22) }
                + ["P50", "P90", "P99", "MAX"].map { StyledText.right($0, 10) }).joined())
        return [header]
            + Latency.allCases.filter { sum.has($0) }.map { latency in
                let histogram = sum[latency]
                let values = [50.0, 90, 99].map { histogram.percentile($0) } + [histogram.max]
                return
                    ([StyledText.pad(latency.name, 22)]
                    + values.map { StyledText.right(DurationText.text($0), 10) }).joined()
            }
    }

    private func row(_ verdict: Verdict) -> String {
        let value = verdict.value.map { verdict.threshold.measure.text($0) } ?? "–"
        let text = "  \(StyledText.pad(verdict.threshold.text, 44)) \(value)"
        if verdict.value == nil { return StyledText.dim(text) }
        return verdict.isPassed ? StyledText.green(text) : StyledText.red(text)
    }

    private var generator: [String] {
        guard let health else { return [] }
        let text = "\(StyledText.bold("generator")) \(Self.text(health))"
        var lines = [health.doubt == nil ? text : StyledText.red(text)]
        if let doubt = health.doubt { lines.append(StyledText.red("  not to be trusted: \(doubt)")) }
        lines += degradations.map { StyledText.red("  degraded: \($0)") }
        return lines
    }
}
