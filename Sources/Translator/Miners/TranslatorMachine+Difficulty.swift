import Bitcoin
import Pool
import SansIO
import Stratum
import Vardiff

/// Which difficulty a miner works at.
///
/// Own control on: the miner's own rate decides, but never harder than the pool's target, because a share that the
/// pool would credit must not be lost. Own control off: the pool's target, or a harder one that the password asked
/// for. What is easier than the pool's is counted here and not sent.
extension TranslatorMachine {
    /// What a miner is asked for on a job that the pool credits at `upstreamTarget`.
    func minerTarget(of place: Int, upstreamTarget: Target) -> Target {
        guard let miner = miners[place] else { return upstreamTarget }
        var target = upstreamTarget
        if let fixed = miner.settings.fixedDifficulty {
            let own = V1Difficulty(fixed).target
            target = configuration.isVardiffOn ? own : min(own, upstreamTarget)
        } else if let control = miner.session.control {
            let own = StratumMath.target(
                hashRate: control.hashRate, sharesPerMinute: configuration.sharesPerMinute)
            target = max(own, upstreamTarget)
        }
        if let least = miner.settings.minimumDifficulty { target = min(target, V1Difficulty(least).target) }
        if let threshold = configuration.roundsDifficultyAbove {
            let difficulty = V1Difficulty(target)
            if difficulty.value > threshold {
                target = max(target, difficulty.roundedDownToPowerOfTwo.target)
            }
        }
        return target
    }

    /// Hashes per second that the miner is taken to have.
    func hashRate(of place: Int) -> Double {
        min(assumedHashRate(of: place), configuration.limits.hashRateMax)
    }

    private func assumedHashRate(of place: Int) -> Double {
        guard let miner = miners[place] else { return 0 }
        if let fixed = miner.settings.fixedDifficulty {
            return StratumMath.hashRate(
                target: V1Difficulty(fixed).target, sharesPerMinute: configuration.sharesPerMinute)
        }
        return miner.session.control?.hashRate ?? miner.session.suggestedHashRate
            ?? configuration.nominalHashRate
    }

    /// Begins own difficulty control where it is on.
    mutating func startControl(of place: Int, at now: Instant) {
        guard configuration.isVardiffOn, let miner = miners[place] else { return }
        let rate =
            miner.session.control?.hashRate ?? miner.session.suggestedHashRate
            ?? configuration.nominalHashRate
        miners[place]!.session.control = control(hashRate: rate, at: now)
        watch(place)
    }

    private var goal: VardiffGoal {
        VardiffGoal(
            sharesPerMinute: configuration.sharesPerMinute, minimumHashRate: configuration.nominalHashRate)
    }

    private func control(hashRate: Double, at now: Instant) -> ChannelVardiff {
        ChannelVardiff(
            configuration.vardiff, hashRate: hashRate, work: hashRate * 60 / configuration.sharesPerMinute,
            at: now)
    }

    /// Sets the timer of a miner's difficulty control.
    private mutating func watch(_ place: Int) {
        guard let miner = miners[place] else { return }
        if let deadline = miner.session.control?.nextDeadline {
            timers.set(.vardiff(miner.id), deadline)
        } else {
            timers.stop(.vardiff(miner.id))
        }
    }

    /// `mining.suggest_difficulty` and `mining.suggest_target`.
    mutating func suggested(
        _ target: Target, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let rate = StratumMath.hashRate(target: target, sharesPerMinute: configuration.sharesPerMinute)
        guard rate > 0, rate <= configuration.limits.hashRateMax, let miner = miners[place] else { return }
        miners[place]!.session.suggestedHashRate = rate
        if miner.session.control != nil {
            miners[place]!.session.control = control(hashRate: rate, at: now)
            if let target = miner.session.issued.last?.target { noteForControl(target, of: place, at: now) }
            watch(place)
        }
        if let slot = miner.slot { updateSoon(slot, at: now) }
    }

    /// Counts an accepted share for difficulty control.
    mutating func countForControl(
        _ target: Target, of place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard miners[place]!.session.control != nil else { return }
        let isFlood = miners[place]!.session.control!.sharesAccepted(
            work: target.expectedHashes, goal: goal, at: now)
        if isFlood { lookAtDifficulty(of: place, at: now, into: &effects) }
    }

    /// An operator's difficulty for a miner, in force at once. Nil leaves it to difficulty control or the pool.
    mutating func fix(
        _ difficulty: Double?, of place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let miner = miners[place], miner.phase != .closing else { return }
        miners[place]!.settings.fixedDifficulty = difficulty
        guard let slot = miner.slot else { return }
        updateSoon(slot, at: now)
        guard miner.isSubscribed, let job = upstream.channels[slot]?.jobs.last else { return }
        let target = minerTarget(of: place, upstreamTarget: job.target)
        guard target != miner.session.issued.last?.target else { return }
        effects.observe(.difficultyChanged(miner.id, V1Difficulty(target).value))
        give(job, to: place, isClean: false, at: now, into: &effects)
    }

    /// Tells difficulty control the target of the job that the miner works on from here on: it may be another than
    /// the control's, because the pool's or the password's goes first.
    mutating func noteForControl(_ target: Target, of place: Int, at now: Instant) {
        guard miners[place]!.session.control != nil else { return }
        miners[place]!.session.control!.targetSent(work: target.expectedHashes)
        if miners[place]!.session.control!.awaitsTarget {
            miners[place]!.session.control!.targetInForce(since: now)
        }
    }

    /// Difficulty control's look. A new difficulty takes effect at once: the miner gets its job again with it.
    mutating func lookAtDifficulty(
        of place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let miner = miners[place], var control = miner.session.control, miner.phase != .closing else {
            return
        }
        guard miner.slot != nil else {
            // Nothing to mine: the silence says nothing about the miner.
            control.restart(hashRate: control.hashRate, at: now)
            miners[place]!.session.control = control
            watch(place)
            return
        }
        let decided = control.decide(goal: goal, at: now)
        miners[place]!.session.control = control
        watch(place)
        guard decided != nil, let slot = miner.slot else { return }
        updateSoon(slot, at: now)
        guard let job = upstream.channels[slot]?.jobs.last else { return }
        let target = minerTarget(of: place, upstreamTarget: job.target)
        guard target != miner.session.issued.last?.target, miner.isSubscribed else { return }
        effects.observe(.difficultyChanged(miner.id, V1Difficulty(target).value))
        give(job, to: place, isClean: false, at: now, into: &effects)
    }
}
