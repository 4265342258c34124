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
/// law. It never searches a header twice: nonces are taken in order, then the next version. Chips do, once they have
/// tried all that their registers let them; ``set(sweep:)`` makes the model repeat itself as they do.
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
    /// Hashes of all chips after which a work only repeats itself; infinite for never.
    private var sweepLength = Double.infinity
    /// None or one. In an array, so that a device without one does not pay for its bytes.
    private var sweep: [Sweep] = []
    /// The deadline is the end of the first round and not a share.
    private var endsRound = false
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

    /// After how many hashes chips begin again with the same headers, from the next work on; nil for never, as of
    /// firmware that sends new work in time. ``WireChain/hashesPerSweep`` tells it for the registers of real chips.
    /// Only the model knows it: the hash mode says that its work is exhausted.
    public mutating func set(sweep hashes: Double?) {
        precondition(hashes.map { $0 > 0 && $0.isFinite } ?? true, "a sweep has headers")
        sweepLength = hashes ?? .infinity
    }

    public var nextDeadline: Instant? { due }
    /// Whether chips consume the power of hashing.
    public var isHashing: Bool { rate > .zero && (current != nil || incoming != nil) }

    /// The chips' clock or health changed.
    public mutating func set(rate: HashRate, errorRate: Double, at now: Instant) {
        self.errorRate = errorRate
        guard rate != self.rate else { return }
        advanceSweep(to: now)
        count(to: now)
        self.rate = rate
        arm(at: now)
    }

    /// Replaces the work. Until `delay` has passed the chips still answer for the old one.
    public mutating func load(_ work: MiningWork, delay: Interval, at now: Instant) {
        if countedTo != nil { count(to: now) }
        promote(at: now)
        let repeats = mode == .model && sweepLength.isFinite
        let mayKeepDraw =
            current?.work.target == work.target && due != nil && solvingChip == nil && sweep.isEmpty
            && !repeats
        if delay == .zero || (current?.isExhausted ?? true) {
            start(work)
        } else {
            incoming = (work, now + delay)
        }
        sweep = repeats ? [Sweep(length: sweepLength, at: incoming?.at ?? now)] : []
        if !mayKeepDraw { arm(at: incoming?.at ?? now) }
    }

    /// Forgets the work.
    public mutating func idle() {
        current = nil
        incoming = nil
        due = nil
        sweep = []
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
        endsRound = false
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
            due = wait(expecting: expected, at: now).map {
                now + min(max($0, Limits.reportIntervalMin), Limits.waitMax)
            }
            if echo != nil {
                let soon = now + Limits.reportIntervalMin
                due = min(due ?? soon, soon)
            }
        }
    }

    private mutating func advanceSweep(to now: Instant) {
        guard !sweep.isEmpty else { return }
        let rate = scaledRate
        sweep[0].advance(to: now, rate: rate)
    }

    private var scaledRate: Double { rate.hashesPerSecond * scale }

    /// Until the next share; nil when there is none any more.
    private mutating func wait(expecting hashes: Double, at now: Instant) -> Interval? {
        advanceSweep(to: now)
        if let sweep = sweep.first, !sweep.isFirstRound {
            return sweep.untilNext.map { Interval(seconds: $0 / scaledRate) }
        }
        let wait = random.exponential(mean: Interval(seconds: hashes / scaledRate))
        guard let sweep = sweep.first else { return wait }
        let end = Interval(seconds: sweep.rest / scaledRate)
        endsRound = end <= wait
        return min(wait, end)
    }

    // MARK: Model

    private mutating func solve(at now: Instant) -> HashboardEvent? {
        if solvingChip == nil, let again = echo {
            echo = nil
            arm(at: now)
            return arrives() ? .nonce(again) : nil
        }
        if !sweep.isEmpty { return solveInRounds(at: now) }
        if solvingChip == nil, isMiscomputed() {
            let event = wrongNonce()
            arm(at: now)
            return event
        }
        switch search(at: now) {
        case .found(let found):
            arm(at: now)
            return report(found)
        case .none(let event): return event
        }
    }

    private enum Searched {
        case found(NonceReport)
        /// What there is to say of it, if anything.
        case none(HashboardEvent?)
    }

    private mutating func isMiscomputed() -> Bool { errorRate > 0 && random.uniform() <= errorRate }

    /// A work that is repeated: a nonce that is said wrong in one round may be said right in the next.
    private mutating func solveInRounds(at now: Instant) -> HashboardEvent? {
        if endsRound {
            sweep[0].endFirstRound()
            arm(at: now)
            return nil
        }
        let found: NonceReport
        if let again = sweep[0].repeatNext() {
            found = again
        } else {
            switch search(at: now) {
            case .found(let first): found = first
            case .none(let event): return event
            }
            advanceSweep(to: now)
            sweep[0].add(found)
        }
        arm(at: now)
        return isMiscomputed() ? wrongNonce() : report(found)
    }

    /// The next nonce of any chip.
    private mutating func search(at now: Instant) -> Searched {
        guard let chip = solvingChip ?? hashingChip() else {
            arm(at: now)
            return .none(nil)
        }
        guard let id = current?.work.id else { return .none(nil) }
        // In place: a search is some hundred bytes, and this is the path of every share.
        let outcome = current?.next(chip: chip, limit: Limits.sliceHashesMax, hashes: &hashes)
        switch outcome {
        case nil: return .none(nil)
        case .found(let nonce, let version): return .found(named(id, nonce, version, chip))
        case .unfinished:
            solvingChip = chip
            due = now
            return .none(nil)
        case .exhausted: return .none(exhausted(id))
        }
    }

    /// What a chip says when a core miscomputed: some nonce of its own part that proves nothing.
    private mutating func wrongNonce() -> HashboardEvent? {
        guard let search = current else { return nil }
        guard let chip = weakChip() else { return nil }
        let base = UInt64(chip) * search.partition
        let nonce = UInt32(truncatingIfNeeded: base + random.below(search.partition))
        return report(named(search.work.id, nonce, search.version, chip))
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
            return report(named(id, nonce, version, chip))
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

    private func named(_ id: WorkID, _ nonce: UInt32, _ version: UInt32, _ chip: Int) -> NonceReport {
        NonceReport(
            work: id, nonce: nonce, version: version, board: UInt16(chip / chipsPerBoard),
            chip: UInt16(chip % chipsPerBoard))
    }

    /// Whether a reply survives the line: with a wrong checksum a driver drops it.
    private mutating func arrives() -> Bool {
        faults.checksumErrorShare == 0 || random.uniform() > faults.checksumErrorShare
    }

    /// Nil when the reply is lost: its checksum was wrong, or its chip is not heard.
    private mutating func report(_ found: NonceReport) -> HashboardEvent? {
        guard !isHealthy else { return .nonce(found) }
        var report = found
        guard faults.hashes(board: Int(report.board), chip: Int(report.chip)) else { return nil }
        if faults.wrongIDShare > 0, random.uniform() <= faults.wrongIDShare {
            // A job of the other half of the ring of ids, which a driver has long forgotten.
            report.work = WorkID(report.work.raw ^ 0x8000_0000)
        }
        // The chip sends it twice; the line may lose either.
        if faults.duplicateShare > 0, random.uniform() <= faults.duplicateShare, mode == .model {
            echo = report
            let soon = lastCall + Limits.reportIntervalMin
            due = min(due ?? soon, soon)
        }
        return arrives() ? .nonce(report) : nil
    }
}
