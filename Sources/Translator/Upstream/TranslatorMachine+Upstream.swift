import Bitcoin
import Pool
import SansIO
import Stratum

/// The V2 side: the pool's connection.
extension TranslatorMachine {
    var upstreamURL: PoolURL { configuration.upstreams[upstream.choice % configuration.upstreams.count].url }

    mutating func dial(into effects: inout EffectBuffer<TranslatorObservation>) {
        guard case .idle = upstream.phase else { return }
        upstream.phase = .dialing
        upstream.attempts += 1
        upstream.endpoint = upstream.redirect ?? upstreamURL.endpoint
        effects.emit(.dial(.upstreamPool, upstream.endpoint))
        effects.observe(.upstream(.dialing(upstream.endpoint)))
    }

    /// A miner came while the translator had no reason to keep a pool.
    mutating func wakeUpstream(at now: Instant) {
        guard case .resting = upstream.phase else { return }
        upstream.phase = .idle
        timers.set(.dial, now)
        timers.set(.release, now + configuration.limits.holdWithoutPool)
    }

    mutating func upstreamOpened(
        _ id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard case .dialing = upstream.phase else {
            effects.close(id, .closed("not dialled"))
            return
        }
        var handshake = V2ClientHandshake(
            connection: .initiator(
                expecting: upstreamURL.authority, secrets: &secrets,
                maximumPayload: V2Limits.payloadFromMiningServerMax),
            setup: setup(for: upstream.endpoint))
        handshake.start(into: &toPool)
        upstream.connection = id
        upstream.phase = .settingUp(handshake)
        timers.set(.upstream, now + configuration.limits.upstreamDeadline)
    }

    func setup(for endpoint: Endpoint) -> Common.SetupConnection {
        Common.SetupConnection(
            protocol: .mining, minVersion: v2ProtocolVersion, maxVersion: v2ProtocolVersion, flags: 0,
            endpointHost: endpoint.host, endpointPort: endpoint.port, vendor: "lab",
            hardwareVersion: "translator", firmware: "", deviceID: "")
    }

    mutating func upstreamReceived(
        _ bytes: RawSpan, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let unixTime = clock.unixSeconds(at: now)
        if upstream.awaitsAnswer {
            upstream.awaitsAnswer = false
            timers.stop(.silence)
        }
        switch upstream.phase {
        case .idle, .resting, .dialing, .leaving: return
        case .settingUp(var handshake):
            do throws(V2ClientHandshakeError) {
                let progress = try handshake.receive(bytes, unixTime: unixTime, into: &toPool)
                upstream.phase = .settingUp(handshake)
                switch progress {
                case .pending: return
                case .accepted(let success):
                    setUp(handshake.connection, success, at: now, into: &effects)
                case .refused(let refusal):
                    effects.observe(.upstream(.refused(upstream.endpoint, code: refusal.errorCode)))
                    leaveUpstream("setup refused: \(refusal.errorCode)", at: now, into: &effects)
                    return
                }
            } catch {
                leaveUpstream("\(error)", at: now, into: &effects)
                return
            }
        case .negotiating, .ready:
            var fault: V2ConnectionError?
            withConnection { connection, out in
                do throws(V2ConnectionError) {
                    try connection.receive(bytes, unixTime: unixTime, into: &out)
                } catch { fault = error }
            }
            if let fault {
                leaveUpstream("\(fault)", at: now, into: &effects)
                return
            }
        }
        pullFrames(at: now, into: &effects)
    }

    /// Changes the connection in place while there is one that carries messages.
    private mutating func withConnection<R>(_ body: (inout V2Connection, inout ByteWriter) -> R) -> R? {
        switch upstream.phase {
        case .negotiating(var connection):
            upstream.phase = .leaving
            defer { upstream.phase = .negotiating(connection) }
            return body(&connection, &toPool)
        case .ready(var connection):
            upstream.phase = .leaving
            defer { upstream.phase = .ready(connection) }
            return body(&connection, &toPool)
        case .idle, .resting, .dialing, .settingUp, .leaving: return nil
        }
    }

    mutating func sendToPool(_ message: some V2Message) {
        _ = withConnection { connection, out in connection.send(message, into: &out) }
    }

    mutating func pullFrames(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        while true {
            let next = withConnection { connection, _ -> Result<V2Frame?, V2ConnectionError> in
                do throws(V2ConnectionError) { return .success(try connection.nextFrame()) } catch {
                    return .failure(error)
                }
            }
            switch next {
            case nil, .success(nil)?: return
            case .failure(let error)?:
                leaveUpstream("\(error)", at: now, into: &effects)
                return
            case .success(let frame?)?:
                do throws(V2DecodeError) { try handle(frame, at: now, into: &effects) } catch {
                    leaveUpstream("\(error)", at: now, into: &effects)
                    return
                }
            }
        }
    }

    /// SetupConnection.Success: extensions are asked for before anything else (SV2 extension 0x0001).
    mutating func setUp(
        _ connection: V2Connection, _ success: Common.SetupConnectionSuccess, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        upstream.isVersionFixed = success.flags & Mining.SetupSuccessFlags.requiresFixedVersion != 0
        upstream.phase = .negotiating(connection)
        guard !configuration.askedExtensions.isEmpty else {
            upstreamReady(at: now, into: &effects)
            return
        }
        askForExtensions(at: now)
    }

    private mutating func askForExtensions(at now: Instant) {
        upstream.extensionRequest &+= 1
        timers.set(.negotiation, now + configuration.limits.negotiationDeadline)
        sendToPool(
            ExtensionsNegotiation.RequestExtensions(
                requestID: upstream.extensionRequest, requestedExtensions: configuration.askedExtensions))
    }

    /// Somebody else is behind a channel now: nothing that was agreed on about extensions holds, and it is asked for
    /// anew (SV2 section 3.6.4). Mining goes on meanwhile, without names on the shares.
    private mutating func endpointChanged(
        _ message: Common.ChannelEndpointChanged, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard upstream.isReady, !upstream.slots(of: message.channelID).isEmpty else { return }
        upstream.namesWorkers = false
        guard !configuration.askedExtensions.isEmpty else { return }
        askForExtensions(at: now)
        upstream.renegotiation = upstream.extensionRequest
    }

    mutating func negotiationOverdue(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard isNegotiating else { return }
        agreed([], at: now, into: &effects)
    }

    private mutating func agreed(
        _ extensions: [UInt16], at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let missing = configuration.requiredExtensions.filter { !extensions.contains($0) }
        guard missing.isEmpty else {
            leaveUpstream("the pool lacks the extensions \(missing)", at: now, into: &effects)
            return
        }
        upstream.namesWorkers = extensions.contains(V2Extension.workerHashrateTracking)
        effects.observe(.extensions(extensions))
        if upstream.renegotiation != nil {
            upstream.renegotiation = nil
            timers.stop(.negotiation)
            return
        }
        upstreamReady(at: now, into: &effects)
    }

    private mutating func upstreamReady(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard case .negotiating(let connection) = upstream.phase else { return }
        upstream.phase = .ready(connection)
        upstream.session += 1
        upstream.hasServed = true
        timers.stop(.upstream)
        timers.stop(.negotiation)
        timers.stop(.release)
        effects.observe(.upstream(.ready(upstream.endpoint)))
        preference.serves(at: now)
        scheduleReturn(at: now)
        openChannels(at: now, into: &effects)
    }

    /// Closes the connection and takes the next pool of the list; the driver's confirmation starts the attempt.
    mutating func leaveUpstream(
        _ text: String, _ why: PoolPreference.Leaving = .fault, redirect: Endpoint? = nil, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let id = upstream.connection else { return }
        if case .leaving = upstream.phase { return }
        flushToPool(into: &effects)
        upstream.phase = .leaving
        upstream.redirect = redirect
        preference.left(upstream.choice, why, at: now)
        dropProbe(into: &effects)
        if redirect == nil { upstream.choice = (upstream.choice + 1) % configuration.upstreams.count }
        effects.close(id, .closed(text))
    }

    /// The connection ended or was never made. Miners keep their connections and wait for fresh channels.
    mutating func upstreamLost(
        _ reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        effects.observe(.upstream(.lost(upstream.endpoint, reason)))
        let wasReady = upstream.hasServed
        var isOwnWish = false
        if case .leaving = upstream.phase {
            isOwnWish = true
        } else if upstream.redirect != nil {
            // Where a Reconnect sent us nobody was; the pool's own address is next.
            upstream.redirect = nil
        } else {
            preference.left(upstream.choice, .lost, at: now)
            upstream.choice = (upstream.choice + 1) % configuration.upstreams.count
        }
        dropProbe(into: &effects)
        forgetChannels()
        let limits = configuration.limits
        if wasReady, !isOwnWish, miners.allSatisfy({ $0 == nil }) {
            // Pools close connections without a channel; without miners there is nothing to come back for.
            upstream.phase = .resting
            // An idle connection that was closed says nothing of the pool: the list begins at its front.
            upstream.choice = 0
            return
        }
        let pause = upstream.pause(
            first: limits.retryFirst, longest: limits.retryLongest, pools: configuration.upstreams.count)
        timers.set(.dial, now + pause)
        if wasReady { timers.set(.release, now + limits.holdWithoutPool) }
    }

    /// All that lived on the pool's connection is over; miners wait.
    mutating func forgetChannels() {
        for slot in upstream.channels.indices {
            timers.stop(.keepAlive(slot: slot))
            timers.stop(.update(slot: slot))
        }
        for timer in [Timer.upstream, .negotiation, .silence] { timers.stop(timer) }
        upstream.reset()
        toPool.removeAll()
        for place in miners.indices where miners[place]?.isAuthorized == true {
            miners[place]!.phase = .waiting
        }
    }

    private mutating func handle(
        _ frame: V2Frame, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) throws(V2DecodeError) {
        if let message = try Common.Message(frame: frame) {
            switch message {
            case .reconnect(let reconnect): follow(reconnect, at: now, into: &effects)
            case .channelEndpointChanged(let change):
                endpointChanged(change, at: now, into: &effects)
            case .setupConnection, .setupConnectionSuccess, .setupConnectionError: break
            }
            return
        }
        if let message = try ExtensionsNegotiation.Message(frame: frame) {
            negotiated(message, at: now, into: &effects)
            return
        }
        guard let message = try Mining.Message(frame: frame) else { return }
        switch message {
        case .openExtendedMiningChannelSuccess(let answer):
            channelOpened(answer, at: now, into: &effects)
        case .openMiningChannelError(let answer): channelRefused(answer, at: now, into: &effects)
        case .newExtendedMiningJob(let job): jobArrived(job, at: now, into: &effects)
        case .setNewPrevHash(let tip): tipArrived(tip, at: now, into: &effects)
        case .setTarget(let target): targetArrived(target, into: &effects)
        case .setExtranoncePrefix(let change): prefixChanged(change)
        case .setGroupChannel(let group): regroup(group)
        case .closeChannel(let closing): channelClosed(closing, at: now, into: &effects)
        case .submitSharesSuccess(let success): credited(success, into: &effects)
        case .submitSharesError(let error): refused(error, into: &effects)
        default: break
        }
    }

    private var isNegotiating: Bool {
        if case .negotiating = upstream.phase { return true }
        return upstream.renegotiation != nil
    }

    private mutating func negotiated(
        _ message: ExtensionsNegotiation.Message, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard isNegotiating else { return }
        switch message {
        // An answer to what was asked before the endpoint changed says nothing any more.
        case .requestExtensionsSuccess(let success) where success.requestID != upstream.extensionRequest:
            break
        case .requestExtensionsError(let error) where error.requestID != upstream.extensionRequest: break
        case .requestExtensionsSuccess(let success):
            agreed(
                success.supportedExtensions.filter { configuration.askedExtensions.contains($0) }, at: now,
                into: &effects)
        case .requestExtensionsError(let error):
            let wanted = error.requiredExtensions.filter { !configuration.askedExtensions.contains($0) }
            guard wanted.isEmpty else {
                leaveUpstream("the pool requires the extensions \(wanted)", at: now, into: &effects)
                return
            }
            agreed([], at: now, into: &effects)
        case .requestExtensions: break
        }
    }

    private mutating func credited(
        _ success: Mining.SubmitSharesSuccess, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        totals.sharesCredited += UInt64(success.newSubmitsAcceptedCount)
        if let slot = upstream.slots[success.channelID] {
            upstream.channels[slot]!.credited(through: success.lastSequenceNumber)
            upstream.channels[slot]!.sharesCredited += UInt64(success.newSubmitsAcceptedCount)
            upstream.channels[slot]!.workCredited &+= success.newSharesSum
        }
        effects.observe(.sharesCredited(channel: success.channelID, count: success.newSubmitsAcceptedCount))
    }

    private mutating func refused(
        _ error: Mining.SubmitSharesError, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        totals.sharesRejectedUpstream += 1
        let slot = upstream.slots[error.channelID]
        if let slot { upstream.channels[slot]!.sharesRejected += 1 }
        let miner = slot.flatMap { upstream.channels[$0]!.refused(error.sequenceNumber) }
        effects.observe(.shareRejectedUpstream(miner, code: error.errorCode))
    }

    private mutating func follow(
        _ message: Common.Reconnect, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        let endpoint = upstream.endpoint
        let redirect = Endpoint(
            host: message.newHost.isEmpty ? endpoint.host : message.newHost,
            port: message.newPort == 0 ? endpoint.port : message.newPort)
        leaveUpstream("the pool asked to reconnect", .lost, redirect: redirect, at: now, into: &effects)
    }
}
