import DeviceModel
import SansIO
import Simulation

/// A network path as a file of `Profiles/links` describes it: what it does to bytes, and how often it breaks.
public struct LinkDescription: Equatable, Sendable {
    public var name = ""
    public var summary = ""
    /// Delay, jitter, rate, loss: what the virtual world does to every segment, in each direction alike.
    public var profile = LinkProfile(delay: .zero)
    /// Connections are reset by the path, this often in the mean.
    public var resetsPerHour = 0.0
    /// Nothing arrives for ``stall``, this often in the mean; then everything does, in order.
    public var stallsPerHour = 0.0
    public var stall = Interval.seconds(5)

    /// One line of the dictionary of link files.
    public struct Key: Sendable {
        public let path: String
        public let unit: String
        public let range: ClosedRange<Double>
        public let isRequired: Bool
        public let documentation: String
        let assign: @Sendable (inout LinkDescription, Double) -> Void

        public var expectation: String {
            let of = unit.isEmpty ? "" : " of \(unit)"
            return "a number\(of) from \(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// Every number that a link file may have, beside the texts `name` and `summary`.
    public static let schema: [Key] = [
        Key(
            path: "delay_ms", unit: "ms", range: 0...60_000, isRequired: true,
            documentation: "least one-way delay"
        ) {
            $0.profile.delay = Interval(seconds: $1 / 1_000)
        },
        Key(
            path: "jitter_ms", unit: "ms", range: 0...60_000, isRequired: false,
            documentation: "mean of an exponential addition to it"
        ) { $0.profile.jitterMean = Interval(seconds: $1 / 1_000) },
        Key(
            path: "rate_kbit", unit: "kbit/s", range: 0...1e9, isRequired: false,
            documentation: "each direction's rate; 0 for no limit"
        ) { $0.profile.bytesPerSecond = UInt64($1 * 1_000 / 8) },
        Key(
            path: "loss_percent", unit: "%", range: 0...50, isRequired: false,
            documentation: "segments lost; TCP makes delay of it"
        ) { $0.profile.lossPerMillion = UInt64($1 * 10_000) },
        Key(
            path: "retransmission_ms", unit: "ms", range: 1...60_000, isRequired: false,
            documentation: "what a lost segment costs"
        ) { $0.profile.retransmission = Interval(seconds: $1 / 1_000) },
        Key(
            path: "fragmentation_percent", unit: "%", range: 0...100, isRequired: false,
            documentation: "segments that arrive in two pieces"
        ) { $0.profile.fragmentationPerMillion = UInt64($1 * 10_000) },
        Key(
            path: "resets_per_hour", unit: "1/h", range: 0...3_600, isRequired: false,
            documentation: "connections broken by the path"
        ) { $0.resetsPerHour = $1 },
        Key(
            path: "stalls_per_hour", unit: "1/h", range: 0...3_600, isRequired: false,
            documentation: "times in which nothing arrives"
        ) { $0.stallsPerHour = $1 },
        Key(
            path: "stall_seconds", unit: "s", range: 0.001...3_600, isRequired: false,
            documentation: "how long nothing arrives"
        ) { $0.stall = Interval(seconds: $1) },
    ]

    /// When this path breaks, from `start` on, without end: the same for the same seed.
    public func interruptions(seed: PRNG, from start: Instant) -> LinkInterruptions {
        LinkInterruptions(self, seed: seed, from: start)
    }
}

/// The interruptions of one path in their order.
public struct LinkInterruptions: Sendable {
    public enum What: Equatable, Sendable {
        case reset
        /// Until this instant nothing arrives.
        case stall(until: Instant)
    }

    private let link: LinkDescription
    private var random: PRNG
    private var nextReset: Instant
    private var nextStall: Instant

    fileprivate init(_ link: LinkDescription, seed: PRNG, from start: Instant) {
        self.link = link
        random = seed
        nextReset = .distantFuture
        nextStall = .distantFuture
        nextReset = draw(link.resetsPerHour, after: start)
        nextStall = draw(link.stallsPerHour, after: start)
    }

    /// When ``take()`` is due; nil for a path that never breaks.
    public var next: Instant? {
        let earliest = min(nextReset, nextStall)
        return earliest == .distantFuture ? nil : earliest
    }

    /// The next interruption, and sets out for the one after it.
    public mutating func take() -> (at: Instant, what: What)? {
        guard let at = next else { return nil }
        guard at == nextStall else {
            nextReset = draw(link.resetsPerHour, after: at)
            return (at, .reset)
        }
        let end = at + link.stall
        nextStall = draw(link.stallsPerHour, after: end)
        return (at, .stall(until: end))
    }

    private mutating func draw(_ perHour: Double, after instant: Instant) -> Instant {
        guard perHour > 0 else { return .distantFuture }
        return instant + random.exponential(mean: Interval(seconds: 3_600 / perHour))
    }
}
