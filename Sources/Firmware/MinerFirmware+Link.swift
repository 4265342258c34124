import Bitcoin
import Hardware
import SansIO
import Stratum

// The network side: pools, connections, waiting.

extension MinerFirmware {
    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        if let probe, origin == .dialed(probe) {
            return preferredPoolAnswered(id, at: now, into: &effects, commands: &commands)
        }
        if resumesSession(id, origin: origin, at: now, into: &effects) { return }
        guard case .dialing(let dial) = link, origin == .dialed(dial) else {
            // An attempt that was given up has come through after all.
            effects.close(id, .closed("attempt was given up"))
            return
        }
        link = .connected(id)
        lastHeard = now
        timers.set(.link, now + settings.timeouts.handshake)
        effects.observe(.connected(pool: pool))
        var opened = makeSession()
        effects.send(on: id) { writer in opened.start(into: &writer) }
        session = opened
        announcePhase(into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        if pollLink == .connected(id) {
            pollReceived(bytes, at: now, into: &effects, commands: &commands)
            return announcePhase(into: &effects)
        }
        guard link == .connected(id), session != nil else { return }
        lastHeard = now
        var events: [SessionEvent] = []
        var out = ByteWriter()
        do throws(SessionFailure) {
            try session?.receive(bytes, unixTime: wallClock.unixSeconds(at: now), into: &out, events: &events)
        } catch {
            leave(.failed(error.text), at: now, into: &effects, commands: &commands)
            return
        }
        if out.count > 0 { effects.send(on: id) { $0.write(out.bytes) } }
        for event in events {
            guard session != nil else { break }
            happened(event, at: now, into: &effects, commands: &commands)
        }
        announcePhase(into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        if nodeClosed(id, at: now, into: &effects, commands: &commands) {
            return announcePhase(into: &effects)
        }
        guard link == .connected(id) else { return }
        lost(reason.description, at: now, into: &effects, commands: &commands)
        announcePhase(into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        if dial == probe {
            probe = nil
            armProbe(at: now)
            return
        }
        if pollLink == .dialing(dial) {
            pollLink = .down
            timers.set(.poll, now + Limits.pollRetry)
            return
        }
        if link == .redialing(dial), session?.gbt?.insistsAfterFailedDial() ?? false {
            link = .detached
            timers.stop(.link)
            timers.set(.call, now + Limits.nodeBusyWait)
            return
        }
        guard link == .dialing(dial) || link == .redialing(dial) else { return }
        lost(reason.description, at: now, into: &effects, commands: &commands)
        announcePhase(into: &effects)
    }

    // MARK: Timers

    mutating func linkTimerFired(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        switch link {
        case .down, .detached: break
        case .starting, .waiting: dial(at: now, into: &effects)
        case .dialing, .redialing: lost("no answer to the dial", at: now, into: &effects, commands: &commands)
        case .connected:
            guard !(session?.isOpen ?? false) else { return }
            leave(.failed("no channel in time"), at: now, into: &effects, commands: &commands)
        }
    }

    /// The timer is not moved for each byte; it is set on when it fires too early.
    mutating func silenceTimerFired(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard case .connected = link else { return }
        let due = lastHeard + settings.timeouts.silence
        if due <= now {
            leave(.failed("pool is silent"), at: now, into: &effects, commands: &commands)
        } else {
            timers.set(.silence, due)
        }
    }

    private mutating func dial(at now: Instant, into effects: inout Effects) {
        let id = DialID(nextDial)
        nextDial += 1
        link = .dialing(id)
        timers.set(.link, now + settings.timeouts.dial)
        effects.emit(.dial(id, detour ?? settings.accounts[pool].url.endpoint))
    }

    // MARK: Session

    private mutating func makeSession() -> PoolSession {
        let account = settings.accounts[pool]
        let url = account.url
        let endpoint = detour ?? url.endpoint
        switch url.scheme {
        case .stratumV2(let authority):
            let wants = V2SessionSettings(
                identity: settings.identity, endpoint: endpoint, userIdentity: account.user,
                channel: settings.channel, requiresStandardJobs: settings.requiresStandardJobs,
                versionMask: settings.versionMask,
                announcedHashRate: settings.announcedHashRate.hashesPerSecond)
            let connection = V2Connection.initiator(
                expecting: authority, secrets: &secrets,
                maximumPayload: V2Limits.payloadFromMiningServerMax)
            return PoolSession(v2: V2Session(settings: wants, connection: connection))
        case .stratumV1:
            var dialect = habits.v1
            if settings.isScaled { dialect.suggestsDifficulty = true }
            let identity = settings.identity
            let rate = settings.announcedHashRate.hashesPerSecond
            let wants = V1SessionSettings(
                endpoint: endpoint,
                userAgent: habits.v1.userAgent
                    ?? "\(identity.vendor)/\(identity.hardwareVersion)/\(identity.firmware)",
                userIdentity: account.user, password: account.password,
                versionMask: settings.versionMask,
                suggestedDifficulty: settings.suggestedSharesPerMinute.map {
                    StratumMath.target(hashRate: rate, sharesPerMinute: $0).difficulty
                }, dialect: dialect,
                session: resumable.first.flatMap { $0.account == account ? $0.id : nil })
            return PoolSession(v1: V1Session(settings: wants))
        case .getBlockTemplate(let credentials, let path):
            return PoolSession(gbt: makeNodeSession(account, endpoint, credentials, path))
        }
    }

    mutating func happened(
        _ event: SessionEvent, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        switch event {
        case .opened(let channel, let target):
            openSince = now
            attempts = 0
            poolCounters[pool].isAlive = true
            armProbe(at: now)
            timers.stop(.link)
            timers.set(.silence, now + settings.timeouts.silence)
            effects.observe(.channelOpened(channel: channel, target: target))
        case .work(let clean):
            hasJob = true
            jobSince = now
            counters.jobs += 1
            loadWork(clean: clean, at: now, into: &effects, commands: &commands)
        case .idle: stopWork(commands: &commands)
        case .targetChanged(let target): effects.observe(.targetChanged(target))
        case .accepted(let count, let last):
            counters.accepted += UInt64(count)
            poolCounters[pool].accepted += UInt64(count)
            poolCounters[pool].difficultyAccepted +=
                Double(count) * (issued.last?.work.target.difficulty ?? 0)
            poolCounters[pool].lastShare = now
            effects.observe(.sharesAccepted(count: count, latency: latency(of: last, at: now)))
        case .rejected(let sequence, let reason):
            counters.count(reason)
            poolCounters[pool].rejected += 1
            if reason == .stale { poolCounters[pool].stale += 1 }
            poolCounters[pool].difficultyRejected += issued.last?.work.target.difficulty ?? 0
            effects.observe(.shareRejected(sequence: sequence, reason: reason))
        case .moved(let endpoint, let wait):
            guard habits.followsReconnect else { break }
            detour = endpoint
            leave(.moved(wait), at: now, into: &effects, commands: &commands)
        case .notReady(let reason): nodeNotReady(reason, at: now, into: &effects)
        case .callWanted(let wait): timers.set(.call, now + wait)
        case .pollWanted(let wait): timers.set(.poll, now + wait)
        case .connectionSpent: detach(at: now, into: &effects)
        }
    }

    private enum Departure {
        case failed(String)
        case moved(Interval)
    }

    /// Closes the connection from this side.
    private mutating func leave(
        _ departure: Departure, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        guard case .connected(let id) = link else { return }
        switch departure {
        case .failed(let text):
            effects.close(id, .closed(text))
            lost(text, at: now, into: &effects, commands: &commands)
        case .moved(let wait):
            let text = "pool asked to reconnect"
            effects.close(id, .closed(text))
            effects.observe(.disconnected(pool: pool, reason: text))
            // A pool that sends the device on again and again is treated like one that fails.
            let hasSettled = openSince.map { now - $0 >= settings.backoff.settled } ?? false
            forgetSession(into: &effects)
            stopWork(commands: &commands)
            reconnects += 1
            if hasSettled { backoff.reset() }
            let spread = hasSettled ? Interval(seconds: random.uniform()) : backoff.next(random: &random)
            holdOff(min(wait, Limits.reconnectWaitMax) + spread, at: now, into: &effects)
        }
        announcePhase(into: &effects)
    }

    /// The connection or the attempt is gone: next pool, after a wait.
    mutating func lost(
        _ reason: String, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        effects.observe(.disconnected(pool: pool, reason: reason))
        if let openSince, now - openSince >= settings.backoff.settled { backoff.reset() }
        forgetSession(into: &effects)
        stopWork(commands: &commands)
        reconnects += 1
        // A detour that failed is forgotten; the list's own address gets its chance first.
        if detour != nil {
            detour = nil
        } else {
            attempts += 1
            if attempts >= habits.connectAttempts {
                attempts = 0
                poolCounters[pool].failures += 1
                poolCounters[pool].isAlive = false
                pool = (pool + 1) % settings.accounts.count
            }
        }
        holdOff(backoff.next(random: &random), at: now, into: &effects)
    }

    private mutating func holdOff(_ wait: Interval, at now: Instant, into effects: inout Effects) {
        link = .waiting
        timers.set(.link, now + wait)
        effects.observe(.backingOff(wait))
    }

    mutating func forgetSession(into effects: inout Effects) {
        hangUpPoll(into: &effects)
        if habits.v1.resumesSession, let id = session?.sessionID {
            resumable = [(settings.accounts[pool], id)]
        }
        session = nil
        hasJob = false
        openSince = nil
        issued.removeAll(keepingCapacity: true)
        submittedAt.removeAll(keepingCapacity: true)
        timers.stop(.silence)
        timers.stop(.work)
        timers.stop(.probe)
        timers.stop(.call)
    }

    /// Ends the present connection or attempt without a word to the counters of failures.
    mutating func disconnect(_ reason: String, into effects: inout Effects) {
        if case .connected(let id) = link {
            effects.close(id, .closed(reason))
            effects.observe(.disconnected(pool: pool, reason: reason))
        }
        forgetSession(into: &effects)
        detour = nil
        probe = nil
    }

    /// Leaves whatever pool it is for this one of the list, at once.
    mutating func go(
        to index: Int, at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        disconnect("another pool was chosen", into: &effects)
        stopWork(commands: &commands)
        pool = index
        attempts = 0
        backoff.reset()
        guard boards != .off, boards != .sleeping, link != .starting else { return }
        link = .waiting
        timers.set(.link, now)
    }

    // MARK: The preferred pool

    private mutating func armProbe(at now: Instant) {
        guard let interval = habits.returnsToPreferredPool, pool != 0, session?.isOpen ?? false else {
            return
        }
        timers.set(.probe, now + interval)
    }

    /// As ESP-Miner does it: a connection and nothing more.
    mutating func probePreferredPool(at now: Instant, into effects: inout Effects) {
        guard pool != 0, let first = settings.accounts.first else { return }
        let id = DialID(nextDial)
        nextDial += 1
        probe = id
        effects.emit(.dial(id, first.url.endpoint))
    }

    private mutating func preferredPoolAnswered(
        _ id: ConnectionID, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        probe = nil
        effects.close(id, .closed("the preferred pool is back"))
        effects.observe(.returning(pool: 0))
        go(to: 0, at: now, into: &effects, commands: &commands)
        skipElapsed(at: now, into: &effects, commands: &commands)
    }

    private func latency(of sequence: UInt32, at now: Instant) -> Interval {
        let slot = Int(sequence) % Limits.submittedMax
        return slot < submittedAt.count ? now - submittedAt[slot] : .zero
    }
}
