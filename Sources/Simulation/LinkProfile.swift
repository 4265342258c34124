import SansIO

/// What a network path does to bytes, in each direction alike. TCP's promise is kept: nothing is lost or
/// reordered within a connection, only late; loss shows as the delay of a retransmission.
public struct LinkProfile: Sendable, Hashable {
    /// The least one-way delay.
    public var delay: Interval
    /// The mean of an exponentially distributed addition to it.
    public var jitterMean: Interval
    /// Bytes a second; 0 for no limit.
    public var bytesPerSecond: UInt64
    /// Segments lost in a million; each costs one retransmission after ``retransmission``.
    public var lossPerMillion: UInt64
    public var retransmission: Interval
    /// Chance in a million that a segment arrives in two pieces, cut at a random byte.
    public var fragmentationPerMillion: UInt64

    public init(
        delay: Interval, jitterMean: Interval = .zero, bytesPerSecond: UInt64 = 0, lossPerMillion: UInt64 = 0,
        retransmission: Interval = .milliseconds(200), fragmentationPerMillion: UInt64 = 0
    ) {
        self.delay = delay
        self.jitterMean = jitterMean
        self.bytesPerSecond = bytesPerSecond
        self.lossPerMillion = lossPerMillion
        self.retransmission = retransmission
        self.fragmentationPerMillion = fragmentationPerMillion
    }

    /// Roles on one machine.
    public static let loopback = LinkProfile(delay: .microseconds(30), jitterMean: .microseconds(10))
    /// One switch between device and pool.
    public static let lan = LinkProfile(delay: .microseconds(300), jitterMean: .microseconds(100))
    /// A farm's fibre to a pool on its continent.
    public static let fibre = LinkProfile(
        delay: .milliseconds(8), jitterMean: .milliseconds(1), fragmentationPerMillion: 1_000)
}

/// One direction of a connection: it says when the next segment arrives. A seeded value like every machine.
struct Link: Sendable {
    var profile: LinkProfile
    private var random: PRNG
    /// When the last byte handed over will have left (rate) and arrived (order).
    private var departure = Instant.start
    private var arrival = Instant.start

    init(profile: LinkProfile, seed: UInt64, stream: UInt64) {
        self.profile = profile
        random = PRNG(seed: seed, stream: stream)
    }

    mutating func arrivalTime(of byteCount: Int, sentAt now: Instant) -> Instant {
        if profile.bytesPerSecond > 0 {
            let transmission = UInt64(byteCount) * 1_000_000_000 / profile.bytesPerSecond
            departure = max(departure, now) + .nanoseconds(transmission)
        } else {
            departure = now
        }
        var delay = profile.delay
        if profile.jitterMean > .zero { delay = delay + random.exponential(mean: profile.jitterMean) }
        if profile.lossPerMillion > 0, random.chance(profile.lossPerMillion, in: 1_000_000) {
            delay = delay + profile.retransmission
        }
        arrival = max(arrival, departure + delay)
        return arrival
    }

    /// Where to cut a segment of `byteCount` bytes; nil to leave it whole.
    mutating func cut(of byteCount: Int) -> Int? {
        guard profile.fragmentationPerMillion > 0, byteCount > 1,
            random.chance(profile.fragmentationPerMillion, in: 1_000_000)
        else { return nil }
        return 1 + Int(random.below(UInt64(byteCount - 1)))
    }
}
