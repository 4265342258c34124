import Bitcoin
import Hardware
import SansIO
import Stratum

// Mining on a node's templates: its session outlives connections, and there are two of them.

extension MinerFirmware {
    func makeNodeSession(
        _ account: PoolAccount, _ endpoint: Endpoint, _ credentials: String?, _ path: String
    ) -> GBTSession {
        GBTSession(
            settings: GBTSessionSettings(
                endpoint: endpoint, path: path,
                credentials: credentials ?? "\(account.user):\(account.password)",
                userAgent: "\(settings.identity.vendor)/\(settings.identity.firmware)",
                payout: settings.payout, signature: settings.coinbaseSignature,
                versionMask: settings.versionMask))
    }

    /// A further connection of the present session stands. False if it is none.
    mutating func resumesSession(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant, into effects: inout Effects
    ) -> Bool {
        if case .dialing(let dial) = pollLink, origin == .dialed(dial) {
            pollLink = .connected(id)
            effects.send(on: id) { session?.gbt?.pollConnected(into: &$0) }
            return true
        }
        guard case .redialing(let dial) = link, origin == .dialed(dial) else { return false }
        link = .connected(id)
        lastHeard = now
        if session?.isOpen ?? false {
            timers.stop(.link)
            timers.set(.silence, now + settings.timeouts.silence)
        } else {
            timers.set(.link, now + settings.timeouts.handshake)
        }
        effects.send(on: id) { session?.gbt?.connected(into: &$0) }
        return true
    }

    mutating func pollReceived(
        _ bytes: RawSpan, at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard case .connected(let id) = pollLink else { return }
        var events: [SessionEvent] = []
        let isUsable = session?.gbt?.receivePoll(bytes, events: &events) ?? false
        if !isUsable {
            pollLink = .down
            effects.close(id, .closed("the long poll was answered"))
        }
        deliver(events, at: now, into: &effects, commands: &commands)
    }

    /// A node's server closes connections when it likes. False if this is the end of the session.
    mutating func nodeClosed(
        _ id: ConnectionID, at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) -> Bool {
        guard session?.gbt != nil else { return false }
        var events: [SessionEvent] = []
        let isPoll = pollLink == .connected(id)
        guard isPoll || link == .connected(id) else { return false }
        let hadAnswered = session?.gbt?.hasAnswered ?? false
        let wasCalling = session?.gbt?.hasCalls ?? false
        do throws(SessionFailure) { try session?.gbt?.closed(isPoll ? .poll : .calls, events: &events) } catch
        {
            lost(error.text, at: now, into: &effects, commands: &commands)
            return true
        }
        if isPoll {
            pollLink = .down
        } else {
            guard hadAnswered || !wasCalling || !events.isEmpty else { return false }
            link = .detached
            detach(at: now, into: &effects)
        }
        deliver(events, at: now, into: &effects, commands: &commands)
        return true
    }

    /// The connection for calls is of no more use; another one is dialled when there is something to call.
    mutating func detach(at now: Instant, into effects: inout Effects) {
        if case .connected(let id) = link { effects.close(id, .closed("the node's answer was the last")) }
        link = .detached
        timers.stop(.link)
        guard session?.gbt?.hasCalls ?? false else { return }
        let id = DialID(nextDial)
        nextDial += 1
        link = .redialing(id)
        timers.set(.link, now + settings.timeouts.dial)
        effects.emit(.dial(id, detour ?? settings.accounts[pool].url.endpoint))
    }

    mutating func wakeSession(at now: Instant, into effects: inout Effects) {
        if case .connected(let id) = link { return effects.send(on: id) { session?.gbt?.wake(into: &$0) } }
        // The session keeps what it cannot send yet.
        var unsent = ByteWriter()
        session?.gbt?.wake(into: &unsent)
        if link == .detached { detach(at: now, into: &effects) }
    }

    mutating func poll(into effects: inout Effects) {
        guard session?.gbt != nil else { return }
        switch pollLink {
        case .dialing: break
        case .connected(let id): effects.send(on: id) { _ = session?.gbt?.poll(into: &$0) }
        case .down:
            let id = DialID(nextDial)
            nextDial += 1
            pollLink = .dialing(id)
            effects.emit(.dial(id, detour ?? settings.accounts[pool].url.endpoint))
        }
    }

    mutating func hangUpPoll(into effects: inout Effects) {
        if case .connected(let id) = pollLink { effects.close(id, .closed("the session is over")) }
        pollLink = .down
        timers.stop(.poll)
    }

    /// The node says when it will do; nobody gives up on it meanwhile.
    mutating func nodeNotReady(_ reason: String, at now: Instant, into effects: inout Effects) {
        effects.observe(.poolNotReady(pool: pool, reason: reason))
        guard !(session?.isOpen ?? false) else { return }
        timers.set(.link, now + settings.timeouts.handshake)
    }

    private mutating func deliver(
        _ events: [SessionEvent], at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) {
        for event in events {
            guard session != nil else { break }
            happened(event, at: now, into: &effects, commands: &commands)
        }
    }
}
