/// The trials of one algorithm in one scenario at one rate, in figures.
public struct WindTunnelCell: Sendable, Hashable {
    public var algorithm: VardiffAlgorithm
    public var scenario: WindTunnelScenario
    public var sharesPerMinute: Double
    public var trials: Int
    /// Seconds; nil when so many trials did not settle. See ``WindTunnelTrial/settled``.
    public var settledMedian: Double?
    public var settledP90: Double?
    /// The same for ``WindTunnelTrial/settledForGood``.
    public var settledForGoodP90: Double?
    /// The part of the trials in which a step was detected within five minutes.
    public var detected: Double
    public var changesPerHour: Double
    /// Over so many hours of all trials together.
    public var hours: Double
    public var overshootP90: Double
    public var dispersion: Double

    /// Five minutes in seconds: what the issue asks of a detection.
    public static let detectionBound = 300.0

    public init(
        _ algorithm: VardiffAlgorithm, _ scenario: WindTunnelScenario, sharesPerMinute: Double,
        trials: [WindTunnelTrial]
    ) {
        self.algorithm = algorithm
        self.scenario = scenario
        self.sharesPerMinute = sharesPerMinute
        self.trials = trials.count
        let count = Double(max(trials.count, 1))
        settledMedian = WindTunnelCell.quantile(trials.map { $0.settled ?? .infinity }, 0.5)
        settledP90 = WindTunnelCell.quantile(trials.map { $0.settled ?? .infinity }, 0.9)
        settledForGoodP90 = WindTunnelCell.quantile(trials.map { $0.settledForGood ?? .infinity }, 0.9)
        let inTime = trials.count { ($0.detected ?? .infinity) <= WindTunnelCell.detectionBound }
        detected = Double(inTime) / count
        hours = trials.reduce(0) { $0 + $1.hours }
        changesPerHour = hours > 0 ? Double(trials.reduce(0) { $0 + $1.changes }) / hours : 0
        overshootP90 = WindTunnelCell.quantile(trials.map(\.overshoot), 0.9) ?? 0
        dispersion = trials.reduce(0) { $0 + $1.dispersion } / count
    }

    /// The smallest value that this part of the values does not exceed; nil when it is infinite or there is none.
    static func quantile(_ values: [Double], _ part: Double) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let rank = Int((part * Double(sorted.count)).rounded(.up))
        let value = sorted[min(max(rank, 1), sorted.count) - 1]
        return value.isFinite ? value : nil
    }
}
