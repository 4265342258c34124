import SansIO

/// What a miner does in the wind tunnel. Rates are multiples of its nominal hash rate.
public enum WindTunnelScenario: String, Sendable, Hashable, CaseIterable {
    /// The channel opens 10^5 times too low.
    case coldLow = "cold-low"
    /// The channel opens 10^5 times too high.
    case coldHigh = "cold-high"
    /// Half of it is lost at once.
    case stepDown = "step-down"
    /// It gains a half at once.
    case stepUp = "step-up"
    /// It loses half in an hour, evenly.
    case decline
    /// Twenty minutes off, twenty on, twenty off, and then on for good.
    case onOff = "on-off"
    /// Nothing happens.
    case steady

    /// The rate that the channel was opened with, divided by the true one.
    var announced: Double {
        switch self {
        case .coldLow: 1e-5
        case .coldHigh: 1e5
        default: 1
        }
    }

    /// When what is measured begins.
    public var event: Interval {
        switch self {
        case .coldLow, .coldHigh: .zero
        case .stepDown, .stepUp, .decline, .onOff, .steady: .minutes(60)
        }
    }

    /// From when the rate does not change any more and settling is timed.
    var settlesFrom: Interval { self == .decline || self == .onOff ? .minutes(120) : event }

    /// When the trial ends.
    public var end: Interval {
        switch self {
        case .coldLow, .coldHigh: .minutes(120)
        case .stepDown, .stepUp: .minutes(180)
        case .decline: .minutes(240)
        case .onOff: .minutes(210)
        case .steady: .minutes(300)
        }
    }

    /// The true rate at this time and until when it stays so.
    func rate(at time: Interval) -> (rate: Double, until: Interval) {
        let minute = 60.0
        switch self {
        case .coldLow, .coldHigh, .steady: return (1, end)
        case .stepDown, .stepUp:
            return time < event ? (1, event) : (self == .stepUp ? 1.5 : 0.5, end)
        case .decline:
            if time < event { return (1, event) }
            let elapsed = time.seconds - event.seconds
            guard elapsed < 60 * minute else { return (0.5, end) }
            // In steps of ten seconds.
            let step = Double(Int(elapsed / 10)) * 10
            return (1 - 0.5 * (step + 5) / (60 * minute), event + Interval(seconds: step + 10))
        case .onOff:
            if time < event { return (1, event) }
            guard time < settlesFrom else { return (1, end) }
            let period = Int((time.seconds - event.seconds) / (20 * minute))
            return (period % 2 == 0 ? 0 : 1, event + .minutes(UInt64(20 * (period + 1))))
        }
    }
}
