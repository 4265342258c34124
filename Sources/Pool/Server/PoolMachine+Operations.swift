import Bitcoin
import SansIO
import Stratum

/// A rolling restart: everybody is told where to go and nobody new is let in (SV2 section 3.6.5).
struct Drain: Sendable, Equatable {
    /// Empty: the same host.
    var host: String
    /// 0: the same port.
    var port: UInt16
}

/// What an operator asks of a running pool.
extension PoolMachine {
    /// Acknowledges what is credited, then sends Reconnect. Shares that still come are judged and acknowledged at
    /// once until the peer leaves or `grace` is over.
    mutating func startDrain(
        _ drain: Drain, grace: Interval, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        self.drain = drain
        timers.set(.drained, now + grace)
        var told = 0
        for place in connections.indices where tellToReconnect(place, drain, at: now, into: &effects) {
            told += 1
        }
        effects.observe(.draining(connections: told))
        noteIfDrained(into: &effects)
    }

    mutating func endDrain() {
        drain = nil
        timers.stop(.drained)
    }

    /// The grace is over: whoever is still there is closed.
    mutating func drainOverdue(into effects: inout EffectBuffer<PoolObservation>) {
        guard drain != nil else { return }
        for place in connections.indices where connections[place] != nil {
            close(place, .closed("the pool drains"), into: &effects)
        }
    }

    func noteIfDrained(into effects: inout EffectBuffer<PoolObservation>) {
        if drain != nil, places.isEmpty { effects.observe(.drained) }
    }

    mutating func reconnect(
        _ id: ConnectionID, host: String, port: UInt16, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let place = places[id] else { return }
        _ = tellToReconnect(place, Drain(host: host, port: port), at: now, into: &effects)
    }

    private mutating func tellToReconnect(
        _ place: Int, _ drain: Drain, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) -> Bool {
        guard let connection = connections[place], connection.traits != nil else { return false }
        for member in connection.members { acknowledge(member.index, on: place) }
        connections[place]!.link.send(
            Common.Reconnect(newHost: drain.host, newPort: drain.port), into: &out)
        flush(connection.id, into: &effects)
        return true
    }

    /// CloseChannel from the server (SV2 section 5.3.9); what is credited is acknowledged first.
    mutating func closeChannel(
        _ key: ChannelKey, reason: String, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let place = places[key.connection], let index = connections[place]!.index(of: key.channel)
        else { return }
        acknowledge(index, on: place)
        connections[place]!.link.send(
            Mining.CloseChannel(channelID: key.channel, reasonCode: reason), into: &out)
        flush(key.connection, into: &effects)
        connections[place]!.members.removeAll { $0.index == index }
        remove(index, reason: reason, into: &effects)
        if connections[place]!.members.isEmpty {
            timers.set(.connection(key.connection), now + configuration.limits.openChannelDeadline)
        }
    }

    /// A fixed target for a channel instead of vardiff's, never easier than the client takes; nil goes back to
    /// vardiff. It counts from the next job on, as every SetTarget does.
    mutating func pin(
        _ key: ChannelKey, to target: Target?, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let place = places[key.connection], let index = connections[place]!.index(of: key.channel)
        else { return }
        channels[index]!.pinned = target
        retarget(index, on: place, into: &effects)
        flush(key.connection, into: &effects)
        refreshJob(at: now, into: &effects)
    }

    /// Another part of the search space for a channel from the next job on, which follows at once
    /// (SV2 section 5.3.10).
    mutating func changePrefix(
        _ key: ChannelKey, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let place = places[key.connection], let index = connections[place]!.index(of: key.channel),
            let traits = connections[place]!.traits
        else { return }
        // Jobs that went out with the prefix before the present one must be gone: a channel remembers two.
        guard channels[index]!.canChangePrefix(oldestJob: store.oldestID),
            let prefix = prefixes.allocate(in: prefixPeriod)
        else { return effects.observe(.prefixKept(key)) }
        if let unused = channels[index]!.takeOlderPrefix() { release(unused) }
        let isStandard = channels[index]!.kind == .standard
        let padding = [UInt8](repeating: 0, count: isStandard ? terms.layout.rollableSize : 0)
        channels[index]!.setExtranoncePrefix(prefix + padding, from: store.nextID)
        if !traits.requiresStandardJobs {
            connections[place]!.link.send(
                Mining.SetExtranoncePrefix(channelID: key.channel, extranoncePrefix: prefix + padding),
                into: &out)
            flush(key.connection, into: &effects)
        }
        refreshJob(at: now, into: &effects)
    }

    /// Closes what the address has and keeps it out for a time.
    mutating func ban(
        _ address: String, for time: Interval, at now: Instant,
        into effects: inout EffectBuffer<PoolObservation>
    ) {
        admission.ban(address, until: now + time)
        for place in connections.indices where connections[place]?.address == address {
            close(place, .closed("banned"), into: &effects)
        }
    }
}
