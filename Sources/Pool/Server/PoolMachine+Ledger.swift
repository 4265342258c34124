import Bitcoin
import Ledger
import SansIO
import Stratum

/// The ledger's end of the server. Shares are written as one entry for each account and acknowledgement, in one record
/// for each event, and the record is stored before the acknowledgement is sent.
extension PoolMachine: DurableMachine {
    public mutating func restore(_ record: RawSpan, from store: StoreID) {
        ledger?.restore(record, from: store)
    }

    /// The time of the event that begins.
    mutating func noteTime(_ now: Instant) {
        if ledger != nil { ledger!.unixTime = clock.unixSeconds(at: now) }
    }

    /// Stores what this event wrote so far. Comes before every send that acknowledges or reveals it, and at the end
    /// of every event.
    mutating func settleLedger(into effects: inout EffectBuffer<PoolObservation>) {
        guard ledger != nil, !ledger!.record.isEmpty else { return }
        ledger!.store(segmentBytes: configuration.limits.ledgerSegmentBytes, into: &effects)
    }

    /// Counts an accepted share of a channel.
    mutating func countForLedger(_ share: SubmittedShare, work: UInt128, channelAt index: Int, on place: Int)
    {
        guard ledger != nil else { return }
        let namesWorkers = connections[place]?.traits?.namesWorkers ?? false
        channels[index]!.ledger.add(
            work: work, sequenceNumber: share.sequenceNumber, worker: namesWorkers ? share.worker : nil,
            limit: configuration.limits.namedWorkersPerChannel)
    }

    /// A refused share waits for its entry no longer than an accepted one.
    mutating func rejectForLedger(channelAt index: Int, at now: Instant) {
        guard ledger != nil, channels[index]!.ledger.own.account != nil,
            !channels[index]!.isAcknowledgementQueued
        else { return }
        channels[index]!.isAcknowledgementQueued = true
        acknowledgements.append(index, channels[index]!.key, due: now + configuration.shareBatchAge)
    }

    /// Writes what a channel did since its last entry.
    mutating func recordChannel(_ index: Int) {
        guard ledger != nil else { return }
        let hasNamed = !(channels[index]!.ledger.named?.touched.isEmpty ?? true)
        guard channels[index]!.ledger.own.count > 0 || hasNamed || channels[index]!.ledger.own.account != nil
        else { return }
        if channels[index]!.ledger.own.account == nil {
            channels[index]!.ledger.own.account = openAccount(channelAt: index, worker: nil)
        }
        if channels[index]!.ledger.own.count > 0 {
            record(channels[index]!.ledger.own)
            channels[index]!.ledger.own.clear()
        }
        if hasNamed { recordNamed(index) }
        recordRejects(index)
    }

    private mutating func recordNamed(_ index: Int) {
        guard var named = channels[index]!.ledger.named else { return }
        channels[index]!.ledger.named = nil
        if named.touched.contains(where: { named.pending[$0].account == nil }) {
            var names = [String](repeating: "", count: named.pending.count)
            // The order is restored by the places.
            for (name, place) in named.places { names[place] = name }
            for place in named.touched where named.pending[place].account == nil {
                named.pending[place].account = openAccount(channelAt: index, worker: names[place])
            }
        }
        for place in named.touched {
            record(named.pending[place])
            named.pending[place].clear()
        }
        named.touched.removeAll(keepingCapacity: true)
        channels[index]!.ledger.named = named
    }

    private mutating func record(_ pending: ChannelLedger.Pending) {
        guard let account = pending.account else { return }
        ledger!.record.shares(
            account, count: pending.count, work: pending.work,
            lastSequenceNumber: pending.lastSequenceNumber)
    }

    private mutating func recordRejects(_ index: Int) {
        let rejected = channels[index]!.account.rejected
        guard rejected != channels[index]!.ledger.recordedRejects,
            let account = channels[index]!.ledger.own.account
        else { return }
        let before = channels[index]!.ledger.recordedRejects
        for reason in ShareRejection.allCases {
            let place = Int(reason.rawValue)
            let count = rejected[place] &- (before.isEmpty ? 0 : before[place])
            if count > 0 { ledger!.record.write(.rejects(account, code: reason.code, count: count)) }
        }
        channels[index]!.ledger.recordedRejects = rejected
    }

    private mutating func openAccount(channelAt index: Int, worker: String?) -> AccountID {
        let id = ledger!.takeAccount()
        let channel = channels[index]!
        let identity = MinerIdentity(channel.identity, network: configuration.network)
        ledger!.record.write(
            .account(
                id, user: identity?.user ?? "", worker: worker ?? identity?.worker ?? "",
                isExtended: channel.kind == .extended,
                isSolo: identity?.isSolo(under: configuration.payoutScheme) ?? false,
                poolPercent: identity?.poolPercent ?? 0))
        return id
    }

    /// The last entries of a channel that ends.
    mutating func closeAccounts(channelAt index: Int) {
        guard ledger != nil else { return }
        recordChannel(index)
        guard let own = channels[index]!.ledger.own.account else { return }
        ledger!.record.write(.closed(own))
        for pending in channels[index]!.ledger.named?.pending ?? [] {
            if let account = pending.account { ledger!.record.write(.closed(account)) }
        }
    }

    /// A share is a block: first what its channel did before, then the block.
    mutating func recordBlock(
        _ hash: Hash256, reward: UInt64, channelAt index: Int, isSubmitted: Bool,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard ledger != nil, let tip = store.tip else { return }
        if channels[index]!.ledger.own.account == nil {
            channels[index]!.ledger.own.account = openAccount(channelAt: index, worker: nil)
        }
        recordChannel(index)
        guard let account = channels[index]!.ledger.own.account else { return }
        let height = store.currentTemplate?.height ?? 0
        ledger!.record.write(
            .block(
                hash, height: height, account, reward: reward,
                networkWork: tip.target.shareWork, isSubmitted: isSubmitted))
        if isSubmitted { ledger!.watch.found(hash, height: height) }
        settleLedger(into: &effects)
    }

    /// What a block pays and costs from now on, and what the new tip says about the pool's own blocks.
    mutating func recordTerms(isNewTip: Bool) {
        guard ledger != nil, let tip = store.tip, let template = store.currentTemplate else { return }
        let height = template.height ?? 0
        if isNewTip {
            for (hash, fate) in ledger!.watch.tip(tip.prevHash, height: height) {
                ledger!.record.write(.fate(hash, fate))
            }
        }
        ledger!.record.write(
            .terms(
                height: height, reward: template.coinbaseTxValueRemaining,
                networkWork: tip.target.shareWork))
    }

    /// Records and acknowledges everything that waits: before a stop.
    mutating func settleAll(into effects: inout EffectBuffer<PoolObservation>) {
        for index in channels.indices {
            guard let channel = channels[index] else { continue }
            acknowledge(index, on: channel.connectionIndex)
            flush(channel.key.connection, into: &effects)
        }
        settleLedger(into: &effects)
    }
}
