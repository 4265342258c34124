import Bitcoin
import SansIO
import Stratum
import Vardiff

/// Settings that a running pool takes anew; nil leaves one as it is.
public struct PoolChange: Sendable, Equatable {
    /// Every channel's target follows at once.
    public var sharesPerMinute: Double?
    /// Of channels that open from here on.
    public var vardiff: VardiffAlgorithm?
    /// In the coinbase from the next job on, which follows at once.
    public var signature: String?
    /// Where rewards go from the next job on. Left as it is while miners may bring their own jobs, because tokens that
    /// are out promise the old outputs.
    public var payout: Script?
    /// Who may connect. Connections of an address that is refused from here on are closed.
    public var admission: AdmissionRules?

    public init() {}

    public var isEmpty: Bool { self == PoolChange() }
}

extension PoolMachine {
    mutating func apply(
        _ change: PoolChange, at now: Instant, into effects: inout EffectBuffer<PoolObservation>
    ) {
        if let vardiff = change.vardiff { configuration.vardiff = vardiff }
        if let rules = change.admission { admit(by: rules, into: &effects) }
        if let signature = change.signature { configuration.signature = signature }
        if let payout = change.payout, configuration.customJobs == nil,
            configuration.work == .templateProvider
        {
            configuration.payout = payout
            terms.rewards = RewardOutputs(payout)
            // The new outputs may need more room than the provider was asked to leave.
            sendConstraints(at: now, into: &effects)
        }
        if let rate = change.sharesPerMinute {
            configuration.sharesPerMinute = rate
            retargetAll(into: &effects)
        }
        if change.signature != nil || change.payout != nil || change.sharesPerMinute != nil {
            refreshJob(at: now, into: &effects)
        }
    }

    private mutating func admit(
        by rules: AdmissionRules, into effects: inout EffectBuffer<PoolObservation>
    ) {
        configuration.admission = rules
        admission.change(rules, connected: connections.compactMap { $0?.address })
        for place in connections.indices {
            guard let address = connections[place]?.address, rules.refusedAddresses.contains(address) else {
                continue
            }
            close(place, .closed("banned"), into: &effects)
        }
    }

    /// ChannelEndpointChanged from a proxy: another device is behind the channel, so nothing that was agreed on about
    /// extensions holds until it is agreed on again (SV2 section 3.6.4). Negotiation is the connection's, and so is
    /// what is forgotten. Does nothing for a channel that is not there.
    mutating func endpointChanged(
        _ channelID: UInt32, on place: Int, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let index = connections[place]?.index(of: channelID) else {
            return countOddity(on: place, into: &effects)
        }
        forgetExtensions(on: place)
        effects.observe(.endpointChanged(channels[index]!.key))
    }

    /// The same towards a client. A pool's channels end in the pool, so it has no reason of its own to send it.
    mutating func tellEndpointChanged(
        _ key: ChannelKey, into effects: inout EffectBuffer<PoolObservation>
    ) {
        guard let place = places[key.connection], connections[place]!.index(of: key.channel) != nil else {
            return
        }
        forgetExtensions(on: place)
        connections[place]!.link.send(Common.ChannelEndpointChanged(channelID: key.channel), into: &out)
        flush(key.connection, into: &effects)
        effects.observe(.endpointChanged(key))
    }

    private mutating func forgetExtensions(on place: Int) {
        guard var traits = connections[place]?.traits else { return }
        traits.namesWorkers = false
        connections[place]!.phase = .ready(traits)
    }
}
