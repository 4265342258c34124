import JSONText
import SansIO

/// One second of a run: of one shard, or of all of them added.
public struct Second: Sendable, Equatable {
    /// Since the run's beginning, counted from 0.
    public let index: Int
    /// In the order of the experiment's fleets.
    public var fleets: [FleetSecond]
    /// News of which somebody heard in this second.
    public var fanOuts: [FanOut]
    /// Nil in the virtual world, where time waits.
    public var health: GeneratorHealth?

    public init(index: Int, fleetCount: Int) {
        self.index = index
        fleets = Array(repeating: FleetSecond(), count: fleetCount)
        fanOuts = []
    }

    /// All fleets together.
    public var total: FleetSecond {
        fleets.reduce(into: FleetSecond()) { $0.add($1) }
    }

    /// The same second of another shard.
    public mutating func add(_ other: Second) {
        precondition(index == other.index && fleets.count == other.fleets.count)
        for place in fleets.indices { fleets[place].add(other.fleets[place]) }
        for fanOut in other.fanOuts { add(fanOut) }
        if let theirs = other.health {
            if health == nil { health = theirs } else { health?.add(theirs) }
        }
    }

    public mutating func add(_ fanOut: FanOut) {
        if let place = fanOuts.firstIndex(where: { $0.news == fanOut.news && $0.key == fanOut.key }) {
            fanOuts[place].add(fanOut)
        } else {
            fanOuts.append(fanOut)
        }
    }

    /// A device received a piece of news.
    public mutating func hear(_ news: FanOut.News, key: UInt64, at now: Instant) {
        guard let place = fanOuts.lastIndex(where: { $0.news == news && $0.key == key }) else {
            var fanOut = FanOut(news, key: key)
            fanOut.received(at: now)
            return fanOuts.append(fanOut)
        }
        fanOuts[place].received(at: now)
    }

    public var json: JSON {
        var object: JSONObject = [
            "second": .int(index), "fleets": .array(fleets.map(\.json)),
        ]
        if !fanOuts.isEmpty { object.append("fan_outs", .array(fanOuts.map(\.json))) }
        if let health { object.append("health", health.json) }
        return .object(object)
    }

    /// Nil for what ``json`` does not write.
    public init?(_ json: JSON) {
        guard let index = json["second"]?.int64, index >= 0, let list = json["fleets"]?.arrayValue else {
            return nil
        }
        let fleets = list.compactMap { FleetSecond($0) }
        let fanOuts = (json["fan_outs"]?.arrayValue ?? []).compactMap { FanOut($0) }
        guard fleets.count == list.count, fanOuts.count == (json["fan_outs"]?.arrayValue?.count ?? 0) else {
            return nil
        }
        self.index = Int(index)
        self.fleets = fleets
        self.fanOuts = fanOuts
        health = json["health"].flatMap { GeneratorHealth($0) }
    }
}
