import Bitcoin
import Hardware
import SansIO

/// All chips of one device: when they find a nonce, and which.
///
/// Two modes behind one face. The *model* draws the instant of the next share from the exponential law at the rate
/// `hashrate x scale / expected hashes of the target` and, when the instant comes, searches one chip's own part of
/// the nonce space for a hash that truly meets the target. The *hash* mode searches every nonce at a given rate, in
/// slices, and finds what there is.
///
/// The engine is memoryless, as hashing is: any change of rate or target may redraw the instant without changing the
/// law. It never searches a header twice: nonces are taken in order, then the next version.
public struct HashEngine: Sendable {
    public enum Mode: Hashable, Sendable {
        case model
        /// Nonces per second; nil for as fast as the driver calls, which only makes sense in real time.
        case hash(maxRate: HashRate?)
    }

    private let mode: Mode
    let boards: Int
    let chipsPerBoard: Int
    private let scale: Double

    /// Rate before scaling; zero when the chips have no clock.
    private var rate = HashRate.zero
    private var errorRate = 0.0
    private var current: Search?
    /// Work on its way through the serial chain; the old one is searched until then.
    private var incoming: (work: MiningWork, at: Instant)?
    private var due: Instant?
    /// The chip whose search did not end within one slice.
    private var solvingChip: Int?
    /// Hash mode: since when nonces are owed.
    private var owedSince = Instant.start
    private var random: PRNG
    /// What is wrong with the chips; healthy unless told.
    private var faults: ChipFaults
    private var isHealthy = true
    /// How unlike the chips are, and how much more voltage, as a share of the nominal one, multiplies errors by e.
    private(set) var silicon: SiliconSpread?
    private(set) var spreadPerE = 1.0
    /// The single chips' clocks; see `HashEngine+Counters.swift`.
    var clocks = ChipClocks.uniform
    var exponentPerStep = 0.0
    var baseSteps = 1.0
    /// The largest ``excess(ofChip:)`` where chips have clocks of their own.
    var worstExcess: Double?
    /// Until when hashes are counted; nil as long as nobody asks.
    var countedTo: Instant?
    var exposure = 0.0
    /// A report that is to come once more.
    private var echo: NonceReport?
    private var lastCall = Instant.start

    /// Headers hashed since the beginning.
    public private(set) var hashes: UInt64 = 0
    /// Expected hashes per share of the present work when that is too much for the solver; see the landing page.
    public private(set) var excessiveHashes: Double?

    /// `scale` in (0, 1] multiplies the modelled hash rate (not that of the hash mode).
    public init(boards: Int, chipsPerBoard: Int, mode: Mode, scale: Double, seed random: PRNG) {
        precondition(boards > 0 && chipsPerBoard > 0 && scale > 0 && scale.isFinite)
        if case .hash(let maxRate?) = mode {
            precondition(maxRate > .zero && maxRate.hashesPerSecond.isFinite, "a rate is positive")
        }
        self.boards = boards
        self.chipsPerBoard = chipsPerBoard
        self.mode = mode
        self.scale = scale
        self.random = random
        faults = ChipFaults(boards: boards, chipsPerBoard: chipsPerBoard)
    }

    /// What the active faults do to chips. The rate is told apart from it, by ``set(rate:errorRate:at:)``.
    public mutating func set(faults: ChipFaults) {
        guard faults != self.faults else { return }
        self.faults = faults
        isHealthy = faults.isHealthy
        if isHealthy { echo = nil }
    }

    /// Lets wrong nonces come from the chips that need more voltage than others.
    /// - Parameter perE: so much more voltage, as a share of the nominal one, multiplies a chip's errors by e.
    public mutating func set(silicon: SiliconSpread, perE: Double) {
        precondition(perE > 0)
        self.silicon = silicon.deviation > 0 ? silicon : nil
        spreadPerE = perE
    }

    public var nextDeadline: Instant? { due }
    /// Whether chips consume the power of hashing.
    public var isHashing: Bool { rate > .zero && (current != nil || incoming != nil) }

    /// The chips' clock or health changed.
    public mutating func set(rate: HashRate, errorRate: Double, at now: Instant) {
        self.errorRate = errorRate
        guard rate != self.rate else { return }
        count(to: now)
        self.rate = rate
        arm(at: now)
    }

    /// Replaces the work. Until `delay` has passed the chips still answer for the old one.
    public mutating func load(_ work: MiningWork, delay: Interval, at now: Instant) {
        if countedTo != nil { count(to: now) }
        promote(at: now)
        let mayKeepDraw = current?.work.target == work.target && due != nil && solvingChip == nil
        if delay == .zero || (current?.isExhausted ?? true) {
            start(work)
        } else {
            incoming = (work, now + delay)
        }
        if !mayKeepDraw { arm(at: incoming?.at ?? now) }
    }

    /// Forgets the work.
    public mutating func idle() {
        current = nil
        incoming = nil
        due = nil
        solvingChip = nil
        excessiveHashes = nil
    }

    /// Searches if it is time. At most one event; call again while ``nextDeadline`` is due.
    public mutating func deadlineReached(at now: Instant) -> HashboardEvent? {
        guard let due, due <= now else { return nil }
        lastCall = now
        promote(at: now)
        guard current != nil, rate > .zero else {
            self.due = nil
            return nil
        }
        return switch mode {
        case .model: solve(at: now)
        case .hash(let maxRate): grind(maxRate, at: now)
        }
    }

    // MARK: Work

    private mutating func start(_ work: MiningWork) {
        current = Search(work: work, chips: boards * chipsPerBoard)
        incoming = nil
        solvingChip = nil
    }

    private mutating func promote(at now: Instant) {
        guard let next = incoming, next.at <= now else { return }
        start(next.work)
    }

    /// Sets the next deadline for the newest work.
    private mutating func arm(at now: Instant) {
        solvingChip = nil
        guard let target = incoming?.work.target ?? current?.work.target, rate > .zero else {
            due = nil
            return
        }
        switch mode {
        case .hash:
            excessiveHashes = nil
            owedSince = now
            due = now + Limits.sliceInterval
        case .model:
            let expected = target.expectedHashes
            guard expected <= Limits.solverHashesMax else {
                excessiveHashes = expected
                due = nil
                return
            }
            excessiveHashes = nil
            let mean = Interval(seconds: expected / (rate.hashesPerSecond * scale))
            let wait = random.exponential(mean: mean)
            due = now + min(max(wait, Limits.reportIntervalMin), Limits.waitMax)
        }
    }

    // MARK: Model

    private mutating func solve(at now: Instant) -> HashboardEvent? {
        if solvingChip == nil, errorRate > 0, random.uniform() <= errorRate {
            let event = wrongNonce()
            arm(at: now)
            return event
        }
        if let again = echo {
            echo = nil
            arm(at: now)
            return .nonce(again)
        }
        guard let chip = solvingChip ?? hashingChip() else {
            arm(at: now)
            return nil
        }
        guard let id = current?.work.id else { return nil }
        // In place: a search is some hundred bytes, and this is the path of every share.
        let outcome = current?.next(chip: chip, limit: Limits.sliceHashesMax, hashes: &hashes)
        switch outcome {
        case nil: return nil
        case .found(let nonce, let version):
            arm(at: now)
            return report(id, nonce, version, chip)
        case .unfinished:
            solvingChip = chip
            due = now
            return nil
        case .exhausted: return exhausted(id)
        }
    }

    /// What a chip says when a core miscomputed: some nonce of its own part that proves nothing.
    private mutating func wrongNonce() -> HashboardEvent? {
        guard let search = current else { return nil }
        guard let chip = weakChip() else { return nil }
        let base = UInt64(chip) * search.partition
        let nonce = UInt32(truncatingIfNeeded: base + random.below(search.partition))
        return report(search.work.id, nonce, search.version, chip)
    }

    /// Any chip whose nonces arrive; nil when the draw found none, as with all of them broken.
    private mutating func hashingChip() -> Int? {
        let all = UInt64(chipCount)
        guard !isHealthy || !clocks.isUniform else { return Int(random.below(all)) }
        for _ in 0..<Limits.chipDrawsMax {
            let chip = Int(random.below(all))
            guard hears(chip) else { continue }
            // In proportion to its clock, by rejection from the fastest that there can be.
            guard !clocks.isUniform else { return chip }
            if random.uniform() * (baseSteps + 127) <= clock(ofChip: chip) { return chip }
        }
        return nil
    }

    /// A chip in proportion to its errors: those that need more voltage err more.
    private mutating func weakChip() -> Int? {
        if let worstExcess { return weakChip(worst: worstExcess) }
        guard let silicon else { return hashingChip() }
        // By rejection from the worst that there can be; a draw that takes too long is any chip.
        let worst = 3 * silicon.deviation / spreadPerE
        for _ in 0..<Limits.chipDrawsMax {
            guard let chip = hashingChip() else { return nil }
            let excess = silicon.weakness(ofChip: chip) / spreadPerE - worst
            if random.uniform() <= DeterministicMath.exp(excess) { return chip }
        }
        return hashingChip()
    }

    private mutating func weakChip(worst: Double) -> Int? {
        for _ in 0..<Limits.chipDrawsMax {
            guard let chip = hashingChip() else { return nil }
            if random.uniform() <= DeterministicMath.exp(excess(ofChip: chip) - worst) { return chip }
        }
        return hashingChip()
    }

    // What `HashEngine+Counters.swift` needs.
    var chipCount: Int { boards * chipsPerBoard }
    var hashesPerSecond: Double { rate.hashesPerSecond }
    var meanErrors: Double { errorRate }
    func hears(_ chip: Int) -> Bool {
        isHealthy || faults.hashes(board: chip / chipsPerBoard, chip: chip % chipsPerBoard)
    }
    mutating func draw<R>(_ body: (inout PRNG) -> R) -> R { body(&random) }

    // MARK: Hash

    private mutating func grind(_ maxRate: HashRate?, at now: Instant) -> HashboardEvent? {
        guard let id = current?.work.id, let partition = current?.partition else { return nil }
        var budget = Limits.sliceHashesMax
        if let maxRate {
            let owed = min(now - owedSince, Limits.backlog)
            let nonces = min(owed.seconds * maxRate.hashesPerSecond, Double(budget))
            budget = UInt64(max(1, nonces))
        }
        let before = hashes
        let outcome = current?.next(limit: budget, hashes: &hashes)
        pay(for: hashes - before, maxRate, at: now)
        switch outcome {
        case nil: return nil
        case .found(let nonce, let version):
            let chip = min(Int(UInt64(nonce) / partition), boards * chipsPerBoard - 1)
            return report(id, nonce, version, chip)
        case .unfinished:
            return nil
        case .exhausted: return exhausted(id)
        }
    }

    /// Moves the debt forward by what was hashed and sets the next turn.
    private mutating func pay(for hashed: UInt64, _ maxRate: HashRate?, at now: Instant) {
        guard let maxRate else {
            due = now + Limits.freeRunningPause
            return
        }
        let oldest = Instant(nanoseconds: now.nanoseconds - min(now.nanoseconds, Limits.backlog.nanoseconds))
        let from = max(owedSince, oldest)
        owedSince = from + Interval(seconds: Double(hashed) / maxRate.hashesPerSecond)
        due = max(now, owedSince) + Limits.sliceInterval
        if owedSince < now, now - owedSince > Limits.sliceInterval { due = now + Limits.freeRunningPause }
    }

    /// The present work is searched to its end: stand still, or wait for the work on its way.
    private mutating func exhausted(_ id: WorkID) -> HashboardEvent? {
        due = nil
        guard let next = incoming else { return .exhausted(id) }
        arm(at: next.at)
        return nil
    }

    /// Nil when the reply is lost: its checksum was wrong, or its chip is not heard.
    private mutating func report(
        _ id: WorkID, _ nonce: UInt32, _ version: UInt32, _ chip: Int
    ) -> HashboardEvent? {
        var report = NonceReport(
            work: id, nonce: nonce, version: version, board: UInt16(chip / chipsPerBoard),
            chip: UInt16(chip % chipsPerBoard))
        guard !isHealthy else { return .nonce(report) }
        guard faults.hashes(board: Int(report.board), chip: Int(report.chip)) else { return nil }
        if faults.checksumErrorShare > 0, random.uniform() <= faults.checksumErrorShare { return nil }
        if faults.wrongIDShare > 0, random.uniform() <= faults.wrongIDShare {
            // A job of the other half of the ring of ids, which a driver has long forgotten.
            report.work = WorkID(id.raw ^ 0x8000_0000)
        }
        if faults.duplicateShare > 0, random.uniform() <= faults.duplicateShare, mode == .model {
            echo = report
            due = due.map { min($0, lastCall + Limits.reportIntervalMin) }
        }
        return .nonce(report)
    }
}
