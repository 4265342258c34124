import Hardware
import SansIO

/// A device's own estimate of its hash rate: chips report nonces of the ticket difficulty, and the firmware counts
/// `2^32 x difficulty` hashes for each. So the figures waver as real ones do, more over short windows and with few
/// chips. Firmware that reads its chips' hash counters instead (ESP-Miner) has the true figure. The decaying averages are cgminer's (`decay_time`).
public struct HashRateMeter: Sendable {
    private static let windows: [Double] = [5, 60, 300, 600, 900, 1_800, 3_600]
    private static let hashesPerDifficulty = 4_294_967_296.0

    private var averages = [Double](repeating: 0, count: HashRateMeter.windows.count)
    private var total = 0.0
    private var seconds = 0.0
    private var updated: Instant
    private var chance: PRNG
    /// Hashes that one report stands for; zero counts them all.
    private let reportHashes: Double

    /// - Parameter ticketDifficulty: of the chips' reports; nil for a firmware that reads hash counters.
    public init(ticketDifficulty: Double?, seed: PRNG, at now: Instant) {
        reportHashes = ticketDifficulty.map { max(1, $0) * Self.hashesPerDifficulty } ?? 0
        chance = seed
        updated = now
    }

    /// The chips hashed at `rate` since the last call.
    public mutating func advance(at rate: HashRate, to now: Instant) {
        let passed = (now - updated).seconds
        guard passed > 0 else { return }
        updated = now
        seconds += passed
        let hashes = counted(rate.hashesPerSecond * passed)
        total += hashes
        let measured = hashes / passed
        for index in averages.indices {
            let share = 1 - DeterministicMath.exp(-passed / Self.windows[index])
            averages[index] += (measured - averages[index]) * share
        }
    }

    /// Forgets everything, at power-on and when the owner sets the counters to zero.
    public mutating func reset(at now: Instant) {
        averages = averages.map { _ in 0 }
        (total, seconds, updated) = (0, 0, now)
    }

    public var rates: HashRates {
        var rates = HashRates()
        // A window that has not passed yet shows what there is, as cgminer's first minute does.
        let filled = Self.windows.map { max(0.000_1, 1 - DeterministicMath.exp(-seconds / $0)) }
        func rate(_ index: Int) -> HashRate { HashRate(averages[index] / filled[index]) }
        rates.fiveSeconds = rate(0)
        rates.minute = rate(1)
        rates.fiveMinutes = rate(2)
        rates.tenMinutes = rate(3)
        rates.fifteenMinutes = rate(4)
        rates.thirtyMinutes = rate(5)
        rates.hour = rate(6)
        rates.average = HashRate(seconds > 0 ? total / seconds : 0)
        rates.total = total
        return rates
    }

    /// The hashes that the reports of so many true hashes tell of: their number is Poisson's.
    private mutating func counted(_ hashes: Double) -> Double {
        guard reportHashes > 0 else { return hashes }
        let mean = hashes / reportHashes
        guard mean > 0 else { return 0 }
        guard mean < 30 else {
            return max(0, chance.normal(mean: mean, deviation: mean.squareRoot())) * reportHashes
        }
        var reports = 0.0
        var left = mean
        while true {
            left += DeterministicMath.log(max(1 - chance.uniform(), 1e-300))
            guard left >= 0 else { return reports * reportHashes }
            reports += 1
        }
    }
}
