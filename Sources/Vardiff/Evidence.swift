import SansIO

/// Shares that came, and that were expected, over some time.
struct Evidence: Sendable, Hashable {
    var shares: Float = 0
    var expected: Float = 0

    /// Shares for each one expected.
    var quotient: Double { Double(shares) / Double(expected) }

    /// By how much the best rate explains the shares better than the expected one: the log-likelihood ratio in
    /// nats, never negative. A deviation of z standard errors has about z^2 / 2.
    var surprise: Float {
        guard shares > 0, expected > 0 else { return expected }
        let n = Double(shares)
        let e = Double(expected)
        return Float(n * DeterministicMath.log(n / e) - (n - e))
    }

    /// By how much two rates explain both evidences better than one does: the log-likelihood ratio in nats. Little
    /// evidence of one rate makes it smaller, which ``surprise`` takes for known.
    func contrast(to other: Evidence) -> Float {
        func part(_ n: Double, _ e: Double) -> Double { n > 0 ? n * DeterministicMath.log(n / e) : 0 }
        return Float(
            part(Double(shares), Double(expected)) + part(Double(other.shares), Double(other.expected))
                - part(Double(shares + other.shares), Double(expected + other.expected)))
    }
}

/// Page's test: the log-likelihood ratio of a changed rate against the decided one, never below zero, and the
/// evidence since it was zero last.
struct PageTest: Sendable, Hashable {
    var ratio: Float = 0
    var evidence = Evidence()

    mutating func add(shares: Float, expected: Float, _ change: Float) {
        ratio += change
        evidence.shares += shares
        evidence.expected += expected
        if ratio <= 0 { self = PageTest() }
    }
}

/// Shares of the last minutes in sixteen parts, each as long as the same number of expected shares takes.
struct RecentShares: Sendable, Hashable {
    /// Sixteen counts of eight bits, the newest lowest.
    private var high: UInt64 = 0
    private var low: UInt64 = 0
    private var sum: Float = 0
    /// Expected shares of a part; of the newest so far; parts that are full, up to fifteen.
    private(set) var size: Float
    private var passed: Float = 0
    private var full: UInt8 = 0

    init(size: Float = 1) { self.size = size }

    /// Fifteen full parts.
    var isFull: Bool { full == 15 }

    var evidence: Evidence { Evidence(shares: sum, expected: Float(full) * size + passed) }

    /// The latest part of it that speaks most clearly against so many shares for each one expected: where the miner changed.
    func mostSurprising(against reference: Float) -> Evidence {
        var best = evidence
        best.expected *= reference
        var part = Evidence(shares: Float(low & 0xff), expected: passed * reference)
        for index in 1..<max(Int(full), 1) {
            part.shares += Float((index < 8 ? low >> (8 * index) : high >> (8 * (index - 8))) & 0xff)
            part.expected += size * reference
            if index >= 5, part.quotient < 1, part.surprise > best.surprise { best = part }
        }
        best.expected /= reference
        return best
    }

    mutating func resize(expected: Float) {
        let size = min(expected / 16, 40)
        if size != self.size { self = RecentShares(size: size) }
    }

    mutating func add(_ count: Float) {
        let newest = Float(low & 0xff)
        let taken = min(count, 255 - newest)
        low += UInt64(taken)
        sum += taken
    }

    mutating func pass(_ expected: Float) {
        passed += expected
        guard passed >= size else { return }
        if passed >= 16 * size {
            // Longer than all of it, in one piece: of how the shares lay in it nothing is known.
            self = RecentShares(size: size)
            return
        }
        while passed >= size {
            passed -= size
            high = high << 8 | low >> 56
            low <<= 8
            if full == 15 {
                sum -= Float(high >> 56)
                high &= 0x00ff_ffff_ffff_ffff
            } else {
                full += 1
            }
        }
    }

    /// Expected shares that may fail to come before it pays to look again.
    var slack: Float { isFull ? max(sum - 0.74 * 16 * size, 0) / 2 : .infinity }
}
