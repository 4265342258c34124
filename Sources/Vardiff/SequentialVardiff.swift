import SansIO

/// The lab's control: sequential tests on shares and on their absence, and an estimate from all evidence since the
/// miner's last change. <doc:Derivation> has the reasons and the arithmetic.
///
/// Shares of a miner of rate h on a target of work w are a Poisson process of rate h / w. Everything here is
/// built on sums over the time since the last change point: the number of shares n and the exposure, the integral
/// of dt / w. Their quotient is the best estimate of h, whatever the targets were in between, and its relative
/// error is 1 / sqrt(n). The exposure is kept as expected shares of the decided rate. Time is counted as well as
/// shares, so a missing share is evidence too.
public struct SequentialVardiff: VardiffControl {
    /// What is known about the miner.
    enum Phase: Sendable, Hashable {
        /// Followed by the tests.
        case followed
        /// Asked for more shares than the goal until it is known by enough of them: after an alarm, or when it was
        /// opened too high.
        case probed
        /// Silent after it was known; the target was lowered so many times.
        case dormant(UInt8)
    }

    public private(set) var hashRate: Double
    /// Up to here time is in the sums.
    private var countedTo: Instant
    private var deadline: Instant
    private var changedAt: Instant
    /// Hashes behind a share of the target in force, and of the one that was sent and waits for a job (0: none).
    private var work: Float
    private var workSent: Float = 0
    /// The rate before a silence or before the last alarm; 0 for none.
    private var remembered: Float = 0
    /// The shares that it was known by.
    private var rememberedShares: Float = 0
    /// The evidence in two parts, so that the newer one shows a drift that the whole would hide.
    var older = Evidence(shares: SequentialVardiff.prior, expected: SequentialVardiff.prior)
    var newer = Evidence()
    /// The last five minutes.
    var window = RecentShares()
    /// Page's tests for a fall and a rise.
    var fall = PageTest()
    var rise = PageTest()
    /// Expected shares since the last share, and since the last change.
    var silence: Float = 0
    var age: Float = 0
    /// Refine at so many shares of evidence.
    var refineAt: Float = SequentialVardiff.firstRefinement
    /// Changes that may still be made before time allows more.
    var allowance: Float = SequentialVardiff.allowanceMax
    private(set) var phase = Phase.followed
    /// Which way the last test moved the rate: 1 up, -1 down, 0 for none.
    private var trend: Int8 = 0

    public init(hashRate: Double, work: Double, at now: Instant) {
        self.hashRate = hashRate
        self.work = Float(work)
        countedTo = now
        changedAt = now
        deadline = now + SequentialVardiff.spacing
    }

    public var nextDeadline: Instant? { deadline }
    public var awaitsTarget: Bool { workSent > 0 }

    public mutating func targetSent(work: Double) {
        workSent = Float(work) == self.work ? 0 : Float(work)
    }

    public mutating func targetInForce(since instant: Instant) {
        guard workSent > 0 else { return }
        test(shares: 0, expected: elapse(to: instant))
        work = workSent
        workSent = 0
    }

    public mutating func restart(hashRate: Double, at now: Instant) {
        let sent = workSent
        self = SequentialVardiff(hashRate: hashRate, work: Double(work), at: now)
        workSent = sent
    }

    public mutating func sharesAccepted(
        _ count: UInt32, work: Double, goal: VardiffGoal, at now: Instant
    ) -> Bool {
        let expected = elapse(to: now)
        let count = Float(count)
        silence = 0
        test(shares: count, expected: expected)
        if case .dormant = phase, newer.shares < 1 {
            // The silence is over; the evidence begins with this share. What a path held up comes all at once and says
            // nothing of the rate.
            if newer.shares == 0 { newer = Evidence(shares: .leastNonzeroMagnitude, expected: 0) }
            guard newer.expected >= second else { return false }
        }
        newer.shares += count
        window.add(count)
        guard allowance >= 1, now >= changedAt + SequentialVardiff.spacing else { return false }
        switch phase {
        case .probed: return true
        case .dormant: return newer.shares >= SequentialVardiff.sharesOfReturn
        case .followed: break
        }
        return older.shares + newer.shares >= refineAt || rise.ratio >= SequentialVardiff.riseAlarm(goal)
    }

    /// Time passes: it is exposure, and shares that did not come. Returns how many were expected.
    private mutating func elapse(to now: Instant) -> Float {
        guard now > countedTo else { return 0 }
        let expected = Float(
            min(hashRate * (now - countedTo).seconds / Double(work), SequentialVardiff.expectedMax))
        countedTo = now
        newer.expected += expected
        silence += expected
        age += expected
        window.pass(expected)
        return expected
    }

    /// Shares that are expected in a second. No evidence is taken to span less: shares may have waited on their way, and
    /// what they say would be an infinite rate.
    private var second: Float { Float(min(hashRate / Double(work), SequentialVardiff.expectedMax)) }

    /// Page's tests hear of shares at the end of a time in which so many were expected. A single share came at its
    /// end; several came all along.
    private mutating func test(shares: Float, expected: Float) {
        let reference = self.reference
        let fallen = expected * reference * SequentialVardiff.fallDrift
        let risen = -expected * reference * SequentialVardiff.riseDrift
        if shares > 1 {
            fall.add(shares: shares, expected: expected, fallen - shares * SequentialVardiff.fallLog)
            rise.add(shares: shares, expected: expected, risen + shares * SequentialVardiff.riseLog)
        } else {
            fall.add(shares: 0, expected: expected, fallen)
            rise.add(shares: 0, expected: expected, risen)
            fall.add(shares: shares, expected: 0, -shares * SequentialVardiff.fallLog)
            rise.add(shares: shares, expected: 0, shares * SequentialVardiff.riseLog)
        }
    }

    /// The best estimate of the rate in units of the decided one: what the tests compare with.
    var reference: Float {
        guard phase == .followed, remembered == 0 else { return 1 }
        let shares = older.shares + newer.shares
        guard shares >= SequentialVardiff.youth else { return 1 }
        return shares / (older.expected + newer.expected)
    }

    public mutating func decide(goal: VardiffGoal, at now: Instant) -> Double? {
        test(shares: 0, expected: elapse(to: now))
        window.resize(expected: Float(goal.sharesPerMinute) * SequentialVardiff.windowMinutes)
        var decided: Double?
        if isAllowed(at: now), let rate = verdict(goal: goal) {
            decided = change(to: max(rate, goal.minimumHashRate), at: now)
        }
        deadline = now + nextLook(goal: goal)
        return decided
    }

    private func isAllowed(at now: Instant) -> Bool {
        let since = now - changedAt
        let grown = allowance + Float(since.seconds * SequentialVardiff.allowanceGrowth)
        return since >= SequentialVardiff.spacing && grown >= 1
    }

    private mutating func verdict(goal: VardiffGoal) -> Double? {
        if silence >= silenceLimit(goal) { return fallSilent(goal) }
        switch phase {
        case .dormant: return newer.shares >= SequentialVardiff.sharesOfReturn ? comeBack() : nil
        case .probed: return probe(goal: goal)
        case .followed: return follow(goal: goal)
        }
    }

    private mutating func change(to decided: Double, at now: Instant) -> Double? {
        let decided = min(decided, SequentialVardiff.hashRateMax)
        let ratio = Float(decided / hashRate)
        guard decided.isFinite, ratio.isFinite, ratio > 0, decided != hashRate else { return nil }
        let grown = allowance + Float((now - changedAt).seconds * SequentialVardiff.allowanceGrowth)
        allowance = min(grown, SequentialVardiff.allowanceMax) - 1
        hashRate = decided
        changedAt = now
        older.expected *= ratio
        newer.expected *= ratio
        silence *= ratio
        age = older.shares + newer.shares
        window = RecentShares(size: window.size)
        fall = PageTest()
        rise = PageTest()
        return decided
    }
}

// MARK: - Silence

extension SequentialVardiff {
    /// Expected shares without one that mean something.
    private func silenceLimit(_ goal: VardiffGoal) -> Float {
        switch phase {
        case .followed, .probed:
            isUnseen
                ? SequentialVardiff.silentAtStart : SequentialVardiff.silent(goal)
        case .dormant(let step): SequentialVardiff.silent(goal) * Float(1 << min(step, 16))
        }
    }

    /// Hardly a share came since the channel was opened.
    private var isUnseen: Bool {
        switch phase {
        case .followed: newer.shares == 0 && older.shares <= SequentialVardiff.prior
        case .probed: trend == 0 && older.shares + newer.shares < SequentialVardiff.firstShares
        case .dormant: false
        }
    }

    private mutating func fallSilent(_ goal: VardiffGoal) -> Double {
        switch phase {
        case .followed where isUnseen, .probed where isUnseen:
            return search(goal)
        case .followed, .probed:
            if phase == .followed { remember() }
            phase = .dormant(1)
            older = Evidence()
            newer = Evidence()
        case .dormant(let step):
            phase = .dormant(min(step, 30) + 1)
        }
        return hashRate / 4
    }

    /// Silence of a miner of which hardly a share was seen: its rate is searched for downwards.
    private mutating func search(_ goal: VardiffGoal) -> Double {
        if phase == .followed { older = Evidence() }
        phase = .probed
        refineAt = SequentialVardiff.firstShares
        silence = 0
        let shares = older.shares + newer.shares
        guard shares == 0 else {
            let quotient = Double(shares) / Double(older.expected + newer.expected)
            return hashRate * min(quotient, 1) * SequentialVardiff.probe(goal)
        }
        older = Evidence()
        newer = Evidence()
        return hashRate / SequentialVardiff.searchStep
    }

    /// Shares after a silence: the miner as it was, or another.
    private mutating func comeBack() -> Double? {
        phase = .followed
        newer.expected = max(newer.expected, second)
        let ratio = Double(remembered) / hashRate
        if remembered > 0,
            Evidence(shares: newer.shares, expected: newer.expected * Float(ratio)).surprise < 2
        {
            return takeRemembered()
        }
        remembered = 0
        refineAt = newer.shares * 2
        return hashRate * newer.quotient
    }
}

// MARK: - Following

extension SequentialVardiff {
    private mutating func follow(goal: VardiffGoal) -> Double? {
        if fall.ratio >= SequentialVardiff.fallAlarm(goal) { return alarmed(fall.evidence, goal) }
        if rise.ratio >= SequentialVardiff.riseAlarm(goal) { return alarmed(rise.evidence, goal) }
        let recent = window.evidence
        let rest = Evidence(
            shares: older.shares + newer.shares - recent.shares,
            expected: older.expected + newer.expected - recent.expected)
        if window.isFull, rest.shares > SequentialVardiff.contrastMin,
            rest.expected > SequentialVardiff.contrastMin,
            recent.quotient < 0.75 * rest.quotient,
            recent.contrast(to: rest) >= SequentialVardiff.windowAlarm(goal)
        {
            return alarmed(window.mostSurprising(against: Float(rest.quotient)), goal)
        }
        let whole = Evidence(
            shares: older.shares + newer.shares, expected: older.expected + newer.expected)
        guard whole.shares > 0 else { return nil }
        if remembered > 0, let rate = reconsidered() { return rate }
        if whole.shares >= refineAt, remembered == 0 {
            refineAt =
                whole.shares >= SequentialVardiff.lastRefinement
                ? .infinity : whole.shares * SequentialVardiff.refinementGrowth
            if abs(whole.quotient - 1) > SequentialVardiff.refinement { return hashRate * whole.quotient }
        }
        return drift(whole)
    }

    /// A change too small for the alarms, or an estimate that proves wrong.
    private mutating func drift(_ whole: Evidence) -> Double? {
        let limit = boundary
        let tolerated =
            age < SequentialVardiff.settledAge ? SequentialVardiff.drift : SequentialVardiff.driftLate
        if newer.shares > 16, whole.shares >= SequentialVardiff.youth, abs(newer.quotient - 1) > tolerated,
            newer.surprise > limit + inertia(newer)
        {
            return begin(clearest(since: newer))
        }
        if abs(whole.quotient - 1) > tolerated, whole.surprise > limit + min(inertia(whole), 0) {
            return hashRate * whole.quotient
        }
        if newer.shares >= max(SequentialVardiff.evidenceMin, older.shares) {
            older = whole.shares > SequentialVardiff.evidenceMax ? newer : whole
            newer = Evidence()
        }
        return nil
    }

    /// The part of this evidence that speaks most clearly against the rate before: where the miner changed.
    private func clearest(since evidence: Evidence) -> Evidence {
        guard older.shares > SequentialVardiff.contrastMin else { return evidence }
        let latest =
            evidence.quotient < 1
            ? window.mostSurprising(against: Float(older.quotient)) : rise.evidence
        guard latest.shares >= 16, latest.expected > 0, latest.expected < evidence.expected else {
            return evidence
        }
        func clarity(_ part: Evidence) -> Float {
            Evidence(shares: part.shares, expected: part.expected * Float(older.quotient)).surprise
        }
        return clarity(latest) > clarity(evidence) ? latest : evidence
    }

    /// Evidence against the decided rate that is believed, in nats. It grows with the time for which the rate was
    /// good: what held for long will hold.
    private var boundary: Float {
        SequentialVardiff.hysteresis + Float(DeterministicMath.log(Double(max(age, 16)) / 8))
            + 1.7e-6 * age * age
    }

    /// A miner that changed one way lately is likelier to go on that way than to change at all.
    private func inertia(_ evidence: Evidence) -> Float {
        guard age < SequentialVardiff.settledAge, trend != 0 else { return SequentialVardiff.inertia }
        return (evidence.quotient < 1) == (trend < 0)
            ? -SequentialVardiff.momentum : SequentialVardiff.inertia
    }

    /// A test says that the miner changed where this evidence begins. It may be wrong, so the rate before is kept.
    private mutating func alarmed(_ evidence: Evidence, _ goal: VardiffGoal) -> Double {
        remember()
        let rate = begin(evidence)
        older = newer
        if evidence.quotient >= SequentialVardiff.flood {
            newer = Evidence()
            remembered = 0
            return rate
        }
        older.shares *= SequentialVardiff.alarmWeight
        older.expected *= SequentialVardiff.alarmWeight
        newer = Evidence()
        phase = .probed
        refineAt = SequentialVardiff.probeShares
        return rate * SequentialVardiff.probe(goal)
    }

    /// Evidence is gathered quickly; then the rate before the alarm is right again, or the new one is known.
    private mutating func probe(goal: VardiffGoal) -> Double? {
        if remembered > 0, let rate = reconsidered() {
            phase = .followed
            return rate
        }
        let whole = Evidence(shares: older.shares + newer.shares, expected: older.expected + newer.expected)
        guard whole.shares >= refineAt, remembered == 0 || newer.shares >= SequentialVardiff.probeMax else {
            return nil
        }
        let rate = hashRate * whole.quotient
        if whole.shares < SequentialVardiff.probeShares {
            refineAt = min(whole.shares * 2, SequentialVardiff.probeShares)
            let probed = rate * SequentialVardiff.probe(goal)
            return abs(probed / hashRate - 1) > 0.2 ? probed : nil
        }
        remembered = 0
        phase = .followed
        refineAt = whole.shares * SequentialVardiff.refinementGrowth
        return rate
    }

    private mutating func remember() {
        remembered = age >= SequentialVardiff.worthRemembering ? Float(hashRate) : 0
        rememberedShares = min(age, SequentialVardiff.rememberedMax)
    }

    private mutating func begin(_ evidence: Evidence) -> Double {
        older = Evidence()
        newer = evidence
        newer.shares = max(newer.shares, 0.5)
        newer.expected = max(newer.expected, second)
        refineAt = max(newer.shares * 2, SequentialVardiff.firstRefinement)
        trend = evidence.quotient < 1 ? -1 : 1
        return hashRate * newer.quotient
    }

    /// What came after an alarm shows whether it was a false one: then the rate before it is right again.
    private mutating func reconsidered() -> Double? {
        let changed =
            trend < 0 ? 1 - Double(SequentialVardiff.fallDrift) : 1 + Double(SequentialVardiff.riseDrift)
        let expected = Double(newer.expected) * Double(remembered) / hashRate
        let support = expected * (changed - 1) - Double(newer.shares) * DeterministicMath.log(changed)
        if support > SequentialVardiff.undone { return takeRemembered() }
        if support < -SequentialVardiff.confirmed { remembered = 0 }
        return nil
    }

    /// Goes back to the rate before, corrected by what came since.
    private mutating func takeRemembered() -> Double {
        let ratio = Float(Double(remembered) / hashRate)
        older = Evidence(
            shares: rememberedShares + older.shares + newer.shares,
            expected: rememberedShares / ratio + older.expected + newer.expected)
        newer = Evidence()
        refineAt = max(older.shares * SequentialVardiff.refinementGrowth, SequentialVardiff.youth)
        if refineAt >= SequentialVardiff.lastRefinement { refineAt = .infinity }
        remembered = 0
        trend = 0
        return hashRate * older.quotient
    }

    private func nextLook(goal: VardiffGoal) -> Interval {
        let rate = hashRate / Double(work)
        var wait = max(silenceLimit(goal) - silence, 0)
        if phase == .followed {
            wait = min(
                wait, max(SequentialVardiff.fallAlarm(goal) - fall.ratio, 0) / SequentialVardiff.fallDrift)
            wait = min(wait, window.slack)
        }
        let seconds = Double(wait) / rate
        return Interval(seconds: seconds.isFinite ? min(max(seconds, 2), 60) : 60)
    }
}
