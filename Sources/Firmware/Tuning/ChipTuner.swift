import Hardware
import SansIO

/// How a firmware tunes its chips one by one.
public struct TuningSettings: Sendable, Equatable {
    /// At the wall; chips are not raised beyond it.
    public var powerTarget: Watts
    /// Chips are judged by what they counted in so long. BraiinsOS takes some hours for a device.
    public var window = Interval.minutes(5)
    /// Once settled they are looked at so often.
    public var recheck = Interval.minutes(30)
    /// After boot, until the first window begins.
    public var warmUp = Interval.minutes(2)
    /// A chip with a larger share of wrong nonces is too fast.
    public var wrongShareMax = 0.01
    /// One with a smaller share may go faster.
    public var wrongShareGood = 0.003
    /// Nonces over what its clock promises; a chip below it is too fast.
    public var quotaMin = 0.95

    public init(powerTarget: Watts) { self.powerTarget = powerTarget }
}

/// How far tuning is, and what it found.
public struct TuningStatus: Sendable, Equatable {
    public enum Stage: String, Sendable, Hashable {
        /// Boards start or warm up.
        case waiting
        case tuning
        /// Settled; looked at now and then.
        case stable
    }

    public var stage: Stage
    public var clocks: ChipClocks
    public var powerTarget: Watts
    /// Windows judged since tuning began the last time.
    public var rounds: Int
    /// Of all nonces in the last window; zero before the first.
    public var wrongShare: Double
    /// How often tuning began.
    public var runs: Int
}

/// Finds each chip's own clock: up while its nonces are right and there is power left, down when they are not, never
/// again to a step that failed. The silicon is unknown to it; it sees counters and the wall's power.
///
/// As BraiinsOS and gekko's tune2 do it (hardware reference section 3.3): raise until the share of the expected nonces
/// drops, back off one step.
struct ChipTuner: Sendable {
    private(set) var status: TuningStatus
    /// For each chip the least step that failed.
    private var failed: [Int8]
    private var settledShare = 0.0
    /// What the counters hold is of no use: chips stood still or ran at another clock.
    private var isStale = true

    init(chips: Int, powerTarget: Watts) {
        status = TuningStatus(
            stage: .waiting, clocks: ChipClocks(steps: [Int8](repeating: 0, count: chips)),
            powerTarget: powerTarget, rounds: 0, wrongShare: 0, runs: 0)
        failed = [Int8](repeating: Limits.tuningStepsMax + 1, count: chips)
    }

    /// The boards ran up, with the clocks of ``status``.
    mutating func started() { isStale = true }

    /// The window was not one of steady hashing.
    mutating func disturbed() { isStale = true }

    enum Outcome: Equatable {
        case keep
        /// Tuning begins, for the first time or anew.
        case begins
        case change(ChipClocks)
        case settled
    }

    /// Judges one window.
    mutating func judge(
        _ counters: ChipCounters, base: Megahertz, power: Watts, _ settings: TuningSettings
    ) -> Outcome {
        let chips = status.clocks.steps.count
        guard counters.good.count == chips, counters.wrong.count == chips else { return .keep }
        if isStale {
            isStale = false
            return .keep
        }
        let verdicts = verdicts(counters, base: base, settings)
        guard !verdicts.isEmpty else { return .keep }
        let isTooHungry = power > Watts(settings.powerTarget.watts * Limits.tuningPowerSlack)
        switch status.stage {
        case .waiting:
            begin()
            return .begins
        case .stable:
            let allowed = max(settledShare * 2, settings.wrongShareMax)
            let bad = verdicts.count { $0.isBad }
            guard status.wrongShare > allowed || bad * Limits.tuningBadShare > chips || isTooHungry else {
                return .keep
            }
            begin()
            return .begins
        case .tuning: return step(verdicts, base: base, power: power, settings)
        }
    }

    private mutating func begin() {
        status.stage = .tuning
        status.rounds = 0
        status.runs += 1
        for index in failed.indices { failed[index] = Limits.tuningStepsMax + 1 }
    }

    private struct Verdict {
        var chip: Int
        var wrongShare: Double
        var isBad: Bool
    }

    /// Of the chips that counted anything; the others are dead, and no clock helps them.
    private mutating func verdicts(
        _ counters: ChipCounters, base: Megahertz, _ settings: TuningSettings
    ) -> [Verdict] {
        var good = 0.0
        var wrong = 0.0
        var clock = 0.0
        for chip in counters.good.indices where counters.good[chip] + counters.wrong[chip] > 0 {
            good += Double(counters.good[chip])
            wrong += Double(counters.wrong[chip])
            clock += status.clocks.frequency(ofChip: chip, base: base).megahertz
        }
        guard good + wrong > Double(counters.good.count) * Limits.tuningCountsMin, clock > 0 else {
            return []
        }
        status.wrongShare = wrong / (good + wrong)
        let perMegahertz = (good + wrong) / clock
        return counters.good.indices.compactMap { chip in
            let counted = Double(counters.good[chip]) + Double(counters.wrong[chip])
            guard counted > 0 else { return nil }
            let share = Double(counters.wrong[chip]) / counted
            let clock = status.clocks.frequency(ofChip: chip, base: base).megahertz
            let quota = Double(counters.good[chip]) / max(1, perMegahertz * clock)
            let isBad = share > settings.wrongShareMax || quota < settings.quotaMin
            return Verdict(chip: chip, wrongShare: share, isBad: isBad)
        }
    }

    private mutating func step(
        _ verdicts: [Verdict], base: Megahertz, power: Watts, _ settings: TuningSettings
    ) -> Outcome {
        status.rounds += 1
        var changes = 0
        for verdict in verdicts where verdict.isBad { changes += lower(verdict.chip) }
        // A step of every chip is so much of the power; what is missing or too much is shared among the best or worst.
        let perChip =
            power.watts / Double(verdicts.count) * ChipClocks.step.megahertz / max(1, base.megahertz)
        let room = (settings.powerTarget.watts - power.watts) / max(perChip, 0.001)
        let ranked = verdicts.filter { !$0.isBad }.sorted {
            $0.wrongShare != $1.wrongShare ? $0.wrongShare < $1.wrongShare : $0.chip < $1.chip
        }
        if power.watts > settings.powerTarget.watts * Limits.tuningPowerSlack {
            let count = Int(min(-room, Double(ranked.count) / 4)) + 1
            for verdict in ranked.suffix(count) { changes += lower(verdict.chip) }
        } else {
            // What the bad ones gave up is free as well.
            var left = Int(max(0, min(room + Double(changes), Double(ranked.count))))
            for verdict in ranked where left > 0 && verdict.wrongShare < settings.wrongShareGood {
                let raised = raise(verdict.chip)
                changes += raised
                left -= raised
            }
        }
        guard changes > 0, status.rounds < Limits.tuningRoundsMax else {
            status.stage = .stable
            settledShare = status.wrongShare
            return .settled
        }
        return .change(status.clocks)
    }

    private mutating func lower(_ chip: Int) -> Int {
        failed[chip] = min(failed[chip], status.clocks.steps[chip])
        guard status.clocks.steps[chip] > -Limits.tuningStepsMax else { return 0 }
        status.clocks.steps[chip] -= 1
        return 1
    }

    private mutating func raise(_ chip: Int) -> Int {
        let next = status.clocks.steps[chip] + 1
        guard next < failed[chip], next <= Limits.tuningStepsMax else { return 0 }
        status.clocks.steps[chip] = next
        return 1
    }
}
