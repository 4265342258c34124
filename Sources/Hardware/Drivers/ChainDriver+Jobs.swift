import Bitcoin
import SansIO

// Jobs to the chips, nonces from them.

extension ChainDriver {
    /// Sends the next job of the present work; false when there is nothing more to do now.
    mutating func dispatch(at now: Instant, into output: inout Output) -> Bool {
        guard var current = work else {
            jobAt = nil
            return false
        }
        adaptTicket(to: current.work.target, into: &output)
        let versions = VersionCounter.count(mask: current.work.versionMask)
        guard current.counter < versions else {
            jobAt = nil
            work = nil
            output.events.append(.exhausted(current.work.id))
            return false
        }
        let sent =
            setup.family.takesWholeHeader
            ? dispatchHeader(&current, into: &output) : dispatchMidstates(&current, versions, into: &output)
        work = current
        statistics.jobs += 1
        jobAt = now + searchTime(versions: sent)
        return true
    }

    /// The chips count versions themselves: one job is all of the work.
    private mutating func dispatchHeader(_ current: inout CurrentWork, into output: inout Output) -> UInt64 {
        let rolled = ChipFamily.rolledBits & current.work.versionMask
        if mask != rolled {
            mask = rolled
            send(program.versionMask(rolled), into: &output)
        }
        var header = current.work.header
        // What the chip counts in must be zero: it may add its count or put it there.
        header.version &= ~rolled
        current.counter = VersionCounter.count(mask: current.work.versionMask)
        put(.header(header), of: current.work, versions: [header.version], into: &output)
        return VersionCounter.count(mask: rolled)
    }

    /// One to four versions per job, each as a state after the header's first half.
    private mutating func dispatchMidstates(
        _ current: inout CurrentWork, _ count: UInt64, into output: inout Output
    ) -> UInt64 {
        let left = count - current.counter
        let several: UInt64 =
            setup.family == .bm1397 || setup.family == .bm1387 ? (left >= 4 ? 4 : left >= 2 ? 2 : 1) : 1
        let versions = (0..<several).map { index in
            VersionCounter.roll(
                current.work.header.version, mask: current.work.versionMask,
                counter: UInt32(truncatingIfNeeded: current.counter + index))
        }
        current.counter += several
        let states = versions.map { version in
            var header = current.work.header
            header.version = version
            return SHA256Midstate(header)
        }
        put(
            .midstates(states, tail: HeaderTail(current.work.header)), of: current.work, versions: versions,
            into: &output)
        return several
    }

    private mutating func put(
        _ content: ChipJob.Content, of work: MiningWork, versions: [UInt32], into output: inout Output
    ) {
        let id = takeID()
        var job = ChipJob(id: id, content: content)
        if setup.family == .bm1384 {
            job.ticketMask = UInt8(truncatingIfNeeded: min(ticket, 256) - 1)
            // Each chip sweeps its share of the nonces.
            job.hashCount = UInt32.max / UInt32(max(1, chips))
        }
        guard let frame = job.frame(for: setup.family) else { return }
        slots[Int(id)] = JobSlot(work: work, versions: versions, ticket: ticket)
        output.orders.append(.write(frame))
    }

    /// Ids in the family's step; the slots that they come back by are as many as there are ids.
    private mutating func takeID() -> UInt8 {
        let id = nextID
        switch setup.family {
        case .icarus: return 0
        case .antminerU: nextID = (id + 1) % 0x1f
        // cgminer: 0x10 to 0x1f.
        case .bm1384:
            nextID = (id & 0xf + 1) % 16
            return 0x10 | id & 0xf
        // The low two bits are the midstate's.
        case .bm1387, .bm1397: nextID = (id &+ 4) & 0x7c
        case .bm1362, .bm1366: nextID = (id &+ 8) & 0x78
        case .bm1368, .bm1370: nextID = (id &+ 24) & 0x78
        }
        return id
    }

    /// The time in which the chips search so many versions of the whole nonce space, less a little, so that they
    /// are never without work.
    private func searchTime(versions: UInt64) -> Interval {
        let rate = nominalHashRate.hashesPerSecond
        guard rate > 0 else { return DriverLimits.jobIntervalMax }
        let seconds = 0x1p32 * Double(versions) / rate * 0.95
        return min(DriverLimits.jobIntervalMax, max(DriverLimits.jobIntervalMin, Interval(seconds: seconds)))
    }

    /// The largest power of two that neither the work nor the ceiling is below.
    private mutating func adaptTicket(to target: Target, into output: inout Output) {
        guard setup.family.framing != .icarus else { return }
        let ceiling = setup.family == .bm1384 ? min(setup.ticketMax, 128) : setup.ticketMax
        let unit = Double(sign: .plus, exponent: setup.zeroBits, significand: 1)
        let hardest = max(1, min(target.expectedHashes / unit * 1.000_1, Double(ceiling)))
        let wanted = UInt64(1) << UInt64(63 - UInt64(hardest).leadingZeroBitCount)
        guard wanted != ticket else { return }
        ticket = wanted
        for id in slots.indices {
            guard let promised = slots[id]?.ticket else { continue }
            slots[id]?.ticket = min(promised, wanted)
        }
        if setup.family != .bm1384 { send(program.ticketWrite(wanted), into: &output) }
    }

    private func send(_ step: ChainStep, into output: inout Output) {
        guard case .frame(let command) = step, let bytes = command.frame(for: setup.family) else { return }
        output.orders.append(.write(bytes))
    }

    // MARK: Nonces

    mutating func nonceReplied(_ reply: NonceReply, at now: Instant, into output: inout Output) {
        if case .counting(let found, let attempt, _) = state {
            // An Icarus has no other word for its presence than the detection job's nonce.
            if setup.family.framing == .icarus, found == 0, reply.nonce == ChainProgram.detectionNonce {
                countOne(1, attempt: attempt, at: now)
            }
            return
        }
        if setup.family == .bm1387, ChainProgram.busyNonces.contains(reply.nonce) {
            statistics.busyWork += 1
            return
        }
        let (id, part) = reply.jobID(setup.family)
        guard state == .running, let slot = slots[Int(id & 0x7f)], let version = version(reply, part, slot)
        else {
            statistics.unmatched += 1
            return
        }
        judge(reply, slot: slot, version: version, at: now, into: &output)
        if setup.family == .icarus, work != nil {
            // One nonce per job: the chip stands still now.
            slots[0] = nil
            jobAt = now
        }
    }

    private func version(_ reply: NonceReply, _ part: UInt8, _ slot: JobSlot) -> UInt32? {
        if setup.family.takesWholeHeader {
            return slot.versions[0] | UInt32(reply.version) << ChipFamily.versionShift
        }
        let index = slot.versions.count == 1 ? 0 : Int(part)
        return index < slot.versions.count ? slot.versions[index] : nil
    }

    private mutating func judge(
        _ reply: NonceReply, slot: JobSlot, version: UInt32, at now: Instant, into output: inout Output
    ) {
        var header = slot.work.header
        header.version = version
        header.nonce = reply.headerNonce
        let hash = Target(littleEndian: header.hash)
        let isPromised = 256 - hash.value.bitWidth >= setup.zeroBits + slot.ticket.trailingZeroBitCount
        if isPromised {
            statistics.validNonces += 1
            statistics.provenHashes += Self.hashes(slot.ticket, zeroBits: setup.zeroBits)
            aliveAt = now
            guard hash <= slot.work.target else { return }
        } else {
            statistics.invalidNonces += 1
        }
        output.events.append(
            .nonce(
                NonceReport(
                    work: slot.work.id, nonce: header.nonce, version: version, board: 0,
                    chip: UInt16(chip(of: reply.nonce)))))
    }

    /// Which chip's share of the nonce space it is from, as the nonce's bits have it (`REFERENCE.md`).
    private func chip(of nonce: UInt32) -> Int {
        let stride = ChainProgram.stride(chips: chips)
        let address: UInt32
        switch setup.family {
        case .icarus, .antminerU: return 0
        case .bm1384, .bm1387: address = nonce >> 24
        case .bm1397, .bm1368, .bm1370: address = nonce >> 17 & 0xff
        case .bm1362, .bm1366: address = nonce >> 17 & 0xfe
        }
        return min(max(0, chips - 1), Int(address) / stride)
    }
}

extension ChipFamily {
    /// What the full-header chips can count in: BIP320's sixteen bits.
    static let rolledBits: UInt32 = 0xffff << versionShift
}

/// The driver's bounds and waits.
enum DriverLimits {
    /// ESP-Miner waits a second for each chip's answer.
    static let countWait = Interval.seconds(1)
    /// After all expected chips answered: surplus ones would follow back to back.
    static let countQuiet = Interval.milliseconds(50)
    /// A chip that wakes from reset may miss the first question.
    static let countAttempts = 3
    /// A USB line carries a few thousand frames a second; more jobs than this would only fill its queue.
    static let jobIntervalMin = Interval.milliseconds(4)
    /// Time moves in the header.
    static let jobIntervalMax = Interval.seconds(30)
    /// A chain is not called dead while its clock still ramps.
    static let deadAfterMin = Interval.seconds(10)
}
