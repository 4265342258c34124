import Hardware
import SansIO

/// Chips that have tried all that a work lets them try begin again, and find again what they have found: each nonce of
/// the first round once more in every further one, at the same place.
///
/// Places are counted in hashes since the work began, so that they hold when the clock changes.
struct Sweep: Sendable {
    struct Find: Sendable {
        let place: Double
        let report: NonceReport
    }

    /// Hashes of all chips in one round.
    let length: Double
    private var progress = 0.0
    private var countedAt: Instant
    private var finds: [Find] = []
    /// Which of the finds comes next; nil in the first round, which has none yet.
    private var next: Int?
    /// Rounds that are through.
    private var rounds = 0.0

    init(length: Double, at start: Instant) {
        self.length = length
        countedAt = start
    }

    var isFirstRound: Bool { next == nil }

    /// Counts what was hashed since the last call.
    mutating func advance(to now: Instant, rate: Double) {
        guard now > countedAt else { return }
        progress += (now - countedAt).seconds * rate
        countedAt = now
    }

    /// A nonce of the first round.
    mutating func add(_ report: NonceReport) {
        guard finds.count < Limits.sweepFindsMax else { return }
        finds.append(Find(place: progress, report: report))
    }

    /// Hashes until the first round ends.
    var rest: Double { max(0, length - progress) }

    mutating func endFirstRound() {
        next = 0
        rounds = 1
    }

    /// Hashes until the next repetition; nil in the first round, and if that found nothing.
    var untilNext: Double? {
        guard let next, !finds.isEmpty else { return nil }
        return max(0, rounds * length + finds[next].place - progress)
    }

    /// The nonce whose place has come.
    mutating func repeatNext() -> NonceReport? {
        guard let index = next, !finds.isEmpty else { return nil }
        if index + 1 < finds.count {
            next = index + 1
        } else {
            next = 0
            rounds += 1
        }
        return finds[index].report
    }
}
