import SansIO

/// The numbers of the lab's control, each with its reason; <doc:Derivation> has the arithmetic.
extension SequentialVardiff {
    // Page's test for a fall compares the decided rate with 0.62 of it, which the share counts of a halving just
    // reach that are seen in 95 % of the trials; the one for a rise with 1.4 of it.
    static let fallDrift: Float = 0.38
    static let fallLog: Float = 0.478_035_8
    static let riseDrift: Float = 0.4
    static let riseLog: Float = 0.336_472_2

    static let firstRefinement: Float = 24
    static let lastRefinement: Float = 512
    static let refinementGrowth: Float = 1.25
    static let refinement = 0.03
    static let drift = 0.07
    static let driftLate = 0.12
    static let settledAge: Float = 2_000
    static let evidenceMax: Float = 2_048
    static let evidenceMin: Float = 48
    /// What the announced rate weighs, in shares.
    static let prior: Float = 8
    /// Evidence of fewer shares is not split: it says little enough as it is.
    static let youth: Float = 160
    /// Nats that a test in the last test's direction is spared.
    static let momentum: Float = 4.5
    /// Nats more that a first change takes; ``momentum`` gives them back to those that go on in its direction.
    static let hysteresis: Float = 2
    /// Nats more that it takes to split the evidence otherwise.
    static let inertia: Float = 1.5
    /// Nobody hashes faster, and single precision holds it.
    static let hashRateMax = 1e30
    /// Expected shares of one step of time; keeps the sums finite.
    static let expectedMax = 1e9
    /// Between two changes.
    static let spacing = Interval.seconds(2)
    /// Changes in a row, and how many more each second allows: 12 at once, 24 an hour.
    static let allowanceMax: Float = 12
    static let allowanceGrowth = 24.0 / 3_600
    static let sharesOfReturn: Float = 8
    static let worthRemembering: Float = 64
    static let rememberedMax: Float = 600
    /// Fifteen to sixteen sixteenths of it are in the window, which are 5.0 to 5.3 minutes.
    static let windowMinutes: Float = 5.3
    /// Shares outside of a part of the evidence that it takes to compare the part with.
    static let contrastMin: Float = 24
    /// Expected shares without one after which a miner that never showed a share is taken for a smaller one.
    static let silentAtStart: Float = 4
    /// By how much smaller: the flood when it is too much lasts until the next job and shows the rate at once.
    static let searchStep = 32.0
    /// The first estimate of a miner that is searched for.
    static let firstShares: Float = 4
    /// A probe is over after so many shares: 10 % of error. While its alarm is neither undone nor confirmed it goes
    /// on, up to so many new ones.
    static let probeShares: Float = 96
    static let probeMax: Float = 256
    /// Shares a minute that a probe asks for, at most four times the goal.
    static let probeRate = 24.0
    /// What evidence weighs that gave an alarm: it is there because it was extreme.
    static let alarmWeight: Float = 0.5
    /// So many shares for each one expected are no probe's business: until the next job they go on.
    static let flood = 4.0
    /// Nats for the rate before an alarm, and against it, which decide whether it was a false one.
    static let undone = 3.0
    static let confirmed = 3.0

    /// Log-likelihood ratio at which Page's tests give alarm. At six shares a minute there is little evidence to
    /// wait for; at more there is plenty, and a steady miner must be left alone for thousands of hours.
    static func fallAlarm(_ goal: VardiffGoal) -> Float {
        Float(min(max(7.2 + (goal.sharesPerMinute - 6) * 0.5, 6), 17))
    }
    static func riseAlarm(_ goal: VardiffGoal) -> Float {
        Float(min(max(4.9 + (goal.sharesPerMinute - 6) * 0.52, 4.3), 21.3))
    }

    static func windowAlarm(_ goal: VardiffGoal) -> Float {
        goal.sharesPerMinute < 11
            ? 8 : Float(min(max(3 + (goal.sharesPerMinute - 12) * 0.455, 3), 15.6))
    }

    /// Part of the estimated rate that is decided while a probe lasts.
    static func probe(_ goal: VardiffGoal) -> Double { min(max(goal.sharesPerMinute / probeRate, 0.25), 1) }

    /// Expected shares without one after which a known miner counts as silent.
    static func silent(_ goal: VardiffGoal) -> Float { Float(14 + min(goal.sharesPerMinute, 64) / 5) }
}
