import Bitcoin
import SansIO
import Stratum

/// Jobs, tips and targets on their way from the pool to the miners.
extension TranslatorMachine {
    mutating func jobArrived(
        _ message: Mining.NewExtendedMiningJob, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard paysRight(message, at: now, into: &effects) else { return }
        let job = UpstreamJob(message)
        guard message.minNTime == nil else {
            var count = 0
            for slot in upstream.slots(of: message.channelID) {
                count += activate(job, in: slot, newTip: nil, at: now, into: &effects)
            }
            effects.observe(.jobForwarded(job.id, miners: count, isClean: false))
            return
        }
        let limits = configuration.limits
        if let slot = upstream.slots[message.channelID] {
            upstream.channels[slot]!.appendFuture(job, limit: limits.futureJobs)
        } else if let index = upstream.group(message.channelID, limit: limits.groups) {
            upstream.groups[index].futures.append(job)
            if upstream.groups[index].futures.count > limits.futureJobs {
                upstream.groups[index].futures.removeFirst()
            }
        }
    }

    mutating func tipArrived(
        _ message: Mining.SetNewPrevHash, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let tip = UpstreamTip(
            prevHash: message.prevHash, minNTime: message.minNTime, bits: message.nBits, receivedAt: now)
        var count = 0
        for slot in upstream.slots(of: message.channelID) {
            // A future job that the channel's group got counts for a tip that names the channel, too.
            let own = upstream.channels[slot]!.futures.last { $0.id == message.jobID }
            guard let job = own ?? groupJob(message.jobID, of: slot) else { continue }
            upstream.channels[slot]!.futures.removeAll()
            count += activate(job, in: slot, newTip: tip, at: now, into: &effects)
        }
        if let index = upstream.groups.firstIndex(where: { $0.id == message.channelID }) {
            upstream.groups[index].futures.removeAll()
        }
        effects.observe(.jobForwarded(message.jobID, miners: count, isClean: true))
    }

    private func groupJob(_ jobID: UInt32, of slot: Int) -> UpstreamJob? {
        guard let group = upstream.channels[slot]?.groupID else { return nil }
        return upstream.groups.first { $0.id == group }?.futures.last { $0.id == jobID }
    }

    /// The target of jobs that become active from here on. Channels that are gone are no fault of anybody.
    mutating func targetArrived(
        _ message: Mining.SetTarget, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        for slot in upstream.slots(of: message.channelID) {
            upstream.channels[slot]!.target = message.maximumTarget
            effects.observe(
                .targetChanged(channel: upstream.channels[slot]!.id, target: message.maximumTarget))
        }
    }

    /// A new prefix holds for jobs that come after it (SV2 section 5.3.10); a group cannot be addressed. It stands
    /// in `coinb1`, so no miner needs to hear of it. The full extranonce's length is fixed in the coinbase.
    mutating func prefixChanged(_ message: Mining.SetExtranoncePrefix) {
        guard let slot = upstream.slots[message.channelID],
            upstream.channels[slot]!.extranoncePrefix.count == message.extranoncePrefix.count
        else { return }
        upstream.channels[slot]!.extranoncePrefix = message.extranoncePrefix
    }

    mutating func regroup(_ message: Mining.SetGroupChannel) {
        _ = upstream.group(message.groupChannelID, limit: configuration.limits.groups)
        for id in message.channelIDs {
            guard let slot = upstream.slots[id] else { continue }
            upstream.channels[slot]!.groupID = message.groupChannelID
        }
    }

    /// Makes a job a channel's newest and gives it to the channel's miners; answers how many.
    private mutating func activate(
        _ job: UpstreamJob, in slot: Int, newTip: UpstreamTip?, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) -> Int {
        let serial = UInt64(upstream.session &- 1) << 32 | UInt64(job.id)
        let active = upstream.channels[slot]!.activate(
            job, serial: serial, newTip: newTip, limit: configuration.limits.jobsPerChannel)
        guard let active else { return 0 }
        upstream.attempts = 0
        return broadcast(active, in: slot, isClean: newTip != nil, at: now, into: &effects)
    }

    /// Miners that had nothing new for long get their job again.
    mutating func keepAlive(
        _ slot: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard upstream.channels.indices.contains(slot), let job = upstream.channels[slot]?.jobs.last else {
            return
        }
        let count = broadcast(job, in: slot, isClean: false, at: now, into: &effects)
        if count > 0 { effects.observe(.jobRepeated(job.job.id, miners: count)) }
    }

    /// The miners of a channel, in the order of the table.
    func places(in slot: Int) -> [Int] {
        guard let owner = upstream.channels[slot]?.owner else {
            return miners.indices.filter { miners[$0]?.slot == slot }
        }
        return places[owner].map { [$0] } ?? []
    }

    private mutating func broadcast(
        _ job: ActiveJob, in slot: Int, isClean: Bool, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) -> Int {
        // Most miners get a job under the same name: its line is written once.
        var line = NotifyLine(
            job: job, isClean: isClean, nTime: job.tip.nTime(at: now), zeros: zeros(in: slot))
        var count = 0
        for place in places(in: slot) {
            if isClean { miners[place]!.session.forgetJobs() }
            guard miners[place]!.isSubscribed else { continue }
            give(job, by: &line, to: place, at: now, into: &effects)
            count += 1
        }
        if let interval = configuration.keepAliveInterval {
            timers.set(.keepAlive(slot: slot), now + interval)
        }
        return count
    }

    /// A miner that begins in the middle gets what the others work on.
    mutating func giveCurrent(
        to place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let slot = miners[place]!.slot, miners[place]!.isSubscribed,
            let job = upstream.channels[slot]?.jobs.last
        else { return }
        give(job, to: place, isClean: true, at: now, into: &effects)
    }

    mutating func give(
        _ job: ActiveJob, to place: Int, isClean: Bool, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let slot = miners[place]!.slot else { return }
        var line = NotifyLine(
            job: job, isClean: isClean, nTime: job.tip.nTime(at: now), zeros: zeros(in: slot))
        give(job, by: &line, to: place, at: now, into: &effects)
    }

    /// Tells a miner a job, after the difficulty that it counts with.
    private mutating func give(
        _ job: ActiveJob, by line: inout NotifyLine, to place: Int, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let target = minerTarget(of: place, upstreamTarget: job.target)
        let issued = miners[place]!.session.issue(
            job.serial, target: target, limit: configuration.limits.jobsPerMiner)
        noteForControl(target, of: place, at: now)
        let difficulty = V1Difficulty(target).value
        let isNewDifficulty = miners[place]!.session.announcedDifficulty != difficulty
        miners[place]!.session.announcedDifficulty = difficulty
        let bytes = line.bytes(issued)
        effects.send(on: miners[place]!.id) { writer in
            if isNewDifficulty { V1.SetDifficulty(difficulty).notification.encode(into: &writer) }
            writer.write(bytes)
        }
    }

    /// Bytes between a miner's extranonce2 and the end of the full extranonce.
    private func zeros(in slot: Int) -> Int {
        let rollable = upstream.channels[slot]?.rollableSize ?? 0
        return max(0, rollable - configuration.extranonce1Size - configuration.extranonce2Size)
    }
}

/// The `mining.notify` of a job, encoded once for each name that it goes by.
private struct NotifyLine {
    let job: ActiveJob
    let isClean: Bool
    let nTime: UInt32
    let zeros: Int
    private var encoded: (repetition: UInt32, bytes: [UInt8])?

    init(job: ActiveJob, isClean: Bool, nTime: UInt32, zeros: Int) {
        self.job = job
        self.isClean = isClean
        self.nTime = nTime
        self.zeros = zeros
    }

    mutating func bytes(_ issued: IssuedJob) -> [UInt8] {
        if let encoded, encoded.repetition == issued.repetition { return encoded.bytes }
        let notify = V1.Notify(
            jobID: issued.name, prevHash: job.tip.prevHash,
            coinbase1: job.job.coinbasePrefix + job.extranoncePrefix,
            coinbase2: [UInt8](repeating: 0, count: zeros) + job.job.coinbaseSuffix,
            merkleBranch: job.job.merklePath, version: job.job.version, nBits: job.tip.bits,
            nTime: nTime, cleanJobs: isClean)
        var writer = ByteWriter(capacity: 1024)
        notify.notification.encode(into: &writer)
        encoded = (issued.repetition, writer.bytes)
        return writer.bytes
    }
}
