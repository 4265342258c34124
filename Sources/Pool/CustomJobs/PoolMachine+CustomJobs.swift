import Bitcoin
import SansIO
import Stratum

/// Jobs that miners made (SV2 section 5.3.18), and shares on them.
extension PoolMachine {
    mutating func setCustomJob(
        _ message: Mining.SetCustomMiningJob, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        typealias Code = V2ErrorCode.CustomJob
        guard let connection = connections[place], let traits = connection.traits else { return }
        guard let policy = configuration.customJobs, traits.requiresWorkSelection else {
            refuse(message, code: Code.jobDeclarationNotSupported, on: place, into: &effects)
            return
        }
        let members = customMembers(message.channelID, of: connection)
        guard let first = members.first else {
            refuse(message, code: Code.invalidChannelID, on: place, into: &effects)
            return
        }
        guard let tip = store.tip, tip.prevHash == message.prevHash else {
            hold(message, on: place, at: now, into: &effects)
            return
        }
        let unixTime = clock.unixSeconds(at: now)
        let rules = CustomJobRules(
            policy: policy, limits: configuration.limits, extranonceSize: terms.layout.fullSize,
            unixTime: unixTime, tip: tip,
            height: store.currentTemplate?.height,
            templateValue: store.currentTemplate?.coinbaseTxValueRemaining ?? 0)
        // A group's members need not be one user: the token must be everybody's.
        var verdict = CustomJobRules.Verdict.refused(Code.invalidMiningJobToken)
        for member in members {
            verdict = rules.judge(message, identity: channels[member.index]!.identity) {
                customJobs.spent.contains($0)
            }
            guard case .accepted = verdict else { break }
        }
        switch verdict {
        case .refused(let code): refuse(message, code: code, on: place, into: &effects)
        case .accepted(let token):
            guard !customJobs.revoked.contains(token),
                customJobs.spent.insert(
                    token.serial, expires: token.expires, unixTime: unixTime,
                    limit: configuration.limits.spentTokens)
            else {
                refuse(message, code: Code.invalidMiningJobToken, on: place, into: &effects)
                return
            }
            let id = addCustomJob(message, token: token, members: members, tip: tip, at: now)
            connections[place]!.link.send(
                Mining.SetCustomMiningJobSuccess(
                    channelID: message.channelID, requestID: message.requestID, jobID: id), into: &out)
            effects.observe(
                .customJobAccepted(
                    channels[first.index]!.key, job: id, isDeclared: token.grant != .coinbaseOnly))
        }
    }

    /// The channels that a custom job is for: one extended channel, or the group's extended members (SV2 section
    /// 5.3.18).
    private func customMembers(
        _ channelID: UInt32, of connection: PoolConnection
    ) -> [PoolConnection.Member] {
        connection.members.filter {
            (channelID == Job.groupChannelID || $0.id == channelID) && channels[$0.index]!.kind == .extended
        }
    }

    private mutating func addCustomJob(
        _ message: Mining.SetCustomMiningJob, token: MiningJobToken, members: [PoolConnection.Member],
        tip: Tip, at now: Instant
    ) -> UInt32 {
        let id = store.takeID()
        var job = Job(
            id: id, custom: message, activation: store.countActivation(),
            extranonceSize: terms.layout.fullSize,
            isVersionRollingAllowed: configuration.isVersionRollingAllowed)
        job.activatedAt = now
        let custom = CustomJob(
            job: job, minNTime: message.minNTime, epoch: tip.epoch, serial: token.serial,
            isDeclared: token.grant != .coinbaseOnly)
        for member in members {
            channels[member.index]!.customJobs.add(custom, limit: configuration.limits.pastJobs)
        }
        return id
    }

    private mutating func refuse(
        _ message: Mining.SetCustomMiningJob, code: String, on place: Int,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let id = connections[place]?.id else { return }
        connections[place]!.link.send(
            Mining.SetCustomMiningJobError(
                channelID: message.channelID, requestID: message.requestID, errorCode: code), into: &out)
        effects.observe(
            .customJobRefused(ChannelKey(connection: id, channel: message.channelID), code: code))
        // A tip that is over is nobody's fault.
        if code != V2ErrorCode.CustomJob.staleChainTip { countOddity(on: place, into: &effects) }
    }

    /// An operator takes back what an account was given and did not use: no job is set with it any more. Jobs that were
    /// set before stay.
    mutating func revokeTokens(of identity: String, at now: Instant) {
        guard let policy = configuration.customJobs else { return }
        let unixTime = clock.unixSeconds(at: now)
        let life = UInt32(clamping: MiningJobToken.lifetime.nanoseconds / 1_000_000_000)
        let (expiresBy, overflow) = unixTime.addingReportingOverflow(life)
        customJobs.revoked.insert(
            policy.secret.digest(.identity, Array(identity.utf8)), expiresBy: overflow ? .max : expiresBy,
            unixTime: unixTime, limit: configuration.limits.revokedAccounts)
    }

    // MARK: Tips that the pool does not know yet

    /// A tip that is over is refused at once; one that may be to come is waited for.
    private mutating func hold(
        _ message: Mining.SetCustomMiningJob, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        let limits = configuration.limits
        guard let id = connections[place]?.id, !customJobs.pastTips.contains(message.prevHash),
            customJobs.held.count < limits.heldCustomJobs,
            customJobs.held.count(where: { $0.connection == id }) < limits.heldCustomJobsPerConnection,
            limits.customJobHold > .zero
        else {
            refuse(message, code: V2ErrorCode.CustomJob.staleChainTip, on: place, into: &effects)
            return
        }
        let deadline = now + limits.customJobHold
        customJobs.held.append(.init(connection: id, message: message, deadline: deadline))
        if customJobs.held.count == 1 { timers.set(.heldCustomJobs, deadline) }
    }

    /// After a new tip: its own custom jobs are judged now; the rest go on waiting.
    mutating func judgeHeldCustomJobs(
        replacing past: Hash256?, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        if let past, past != store.tip?.prevHash {
            customJobs.pastTips.append(past)
            if customJobs.pastTips.count > configuration.limits.pastTips { customJobs.pastTips.removeFirst() }
        }
        customJobs.pastTips.removeAll { $0 == store.tip?.prevHash }
        guard !customJobs.held.isEmpty else { return }
        let known = store.tip?.prevHash
        let ready = customJobs.held.filter { $0.message.prevHash == known }
        customJobs.held.removeAll { $0.message.prevHash == known }
        scheduleHeldCustomJobs()
        for held in ready {
            guard let place = places[held.connection] else { continue }
            setCustomJob(held.message, on: place, at: now, into: &effects)
            flush(held.connection, into: &effects)
        }
    }

    mutating func heldCustomJobsOverdue(at now: Instant, into effects: inout EffectBuffer<PoolObservation>) {
        while let first = customJobs.held.first, first.deadline <= now {
            customJobs.held.removeFirst()
            guard let place = places[first.connection] else { continue }
            refuse(first.message, code: V2ErrorCode.CustomJob.staleChainTip, on: place, into: &effects)
            flush(first.connection, into: &effects)
        }
        scheduleHeldCustomJobs()
    }

    private mutating func scheduleHeldCustomJobs() {
        if let first = customJobs.held.first {
            timers.set(.heldCustomJobs, first.deadline)
        } else {
            timers.stop(.heldCustomJobs)
        }
    }

    mutating func dropHeldCustomJobs(of id: ConnectionID) {
        guard customJobs.held.contains(where: { $0.connection == id }) else { return }
        customJobs.held.removeAll { $0.connection == id }
        scheduleHeldCustomJobs()
    }

    // MARK: Shares

    /// The verdict on a share that names one of the channel's custom jobs; nil when it has none.
    mutating func judgeCustom(
        _ share: SubmittedShare, channelAt index: Int, tip: Tip, rules: ShareRules
    ) -> JudgedShare {
        switch channels[index]!.customJobs.find(share.jobID, epoch: tip.epoch) {
        case .unknown: return .rejected(.unknownJob)
        case .stale: return .rejected(.stale)
        case .found(let custom):
            var tip = tip
            tip.minNTime = custom.minNTime
            return channels[index]!.judge(share, on: custom.job, tip: tip, rules: rules)
        }
    }

    /// A block on a custom job goes to the server that holds its transactions; without one the miner's own node has
    /// it. False when the share names no custom job.
    mutating func handOverCustomBlock(
        _ share: SubmittedShare, hash: Hash256, channelAt index: Int,
        into effects: inout EffectBuffer<PoolObservation>
    ) -> Bool {
        guard let tip = store.tip,
            case .found(let custom) = channels[index]!.customJobs.find(share.jobID, epoch: tip.epoch)
        else { return false }
        totals.blocksFound += 1
        channels[index]!.account.countBlock()
        let isHandedOver = custom.isDeclared && store.solutionsSent < configuration.limits.solutionsPerTip
        let outputs = RewardOutputs(counted: custom.job.coinbase.outputs)?.outputs ?? []
        recordBlock(
            hash, reward: outputs.reduce(0) { $0 + UInt64($1.value) }, channelAt: index,
            isSubmitted: isHandedOver || !custom.isDeclared, into: &effects)
        if isHandedOver {
            store.countSolution()
            effects.observe(
                .customBlockFound(
                    CustomSolution(
                        serial: custom.serial,
                        extranonce: channels[index]!.extranoncePrefix(of: custom.job) + share.extranonce,
                        prevHash: tip.prevHash, nonce: share.nonce, nTime: share.nTime, nBits: tip.bits,
                        version: share.version)))
        }
        effects.observe(
            .blockFound(
                channels[index]!.key, hash: hash, height: store.currentTemplate?.height,
                isSubmitted: isHandedOver))
        return true
    }
}
