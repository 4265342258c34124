import Bitcoin
import Hardware
import SansIO

extension WireChain {
    // MARK: Jobs

    mutating func load(
        _ job: ChipJob, at instant: Instant, now: Instant, into output: inout [LineOutput]
    ) {
        if answersAtOnce(job, at: instant, now: now, into: &output) { return }
        promote(at: instant, now: now, into: &output)
        catchUp(to: instant, now: now, into: &output)
        for index in chips.indices { settle(index, at: instant) }
        if settings.family == .bm1384 {
            for index in chips.indices { chips[index].jobTicket = job.ticketMask }
        }
        let work = ChainWork(job, family: settings.family, mask: chips[0].versionMask)
        if self.work == nil || isExpired || settings.switchDelay == .zero {
            start(work, at: instant)
        } else {
            // One that overtakes another on its way takes that one's place: else jobs that come faster than the cores
            // change over would leave them with the oldest for ever.
            let at = instant + settings.switchDelay
            incoming = (work, incoming.map { min($0.at, at) } ?? at)
        }
        arm(at: instant)
    }

    /// Starts the job on its way, if it was through by then.
    private mutating func promote(at instant: Instant, now: Instant, into output: inout [LineOutput]) {
        guard let next = incoming, next.at <= instant else { return }
        catchUp(to: next.at, now: now, into: &output)
        for index in chips.indices { settle(index, at: next.at) }
        start(next.work, at: next.at)
    }

    mutating func start(_ work: ChainWork, at now: Instant) {
        let wasIdle = self.work == nil || isExpired
        self.work = work
        incoming = nil
        isExpired = false
        if wasIdle {
            hashedUntil = now
            ahead = 0
        }
        for index in chips.indices {
            chips[index].tick = 0
            chips[index].batch = 0
            chips[index].origin = layout.origin(
                address: chips[index].address,
                nonceOffset: chips[index].registers[Int(RegisterMap.nonceOffset)])
            chips[index].ticksPerBatch = ticksPerBatch(index)
        }
    }

    /// How far a chip counts before it takes the next versions, or begins again.
    private func ticksPerBatch(_ index: Int) -> UInt64 {
        let chip = chips[index]
        switch settings.family {
        case .bm1362, .bm1366, .bm1368, .bm1370:
            let count = Double(chip.registers[Int(RegisterMap.hashCount)])
            let ticks = count * chip.clock.target.megahertz / PLLSetting.crystal * settings.sweepFactor
            return max(1, min(layout.ticksMax, UInt64(ticks)))
        case .bm1397:
            // To where the next chip begins.
            let above = chips.map(\.address).filter { $0 > chip.address }.min()
            return UInt64((above.map(Int.init) ?? 256) - Int(chip.address)) << 17
        case .bm1384:
            guard let count = work?.job.hashCount, count > 0 else {
                return layout.ticksMax
            }
            return max(1, UInt64(count) / UInt64(layout.lanes))
        case .bm1387, .icarus, .antminerU: return layout.ticksMax
        }
    }

    /// Headers of the present job that the chips try before they begin again with the same: by the version mask, the
    /// length of a sweep and the clock as they were when it came. Nil without a job. Where the sweeps of two chips
    /// overlap, a header counts for each.
    public var hashesPerSweep: Double? {
        guard let work else { return nil }
        let ticks = chips.reduce(0) { $0 + Double($1.isHalted ? 0 : $1.ticksPerBatch) }
        return ticks * Double(layout.lanes * work.parts) * Double(work.batches)
    }

    // MARK: Time

    /// Sets the next turn, if somebody has something to hash.
    mutating func arm(at now: Instant) {
        guard work != nil, !isExpired, !isInReset, totalRate(at: now) > 0 else {
            due = nil
            hashedUntil = max(hashedUntil, now)
            return
        }
        guard due == nil else { return }
        hashedUntil = max(hashedUntil, now)
        due = now + pause
    }

    private var pause: Interval {
        settings.pace == .unlimited ? Limits.freeRunningPause : Limits.sliceInterval
    }

    /// Modelled hashes per second of the chips that take part.
    func totalRate(at now: Instant) -> Double {
        var total = 0.0
        for index in chips.indices
        where !chips[index].isHalted && (faults.isEmpty || isHashing(index, at: now)) {
            total += chips[index].rate(at: now)
        }
        return total
    }

    /// Hashes when it is time, in slices of some milliseconds: ``nextDeadline`` is now again while more is owed.
    public mutating func deadlineReached(at now: Instant, into output: inout [LineOutput]) {
        guard let due, due <= now else { return }
        promote(at: now, now: now, into: &output)
        self.due = nil
        switch settings.pace {
        case .unlimited:
            hash(Limits.wireSliceHashes, from: hashedUntil, to: now, now: now, into: &output)
            hashedUntil = now
        case .modelled, .rate:
            // What a driver did not call for in time is let go.
            let oldest = Instant(
                nanoseconds: now.nanoseconds - min(now.nanoseconds, Limits.backlog.nanoseconds))
            hashedUntil = max(hashedUntil, oldest)
            if !hashOwed(to: now, limit: Limits.wireSliceHashes, now: now, into: &output) {
                self.due = isExpired ? nil : now
                return
            }
        }
        arm(at: now)
        if let turn = self.due, let next = incoming { self.due = max(now, min(turn, next.at)) }
    }

    /// What is owed until an instant that comes between two turns: called before the job or a clock changes.
    mutating func catchUp(to instant: Instant, now: Instant, into output: inout [LineOutput]) {
        guard settings.pace != .unlimited, work != nil, !isExpired else { return }
        if !hashOwed(to: instant, limit: Limits.wireCatchUpHashes, now: now, into: &output) {
            hashedUntil = max(hashedUntil, instant)
        }
    }

    /// What the chips have to hash in this time, by the chain's pace.
    private func hashesDue(from start: Instant, to end: Instant) -> Double {
        switch settings.pace {
        case .modelled(let scale):
            var hashes = 0.0
            for index in chips.indices
            where !chips[index].isHalted && (faults.isEmpty || isHashing(index, at: end)) {
                hashes += chips[index].modelledHashes(from: start, to: end)
            }
            return hashes * scale
        case .rate(let fixed):
            return totalRate(at: end) > 0 ? fixed.hashesPerSecond * (end - start).seconds : 0
        case .unlimited: return 0
        }
    }

    /// - Returns: whether all was done; else `hashedUntil` says how far it came.
    private mutating func hashOwed(
        to end: Instant, limit: Int, now: Instant, into output: inout [LineOutput]
    ) -> Bool {
        guard end > hashedUntil else { return true }
        let passed = hashesDue(from: hashedUntil, to: end)
        let owed = passed - ahead
        guard owed >= 1 else {
            // This time is paid for by an earlier turn. A slow chain rests for many slices after each.
            ahead = -owed
            hashedUntil = end
            return true
        }
        let count = min(owed, Double(limit))
        let share = count < owed ? (count + ahead) / passed : 1
        let reached = share < 1 ? hashedUntil + Interval(seconds: (end - hashedUntil).seconds * share) : end
        let done = hash(Int(count), from: hashedUntil, to: reached, now: now, into: &output)
        // A turn of a chip is not divided: what it did too much is owed less the next time.
        ahead = Double(done) - count
        hashedUntil = reached
        return reached == end
    }

    // MARK: Turns

    /// At least `budget` hashes, in whole turns of chips, as if they were spread evenly over the time given.
    @discardableResult
    private mutating func hash(
        _ budget: Int, from start: Instant, to end: Instant, now: Instant, into output: inout [LineOutput]
    ) -> Int {
        let rates = chips.indices.map { index in
            let stands = chips[index].isHalted || (!faults.isEmpty && !isHashing(index, at: now))
            return stands ? 0 : chips[index].rate(at: now)
        }
        // Of the fastest each round is a turn, so a round always does something.
        guard let fastest = rates.max(), fastest > 0 else { return budget }
        let span = Double((end - start).nanoseconds)
        var done = 0
        while done < budget, !isExpired {
            let index = turn
            turn = turn + 1 == chips.count ? 0 : turn + 1
            chips[index].credit += rates[index] / fastest
            guard chips[index].credit >= 1 else { continue }
            chips[index].credit -= 1
            let instant = start + Interval(nanoseconds: UInt64(span * min(1, Double(done) / Double(budget))))
            done += tick(index, at: instant, now: now, into: &output)
        }
        statistics.hashes += UInt64(done)
        return max(done, budget)
    }

    /// One tick of one chip's counter: every core and every part once.
    private mutating func tick(
        _ index: Int, at instant: Instant, now: Instant, into output: inout [LineOutput]
    ) -> Int {
        guard let scanners = work?.scanners(batch: chips[index].batch) else { return 0 }
        let batch = chips[index].batch
        let first = layout.firstNonce(origin: chips[index].origin, tick: chips[index].tick)
        let required = max(0, 32 + chips[index].ticketBits - settings.difficultyShift)
        let top: UInt32 = required >= 32 ? 0 : UInt32.max >> UInt32(required)
        advance(index)
        for part in scanners.indices {
            var found: [UInt32] = []
            scanners[part].scan(
                start: first, stride: layout.stride, count: layout.lanes, top: top, into: &found)
            for nonce in found {
                let zeros = Self.zeroBits(scanners[part].hash(nonce: nonce))
                guard zeros >= required else { continue }
                report(
                    nonce, batch: batch, part: part, spare: zeros - required, of: index, at: instant,
                    now: now,
                    into: &output)
                // One nonce for each job: the host sends the next then.
                if settings.family == .icarus {
                    isExpired = true
                    return layout.lanes
                }
            }
        }
        return layout.lanes * scanners.count
    }

    private mutating func advance(_ index: Int) {
        chips[index].tick += 1
        guard chips[index].tick >= chips[index].ticksPerBatch else { return }
        chips[index].tick = 0
        chips[index].batch += 1
        guard chips[index].batch >= work?.batches ?? 1 else { return }
        // From here on it finds what it has found before.
        chips[index].batch = 0
        chips[index].sweeps += 1
        if settings.family.framing == .icarus { isExpired = true }
    }

    static func zeroBits(_ hash: Hash256) -> Int {
        let value = UInt256(littleEndian: hash)
        return value.isZero ? 256 : 256 - value.bitWidth
    }
}
