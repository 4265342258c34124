import SansIO

/// Whether ours met one of its bars.
public struct WindTunnelVerdict: Sendable, Hashable {
    public enum Outcome: String, Sendable, Hashable {
        case met
        case missed
        /// No control can meet it: see ``WindTunnelBar/fewestChangesPerHour(sharesPerMinute:)``.
        case impossible
    }

    public var outcome: Outcome
    /// Scenario, rate, what was measured and what was asked for.
    public var text: String
}

/// What ours must do, cell by cell, beside the classic ladder.
public enum WindTunnelBar {
    /// A fall of a half is detected within five minutes in this part of the trials, at 12 shares a minute and more.
    public static let detection = 0.95
    public static let detectionFrom = 12.0

    /// The verdicts that these cells allow: those of ours that stand beside one of the classic.
    public static func verdicts(of cells: [WindTunnelCell]) -> [WindTunnelVerdict] {
        cells.filter { $0.algorithm == .lab }.flatMap { ours -> [WindTunnelVerdict] in
            let classic = cells.first {
                $0.algorithm == .classic && $0.scenario == ours.scenario
                    && $0.sharesPerMinute == ours.sharesPerMinute
            }
            var verdicts: [WindTunnelVerdict] = []
            if let classic {
                verdicts.append(ours.scenario == .steady ? quiet(ours, classic) : settles(ours, classic))
            }
            if ours.scenario == .stepDown, ours.sharesPerMinute >= detectionFrom {
                verdicts.append(detects(ours))
            }
            return verdicts
        }
    }

    private static func name(_ cell: WindTunnelCell) -> String {
        "\(cell.scenario.rawValue) at \(number(cell.sharesPerMinute, 0))/min: "
    }

    private static func settles(_ ours: WindTunnelCell, _ classic: WindTunnelCell) -> WindTunnelVerdict {
        let isMet =
            switch (ours.settledP90, classic.settledP90) {
            case (nil, _): false
            case (_, nil): true
            case (let ours?, let classic?): ours <= classic / 2
            }
        func minutes(_ seconds: Double?) -> String { seconds.map { number($0 / 60, 1) + " min" } ?? "never" }
        return WindTunnelVerdict(
            outcome: isMet ? .met : .missed,
            text: name(ours)
                + "settles in \(minutes(ours.settledP90)), the classic in \(minutes(classic.settledP90))")
    }

    private static func detects(_ ours: WindTunnelCell) -> WindTunnelVerdict {
        WindTunnelVerdict(
            outcome: ours.detected >= detection ? .met : .missed,
            text: name(ours) + "\(number(ours.detected * 100, 1)) % detected within five minutes")
    }

    private static func quiet(_ ours: WindTunnelCell, _ classic: WindTunnelCell) -> WindTunnelVerdict {
        let fewest =
            ours.sharesPerMinute < detectionFrom
            ? 0 : fewestChangesPerHour(sharesPerMinute: ours.sharesPerMinute)
        let isMet = ours.changesPerHour <= classic.changesPerHour
        var text =
            name(ours) + "\(number(ours.changesPerHour, 4)) changes an hour, "
            + "the classic \(number(classic.changesPerHour, 4))"
        // What so many hours of trials can tell from nothing.
        let resolution = 1 / max(classic.hours, 1)
        let isImpossible = !isMet && fewest > classic.changesPerHour + resolution
        if isImpossible { text += "; detecting a half in five minutes costs at least \(number(fewest, 4))" }
        return WindTunnelVerdict(outcome: isMet ? .met : isImpossible ? .impossible : .missed, text: text)
    }

    /// The fewest changes an hour of a steady miner that any control makes which detects a fall of a half within
    /// five minutes in 95 % of the trials.
    ///
    /// By the lemma of Neyman and Pearson: whatever it looks at, in each five minutes it gives a false alarm with
    /// at least the probability with which the best test of these five minutes alone does, which is that for few
    /// shares. A false alarm is one change, and going back is another.
    public static func fewestChangesPerHour(sharesPerMinute: Double) -> Double {
        let steady = sharesPerMinute * WindTunnelCell.detectionBound / 60
        var power = 0.0
        var error = 0.0
        var count = 0.0
        var logFactorial = 0.0
        while power < detection {
            if count > 0 { logFactorial += DeterministicMath.log(count) }
            func mass(_ mean: Double) -> Double {
                DeterministicMath.exp(count * DeterministicMath.log(mean) - mean - logFactorial)
            }
            let part = min(1, (detection - power) / mass(steady / 2))
            power += mass(steady / 2) * part
            error += mass(steady) * part
            if part < 1 { break }
            count += 1
        }
        return 2 * error * 3_600 / WindTunnelCell.detectionBound
    }

    private static func number(_ value: Double, _ digits: Int) -> String {
        let scale = DeterministicMath.pow(10, Double(digits)).rounded()
        let whole = Int64((value * scale).rounded())
        guard digits > 0 else { return "\(whole)" }
        let fraction = String(whole % Int64(scale))
        return "\(whole / Int64(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
