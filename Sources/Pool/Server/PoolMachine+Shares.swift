import Bitcoin
import SansIO
import Stratum
import Vardiff

/// Mining messages, and what a share goes through.
extension PoolMachine {
    mutating func handleMining(
        _ frame: V2Frame, on place: Int, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) throws(V2DecodeError) {
        guard let message = try Mining.Message(frame: frame) else {
            if case .channelEndpointChanged(let change) = try Common.Message(frame: frame) {
                return endpointChanged(change.channelID, on: place, into: &effects)
            }
            countOddity(on: place, into: &effects)
            return
        }
        switch message {
        case .submitSharesStandard(let share):
            submit(SubmittedShare(share), on: place, at: now, into: &effects)
        case .submitSharesExtended(let share):
            if !share.tlvs.isEmpty, hasOverlongName(share, on: place) {
                connections[place]!.link.send(
                    Mining.SubmitSharesError(
                        channelID: share.channelID, sequenceNumber: share.sequenceNumber,
                        errorCode: "invalid-share"), into: &out)
                countOddity(on: place, into: &effects)
                return
            }
            submit(SubmittedShare(share), on: place, at: now, into: &effects)
        case .openStandardMiningChannel(let request):
            open(PoolConnection.OpenRequest(request), on: place, at: now, into: &effects)
        case .openExtendedMiningChannel(let request):
            open(PoolConnection.OpenRequest(request), on: place, at: now, into: &effects)
        case .updateChannel(let request): update(request, on: place, at: now, into: &effects)
        case .closeChannel(let request): closeChannels(request, on: place, at: now, into: &effects)
        case .setCustomMiningJob(let request):
            setCustomJob(request, on: place, at: now, into: &effects)
        default:
            // The rest goes from servers to clients.
            countOddity(on: place, into: &effects)
        }
    }

    /// A negotiated TLV over its extension's bound: the whole message is refused (SV2 section 3.4.3).
    private func hasOverlongName(_ share: Mining.SubmitSharesExtended, on place: Int) -> Bool {
        guard connections[place]?.traits?.namesWorkers == true else { return false }
        return share.tlvs.contains {
            $0.extensionType == V2Extension.workerHashrateTracking
                && $0.value.count > V2Limits.tlvUserIdentityMax
        }
    }

    private mutating func submit(
        _ share: SubmittedShare, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let index = connections[place]!.index(of: share.channelID), channels[index]!.kind == share.kind
        else {
            let key = ChannelKey(connection: connections[place]!.id, channel: share.channelID)
            reject(share, key: key, .unknownChannel, on: place, into: &effects)
            countOddity(on: place, into: &effects)
            return
        }
        let judged = judge(share, channelAt: index, at: now)
        var solution: TemplateDistribution.SubmitSolution?
        if let hash = judged.blockHash {
            solution = submitBlock(share, hash: hash, channelAt: index, at: now, into: &effects)
        }
        if configuration.work == .owner { relay(share, judged, solution, channelAt: index) }
        switch judged.verdict {
        case .accepted(let hash, let difficulty, let work, let exactWork):
            countForLedger(share, work: exactWork, channelAt: index, on: place)
            effects.observe(.shareAccepted(channels[index]!.key, difficulty: difficulty, hash: hash))
            credit(share, difficulty: difficulty, work: work, channelAt: index, at: now, on: place)
        case .rejected(let reason):
            channels[index]!.account.reject(reason)
            rejectForLedger(channelAt: index, at: now)
            reject(share, key: channels[index]!.key, reason, on: place, into: &effects)
        }
    }

    private mutating func judge(
        _ share: SubmittedShare, channelAt index: Int, at now: Instant
    ) -> JudgedShare {
        guard let tip = store.tip else { return .rejected(.unknownJob) }
        if channels[index]!.customJobs.isUsed {
            let rules = shareRules(tip, at: now)
            return judgeCustom(share, channelAt: index, tip: tip, rules: rules)
        }
        switch store.find(share.jobID) {
        case .unknown: return .rejected(.unknownJob)
        case .stale: return .rejected(.stale)
        case .found(let place):
            let rules = shareRules(tip, at: now)
            return channels[index]!.judge(share, on: store.jobs[place], tip: tip, rules: rules)
        }
    }

    private func shareRules(_ tip: Tip, at now: Instant) -> ShareRules {
        let wall = max(
            clock.unixSeconds(at: now),
            tip.minNTime &+ UInt32(clamping: Int((now - tip.receivedAt).seconds)))
        let (latest, overflow) = wall.addingReportingOverflow(configuration.limits.nTimeAhead)
        return ShareRules(
            nTimeMax: overflow ? .max : latest, seenSharesLimit: configuration.limits.seenSharesPerChannel)
    }

    private mutating func credit(
        _ share: SubmittedShare, difficulty: Double, work: Double, channelAt index: Int, at now: Instant,
        on place: Int
    ) {
        totals.sharesAccepted += 1
        channels[index]!.account.accept(difficulty: difficulty, work: work, at: now)
        noteTargetInForce(index)
        let pays = channels[index]!.vardiff.sharesAccepted(
            work: work, goal: configuration.vardiffGoal, at: now)
        if pays, configuration.isVardiffEnabled { timers.set(.vardiff(index), now) }
        channels[index]!.batch.add(sequenceNumber: share.sequenceNumber, difficulty: difficulty)
        if channels[index]!.batch.count >= configuration.shareBatchSize || drain != nil {
            acknowledge(index, on: place)
        } else if !channels[index]!.isAcknowledgementQueued {
            channels[index]!.isAcknowledgementQueued = true
            acknowledgements.append(index, channels[index]!.key, due: now + configuration.shareBatchAge)
        }
    }

    /// The ledger's entry comes first; ``flush(_:into:)`` stores it before it sends.
    mutating func acknowledge(_ index: Int, on place: Int) {
        recordChannel(index)
        guard let message = channels[index]!.batch.take(channelID: channels[index]!.key.channel) else {
            return
        }
        connections[place]!.link.send(message, into: &out)
    }

    /// Batches that waited long enough.
    mutating func acknowledgeDue(at now: Instant, into effects: inout EffectBuffer<PoolObservation>) {
        while let (index, key) = acknowledgements.popDue(at: now) {
            guard channels[index]?.key == key, let place = channels[index]?.connectionIndex else { continue }
            channels[index]!.isAcknowledgementQueued = false
            acknowledge(index, on: place)
            flush(key.connection, into: &effects)
        }
    }

    private mutating func reject(
        _ share: SubmittedShare, key: ChannelKey, _ reason: ShareRejection, on place: Int,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        totals.sharesRejected += 1
        connections[place]!.link.send(
            Mining.SubmitSharesError(
                channelID: share.channelID, sequenceNumber: share.sequenceNumber, errorCode: reason.code),
            into: &out)
        effects.observe(.shareRejected(key, reason))
    }

    private mutating func submitBlock(
        _ share: SubmittedShare, hash: Hash256, channelAt index: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) -> TemplateDistribution.SubmitSolution? {
        if handOverCustomBlock(share, hash: hash, channelAt: index, into: &effects) { return nil }
        guard case .found(let place) = store.find(share.jobID) else { return nil }
        totals.blocksFound += 1
        channels[index]!.account.countBlock()
        let isSubmitted = store.solutionsSent < configuration.limits.solutionsPerTip
        recordBlock(
            hash, reward: store.jobs[place].template?.coinbaseTxValueRemaining ?? 0, channelAt: index,
            isSubmitted: isSubmitted, into: &effects)
        var solution: TemplateDistribution.SubmitSolution?
        if isSubmitted {
            store.countSolution()
            let found = TemplateDistribution.SubmitSolution(
                templateID: store.jobs[place].templateID, version: share.version,
                headerTimestamp: share.nTime, headerNonce: share.nonce,
                coinbaseTx: store.jobs[place].coinbase(for: channels[index]!.reward).transaction(
                    channels[index]!.extranoncePrefix(of: store.jobs[place]), share.extranonce))
            if configuration.work == .templateProvider {
                submit(found, session: store.jobs[place].session, into: &effects)
            }
            solution = found
        }
        effects.observe(
            .blockFound(
                channels[index]!.key, hash: hash, height: store.currentTemplate?.height,
                isSubmitted: isSubmitted))
        return solution
    }

    /// Hands a credited share or a block to the machine's owner.
    private mutating func relay(
        _ share: SubmittedShare, _ judged: JudgedShare, _ solution: TemplateDistribution.SubmitSolution?,
        channelAt index: Int
    ) {
        var credited: Hash256?
        if case .accepted(let hash, _, _, _) = judged.verdict { credited = hash }
        guard let hash = credited ?? judged.blockHash, case .found(let place) = store.find(share.jobID)
        else { return }
        owned.shares.append(
            RelayedShare(
                channel: channels[index]!.key, jobID: share.jobID,
                extranonce: channels[index]!.extranoncePrefix(of: store.jobs[place]) + share.extranonce,
                nonce: share.nonce, nTime: share.nTime, version: share.version, hash: hash,
                isCredited: credited != nil, solution: solution))
    }
}

extension SubmittedShare {
    init(_ share: Mining.SubmitSharesStandard) {
        self.init(
            channelID: share.channelID, sequenceNumber: share.sequenceNumber, jobID: share.jobID,
            nonce: share.nonce, nTime: share.nTime, version: share.version, extranonce: [], kind: .standard)
    }

    init(_ share: Mining.SubmitSharesExtended) {
        self.init(
            channelID: share.channelID, sequenceNumber: share.sequenceNumber, jobID: share.jobID,
            nonce: share.nonce, nTime: share.nTime, version: share.version, extranonce: share.extranonce,
            kind: .extended,
            worker: share.tlvs.isEmpty ? nil : share.tlvs.lazy.compactMap(\.userIdentity).first)
    }
}

extension PoolConnection.OpenRequest {
    init(_ message: Mining.OpenStandardMiningChannel) {
        self.init(
            requestID: message.requestID, identity: message.userIdentity,
            nominalHashRate: Double(message.nominalHashRate), maximumTarget: message.maxTarget,
            minExtranonceSize: nil)
    }

    init(_ message: Mining.OpenExtendedMiningChannel) {
        self.init(
            requestID: message.requestID, identity: message.userIdentity,
            nominalHashRate: Double(message.nominalHashRate), maximumTarget: message.maxTarget,
            minExtranonceSize: message.minExtranonceSize)
    }
}

extension TemplateDistribution.NewTemplate {
    /// The height in the coinbase's first push (BIP34); nil when it has another form.
    var height: UInt32? { CoinbaseHeight.read(coinbasePrefix) }
}
