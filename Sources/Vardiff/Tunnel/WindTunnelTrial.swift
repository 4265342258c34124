import SansIO

/// What one trial showed. Times are seconds since the miner's last change (for a cold start since the channel was
/// opened); nil means not before the trial's end.
public struct WindTunnelTrial: Sendable, Hashable {
    /// Until the decided rate came within 15 % of the true one and stayed there for the next ten minutes.
    public var settled: Double?
    /// Until it came within 15 % and stayed there to the trial's end.
    public var settledForGood: Double?
    /// After a step: until the decided rate had gone half of the way.
    public var detected: Double?
    /// Decisions from the event to the end.
    public var changes: Int
    /// Hours from the event to the end.
    public var hours: Double
    /// By how much the decided rate went beyond the true one, seen from where it came: 0.5 is half too far.
    public var overshoot: Double
    /// Mean square of (shares of a minute - goal) divided by the goal, in the last 30 minutes. A miner on exactly
    /// the right target has 1, which is the Poisson law's.
    public var dispersion: Double

    public init(
        settled: Double?, settledForGood: Double?, detected: Double?, changes: Int, hours: Double,
        overshoot: Double,
        dispersion: Double
    ) {
        self.settled = settled
        self.settledForGood = settledForGood
        self.detected = detected
        self.changes = changes
        self.hours = hours
        self.overshoot = overshoot
        self.dispersion = dispersion
    }
}

/// Watches a trial.
struct WindTunnelRecorder {
    static let band = 0.15
    static let hold = Interval.minutes(10)
    static let lastPart = Interval.minutes(30)

    private let scenario: WindTunnelScenario
    private let goal: VardiffGoal
    private let event: Instant
    private let settlesFrom: Instant
    private let end: Instant
    private var decided: Double
    private var rate = 1.0
    private var insideSince: Instant?
    private var settled: Instant?
    private var detected: Instant?
    private var changes = 0
    private var overshoot = 0.0
    private var minute = -1
    private var minuteShares = 0.0
    private var squares = 0.0
    private var minutes = 0.0

    init(_ scenario: WindTunnelScenario, goal: VardiffGoal, hashRate: Double) {
        self.scenario = scenario
        self.goal = goal
        event = .start + scenario.event
        settlesFrom = .start + scenario.settlesFrom
        end = .start + scenario.end
        decided = hashRate / WindTunnel.nominal
        (rate, _) = scenario.rate(at: .zero)
        look(at: .start)
    }

    mutating func shares(_ count: UInt32, at now: Instant) {
        rollMinute(to: now)
        minuteShares += Double(count)
    }

    mutating func decided(_ hashRate: Double, at now: Instant) {
        decided = hashRate / WindTunnel.nominal
        if now >= event {
            changes += 1
            if detected == nil, hasGoneHalfWay { detected = now }
        }
        look(at: now)
    }

    private var hasGoneHalfWay: Bool {
        switch scenario {
        case .stepDown: decided <= 0.75
        case .stepUp: decided >= 1.25
        default: false
        }
    }

    mutating func rateMayChange(to rate: Double, at now: Instant) {
        let isEvent = now >= settlesFrom && insideSince == nil
        guard rate != self.rate || isEvent else { return }
        self.rate = rate
        look(at: now)
    }

    private mutating func look(at now: Instant) {
        guard rate > 0, now >= event else { return }
        let ratio = decided / rate
        switch scenario {
        case .coldLow, .stepUp: overshoot = max(overshoot, ratio - 1)
        case .coldHigh, .stepDown, .decline: overshoot = max(overshoot, 1 / ratio - 1)
        case .onOff, .steady: overshoot = max(overshoot, max(ratio, 1 / ratio) - 1)
        }
        guard now >= settlesFrom else { return }
        if abs(ratio - 1) <= WindTunnelRecorder.band {
            if insideSince == nil { insideSince = now }
        } else {
            leave(at: now)
        }
    }

    private mutating func leave(at now: Instant) {
        if let since = insideSince, now - since >= WindTunnelRecorder.hold, settled == nil { settled = since }
        insideSince = nil
    }

    private mutating func rollMinute(to now: Instant) {
        let current = Int((now - .start).seconds / 60)
        guard current != minute else { return }
        let first = Int(((end - .start).seconds - WindTunnelRecorder.lastPart.seconds) / 60)
        while minute < current {
            if minute >= first {
                let deviation = minuteShares - goal.sharesPerMinute
                squares += deviation * deviation
                minutes += 1
            }
            minuteShares = 0
            minute += 1
        }
    }

    mutating func finish(at end: Instant) -> WindTunnelTrial {
        rollMinute(to: end)
        let forGood = insideSince
        leave(at: end)
        func seconds(_ instant: Instant?, since start: Instant) -> Double? {
            instant.map { ($0 - start).seconds }
        }
        return WindTunnelTrial(
            settled: seconds(settled, since: settlesFrom),
            settledForGood: seconds(forGood, since: settlesFrom), detected: seconds(detected, since: event),
            changes: changes, hours: (end - event).seconds / 3_600, overshoot: overshoot,
            dispersion: minutes > 0 ? squares / minutes / goal.sharesPerMinute : 0)
    }
}
