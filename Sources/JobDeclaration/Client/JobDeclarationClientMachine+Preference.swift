import Bitcoin
import Pool
import SansIO
import Stratum

/// A pool of more preference and its server, tried while another one serves: both must take the connection.
struct PreferenceProbe: Sendable {
    /// Its place in the list.
    let index: Int
    var pool = V2ClientLink()
    var server = V2ClientLink()
    /// What the pool's SetupConnection.Success said; nil before it.
    var poolFlags: UInt32?
    var isServerReady = false

    init(index: Int) { self.index = index }

    func isOn(_ id: ConnectionID) -> Bool { id == pool.connection || id == server.connection }
}

/// The way back to the pools at the front of the list: while a later one serves, the earlier ones are tried in their
/// order now and then, and the first that takes the connection with its server is moved to. Devices keep mining on the
/// present pool until then.
extension JobDeclarationClientMachine {
    /// Sets the next attempt.
    mutating func scheduleReturn(at now: Instant) {
        guard let upstream, upstream.choice > 0, !preference.isChosen, probe == nil,
            timers.deadline(of: .seekPreferred) == nil
        else {
            return
        }
        timers.set(.seekPreferred, now + preference.pause(&secrets))
    }

    mutating func seekPreferred(at now: Instant, into effects: inout Effects) {
        guard let upstream, upstream.isServing, upstream.choice > 0 else { return }
        probe(from: 0, at: now, into: &effects)
    }

    /// Tries the first pool from there on that nobody has a reason to shun, or waits for the next round.
    private mutating func probe(from first: Int, at now: Instant, into effects: inout Effects) {
        guard let upstream else { return }
        if let index = preference.candidate(from: first, before: upstream.choice, at: now) {
            startProbe(index, at: now, into: &effects)
        } else {
            scheduleReturn(at: now)
        }
    }

    private mutating func startProbe(_ index: Int, at now: Instant, into effects: inout Effects) {
        let terms = configuration.upstreams[index]
        var probe = PreferenceProbe(index: index)
        probe.pool.dial(takeAttempt(), to: terms.pool, into: &effects)
        probe.server.dial(takeAttempt(), to: terms.server, into: &effects)
        self.probe = probe
        timers.set(.preferred, now + configuration.limits.upstreamDeadline)
    }

    /// False when the dial is no probe's.
    mutating func probeOpened(_ attempt: DialID, _ id: ConnectionID) -> Bool {
        guard var probe else { return false }
        let terms = configuration.upstreams[probe.index]
        if attempt == probe.pool.attempt {
            open(&probe.pool, id, at: terms.pool, of: terms)
        } else if attempt == probe.server.attempt {
            open(&probe.server, id, of: terms)
        } else {
            return false
        }
        self.probe = probe
        return true
    }

    mutating func probeReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout Effects
    ) {
        guard var probe else { return }
        let isPool = id == probe.pool.connection
        let unixTime = clock.unixSeconds(at: now)
        let event =
            isPool
            ? probe.pool.receive(bytes, unixTime: unixTime) : probe.server.receive(bytes, unixTime: unixTime)
        switch event {
        case .ready(let success)?:
            if isPool { probe.poolFlags = success.flags } else { probe.isServerReady = true }
        case .refused?, .failed?:
            self.probe = probe
            return probeFailed(at: now, into: &effects)
        // Nobody has asked for anything yet, so nothing that comes is ours.
        case .frame?, nil: break
        }
        self.probe = probe
        if let flags = probe.poolFlags, probe.isServerReady {
            moveToPreferred(probe, flags: flags, at: now, into: &effects)
        }
    }

    /// The next one before the present pool, or the next round after a pause.
    mutating func probeFailed(at now: Instant, into effects: inout Effects) {
        guard let failed = probe else { return }
        dropProbe(into: &effects)
        guard upstream?.isServing == true else { return }
        probe(from: failed.index + 1, at: now, into: &effects)
    }

    mutating func dropProbe(into effects: inout Effects) {
        timers.stop(.preferred)
        probe?.pool.leave("not needed any more", into: &effects)
        probe?.server.leave("not needed any more", into: &effects)
        probe = nil
    }

    private mutating func moveToPreferred(
        _ found: PreferenceProbe, flags: UInt32, at now: Instant, into effects: inout Effects
    ) {
        // The connections live on as the upstream's.
        probe = nil
        timers.stop(.preferred)
        leaveUpstream("a pool of more preference serves again", .wish, at: now, into: &effects)
        timers.stop(.dialUpstream)
        choice = found.index
        preference.returned()
        upstream = Upstream(choice: found.index, terms: configuration.upstreams[found.index])
        pool = found.pool
        server = found.server
        timers.set(.upstream, now + configuration.limits.upstreamDeadline)
        handlePool(.ready(.init(usedVersion: v2ProtocolVersion, flags: flags)), at: now, into: &effects)
        handleServer(
            .ready(.init(usedVersion: v2ProtocolVersion, flags: 0)), at: now, into: &effects)
    }

    /// An operator's choice.
    mutating func use(_ index: Int, at now: Instant, into effects: inout Effects) {
        guard configuration.upstreams.indices.contains(index), !configuration.isSolo,
            upstream?.choice != index
        else { return }
        leaveUpstream("the operator asked for another pool", .wish, at: now, into: &effects)
        choice = index
        timers.set(.dialUpstream, now)
    }
}
