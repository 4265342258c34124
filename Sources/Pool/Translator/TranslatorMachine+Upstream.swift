import Bitcoin
import SansIO
import Stratum

/// The V2 side: the pool's connection and its channels.
extension TranslatorMachine {
    var upstreamURL: PoolURL { configuration.upstreams[upstream.choice % configuration.upstreams.count] }
    var upstreamEndpoint: Endpoint { upstream.redirect ?? upstreamURL.endpoint }

    mutating func dial(into effects: inout EffectBuffer<TranslatorObservation>) {
        guard case .idle = upstream.phase else { return }
        upstream.phase = .dialing
        upstream.attempts += 1
        effects.emit(.dial(.upstreamPool, upstreamEndpoint))
        effects.observe(.upstream(.dialing(upstreamEndpoint)))
    }

    mutating func upstreamOpened(
        _ id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard case .dialing = upstream.phase else {
            effects.close(id, .closed("not dialled"))
            return
        }
        let endpoint = upstreamEndpoint
        let setup = Common.SetupConnection(
            protocol: .mining, minVersion: v2ProtocolVersion, maxVersion: v2ProtocolVersion, flags: 0,
            endpointHost: endpoint.host, endpointPort: endpoint.port, vendor: "lab",
            hardwareVersion: "translator", firmware: "", deviceID: "")
        var handshake = V2ClientHandshake(
            connection: .initiator(
                expecting: upstreamURL.authority, secrets: &secrets,
                maximumPayload: V2Limits.payloadFromMiningServerMax), setup: setup)
        handshake.start(into: &toPool)
        upstream.connection = id
        upstream.phase = .settingUp(handshake)
        timers.set(.upstream, now + configuration.limits.upstreamDeadline)
    }

    mutating func upstreamReceived(
        _ bytes: RawSpan, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let unixTime = clock.unixSeconds(at: now)
        switch upstream.phase {
        case .idle, .dialing, .leaving: return
        case .settingUp(var handshake):
            do throws(V2ClientHandshakeError) {
                let progress = try handshake.receive(bytes, unixTime: unixTime, into: &toPool)
                upstream.phase = .settingUp(handshake)
                switch progress {
                case .pending: return
                case .accepted(let success): upstreamReady(handshake.connection, success, into: &effects)
                case .refused(let refusal):
                    effects.observe(.upstream(.refused(upstreamEndpoint, code: refusal.errorCode)))
                    leaveUpstream("setup refused: \(refusal.errorCode)", into: &effects)
                    return
                }
            } catch {
                leaveUpstream("\(error)", into: &effects)
                return
            }
        case .ready(var connection):
            upstream.phase = .leaving
            do throws(V2ConnectionError) {
                try connection.receive(bytes, unixTime: unixTime, into: &toPool)
                upstream.phase = .ready(connection)
            } catch {
                upstream.phase = .ready(connection)
                leaveUpstream("\(error)", into: &effects)
                return
            }
        }
        pullFrames(at: now, into: &effects)
    }

    private mutating func pullFrames(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        while case .ready(var connection) = upstream.phase {
            upstream.phase = .leaving
            do {
                let frame = try connection.nextFrame()
                upstream.phase = .ready(connection)
                guard let frame else { return }
                try handle(frame, at: now, into: &effects)
            } catch {
                upstream.phase = .ready(connection)
                leaveUpstream("\(error)", into: &effects)
                return
            }
        }
    }

    private mutating func upstreamReady(
        _ connection: V2Connection, _ success: Common.SetupConnectionSuccess,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        upstream.phase = .ready(connection)
        upstream.attempts = 0
        upstream.session += 1
        upstream.hasServed = true
        upstream.isVersionFixed = success.flags & SetupRules.requiresFixedVersion != 0
        timers.stop(.upstream)
        timers.stop(.release)
        effects.observe(.upstream(.ready(upstreamEndpoint)))
        for place in miners.indices where miners[place] != nil { openChannel(for: place) }
    }

    /// Closes the connection and takes the next pool of the list; the driver's confirmation starts the attempt.
    mutating func leaveUpstream(
        _ text: String, redirect: Endpoint? = nil, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let id = upstream.connection else { return }
        if case .leaving = upstream.phase { return }
        flushToPool(into: &effects)
        upstream.phase = .leaving
        upstream.redirect = redirect
        if redirect == nil { upstream.choice = (upstream.choice + 1) % configuration.upstreams.count }
        effects.close(id, .closed(text))
    }

    /// The connection ended or was never made. Miners keep their connections and wait for fresh channels.
    mutating func upstreamLost(
        _ reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        effects.observe(.upstream(.lost(upstreamEndpoint, reason)))
        let wasReady = upstream.hasServed
        upstream.hasServed = false
        if case .leaving = upstream.phase {
        } else {
            upstream.redirect = nil
            upstream.choice = (upstream.choice + 1) % configuration.upstreams.count
        }
        upstream.phase = .idle
        upstream.connection = nil
        upstream.channels = [:]
        upstream.openings = [:]
        upstream.groups = []
        upstream.isVersionFixed = false
        toPool.removeAll()
        for place in miners.indices where miners[place]?.isAuthorized == true {
            miners[place]!.phase = .waiting
        }
        timers.stop(.upstream)
        let limits = configuration.limits
        timers.set(.dial, now + upstream.pause(first: limits.retryFirst, longest: limits.retryLongest))
        if wasReady { timers.set(.release, now + limits.holdWithoutPool) }
    }

    private mutating func handle(
        _ frame: V2Frame, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) throws(V2DecodeError) {
        if let message = try Common.Message(frame: frame) {
            if case .reconnect(let reconnect) = message { follow(reconnect, into: &effects) }
            return
        }
        guard let message = try Mining.Message(frame: frame) else { return }
        switch message {
        case .openExtendedMiningChannelSuccess(let answer): channelOpened(answer, into: &effects)
        case .openMiningChannelError(let answer): channelRefused(answer, into: &effects)
        case .newExtendedMiningJob(let job): jobArrived(job, at: now, into: &effects)
        case .setNewPrevHash(let tip): tipArrived(tip, at: now, into: &effects)
        case .setTarget(let target): targetArrived(target, into: &effects)
        case .setExtranoncePrefix(let change): prefixChanged(change)
        case .setGroupChannel(let group): regroup(group)
        case .closeChannel(let closing):
            for place in membersOf(closing.channelID) {
                close(place, "the pool closed the channel: \(closing.reasonCode)", into: &effects)
            }
        case .submitSharesSuccess(let success):
            totals.sharesCredited += UInt64(success.newSubmitsAcceptedCount)
            if let id = upstream.channels[success.channelID] {
                effects.observe(.sharesCredited(id, count: success.newSubmitsAcceptedCount))
            }
        case .submitSharesError(let error):
            totals.sharesRejectedUpstream += 1
            if let id = upstream.channels[error.channelID] {
                effects.observe(.shareRejectedUpstream(id, code: error.errorCode))
            }
        default: break
        }
    }

    private mutating func follow(
        _ message: Common.Reconnect, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let endpoint = upstreamEndpoint
        let redirect = Endpoint(
            host: message.newHost.isEmpty ? endpoint.host : message.newHost,
            port: message.newPort == 0 ? endpoint.port : message.newPort)
        leaveUpstream("the pool asked to reconnect", redirect: redirect, into: &effects)
    }

    mutating func sendToPool(_ message: some V2Message) {
        guard case .ready(var connection) = upstream.phase else { return }
        upstream.phase = .leaving
        connection.send(message, into: &toPool)
        upstream.phase = .ready(connection)
    }

    /// Opens a miner's channel if the pool is there and the miner waits.
    mutating func openChannel(for place: Int) {
        guard upstream.isReady, case .waiting = miners[place]!.phase else { return }
        miners[place]!.phase = .opening
        upstream.openings[miners[place]!.number] = miners[place]!.id
        sendToPool(
            Mining.OpenExtendedMiningChannel(
                requestID: miners[place]!.number,
                userIdentity: miners[place]!.identity(account: configuration.userIdentity),
                nominalHashRate: Float(miners[place]!.suggestedHashRate ?? configuration.nominalHashRate),
                maxTarget: .max,
                minExtranonceSize: UInt16(configuration.extranonce1Size + configuration.extranonce2Size)))
    }

    mutating func updateChannel(of place: Int) {
        guard let channel = miners[place]!.channel, let rate = miners[place]!.suggestedHashRate else {
            return
        }
        sendToPool(
            Mining.UpdateChannel(channelID: channel.id, nominalHashRate: Float(rate), maximumTarget: .max))
    }

    mutating func closeChannel(of place: Int) {
        guard let channel = miners[place]?.channel, upstream.channels[channel.id] == miners[place]?.id else {
            return
        }
        upstream.channels[channel.id] = nil
        sendToPool(Mining.CloseChannel(channelID: channel.id, reasonCode: "miner-disconnected"))
    }

    private mutating func channelOpened(
        _ answer: Mining.OpenExtendedMiningChannelSuccess,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let needed = configuration.extranonce1Size + configuration.extranonce2Size
        guard let place = opening(answer.requestID) else {
            // The miner left in between.
            sendToPool(Mining.CloseChannel(channelID: answer.channelID, reasonCode: "miner-disconnected"))
            return
        }
        guard Int(answer.extranonceSize) >= needed, answer.extranonceSize <= 32,
            upstream.channels[answer.channelID] == nil
        else {
            leaveUpstream("a channel with \(answer.extranonceSize) bytes of extranonce", into: &effects)
            return
        }
        miners[place]!.phase = .mining(TranslatedChannel(answer))
        upstream.channels[answer.channelID] = miners[place]!.id
        effects.observe(
            .channelOpened(
                miners[place]!.id, channel: answer.channelID,
                identity: miners[place]!.identity(account: configuration.userIdentity),
                target: answer.target))
    }

    private mutating func channelRefused(
        _ answer: Mining.OpenMiningChannelError, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let place = opening(answer.requestID) else { return }
        effects.observe(.channelRefused(miners[place]!.id, code: answer.errorCode))
        if configuration.upstreams.count > 1 {
            leaveUpstream("the pool refused a channel: \(answer.errorCode)", into: &effects)
        } else {
            close(place, "the pool refused a channel: \(answer.errorCode)", into: &effects)
        }
    }

    /// The miner that waits for this answer.
    private mutating func opening(_ requestID: UInt32) -> Int? {
        guard let id = upstream.openings.removeValue(forKey: requestID), let place = places[id],
            case .opening = miners[place]!.phase
        else { return nil }
        return place
    }

    /// A new prefix holds for jobs that come after it (SV2 section 5.3.10).
    private mutating func prefixChanged(_ message: Mining.SetExtranoncePrefix) {
        guard let place = place(ofChannel: message.channelID) else { return }
        _ = miners[place]!.withChannel { channel in
            guard channel.extranoncePrefix.count == message.extranoncePrefix.count else { return }
            channel.extranoncePrefix = message.extranoncePrefix
        }
    }
}
