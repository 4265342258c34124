import Bitcoin
import SansIO
import Stratum

/// Channels at the pool: opened, updated, closed.
extension TranslatorMachine {
    /// The request id of the channel that all miners share; miners' own are their numbers, from 1.
    private static let sharedRequest: UInt32 = 0

    var account: String {
        configuration.upstreams[upstream.choice % configuration.upstreams.count].userIdentity
            ?? configuration.userIdentity
    }

    private var sharedIdentity: String {
        account.isEmpty ? "translator-proxy" : account + ".translator-proxy"
    }

    /// Once the pool is ready: one channel for all at once, so that it counts as a living client; or one for each
    /// miner that waits.
    mutating func openChannels(at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>) {
        for place in miners.indices where miners[place] != nil { adjustMask(of: place, into: &effects) }
        guard configuration.aggregatesChannels else {
            for place in miners.indices where miners[place] != nil {
                openChannel(for: place, at: now, into: &effects)
            }
            return
        }
        let rate = miners.indices.reduce(0) {
            $0 + (miners[$1]?.isAuthorized == true ? hashRate(of: $1) : 0)
        }
        // Nobody there yet stands for one miner of the usual size: on a channel for no hash rate at all every hash would
        // be a share, until the job after the first miner's UpdateChannel.
        let announced = max(rate, configuration.nominalHashRate)
        upstream.openings[Self.sharedRequest] = .everybody(hashRate: announced)
        open(Self.sharedRequest, identity: sharedIdentity, hashRate: announced, maximumTarget: .max)
    }

    /// Gives a waiting miner its channel if the pool is there.
    mutating func openChannel(
        for place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard upstream.isReady, let miner = miners[place], case .waiting = miner.phase else { return }
        if configuration.aggregatesChannels {
            guard let slot = upstream.sharedSlot else { return }
            enter(slot, place, at: now, into: &effects)
            updateSoon(slot, at: now)
            return
        }
        miners[place]!.phase = .opening
        upstream.openings[miner.number] = .miner(miner.id)
        open(
            miner.number, identity: miner.identity(account: account), hashRate: hashRate(of: place),
            maximumTarget: maximumTarget(of: place))
    }

    private mutating func open(
        _ request: UInt32, identity: String, hashRate: Double, maximumTarget: Target
    ) {
        sendToPool(
            Mining.OpenExtendedMiningChannel(
                requestID: request, userIdentity: identity, nominalHashRate: Float(hashRate),
                maxTarget: maximumTarget,
                minExtranonceSize: UInt16(configuration.extranonce1Size + configuration.extranonce2Size)))
    }

    /// The easiest target that a miner's own channel may have.
    private func maximumTarget(of place: Int) -> Target {
        let settings = miners[place]?.settings
        let least = [settings?.fixedDifficulty, settings?.minimumDifficulty].compactMap { $0 }.max()
        return least.map { V1Difficulty($0).target } ?? .max
    }

    mutating func channelOpened(
        _ answer: Mining.OpenExtendedMiningChannelSuccess, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let needed = configuration.extranonce1Size + configuration.extranonce2Size
        let opening = upstream.openings.removeValue(forKey: answer.requestID)
        guard Int(answer.extranonceSize) >= needed,
            Int(answer.extranonceSize) + answer.extranoncePrefix.count <= 32,
            upstream.slots[answer.channelID] == nil
        else {
            leaveUpstream(
                "a channel with \(answer.extranonceSize) bytes of extranonce", at: now, into: &effects)
            return
        }
        let (owner, rate): (ConnectionID?, Double)
        switch opening {
        case .everybody(let announced)?: (owner, rate) = (nil, announced)
        case .miner(let id)? where places[id].map { miners[$0]!.phase } == .opening:
            (owner, rate) = (id, hashRate(of: places[id]!))
        case .miner?, nil:
            // The miner left in between, or nobody asked.
            sendToPool(Mining.CloseChannel(channelID: answer.channelID, reasonCode: "miner-disconnected"))
            return
        }
        let place = owner.flatMap { places[$0] }
        let announced = UpstreamChannel.Announcement(
            hashRate: rate, maximumTarget: place.map { maximumTarget(of: $0) } ?? .max, nextNotBefore: now)
        let identity = place.map { miners[$0]!.identity(account: account) } ?? sharedIdentity
        let slot = upstream.add(
            UpstreamChannel(answer, identity: identity, owner: owner, announced: announced))
        effects.observe(
            .channelOpened(
                miner: owner, channel: answer.channelID, identity: identity, target: answer.target))
        if let place {
            enter(slot, place, at: now, into: &effects)
        } else {
            upstream.sharedSlot = slot
            for place in miners.indices where miners[place]?.phase == .waiting {
                enter(slot, place, at: now, into: &effects)
            }
            updateSoon(slot, at: now)
        }
    }

    /// A pool that serves nobody yet is left for the next one; a pool that serves others only loses this miner.
    mutating func channelRefused(
        _ answer: Mining.OpenMiningChannelError, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let opening = upstream.openings.removeValue(forKey: answer.requestID) else { return }
        let text = "the pool refused a channel: \(answer.errorCode)"
        switch opening {
        case .everybody:
            effects.observe(.channelRefused(miner: nil, code: answer.errorCode))
            leaveUpstream(text, at: now, into: &effects)
        case .miner(let id):
            guard let place = places[id], case .opening = miners[place]!.phase else { return }
            effects.observe(.channelRefused(miner: id, code: answer.errorCode))
            if upstream.slots.isEmpty, configuration.upstreams.count > 1 {
                leaveUpstream(text, at: now, into: &effects)
            } else {
                close(place, text, at: now, into: &effects)
            }
        }
    }

    /// CloseChannel from the pool, for a channel or a group. Without the shared channel there is no work here.
    mutating func channelClosed(
        _ message: Mining.CloseChannel, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let text = "the pool closed the channel: \(message.reasonCode)"
        for slot in upstream.slots(of: message.channelID) {
            guard let owner = upstream.channels[slot]?.owner else {
                leaveUpstream(text, at: now, into: &effects)
                return
            }
            drop(slot)
            guard let place = places[owner] else { continue }
            miners[place]!.phase = .waiting
            close(place, text, at: now, into: &effects)
        }
    }

    private mutating func enter(
        _ slot: Int, _ place: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        miners[place]!.phase = .mining(slot: slot)
        join(place, slot)
        giveCurrent(to: place, at: now, into: &effects)
    }

    mutating func join(_ place: Int, _ slot: Int) {
        guard let channel = upstream.channels[slot] else { return }
        miners[place]!.session.join(
            MinerSession.Origin(session: upstream.session, channel: channel.id))
    }

    /// The miner's own channel is closed; from the shared one it only goes away.
    mutating func leaveChannel(_ place: Int, at now: Instant) {
        guard let slot = miners[place]?.slot, let channel = upstream.channels[slot] else { return }
        miners[place]!.phase = .waiting
        guard channel.owner != nil else {
            updateSoon(slot, at: now)
            return
        }
        drop(slot)
        sendToPool(Mining.CloseChannel(channelID: channel.id, reasonCode: "miner-disconnected"))
    }

    private mutating func drop(_ slot: Int) {
        upstream.remove(slot)
        timers.stop(.keepAlive(slot: slot))
        timers.stop(.update(slot: slot))
    }

    /// Tells the pool of a changed hash rate, at once or when it was told something not long ago.
    mutating func updateSoon(_ slot: Int, at now: Instant) {
        guard let channel = upstream.channels[slot] else { return }
        if channel.announced.nextNotBefore <= now {
            sendUpdate(of: slot, at: now)
        } else {
            timers.set(.update(slot: slot), channel.announced.nextNotBefore)
        }
    }

    mutating func sendUpdate(of slot: Int, at now: Instant) {
        guard upstream.isReady, upstream.channels.indices.contains(slot),
            let channel = upstream.channels[slot]
        else { return }
        let members = places(in: slot)
        // An empty channel stays as it is: one made easier would flood the pool with whoever comes next.
        guard !members.isEmpty else { return }
        let announced = UpstreamChannel.Announcement(
            hashRate: members.reduce(0) { $0 + hashRate(of: $1) },
            maximumTarget: channel.owner == nil ? .max : members.first.map { maximumTarget(of: $0) } ?? .max,
            nextNotBefore: now + configuration.limits.updatePause)
        guard
            announced.hashRate != channel.announced.hashRate
                || announced.maximumTarget != channel.announced.maximumTarget
        else { return }
        upstream.channels[slot]!.announced = announced
        sendToPool(
            Mining.UpdateChannel(
                channelID: channel.id, nominalHashRate: Float(announced.hashRate),
                maximumTarget: announced.maximumTarget))
    }
}
