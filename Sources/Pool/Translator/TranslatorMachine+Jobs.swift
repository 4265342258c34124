import Bitcoin
import SansIO
import Stratum

/// Jobs, tips and targets on their way from the pool to the miners.
extension TranslatorMachine {
    mutating func jobArrived(
        _ message: Mining.NewExtendedMiningJob, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let job = UpstreamJob(message)
        guard message.minNTime == nil else {
            let members = membersOf(message.channelID)
            for place in members {
                issue(job, to: place, newTip: nil, isClean: false, at: now, into: &effects)
            }
            effects.observe(.jobForwarded(job.id, miners: members.count, isClean: false))
            return
        }
        let limit = configuration.limits.futureJobs
        if let place = place(ofChannel: message.channelID) {
            _ = miners[place]!.withChannel { $0.futures.appendBounded(job, limit: limit) }
        } else if let index = groupIndex(message.channelID) {
            upstream.groups[index].futures.appendBounded(job, limit: limit)
        }
    }

    mutating func tipArrived(
        _ message: Mining.SetNewPrevHash, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let groupJob = upstream.groups.first { $0.id == message.channelID }?.futures.last {
            $0.id == message.jobID
        }
        let members = membersOf(message.channelID)
        for place in members {
            let own = miners[place]!.channel?.futures.last { $0.id == message.jobID }
            let inherited = inheritedJob(message.jobID, of: place)
            guard let job = own ?? groupJob ?? inherited else { continue }
            _ = miners[place]!.withChannel { $0.futures.removeAll() }
            let tip = UpstreamTip(
                prevHash: message.prevHash, minNTime: message.minNTime, bits: message.nBits, receivedAt: now,
                epoch: (miners[place]!.channel?.tip?.epoch ?? 0) &+ 1)
            issue(job, to: place, newTip: tip, isClean: true, at: now, into: &effects)
        }
        if let index = upstream.groups.firstIndex(where: { $0.id == message.channelID }) {
            upstream.groups[index].futures.removeAll()
        }
        effects.observe(.jobForwarded(message.jobID, miners: members.count, isClean: true))
    }

    /// A future job that the channel's group got, for a tip that names the channel itself.
    private func inheritedJob(_ jobID: UInt32, of place: Int) -> UpstreamJob? {
        guard let group = miners[place]!.channel?.groupID else { return nil }
        return upstream.groups.first { $0.id == group }?.futures.last { $0.id == jobID }
    }

    /// The target of jobs that become active from here on. Channels that are gone are no fault of anybody.
    mutating func targetArrived(
        _ message: Mining.SetTarget, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        for place in membersOf(message.channelID) {
            _ = miners[place]!.withChannel { $0.target = message.maximumTarget }
            effects.observe(.targetChanged(miners[place]!.id, target: message.maximumTarget))
        }
    }

    mutating func regroup(_ message: Mining.SetGroupChannel) {
        _ = groupIndex(message.groupChannelID)
        for id in message.channelIDs {
            guard let place = place(ofChannel: id) else { continue }
            _ = miners[place]!.withChannel { $0.groupID = message.groupChannelID }
        }
    }

    /// The miners of a channel, or of a group in the order of the table.
    func membersOf(_ channelID: UInt32) -> [Int] {
        if let place = place(ofChannel: channelID) { return [place] }
        return miners.indices.filter { miners[$0]?.channel?.groupID == channelID }
    }

    func place(ofChannel id: UInt32) -> Int? { upstream.channels[id].flatMap { places[$0] } }

    /// The place of a group, made if it is new; nil when there are too many.
    func groupIndexIfKnown(_ id: UInt32) -> Int? { upstream.groups.firstIndex { $0.id == id } }

    mutating func groupIndex(_ id: UInt32) -> Int? {
        if let index = groupIndexIfKnown(id) { return index }
        guard upstream.groups.count < configuration.limits.groups else { return nil }
        upstream.groups.append(UpstreamLink.Group(id: id))
        return upstream.groups.count - 1
    }

    /// Makes a job the miner's newest and tells it, after the target it counts with.
    private mutating func issue(
        _ job: UpstreamJob, to place: Int, newTip: UpstreamTip?, isClean: Bool, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let serial = serial(ofJob: job.id)
        let limit = configuration.limits.jobsPerMiner
        let issued = miners[place]!.withChannel {
            $0.issue(job, serial: serial, newTip: newTip, limit: limit)
        }
        guard case .some(.some(let issued)) = issued, miners[place]!.isSubscribed else { return }
        announce(issued, to: place, isClean: isClean, at: now, into: &effects)
    }

    /// A miner that subscribes after it was authorized has a job waiting.
    mutating func announceCurrent(
        to place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let issued = miners[place]!.channel?.jobs.last else { return }
        announce(issued, to: place, isClean: true, at: now, into: &effects)
    }

    private mutating func announce(
        _ issued: IssuedJob, to place: Int, isClean: Bool, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let id = miners[place]!.id
        let rollable = miners[place]!.channel?.rollableSize ?? 0
        let rolled = configuration.extranonce1Size + configuration.extranonce2Size
        let isNewTarget = miners[place]!.channel?.announcedTarget != issued.target
        _ = miners[place]!.withChannel { $0.announcedTarget = issued.target }
        let notify = V1.Notify(
            jobID: issued.name, prevHash: issued.tip.prevHash,
            coinbase1: issued.job.coinbasePrefix + issued.extranoncePrefix,
            coinbase2: [UInt8](repeating: 0, count: max(0, rollable - rolled)) + issued.job.coinbaseSuffix,
            merkleBranch: issued.job.merklePath, version: issued.job.version, nBits: issued.tip.bits,
            nTime: issued.tip.nTime(at: now), cleanJobs: isClean)
        effects.send(on: id) { writer in
            if isNewTarget {
                let difficulty = V1Difficulty(issued.target).value
                V1.SetDifficulty(difficulty).notification.encode(into: &writer)
            }
            notify.notification.encode(into: &writer)
        }
    }

    /// Unique over pools: each counts its jobs from 1.
    private func serial(ofJob id: UInt32) -> UInt64 {
        UInt64(upstream.session &- 1) << 32 | UInt64(id)
    }
}

extension [UpstreamJob] {
    fileprivate mutating func appendBounded(_ job: UpstreamJob, limit: Int) {
        append(job)
        if count > limit { removeFirst() }
    }
}
