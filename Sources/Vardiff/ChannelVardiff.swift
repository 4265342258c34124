import SansIO

/// The control that a pool or a channel chooses. The raw value is what a command line or a file calls it.
public enum VardiffAlgorithm: String, Sendable, Hashable, CaseIterable {
    /// The reference implementation's ladder, see ``ClassicLadder``.
    case classic
    /// ckpool's, see ``CkpoolVardiff``.
    case ckpool
    /// Ours, see ``SequentialVardiff``.
    case lab
}

/// A channel's control, whichever it is, without an allocation.
public enum ChannelVardiff: Sendable, Hashable {
    case classic(ClassicLadder)
    case ckpool(CkpoolVardiff)
    case lab(SequentialVardiff)

    public init(_ algorithm: VardiffAlgorithm, hashRate: Double, work: Double, at now: Instant) {
        switch algorithm {
        case .classic: self = .classic(ClassicLadder(hashRate: hashRate, work: work, at: now))
        case .ckpool: self = .ckpool(CkpoolVardiff(hashRate: hashRate, work: work, at: now))
        case .lab: self = .lab(SequentialVardiff(hashRate: hashRate, work: work, at: now))
        }
    }

    /// Another control in place of this one, from the rate that this one reached. `work` is of the target in force;
    /// a target that waits for its job is told to the new one as to any.
    public mutating func change(to algorithm: VardiffAlgorithm, work: Double, at now: Instant) {
        self = ChannelVardiff(algorithm, hashRate: hashRate, work: work, at: now)
    }

    public var algorithm: VardiffAlgorithm {
        switch self {
        case .classic: .classic
        case .ckpool: .ckpool
        case .lab: .lab
        }
    }

    /// Hashes per second on which the channel's target should rest.
    public var hashRate: Double {
        switch self {
        case .classic(let control): control.hashRate
        case .ckpool(let control): control.hashRate
        case .lab(let control): control.hashRate
        }
    }

    /// See ``VardiffControl/nextDeadline``.
    public var nextDeadline: Instant? {
        switch self {
        case .classic(let control): control.nextDeadline
        case .ckpool(let control): control.nextDeadline
        case .lab(let control): control.nextDeadline
        }
    }

    /// See ``VardiffControl/awaitsTarget``.
    public var awaitsTarget: Bool {
        switch self {
        case .classic(let control): control.awaitsTarget
        case .ckpool(let control): control.awaitsTarget
        case .lab(let control): control.awaitsTarget
        }
    }

    /// See ``VardiffControl/sharesAccepted(_:work:goal:at:)``.
    public mutating func sharesAccepted(
        _ count: UInt32 = 1, work: Double, goal: VardiffGoal, at now: Instant
    ) -> Bool {
        switch self {
        case .classic(var control):
            let answer = control.sharesAccepted(count, work: work, goal: goal, at: now)
            self = .classic(control)
            return answer
        case .ckpool(var control):
            let answer = control.sharesAccepted(count, work: work, goal: goal, at: now)
            self = .ckpool(control)
            return answer
        case .lab(var control):
            let answer = control.sharesAccepted(count, work: work, goal: goal, at: now)
            self = .lab(control)
            return answer
        }
    }

    /// See ``VardiffControl/decide(goal:at:)``.
    public mutating func decide(goal: VardiffGoal, at now: Instant) -> Double? {
        switch self {
        case .classic(var control):
            let answer = control.decide(goal: goal, at: now)
            self = .classic(control)
            return answer
        case .ckpool(var control):
            let answer = control.decide(goal: goal, at: now)
            self = .ckpool(control)
            return answer
        case .lab(var control):
            let answer = control.decide(goal: goal, at: now)
            self = .lab(control)
            return answer
        }
    }

    /// See ``VardiffControl/targetSent(work:)``.
    public mutating func targetSent(work: Double) {
        switch self {
        case .classic(var control):
            control.targetSent(work: work)
            self = .classic(control)
        case .ckpool(var control):
            control.targetSent(work: work)
            self = .ckpool(control)
        case .lab(var control):
            control.targetSent(work: work)
            self = .lab(control)
        }
    }

    /// See ``VardiffControl/targetInForce(since:)``.
    public mutating func targetInForce(since instant: Instant) {
        switch self {
        case .classic(var control):
            control.targetInForce(since: instant)
            self = .classic(control)
        case .ckpool(var control):
            control.targetInForce(since: instant)
            self = .ckpool(control)
        case .lab(var control):
            control.targetInForce(since: instant)
            self = .lab(control)
        }
    }

    /// See ``VardiffControl/restart(hashRate:at:)``.
    public mutating func restart(hashRate: Double, at now: Instant) {
        switch self {
        case .classic(var control):
            control.restart(hashRate: hashRate, at: now)
            self = .classic(control)
        case .ckpool(var control):
            control.restart(hashRate: hashRate, at: now)
            self = .ckpool(control)
        case .lab(var control):
            control.restart(hashRate: hashRate, at: now)
            self = .lab(control)
        }
    }
}
