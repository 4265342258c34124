import Bitcoin
import SansIO
import Stratum

/// Templates become jobs, and jobs go to everybody: encoded once, encrypted for each connection.
extension PoolMachine {
    mutating func templateArrived(
        _ template: TemplateDistribution.NewTemplate, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard !namesAnotherTip(template, at: now, into: &effects) else { return }
        guard let job = makeJob(of: template, into: &effects) else { return }
        if template.futureTemplate {
            if configuration.work == .owner { owned.add(job, of: template) }
            store.addFuture(job, of: template, limit: configuration.limits.futureJobs)
            let sent = broadcast(job, minNTime: nil, into: &effects)
            observeJob(job, cause: .future, connections: sent, into: &effects)
        } else {
            issue(job, of: template, cause: .update, at: now, into: &effects)
        }
    }

    mutating func tipArrived(
        _ message: TemplateDistribution.SetNewPrevHash, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        let wasReady = store.isReady
        let past = store.tip?.prevHash
        let activation = store.activate(message, at: now)
        switch activation {
        case .unknownTemplate:
            effects.observe(
                .templateProvider(.templateUnusable(message.templateID, "a tip for a template never sent")))
        case .newTip(let job), .sameTip(let job):
            store.retire(beyond: configuration.limits.pastJobs)
            templateProviderToldTip()
            broadcastTip(job: job, into: &effects)
            recordTerms(isNewTip: true)
            timers.set(.refreshJob, now + configuration.jobRefresh)
            if case .newTip = activation {
                effects.observe(.tipChanged(prevHash: message.prevHash, job: job))
            }
            if !wasReady { openHeld(at: now, into: &effects) }
            judgeHeldCustomJobs(replacing: past, at: now, into: &effects)
        }
    }

    /// Another job of the current template: new work for everybody without a new template.
    mutating func refreshJob(at now: Instant, into effects: inout EffectBuffer<PoolObservation>) {
        guard let template = store.currentTemplate, store.isReady else { return }
        guard let job = makeJob(of: template, into: &effects) else { return }
        issue(job, of: template, cause: .refresh, at: now, into: &effects)
    }

    /// A job to be mined at once on the present tip.
    private mutating func issue(
        _ job: Job, of template: TemplateDistribution.NewTemplate, cause: JobCause, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let tip = store.tip else {
            effects.observe(.templateProvider(.templateUnusable(template.templateID, "there is no tip yet")))
            return
        }
        store.addActive(job, of: template, limit: configuration.limits.pastJobs, at: now)
        if configuration.work == .owner, let job = store.current { owned.add(job, of: template) }
        let sent = broadcast(job, minNTime: tip.minNTime, into: &effects)
        if cause == .update { recordTerms(isNewTip: false) }
        timers.set(.refreshJob, now + configuration.jobRefresh)
        observeJob(job, cause: cause, connections: sent, into: &effects)
    }

    private mutating func makeJob(
        of template: TemplateDistribution.NewTemplate, into effects: inout EffectBuffer<PoolObservation>
    ) -> Job? {
        let id = store.takeID()
        do throws(Coinbase.Failure) {
            let coinbase = try Coinbase(
                template: template, rewards: terms.rewards, tag: configuration.tag,
                number: id &+ jobSalt,
                extranonceSize: terms.layout.fullSize,
                scriptSigLimit: configuration.limits.scriptSigBytes)
            var job = Job(
                id: id, template: template, session: templateProvider.session, coinbase: coinbase,
                isVersionRollingAllowed: terms.isVersionRollingAllowed)
            for (number, reward) in solo.live {
                job.solo[number] = try PoolMachine.coinbase(
                    of: template,
                    rewards: reward.outputs(of: template.coinbaseTxValueRemaining, pool: terms.rewards),
                    number: id &+ jobSalt, terms: terms, configuration: configuration)
            }
            return job
        } catch {
            effects.observe(.templateProvider(.templateUnusable(template.templateID, "\(error)")))
            return nil
        }
    }

    private func observeJob(
        _ job: Job, cause: JobCause, connections: Int, into effects: inout EffectBuffer<PoolObservation>
    ) {
        effects.observe(
            .jobIssued(job.id, templateID: job.templateID, cause: cause, connections: connections))
    }

    /// Sends a job to every connection that has channels; returns to how many.
    private mutating func broadcast(
        _ job: Job, minNTime: UInt32?, into effects: inout EffectBuffer<PoolObservation>
    ) -> Int {
        var sent = 0
        let groupFrame = minNTime.map { job.activeFrame(minNTime: $0) } ?? job.futureFrame
        for place in connections.indices where wantsJobs(place) {
            let id = connections[place]!.id
            sent += 1
            guard connections[place]!.traits!.requiresStandardJobs else {
                if connections[place]!.soloMembers > 0 {
                    sendSolo(job, minNTime: minNTime, on: place, into: &effects)
                    continue
                }
                effects.send(on: id) { connections[place]!.link.send(encodedFrame: groupFrame, into: &$0) }
                continue
            }
            effects.send(on: id) { writer in
                for member in connections[place]!.members {
                    let message = Mining.NewMiningJob(
                        channelID: member.id, jobID: job.id, minNTime: minNTime, version: job.version,
                        merkleRoot: channels[member.index]!.merkleRoot(of: job))
                    connections[place]!.link.send(message, into: &writer)
                }
            }
        }
        return sent
    }

    private mutating func broadcastTip(job: UInt32, into effects: inout EffectBuffer<PoolObservation>) {
        guard let tip = store.tip else { return }
        var message = Mining.SetNewPrevHash(
            channelID: Job.groupChannelID, jobID: job, prevHash: tip.prevHash, minNTime: tip.minNTime,
            nBits: tip.bits)
        let groupFrame = V2Framing.frame(message)
        for place in connections.indices where wantsJobs(place) {
            let id = connections[place]!.id
            guard connections[place]!.traits!.requiresStandardJobs else {
                effects.send(on: id) { connections[place]!.link.send(encodedFrame: groupFrame, into: &$0) }
                continue
            }
            effects.send(on: id) { writer in
                for member in connections[place]!.members {
                    message.channelID = member.id
                    connections[place]!.link.send(message, into: &writer)
                }
            }
        }
    }

    /// Job declaration clients bring their own work; connections without channels have nobody to work.
    private func wantsJobs(_ place: Int) -> Bool {
        guard connections[place] != nil, let traits = connections[place]!.traits else { return false }
        return !traits.requiresWorkSelection && !connections[place]!.members.isEmpty
    }
}
