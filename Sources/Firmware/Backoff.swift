import SansIO

/// The waits between attempts: a doubling series with a bound and seeded jitter.
struct Backoff: Sendable {
    private let settings: BackoffSettings
    private(set) var failures = 0

    init(settings: BackoffSettings) { self.settings = settings }

    /// The wait before the next attempt, and one failure more.
    mutating func next(random: inout PRNG) -> Interval {
        let doublings = min(failures, 20)
        failures += 1
        let length = min(settings.initial * (1 << UInt64(doublings)), settings.maximum)
        let factor = 1 - settings.jitter + 2 * settings.jitter * random.uniform()
        return Interval(seconds: length.seconds * factor)
    }

    mutating func reset() { failures = 0 }
}
