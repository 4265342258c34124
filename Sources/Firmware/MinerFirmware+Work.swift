import Bitcoin
import Hardware
import SansIO
import Stratum

// Jobs to chips, nonces to the pool.

extension MinerFirmware {
    /// Gives the chips the next part of the session's search space. A clean job makes older work worthless.
    mutating func loadWork(
        clean: Bool, at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        if clean { issued.removeAll(keepingCapacity: true) }
        guard boards == .running, hasJob, session != nil else { return }
        guard let part = session?.nextWork(elapsed: now - jobSince) else {
            // The whole space is searched: another second opens when it has passed.
            commands.append(.idle)
            timers.set(.work, now + .seconds(1))
            return
        }
        let id = WorkID(nextWork)
        nextWork &+= 1
        let work = MiningWork(
            id: id, header: part.header, target: part.target, versionMask: part.versionMask)
        if issued.count >= Limits.issuedWorkMax { issued.removeFirst() }
        issued.append(IssuedWork(work: work, ticket: part.ticket))
        commands.append(.load(work))
        let tip = part.header.previousBlockHash.prefix64
        if tip != loadedTip {
            loadedTip = tip
            effects.observe(.tipChanged(tip))
        }
        effects.observe(.workLoaded(job: part.ticket.job, target: part.target, clean: clean))
    }

    mutating func stopWork(commands: inout [HashboardCommand]) {
        hasJob = false
        guard !issued.isEmpty else { return }
        issued.removeAll(keepingCapacity: true)
        timers.stop(.work)
        commands.append(.idle)
        if boards == .running { setFan(settings.governor.fanIdle, commands: &commands) }
    }

    mutating func nonceReported(_ report: NonceReport, at now: Instant, into effects: inout Effects) {
        guard let found = issued.last(where: { $0.work.id == report.work }) else {
            counters.discarded += 1
            effects.observe(.shareDiscarded)
            return
        }
        var header = found.work.header
        header.version = report.version
        header.nonce = report.nonce
        let hash = header.hash
        let isRollable = (report.version ^ found.work.header.version) & ~found.work.versionMask == 0
        guard isRollable, found.work.target.isMet(by: hash) else {
            counters.hardwareErrors += 1
            effects.observe(.hardwareError(board: report.board, chip: report.chip))
            return
        }
        guard recentNonces.insert(report) || !habits.filtersDuplicates else {
            counters.hardwareErrors += 1
            effects.observe(.duplicateNonce(board: report.board, chip: report.chip))
            return
        }
        lastShare = now
        let difficulty = Target(littleEndian: hash).difficulty
        if difficulty > bestDifficulty { bestDifficulty = difficulty }
        counters.found += 1
        effects.observe(.shareFound(difficulty: difficulty))
        submit(found.ticket, header, difficulty, at: now, into: &effects)
    }

    private mutating func submit(
        _ ticket: ShareTicket, _ header: BlockHeader, _ difficulty: Double, at now: Instant,
        into effects: inout Effects
    ) {
        var sequence: UInt32?
        switch link {
        case .connected(let id):
            effects.send(on: id) { writer in
                sequence = session?.submit(
                    ticket, nonce: header.nonce, version: header.version, time: header.time, into: &writer)
            }
        case .redialing, .detached:
            // The session keeps what it cannot send yet.
            var unsent = ByteWriter()
            sequence = session?.submit(
                ticket, nonce: header.nonce, version: header.version, time: header.time, into: &unsent)
            if link == .detached { detach(at: now, into: &effects) }
        case .down, .starting, .waiting, .dialing: return
        }
        guard let sequence else { return }
        counters.submitted += 1
        let slot = Int(sequence) % Limits.submittedMax
        if slot < submittedAt.count { submittedAt[slot] = now } else { submittedAt.append(now) }
        effects.observe(.shareSubmitted(sequence: sequence, difficulty: difficulty))
    }
}
