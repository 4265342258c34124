import Pool
import SansIO
import Stratum

/// A pool of more preference that is tried while another one serves.
struct PreferenceProbe: Sendable {
    /// Its place in the list.
    let index: Int
    var link = V2ClientLink()
}

/// The way back to the pools at the front of the list: while a later one serves, the earlier ones are tried in their order
/// now and then, and the first that takes a mining connection is moved to. Miners work for the present pool until then, keep
/// their connections and get fresh channels.
extension TranslatorMachine {
    /// Sets the next attempt.
    mutating func scheduleReturn(at now: Instant) {
        guard upstream.isReady, upstream.choice > 0, !preference.isChosen, probe == nil,
            !timers.isSet(.seekPreferred)
        else { return }
        timers.set(.seekPreferred, now + preference.pause(&secrets))
    }

    mutating func seekPreferred(at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>) {
        guard upstream.isReady else { return }
        startProbe(from: 0, at: now, into: &effects)
    }

    /// Tries the first pool from there on that nobody has a reason to shun, or waits for the next round.
    private mutating func startProbe(
        from first: Int, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let index = preference.candidate(from: first, before: upstream.choice, at: now) else {
            scheduleReturn(at: now)
            return
        }
        lastProbe &+= 1
        var probe = PreferenceProbe(index: index)
        probe.link.dial(
            .preferredPool(lastProbe), to: configuration.upstreams[index].url.endpoint, into: &effects)
        self.probe = probe
        timers.set(.preferred, now + configuration.limits.upstreamDeadline)
    }

    mutating func probeOpened(
        _ attempt: DialID, _ id: ConnectionID, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard attempt == probe?.link.attempt, let url = probe.map({ configuration.upstreams[$0.index].url })
        else {
            effects.close(id, .closed("no longer wanted"))
            return
        }
        probe!.link.opened(
            id, setup: setup(for: url.endpoint), expecting: url.authority, secrets: &secrets,
            maximumPayload: V2Limits.payloadFromMiningServerMax)
    }

    mutating func probeReceived(
        _ bytes: RawSpan, at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch probe?.link.receive(bytes, unixTime: clock.unixSeconds(at: now)) {
        case .ready(let success)?: moveToPreferred(success, at: now, into: &effects)
        case .refused?, .failed?: probeFailed(at: now, into: &effects)
        case .frame?, nil: break
        }
    }

    /// The next one before the present pool, or the next round after a pause.
    mutating func probeFailed(at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>) {
        guard let failed = probe else { return }
        dropProbe(into: &effects)
        guard upstream.isReady else { return }
        startProbe(from: failed.index + 1, at: now, into: &effects)
    }

    mutating func dropProbe(into effects: inout EffectBuffer<TranslatorObservation>) {
        timers.stop(.preferred)
        timers.stop(.seekPreferred)
        probe?.link.leave("not needed any more", into: &effects)
        probe = nil
    }

    /// The present pool's connection ends here; what its driver still says of it is nobody's.
    private mutating func moveToPreferred(
        _ success: Common.SetupConnectionSuccess, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard let index = probe?.index, let (id, link) = probe?.link.handOver(),
            let old = upstream.connection
        else { return }
        probe = nil
        dropProbe(into: &effects)
        let reason = CloseReason.closed("a pool of more preference serves again")
        flushToPool(into: &effects)
        effects.close(old, reason)
        effects.observe(.upstream(.lost(upstream.endpoint, reason)))
        preference.left(upstream.choice, .wish, at: now)
        preference.returned()
        forgetChannels()
        upstream.choice = index
        upstream.redirect = nil
        upstream.endpoint = upstreamURL.endpoint
        upstream.connection = id
        timers.set(.upstream, now + configuration.limits.upstreamDeadline)
        timers.set(.release, now + configuration.limits.holdWithoutPool)
        setUp(link, success, at: now, into: &effects)
        pullFrames(at: now, into: &effects)
    }
}
