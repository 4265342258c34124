import Bitcoin
import Pool
import SansIO
import Stratum

/// Lets Stratum V1 miners work for a Stratum V2 pool: one connection upstream with one extended channel for each
/// miner, or one for all of them (``TranslatorConfiguration/aggregatesChannels``).
///
/// A miner's subscription is answered at once, because extranonce1 is the translator's own (see
/// ``TranslatorConfiguration/extranonce1Size``); it gets work when it has said who it is. Shares are judged here by
/// the pool's own rules, and what is acknowledged is either sent up or, below the pool's difficulty, counted here
/// and said to be. When the pool is lost, miners are kept for a while and get fresh channels without noticing more
/// than a new job.
public struct TranslatorMachine: Machine {
    public typealias Command = TranslatorCommand
    public typealias Observation = TranslatorObservation

    enum Timer: Hashable, Sendable {
        case dial
        /// The pool did not get ready.
        case upstream
        /// Time to ask whether a pool of more preference serves again, and its answer is overdue.
        case seekPreferred, preferred
        /// The pool did not answer RequestExtensions.
        case negotiation
        /// The pool was sent shares and said nothing.
        case silence
        /// Miners waited long enough for a pool.
        case release
        /// A miner's authorization is overdue.
        case miner(ConnectionID)
        /// A miner's difficulty control wants a look.
        case vardiff(ConnectionID)
        /// Miners of this slot had no job for long.
        case keepAlive(slot: Int)
        /// The pool is to be told of this slot's hash rate.
        case update(slot: Int)
    }

    var configuration: TranslatorConfiguration
    var clock: WallClock
    var secrets: SecretGenerator
    var upstream: UpstreamLink
    var preference: PoolPreference
    /// A pool of more preference that is being tried while another one serves.
    var probe: PreferenceProbe?
    var lastProbe: UInt32 = 0
    /// Free places are nil and listed in ``freePlaces``.
    var miners: [V1Miner?] = []
    var freePlaces: [Int] = []
    var places: [ConnectionID: Int] = [:]
    var lastNumber: UInt32 = 0
    var extranonces: ExtranonceAllocator
    var resting = RestingSessions()
    var timers = TimerQueue<Timer>()
    /// What goes to the pool in this call; flushed as one effect.
    var toPool = ByteWriter(capacity: 1024)
    var totals = TranslatorTotals()

    public init(_ configuration: TranslatorConfiguration) {
        precondition((1...8).contains(configuration.extranonce1Size), "extranonce1 has 1 to 8 bytes")
        precondition((2...16).contains(configuration.extranonce2Size), "extranonce2 has 2 to 16 bytes")
        self.configuration = configuration
        clock = configuration.clock
        secrets = SecretGenerator(seed: configuration.secretSeed)
        preference = PoolPreference(configuration.limits.returns)
        upstream = UpstreamLink(endpoint: configuration.upstreams[0].url.endpoint)
        let indexSize = min(configuration.extranonce1Size, 4)
        extranonces = ExtranonceAllocator(
            fixed: [UInt8](repeating: 0, count: configuration.extranonce1Size - indexSize),
            indexSize: indexSize)
        // 0 is nobody's: strict firmware takes an extranonce1 of zeros for a missing one.
        _ = extranonces.allocate()
        timers.set(.dial, .start)
        timers.set(.release, .start + configuration.limits.holdWithoutPool)
    }

    public var nextDeadline: Instant? { timers.next }

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch origin {
        case .dialed(.upstreamPool): upstreamOpened(id, at: now, into: &effects)
        case .dialed(let attempt): probeOpened(attempt, id, into: &effects)
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
        } else if id == probe?.link.connection {
            probeReceived(bytes, at: now, into: &effects)
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
        } else if id == probe?.link.connection {
            probeFailed(at: now, into: &effects)
        } else if let place = places[id] {
            forget(place, reason: reason, at: now, into: &effects)
        }
        flushToPool(into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        if dial == .upstreamPool {
            upstreamLost(reason, at: now, into: &effects)
        } else if dial == probe?.link.attempt {
            probeFailed(at: now, into: &effects)
        }
        flushToPool(into: &effects)
    }

    public mutating func handle(
        _ command: consuming TranslatorCommand, at now: Instant,
        into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        switch command {
        case .setClock(let clock): self.clock = clock
        case .disconnect(let id, let text):
            if let place = places[id] { close(place, text, at: now, into: &effects) }
        case .nextUpstream:
            leaveUpstream("the operator asked for the next pool", .wish, at: now, into: &effects)
        case .setDifficulty(let id, let difficulty):
            if let place = places[id] { fix(difficulty, of: place, at: now, into: &effects) }
        case .change(let change):
            if let rate = change.sharesPerMinute { configuration.sharesPerMinute = rate }
            if let rate = change.nominalHashRate { configuration.nominalHashRate = rate }
            if let seconds = change.keepAliveSeconds {
                configuration.keepAliveInterval = seconds == 0 ? nil : .seconds(seconds)
            }
        case .reconnectMiners(let host, let port, let wait):
            let notice = V1.Reconnect(host: host, port: port, wait: wait).notification
            for place in miners.indices where miners[place]?.isSubscribed == true {
                tell(notice, to: place, into: &effects)
            }
        }
        flushToPool(into: &effects)
    }

    public mutating func deadlineReached(
        at now: Instant, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        while let timer = timers.popDue(at: now) {
            switch timer {
            case .dial: dial(into: &effects)
            case .upstream: leaveUpstream("the pool did not get ready in time", at: now, into: &effects)
            case .negotiation: negotiationOverdue(at: now, into: &effects)
            case .seekPreferred: seekPreferred(at: now, into: &effects)
            case .preferred: probeFailed(at: now, into: &effects)
            case .silence:
                leaveUpstream("the pool was sent shares and said nothing", at: now, into: &effects)
            case .release: releaseMiners(at: now, into: &effects)
            case .miner(let id):
                if let place = places[id], miners[place]?.isAuthorized == false {
                    close(place, "not authorized in time", at: now, into: &effects)
                }
            case .vardiff(let id):
                if let place = places[id] { lookAtDifficulty(of: place, at: now, into: &effects) }
            case .keepAlive(let slot): keepAlive(slot, at: now, into: &effects)
            case .update(let slot): sendUpdate(of: slot, at: now)
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
            close(place, "no connection to the pool", at: now, into: &effects)
        }
        timers.set(.release, now + configuration.limits.holdWithoutPool)
    }

    mutating func flushToPool(into effects: inout EffectBuffer<TranslatorObservation>) {
        probe?.link.flush(into: &effects)
        guard toPool.count > 0 else { return }
        if let id = upstream.connection {
            effects.send(on: id) { writer in toPool.bytes.withUnsafeBytes { writer.write($0) } }
        }
        toPool.removeAll()
    }

    mutating func tell(
        _ notice: V1.Notification, to place: Int, into effects: inout EffectBuffer<TranslatorObservation>
    ) {
        effects.send(on: miners[place]!.id) { notice.encode(into: &$0) }
    }
}
