import Bitcoin
import SansIO
import Stratum

/// Lets Stratum V1 miners work for a Stratum V2 pool: one connection upstream, one extended channel for each miner.
///
/// A miner's subscription is answered at once, because extranonce1 is the translator's own (see
/// ``TranslatorConfiguration/extranonce1Size``); its channel is opened when it says who it is. Shares are judged
/// here by the pool's own rules and only good ones go up. When the pool is lost, miners are kept for a while and
/// get fresh channels without noticing more than a new job.
public struct TranslatorMachine: Machine {
    public typealias Command = TranslatorCommand
    public typealias Observation = TranslatorObservation

    enum Timer: Hashable, Sendable {
        case dial
        /// The pool did not get ready.
        case upstream
        /// Miners waited long enough for a pool.
        case release
        /// A miner's authorization is overdue.
        case miner(ConnectionID)
    }

    let configuration: TranslatorConfiguration
    var clock: WallClock
    var secrets: SecretGenerator
    var upstream = UpstreamLink()
    /// Free places are nil and listed in ``freePlaces``.
    var miners: [V1Miner?] = []
    var freePlaces: [Int] = []
    var places: [ConnectionID: Int] = [:]
    var nextNumber: UInt32 = 1
    var timers = TimerQueue<Timer>()
    /// What goes to the pool in this call; flushed as one effect.
    var toPool = ByteWriter(capacity: 1024)
    var totals = TranslatorTotals()

    public init(_ configuration: TranslatorConfiguration) {
        precondition((1...8).contains(configuration.extranonce1Size), "extranonce1 has 1 to 8 bytes")
        precondition((2...8).contains(configuration.extranonce2Size), "extranonce2 has 2 to 8 bytes")
        self.configuration = configuration
        clock = configuration.clock
        secrets = SecretGenerator(seed: configuration.secretSeed)
        timers.set(.dial, .start)
        timers.set(.release, .start + configuration.limits.holdWithoutPool)
    }

    public var nextDeadline: Instant? { timers.next }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch origin {
        case .dialed: upstreamOpened(id, at: now, into: &effects)
        case .accepted(_, let address): accept(id, from: address, at: now, into: &effects)
        }
        flushToPool(into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        if id == upstream.connection {
            upstreamReceived(bytes, at: now, into: &effects)
        } else if let place = places[id] {
            receive(bytes, on: place, at: now, into: &effects)
        }
        flushToPool(into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        if id == upstream.connection {
            upstreamLost(reason, at: now, into: &effects)
        } else if let place = places[id] {
            forget(place, reason: reason, into: &effects)
        }
        flushToPool(into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard dial == .upstreamPool else { return }
        upstreamLost(reason, at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming TranslatorCommand, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch command {
        case .setClock(let clock): self.clock = clock
        case .disconnect(let id, let text):
            if let place = places[id] { close(place, text, into: &effects) }
        case .nextUpstream: leaveUpstream("the operator asked for the next pool", into: &effects)
        }
        flushToPool(into: &effects)
    }

    public mutating func deadlineReached(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .dial: dial(into: &effects)
            case .upstream: leaveUpstream("the pool did not get ready in time", into: &effects)
            case .release: releaseMiners(at: now, into: &effects)
            case .miner(let id):
                if let place = places[id], miners[place]?.isAuthorized == false {
                    close(place, "not authorized in time", into: &effects)
                }
            }
        }
        flushToPool(into: &effects)
    }

    /// Without a pool for too long, miners had better try another one.
    private mutating func releaseMiners(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        guard !upstream.isReady else { return }
        for place in miners.indices where miners[place] != nil {
            close(place, "no connection to the pool", into: &effects)
        }
        timers.set(.release, now + configuration.limits.holdWithoutPool)
    }

    mutating func flushToPool(into effects: inout EffectBuffer<TranslatorObservation>) {
        guard toPool.count > 0 else { return }
        if let id = upstream.connection {
            effects.send(on: id) { writer in toPool.bytes.withUnsafeBytes { writer.write($0) } }
        }
        toPool.removeAll()
    }
}
