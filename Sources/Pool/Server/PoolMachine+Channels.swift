import Bitcoin
import Ledger
import SansIO
import Stratum
import Vardiff

/// Channels: open, update, retarget, close.
extension PoolMachine {
    /// Answers a request, or holds it until there is work.
    mutating func open(
        _ request: PoolConnection.OpenRequest, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let traits = connections[place]?.traits else { return }
        if let code = refusal(of: request, on: place, traits: traits) {
            refuse(request, code: code, on: place, into: &effects)
            return
        }
        guard store.isReady || traits.requiresWorkSelection else {
            connections[place]!.heldOpens.append(request)
            return
        }
        guard let reward = retainReward(of: request.identity) else {
            refuse(request, code: "channel-capacity-exhausted", on: place, into: &effects)
            return
        }
        guard let prefix = prefixes.allocate(in: prefixPeriod) else {
            solo.release(reward)
            refuse(request, code: "channel-capacity-exhausted", on: place, into: &effects)
            return
        }
        let index = register(request, prefix: prefix, on: place, at: now)
        channels[index]!.reward = reward
        if reward != 0 { connections[place]!.soloMembers += 1 }
        announce(index, requestID: request.requestID, traits: traits, on: place)
        timers.stop(.connection(connections[place]!.id))
        let channel = channels[index]!
        effects.observe(
            .channelOpened(
                channel.key, identity: channel.identity, kind: channel.kind,
                nominalHashRate: request.nominalHashRate, target: channel.targets.latest.target))
    }

    /// Answers the requests that waited for the first template.
    mutating func openHeld(at now: Instant, into effects: inout EffectBuffer<PoolObservation>) {
        for place in connections.indices {
            guard let held = connections[place]?.heldOpens, !held.isEmpty else { continue }
            connections[place]!.heldOpens = []
            for request in held { open(request, on: place, at: now, into: &effects) }
            if let id = connections[place]?.id { flush(id, into: &effects) }
        }
    }

    /// The error code for a request that cannot be granted.
    private func refusal(
        of request: PoolConnection.OpenRequest, on place: Int, traits: PoolConnection.Traits
    ) -> String? {
        let limits = configuration.limits
        let connection = connections[place]!
        if traits.requiresStandardJobs, request.kind == .extended {
            return "extended-channels-not-supported-for-standard-jobs"
        }
        if traits.requiresWorkSelection, request.kind == .standard {
            return "standard-channels-not-supported-for-custom-work"
        }
        if request.identity.utf8.count > limits.identityBytes
            || configuration.work == .templateProvider
                && MinerIdentity(request.identity, network: configuration.network) == nil
        {
            return "invalid-user-identity"
        }
        guard request.nominalHashRate >= 0, request.nominalHashRate.isFinite else {
            return "invalid-nominal-hashrate"
        }
        if request.maximumTarget.value.isZero { return "max-target-out-of-range" }
        if let size = request.minExtranonceSize, Int(size) > terms.layout.rollableSize {
            return "min-extranonce-size-too-large"
        }
        if channelCount >= limits.channels
            || connection.members.count + connection.heldOpens.count >= limits.channelsPerConnection
            || connection.heldOpens.count >= limits.heldOpensPerConnection
        {
            return "channel-capacity-exhausted"
        }
        return nil
    }

    private mutating func refuse(
        _ request: PoolConnection.OpenRequest, code: String, on place: Int,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        connections[place]!.link.send(
            Mining.OpenMiningChannelError(requestID: request.requestID, errorCode: code), into: &out)
        effects.observe(.channelRefused(connections[place]!.id, code: code))
        countOddity(on: place, into: &effects)
    }

    /// Enters the channel in the tables; returns its place.
    private mutating func register(
        _ request: PoolConnection.OpenRequest, prefix: [UInt8], on place: Int, at now: Instant
    ) -> Int {
        let rate = max(request.nominalHashRate, configuration.minimumHashRate)
        let target = grantedTarget(hashRate: rate, maximum: request.maximumTarget)
        let key = ChannelKey(
            connection: connections[place]!.id, channel: connections[place]!.nextChannelID)
        let targets = TargetHistory(target, since: 0)
        let padding = [UInt8](repeating: 0, count: terms.layout.rollableSize)
        var channel = MiningChannel(
            key: key, connectionIndex: place, kind: request.kind, identity: request.identity,
            extranoncePrefix: request.kind == .standard ? prefix + padding : prefix,
            rollableSize: terms.layout.rollableSize, maximumTarget: request.maximumTarget,
            targets: targets,
            vardiff: ChannelVardiff(
                configuration.vardiff, hashRate: rate, work: targets.latest.expectedHashes, at: now),
            at: now)
        channel.customJobs.isUsed = connections[place]!.traits?.requiresWorkSelection ?? false
        let index: Int
        if let free = freeChannels.popLast() {
            index = free
            channels[free] = channel
        } else {
            index = channels.count
            channels.append(channel)
        }
        channelCount += 1
        totals.channelsOpened += 1
        connections[place]!.nextChannelID += 1
        connections[place]!.members.append(PoolConnection.Member(id: key.channel, index: index))
        scheduleVardiff(index)
        return index
    }

    /// Success, then the current job as a future job, then SetNewPrevHash, then jobs that wait for their tip.
    private mutating func announce(
        _ index: Int, requestID: UInt32, traits: PoolConnection.Traits, on place: Int
    ) {
        let channel = channels[index]!
        let target = channel.targets.latest.target
        switch channel.kind {
        case .standard:
            connections[place]!.link.send(
                Mining.OpenStandardMiningChannelSuccess(
                    requestID: requestID, channelID: channel.key.channel, target: target,
                    extranoncePrefix: channel.extranoncePrefix, groupChannelID: Job.groupChannelID),
                into: &out)
        case .extended:
            connections[place]!.link.send(
                Mining.OpenExtendedMiningChannelSuccess(
                    requestID: requestID, channelID: channel.key.channel, target: target,
                    extranonceSize: UInt16(channel.rollableSize),
                    extranoncePrefix: channel.extranoncePrefix, groupChannelID: Job.groupChannelID),
                into: &out)
        }
        guard !traits.requiresWorkSelection, let job = store.current, let tip = store.tip else { return }
        sendFutureJob(job, toChannelAt: index, on: place)
        connections[place]!.link.send(
            Mining.SetNewPrevHash(
                channelID: channel.key.channel, jobID: job.id, prevHash: tip.prevHash,
                minNTime: tip.minNTime, nBits: tip.bits), into: &out)
        for future in store.futures { sendFutureJob(future, toChannelAt: index, on: place) }
    }

    private mutating func sendFutureJob(_ job: Job, toChannelAt index: Int, on place: Int) {
        let channelID = channels[index]!.key.channel
        switch channels[index]!.kind {
        case .standard:
            let root = channels[index]!.merkleRoot(of: job)
            connections[place]!.link.send(
                Mining.NewMiningJob(
                    channelID: channelID, jobID: job.id, minNTime: nil, version: job.version,
                    merkleRoot: root), into: &out)
        case .extended:
            connections[place]!.link.send(
                encodedFrame: Job.addressed(
                    job.frame(reward: channels[index]!.reward, minNTime: nil), to: channelID), into: &out)
        }
    }

    /// The target for a hash rate, never harder than the terms allow and never easier than the client wants.
    func grantedTarget(hashRate: Double, maximum: Target) -> Target {
        let fair = StratumMath.target(
            hashRate: hashRate, sharesPerMinute: configuration.sharesPerMinute)
        return min(max(fair, terms.hardestTarget ?? fair), maximum)
    }

    mutating func update(
        _ message: Mining.UpdateChannel, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        let rate = Double(message.nominalHashRate)
        let code: String? =
            connections[place]!.index(of: message.channelID) == nil
            ? "invalid-channel-id" : rate >= 0 && rate.isFinite ? nil : "invalid-nominal-hashrate"
        if let code {
            connections[place]!.link.send(
                Mining.UpdateChannelError(channelID: message.channelID, errorCode: code), into: &out)
            countOddity(on: place, into: &effects)
            return
        }
        guard let index = connections[place]!.index(of: message.channelID) else { return }
        channels[index]!.maximumTarget =
            message.maximumTarget.value.isZero ? Target(.one) : message.maximumTarget
        channels[index]!.vardiff.restart(hashRate: max(rate, configuration.minimumHashRate), at: now)
        scheduleVardiff(index)
        retarget(index, on: place, into: &effects)
    }

    /// CloseChannel from the client: one channel, or the group and so all of them.
    mutating func closeChannels(
        _ message: Mining.CloseChannel, on place: Int, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        let reason = "closed by the client: \(message.reasonCode)"
        if message.channelID == Job.groupChannelID {
            removeChannels(of: place, reason: reason, into: &effects)
        } else if let index = connections[place]!.index(of: message.channelID) {
            connections[place]!.members.removeAll { $0.index == index }
            remove(index, reason: reason, into: &effects)
        } else {
            countOddity(on: place, into: &effects)
            return
        }
        if let connection = connections[place], connection.members.isEmpty {
            timers.set(.connection(connection.id), now + configuration.limits.openChannelDeadline)
        }
    }

    mutating func removeChannels(
        of place: Int, reason: String, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let members = connections[place]?.members else { return }
        connections[place]!.members = []
        connections[place]!.heldOpens = []
        for member in members { remove(member.index, reason: reason, into: &effects) }
    }

    /// Gives a channel's number back. Nobody gets it before the next tip: the next holder's memory of shares would be
    /// empty, and the jobs the same.
    mutating func release(_ prefix: [UInt8]) {
        prefixes.release(Array(prefix.prefix(prefixes.prefixSize)), in: prefixPeriod)
    }

    var prefixPeriod: UInt64 { UInt64(store.tip?.epoch ?? 0) }

    mutating func remove(
        _ index: Int, reason: String, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let channel = channels[index] else { return }
        closeAccounts(channelAt: index)
        if channel.reward != 0 {
            solo.release(channel.reward)
            connections[channel.connectionIndex]?.soloMembers -= 1
        }
        if let older = channels[index]!.takeOlderPrefix() { release(older) }
        release(channel.extranoncePrefix)
        timers.stop(.vardiff(index))
        channels[index] = nil
        freeChannels.append(index)
        channelCount -= 1
        effects.observe(.channelClosed(channel.key, reason: reason))
    }
}
