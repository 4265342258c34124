import JSONText
import Measurement
import SansIO

public struct CoordinatorConfiguration: Sendable {
    public var run: String
    /// Who does not show it is nobody.
    public var token: String
    public var shardCount: Int
    /// What every worker is told; it means nothing here.
    public var plan: JSON
    public var fleetCount: Int
    /// Seconds that each shard sends.
    public var secondCount: Int
    public var clock: WallClock
    /// How long all shards together may take to come and to prepare.
    public var patience = Interval.minutes(2)
    /// From the barrier to the beginning: longer than the word takes to the last worker.
    public var lead = Interval.milliseconds(500)

    public init(
        run: String, token: String, shardCount: Int, plan: JSON, fleetCount: Int, secondCount: Int,
        clock: WallClock
    ) {
        self.run = run
        self.token = token
        self.shardCount = shardCount
        self.plan = plan
        self.fleetCount = fleetCount
        self.secondCount = secondCount
        self.clock = clock
    }
}

public enum CoordinatorObservation: Sendable, Equatable {
    case shardJoined(Int, descriptors: Int, cores: Int)
    case shardReady(Int, devices: Int)
    /// All stand at the barrier; the run begins at this time, in Unix nanoseconds.
    case began(UInt64)
    /// A second of all shards that are left.
    case second(Second)
    case shardLost(Int, reason: String)
    case deviceFault(String)
    /// A connection that was no shard's.
    case strangerTurnedAway(String)
    /// The run cannot begin, or no shard is left.
    case failed(String)
    /// Every shard has sent its last second or is lost.
    case ended
}

extension ListenerID {
    public static let coordination = ListenerID(0xC0)
}

/// Gives each worker its shard, lets all begin at one time, and adds their seconds.
public struct CoordinatorMachine: Machine {
    public enum Command: Sendable {
        /// Ends the run now: shards send no more.
        case finish
    }
    public typealias Observation = CoordinatorObservation

    enum Shard: Sendable {
        case free
        case preparing(ConnectionID)
        case ready(ConnectionID)
        case running(ConnectionID, next: Int, heard: Instant)
        case done
        case lost

        var connection: ConnectionID? {
            switch self {
            case .preparing(let id), .ready(let id), .running(let id, _, _): id
            case .free, .done, .lost: nil
            }
        }
    }

    enum Peer: Sendable {
        case stranger(since: Instant)
        case shard(Int)
    }

    enum Phase: Sendable {
        case gathering
        case running
        case over
    }

    let configuration: CoordinatorConfiguration
    private(set) var shards: [Shard]
    private(set) var phase = Phase.gathering
    /// In the order of their coming.
    private var peers: [(id: ConnectionID, peer: Peer, reader: LineReader)] = []
    /// Seconds that not every shard has sent; the first is ``nextSecond``.
    private var open: [Second] = []
    private var nextSecond = 0
    private let deadline: Instant

    public init(_ configuration: CoordinatorConfiguration, at now: Instant = .start) {
        self.configuration = configuration
        shards = Array(repeating: .free, count: configuration.shardCount)
        deadline = now + configuration.patience
    }

    // MARK: Machine

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard peers.count < configuration.shardCount + Limits.strangersMax else {
            return turnAway(id, "too many connections", into: &effects)
        }
        peers.append((id, .stranger(since: now), LineReader()))
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard let place = peers.firstIndex(where: { $0.id == id }) else { return }
        let limit =
            if case .stranger = peers[place].peer { Limits.greetingBytes } else { Limits.lineBytes }
        for outcome in peers[place].reader.take(bytes, limit: limit) {
            // A line may have ended the connection.
            guard let place = peers.firstIndex(where: { $0.id == id }) else { return }
            guard case .line(let json) = outcome, let message = WorkerMessage(json) else {
                return misbehaved(place, "sent what is no line of the protocol", at: now, into: &effects)
            }
            switch peers[place].peer {
            case .stranger:
                guard case .hello(let greeting) = message else {
                    return misbehaved(place, "did not greet", at: now, into: &effects)
                }
                greeted(greeting, place, into: &effects)
            case .shard(let shard): heard(message, from: shard, place, at: now, into: &effects)
            }
        }
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        guard let place = peers.firstIndex(where: { $0.id == id }) else { return }
        let peer = peers.remove(at: place).peer
        if case .shard(let shard) = peer {
            lose(shard, "connection lost: \(reason)", at: now, into: &effects)
        }
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {}

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        guard phase != .over else { return }
        for shard in shards {
            if let id = shard.connection { effects.send(line: CoordinatorMessage.finish.json, on: id) }
        }
        end(.ended, into: &effects)
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        for (id, peer, _) in peers {
            if case .stranger(let since) = peer, now >= since + Limits.greetingTime,
                let place = peers.firstIndex(where: { $0.id == id })
            {
                misbehaved(place, "did not greet", at: now, into: &effects)
            }
        }
        switch phase {
        case .gathering:
            guard now >= deadline else { return }
            let missing = shards.indices.filter { if case .ready = shards[$0] { false } else { true } }
            let names = missing.prefix(8).map(String.init).joined(separator: ", ")
            end(.failed("not ready in time: shard \(names) of \(shards.count)"), into: &effects)
        case .running:
            for index in shards.indices {
                if case .running(let id, _, let heard) = shards[index], now >= heard + Limits.silenceMax {
                    drop(id, "silent", into: &effects)
                    lose(index, "silent for \(Int(Limits.silenceMax.seconds)) s", at: now, into: &effects)
                }
            }
        case .over: break
        }
    }

    public var nextDeadline: Instant? {
        var times = peers.compactMap { entry -> Instant? in
            if case .stranger(let since) = entry.peer { since + Limits.greetingTime } else { nil }
        }
        switch phase {
        case .gathering: times.append(deadline)
        case .running:
            times += shards.compactMap {
                if case .running(_, _, let heard) = $0 { heard + Limits.silenceMax } else { nil }
            }
        case .over: break
        }
        return times.min()
    }

    // MARK: Joining

    private mutating func greeted(
        _ greeting: WorkerGreeting, _ place: Int, into effects: inout EffectBuffer<Observation>
    ) {
        let id = peers[place].id
        let isKnown = Self.isSame(greeting.token, configuration.token)
        guard isKnown, greeting.run == configuration.run else {
            peers.remove(at: place)
            return turnAway(id, isKnown ? "of another run" : "wrong token", into: &effects)
        }
        guard phase == .gathering else {
            peers.remove(at: place)
            return turnAway(id, "the run has begun", into: &effects)
        }
        let free = shards.indices.filter { if case .free = shards[$0] { true } else { false } }
        let wanted = greeting.index ?? free.first ?? -1
        guard free.contains(wanted) else {
            peers.remove(at: place)
            return turnAway(
                id, shards.indices.contains(wanted) ? "shard \(wanted) is taken" : "no shard is free",
                into: &effects)
        }
        shards[wanted] = .preparing(id)
        peers[place].peer = .shard(wanted)
        effects.observe(
            .shardJoined(wanted, descriptors: greeting.descriptors, cores: greeting.cores))
        effects.send(
            line: CoordinatorMessage.assign(
                index: wanted, count: shards.count, plan: configuration.plan
            ).json, on: id)
    }

    /// Without telling by its time how much of a guess was right.
    static func isSame(_ guess: String, _ token: String) -> Bool {
        let (a, b) = (Array(guess.utf8), Array(token.utf8))
        guard !b.isEmpty else { return false }
        var difference = UInt64(a.count ^ b.count)
        for index in a.indices { difference |= UInt64(a[index] ^ b[index % b.count]) }
        return difference == 0
    }

    private mutating func turnAway(
        _ id: ConnectionID, _ reason: String, into effects: inout EffectBuffer<Observation>
    ) {
        effects.send(line: CoordinatorMessage.rejected(reason).json, on: id)
        effects.close(id, .closed(reason))
        effects.observe(.strangerTurnedAway(reason))
    }

    private mutating func misbehaved(
        _ place: Int, _ reason: String, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        let (id, peer, _) = peers.remove(at: place)
        turnAway(id, reason, into: &effects)
        if case .shard(let shard) = peer { lose(shard, reason, at: now, into: &effects) }
    }

    private mutating func drop(
        _ id: ConnectionID, _ reason: String, into effects: inout EffectBuffer<Observation>
    ) {
        peers.removeAll { $0.id == id }
        effects.close(id, .closed(reason))
    }

    // MARK: Shards

    private mutating func heard(
        _ message: WorkerMessage, from shard: Int, _ place: Int, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        switch (message, shards[shard]) {
        case (.ready(let devices), .preparing(let id)):
            shards[shard] = .ready(id)
            effects.observe(.shardReady(shard, devices: devices))
            let allReady = shards.allSatisfy { if case .ready = $0 { true } else { false } }
            if allReady { begin(at: now, into: &effects) }
        case (.refused(let reason), .preparing): end(.failed("shard \(shard): \(reason)"), into: &effects)
        case (.second(let second), .running(let id, let next, _)):
            guard second.index == next, next < configuration.secondCount,
                second.fleets.count == configuration.fleetCount, next - nextSecond < Limits.openSecondsMax
            else { return misbehaved(place, "sent a second that is not its next", at: now, into: &effects) }
            shards[shard] = .running(id, next: next + 1, heard: now)
            while open.count <= next - nextSecond {
                open.append(Second(index: nextSecond + open.count, fleetCount: configuration.fleetCount))
            }
            open[next - nextSecond].add(second)
            advance(into: &effects)
        case (.done, .running(let id, let next, _)):
            guard next == configuration.secondCount else {
                return misbehaved(place, "ended before its last second", at: now, into: &effects)
            }
            shards[shard] = .done
            drop(id, "done", into: &effects)
            endIfNobodyRuns(into: &effects)
        case (.fault(let text), _): effects.observe(.deviceFault(text))
        case (_, .done), (_, .lost): break
        default: misbehaved(place, "said what does not belong here", at: now, into: &effects)
        }
    }

    private mutating func begin(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        let time = configuration.clock.unixNanosecondsAtStart + (now + configuration.lead).nanoseconds
        phase = .running
        for index in shards.indices {
            guard case .ready(let id) = shards[index] else { continue }
            effects.send(line: CoordinatorMessage.begin(time).json, on: id)
            shards[index] = .running(id, next: 0, heard: now + configuration.lead)
        }
        effects.observe(.began(time))
    }

    private mutating func lose(
        _ shard: Int, _ reason: String, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        switch shards[shard] {
        case .free, .done, .lost: return
        case .preparing, .ready:
            // Somebody else may take its place until the patience ends.
            shards[shard] = .free
            effects.observe(.shardLost(shard, reason: reason))
        case .running:
            shards[shard] = .lost
            effects.observe(.shardLost(shard, reason: reason))
            advance(into: &effects)
            endIfNobodyRuns(into: &effects)
        }
    }

    /// Gives out the seconds that every shard has sent which still sends any.
    private mutating func advance(into effects: inout EffectBuffer<Observation>) {
        let slowest = shards.compactMap { shard -> Int? in
            if case .running(_, let next, _) = shard { next } else { nil }
        }.min()
        while !open.isEmpty, nextSecond < slowest ?? .max {
            effects.observe(.second(open.removeFirst()))
            nextSecond += 1
        }
    }

    private mutating func endIfNobodyRuns(into effects: inout EffectBuffer<Observation>) {
        let anyRuns = shards.contains { if case .running = $0 { true } else { false } }
        guard phase == .running, !anyRuns else { return }
        let anyDone = shards.contains { if case .done = $0 { true } else { false } }
        end(anyDone ? .ended : .failed("every shard is lost"), into: &effects)
    }

    private mutating func end(
        _ observation: CoordinatorObservation, into effects: inout EffectBuffer<Observation>
    ) {
        guard phase != .over else { return }
        phase = .over
        for (id, _, _) in peers { effects.close(id, .closed("the run is over")) }
        peers.removeAll()
        effects.observe(observation)
    }
}
