import Bitcoin
import Pool
import SansIO
import Stratum

/// The pool and its job declaration server: reached together, left together.
extension JobDeclarationClientMachine {
    var poolEndpoint: Endpoint { redirect ?? upstream?.terms.pool ?? Endpoint(host: "", port: 0) }

    mutating func dialUpstream(at now: Instant, into effects: inout Effects) {
        guard upstream == nil, !configuration.isSolo else { return }
        let terms = configuration.upstreams[choice]
        upstream = Upstream(choice: choice, terms: terms)
        pool = V2ClientLink()
        server = V2ClientLink()
        pool.dial(takeAttempt(), to: poolEndpoint, into: &effects)
        server.dial(takeAttempt(), to: terms.server, into: &effects)
        timers.set(.upstream, now + configuration.limits.upstreamDeadline)
        effects.observe(.upstream(.dialing(poolEndpoint)))
    }

    mutating func poolOpened(_ id: ConnectionID) {
        guard let upstream else { return }
        var link = pool
        open(&link, id, at: poolEndpoint, of: upstream.terms)
        pool = link
    }

    /// Noise and SetupConnection towards a pool.
    mutating func open(
        _ link: inout V2ClientLink, _ id: ConnectionID, at endpoint: Endpoint,
        of terms: JobDeclarationUpstream
    ) {
        link.opened(
            id, setup: setup(.mining, flags: Mining.SetupFlags.requiresWorkSelection, endpoint),
            expecting: terms.poolAuthority, secrets: &secrets,
            maximumPayload: V2Limits.payloadFromMiningServerMax)
    }

    mutating func serverOpened(_ id: ConnectionID) {
        guard let upstream else { return }
        var link = server
        open(&link, id, of: upstream.terms)
        server = link
    }

    /// The same towards a job declaration server.
    mutating func open(
        _ link: inout V2ClientLink, _ id: ConnectionID, of terms: JobDeclarationUpstream
    ) {
        let flags = configuration.mode == .fullTemplate ? JobDeclaration.SetupFlags.declareTxData : 0
        link.opened(
            id, setup: setup(.jobDeclaration, flags: flags, terms.server),
            expecting: terms.serverAuthority, secrets: &secrets,
            maximumPayload: configuration.limits.frameFromServer)
    }

    mutating func handlePool(_ event: V2ClientLink.Event, at now: Instant, into effects: inout Effects) {
        switch event {
        case .ready(let success):
            upstream?.isVersionFixed = success.flags & Mining.SetupSuccessFlags.requiresFixedVersion != 0
            openChannel(at: now)
            checkReached(at: now, into: &effects)
        case .refused(let refusal):
            leaveUpstream("the pool refused setup: \(refusal.errorCode)", at: now, into: &effects)
        case .failed(let text): leaveUpstream("the pool: \(text)", at: now, into: &effects)
        case .frame(let frame):
            do throws(V2DecodeError) {
                if let message = try Common.Message(frame: frame) {
                    switch message {
                    case .reconnect(let reconnect): follow(reconnect, at: now, into: &effects)
                    // It resets what was agreed on about extensions (SV2 section 3.6.4), and none is asked for here.
                    case .channelEndpointChanged: break
                    case .setupConnection, .setupConnectionSuccess, .setupConnectionError: break
                    }
                } else if let message = try Mining.Message(frame: frame) {
                    handle(message, at: now, into: &effects)
                }
            } catch { leaveUpstream("the pool sent a malformed message: \(error)", at: now, into: &effects) }
        }
    }

    /// Asks for the one channel once somebody wants to mine: its target then fits from the start.
    mutating func openChannel(at now: Instant) {
        guard pool.isReady, var upstream, upstream.channel == nil, upstream.opening == nil else { return }
        let fleet = devices.fleet
        guard fleet.channels > 0 else { return }
        let request = upstream.takeRequest()
        upstream.opening = request
        self.upstream = upstream
        lastUpdate = now
        timers.set(.upstream, now + configuration.limits.upstreamDeadline)
        pool.send(
            Mining.OpenExtendedMiningChannel(
                requestID: request, userIdentity: upstream.terms.userIdentity,
                nominalHashRate: Float(fleet.hashRate), maxTarget: .max,
                minExtranonceSize: UInt16(configuration.rollableExtranonceSize + 2)))
    }

    private mutating func handle(_ message: Mining.Message, at now: Instant, into effects: inout Effects) {
        guard let channel = upstream?.channel else {
            switch message {
            case .openExtendedMiningChannelSuccess(let answer):
                channelOpened(answer, at: now, into: &effects)
            case .openMiningChannelError(let answer):
                leaveUpstream("the pool refused the channel: \(answer.errorCode)", at: now, into: &effects)
            default: break
            }
            return
        }
        let isOurs: (UInt32) -> Bool = { $0 == channel.id || $0 == channel.group }
        switch message {
        case .setTarget(let change) where isOurs(change.channelID):
            targetArrived(change.maximumTarget, at: now, into: &effects)
        case .setExtranoncePrefix(let change) where change.channelID == channel.id:
            prefixArrived(change.extranoncePrefix, at: now, into: &effects)
        case .closeChannel(let closing) where isOurs(closing.channelID):
            leaveUpstream(
                "the pool closed the channel: \(closing.reasonCode)", .lost, at: now, into: &effects)
        case .setCustomMiningJobSuccess(let answer): acknowledged(answer, at: now, into: &effects)
        case .setCustomMiningJobError(let answer):
            refused(code: answer.errorCode, at: now, into: &effects) { phase in
                if case .setting(answer.requestID, _) = phase { true } else { false }
            }
        case .submitSharesSuccess(let answer):
            upstream?.refusedInRow = 0
            totals.sharesCredited += UInt64(answer.newSubmitsAcceptedCount)
            effects.observe(.sharesCredited(count: answer.newSubmitsAcceptedCount))
        case .submitSharesError(let answer):
            shareRefused(code: answer.errorCode, at: now, into: &effects)
        default: break
        }
    }

    private mutating func channelOpened(
        _ answer: Mining.OpenExtendedMiningChannelSuccess, at now: Instant, into effects: inout Effects
    ) {
        guard var upstream, upstream.opening == answer.requestID else { return }
        let size = Int(answer.extranonceSize)
        guard size > configuration.rollableExtranonceSize, size + answer.extranoncePrefix.count <= 32 else {
            leaveUpstream("the pool's channel has \(size) bytes of extranonce", at: now, into: &effects)
            return
        }
        upstream.opening = nil
        upstream.channel = Upstream.Channel(
            id: answer.channelID, group: answer.groupChannelID, target: answer.target,
            extranoncePrefix: answer.extranoncePrefix, extranonceSize: size,
            announced: devices.fleet.hashRate)
        self.upstream = upstream
        checkReached(at: now, into: &effects)
    }

    /// Whether channel and tokens are there, so that devices may work for this pool.
    mutating func checkReached(at now: Instant, into effects: inout Effects) {
        guard let upstream, !upstream.isServing else { return }
        if pool.isReady, upstream.opening == nil, upstream.rewards != nil { timers.stop(.upstream) }
        guard let channel = upstream.channel, let rewards = upstream.rewards else { return }
        self.upstream?.isServing = true
        preference.serves(at: now)
        scheduleReturn(at: now)
        effects.observe(
            .upstream(.serving(poolEndpoint, identity: upstream.terms.userIdentity)))
        footing = .pool
        declarations = []
        demand(rewards.constraints, at: now)
        applyTerms(channel, rewards, keepsJobs: false, at: now, into: &effects)
        emptyShelf(at: now, into: &effects)
        guard tip == nil || devices.currentJobID != nil else {
            leaveForOutputs(at: now, into: &effects)
            return
        }
        guard self.upstream?.isServing == true else { return }
        scheduleUpdate(at: now)
    }

    /// Devices' jobs from now on are this pool's.
    func layout(of channel: Upstream.Channel) -> ExtranonceLayout {
        let rollable = configuration.rollableExtranonceSize
        let indexSize = min(4, channel.extranonceSize - rollable)
        let padding = [UInt8](repeating: 0, count: channel.extranonceSize - rollable - indexSize)
        return ExtranonceLayout(
            fixed: channel.extranoncePrefix + padding, indexSize: indexSize, rollableSize: rollable)
    }

    mutating func applyTerms(
        _ channel: Upstream.Channel, _ rewards: RewardOutputs, keepsJobs: Bool, at now: Instant,
        into effects: inout Effects
    ) {
        let terms = WorkTerms(
            rewards: rewards, layout: layout(of: channel),
            isVersionRollingAllowed: configuration.devices.isVersionRollingAllowed
                && upstream?.isVersionFixed != true,
            hardestTarget: channel.target)
        withDevices(at: now, into: &effects) {
            $0.setTerms(terms, keepsJobs: keepsJobs, at: now, into: &$1)
        }
    }

    /// Asks the template provider for more room than it leaves.
    private mutating func demand(
        _ wanted: TemplateDistribution.CoinbaseOutputConstraints, at now: Instant
    ) {
        let size = max(
            wanted.coinbaseOutputMaxAdditionalSize, constraints.coinbaseOutputMaxAdditionalSize)
        let operations = max(
            wanted.coinbaseOutputMaxAdditionalSigops, constraints.coinbaseOutputMaxAdditionalSigops)
        let demanded = TemplateDistribution.CoinbaseOutputConstraints(
            coinbaseOutputMaxAdditionalSize: size, coinbaseOutputMaxAdditionalSigops: operations)
        guard demanded != constraints else { return }
        constraints = demanded
        demandTemplate(at: now)
    }

    private mutating func targetArrived(_ target: Target, at now: Instant, into effects: inout Effects) {
        guard let old = upstream?.channel?.target else { return }
        upstream?.channel?.target = target
        withDevices(at: now, into: &effects) { $0.setHardestTarget(target, into: &$1) }
        let ratio = old.expectedHashes / target.expectedHashes
        if footing == .pool, ratio >= 2 || ratio <= 0.5, timers.deadline(of: .refreshJob) == nil {
            timers.set(.refreshJob, now + configuration.limits.retargetPause)
        }
    }

    /// The pool's prefix holds for jobs that come after it (SV2 section 5.3.10).
    private mutating func prefixArrived(_ prefix: [UInt8], at now: Instant, into effects: inout Effects) {
        guard var channel = upstream?.channel else { return }
        guard prefix.count + channel.extranonceSize <= 32 else {
            leaveUpstream("the pool's extranonce prefix is too long", at: now, into: &effects)
            return
        }
        channel.extranoncePrefix = prefix
        upstream?.channel = channel
        guard footing == .pool, let rewards = upstream?.rewards else { return }
        applyTerms(channel, rewards, keepsJobs: true, at: now, into: &effects)
    }

    /// Some refused shares may be explained by a tip that is on its way.
    private mutating func shareRefused(code: String, at now: Instant, into effects: inout Effects) {
        totals.sharesRefused += 1
        effects.observe(.shareRefused(code: code))
        guard code != V2ErrorCode.SubmitShares.staleShare else { return }
        upstream?.refusedInRow += 1
        if upstream?.refusedInRow == configuration.limits.refusedSharesInRow {
            timers.set(.doubt, now + configuration.limits.doubt)
        }
    }

    /// The same pool at another place; without a loss the list's order does not change.
    private mutating func follow(
        _ message: Common.Reconnect, at now: Instant, into effects: inout Effects
    ) {
        guard let terms = upstream?.terms else { return }
        let place = poolEndpoint
        let moved = Endpoint(
            host: message.newHost.isEmpty ? place.host : message.newHost,
            port: message.newPort == 0 ? place.port : message.newPort)
        let index = configuration.upstreams.firstIndex(of: terms) ?? choice
        leaveUpstream("the pool asked to reconnect", .lost, at: now, into: &effects)
        choice = index
        redirect = moved
        timers.set(.dialUpstream, now)
    }

    /// Gives the pool up. Devices keep their connections and work for the miner until another one is reached.
    mutating func leaveUpstream(
        _ why: String, _ cause: PoolPreference.Leaving = .fault, at now: Instant, into effects: inout Effects
    ) {
        guard let left = upstream else { return }
        preference.left(left.choice, cause, at: now)
        dropProbe(into: &effects)
        timers.stop(.seekPreferred)
        effects.observe(.upstream(.left(poolEndpoint, reason: why)))
        pool.leave(why, into: &effects)
        server.leave(why, into: &effects)
        while !declarations.isEmpty { drop(at: 0, into: &effects) }
        upstream = nil
        redirect = nil
        for timer in [Timer.upstream, .answers, .doubt, .updateChannel, .refreshJob] { timers.stop(timer) }
        choice = (choice + 1) % configuration.upstreams.count
        let limits = configuration.limits
        if choice == 0 {
            rounds += 1
            timers.set(
                .dialUpstream,
                now + pause(rounds, first: limits.retryFirst, longest: limits.retryLongest))
        } else {
            timers.set(.dialUpstream, now)
        }
        if footing == .pool || choice == 0 { goSolo(at: now, into: &effects) }
    }

    /// The pool learns of a fleet that changed, at most so often.
    mutating func scheduleUpdate(at now: Instant) {
        guard upstream?.channel != nil, timers.deadline(of: .updateChannel) == nil else { return }
        timers.set(.updateChannel, max(now, lastUpdate + configuration.limits.updateInterval))
    }

    mutating func updateChannel(at now: Instant) {
        guard let channel = upstream?.channel else { return }
        // An empty fleet leaves the target as it is: a channel made easier would flood whoever comes next.
        let fleet = devices.fleet
        guard fleet.channels > 0 else { return }
        let rate = fleet.hashRate
        let change = abs(rate - channel.announced) / max(channel.announced, .leastNonzeroMagnitude)
        guard change >= configuration.limits.updateThreshold else { return }
        upstream?.channel?.announced = rate
        lastUpdate = now
        pool.send(
            Mining.UpdateChannel(
                channelID: channel.id, nominalHashRate: Float(rate), maximumTarget: .max))
    }
}
