import JSONText

/// What happened to one fleet in one second, or in any number of them: seconds of shards add up.
public struct FleetSecond: Sendable, Equatable {
    public private(set) var counters = [UInt64](repeating: 0, count: Counter.allCases.count)
    public private(set) var levels = [Double](repeating: 0, count: Level.allCases.count)
    /// In the order of ``Latency``; nil where nothing was recorded.
    private var latencies = [LatencyHistogram?](repeating: nil, count: Latency.allCases.count)
    /// Refusals by their reason, sorted by name.
    public private(set) var reasons: [(name: String, count: UInt64)] = []

    public init() {}

    public subscript(counter: Counter) -> UInt64 {
        get { counters[counter.rawValue] }
        set { counters[counter.rawValue] = newValue }
    }

    public subscript(level: Level) -> Double {
        get { levels[level.rawValue] }
        set { levels[level.rawValue] = newValue }
    }

    public subscript(latency: Latency) -> LatencyHistogram {
        latencies[latency.rawValue] ?? LatencyHistogram()
    }

    public func has(_ latency: Latency) -> Bool { latencies[latency.rawValue] != nil }

    public mutating func change(_ latency: Latency, _ body: (inout LatencyHistogram) -> Void) {
        var histogram = latencies[latency.rawValue] ?? LatencyHistogram()
        latencies[latency.rawValue] = nil
        body(&histogram)
        latencies[latency.rawValue] = histogram
    }

    /// A pool's words are its own: so many different ones are kept, the rest counts as "other".
    public mutating func refused(_ reason: String, count: UInt64 = 1) {
        let known = reason == "other" || reasons.contains { $0.name == reason }
        // "other" itself is none of them, so that a second read back from its sorted form is the same.
        let own = reasons.count(where: { $0.name != "other" })
        let name = known || own < Limits.reasonsMax ? reason : "other"
        if let index = reasons.firstIndex(where: { $0.name >= name }) {
            if reasons[index].name == name {
                reasons[index].count += count
            } else {
                reasons.insert((name, count), at: index)
            }
        } else {
            reasons.append((name, count))
        }
    }

    /// The same second of another shard: everything adds up.
    public mutating func add(_ other: FleetSecond) {
        addFlows(of: other)
        for level in Level.allCases {
            self[level] = level.isGreatest ? max(self[level], other[level]) : self[level] + other[level]
        }
    }

    /// A later second of the same devices: counts add up, levels are the later ones (the greatest stays).
    public mutating func follow(with other: FleetSecond) {
        addFlows(of: other)
        for level in Level.allCases {
            self[level] = level.isGreatest ? max(self[level], other[level]) : other[level]
        }
    }

    private mutating func addFlows(of other: FleetSecond) {
        for index in counters.indices { counters[index] += other.counters[index] }
        for index in latencies.indices {
            guard let theirs = other.latencies[index] else { continue }
            if latencies[index] == nil {
                latencies[index] = theirs
            } else {
                latencies[index]?.add(theirs)
            }
        }
        for (name, count) in other.reasons { refused(name, count: count) }
    }

    public static func == (a: FleetSecond, b: FleetSecond) -> Bool {
        a.counters == b.counters && a.levels == b.levels && a.latencies == b.latencies
            && a.reasons.elementsEqual(b.reasons) { $0 == $1 }
    }
}

extension FleetSecond {
    /// What is zero is left out.
    public var json: JSON {
        var object = JSONObject()
        for counter in Counter.allCases where self[counter] > 0 {
            object.append(counter.name, .int(self[counter]))
        }
        for level in Level.allCases where self[level] != 0 { object.append(level.name, .double(self[level])) }
        for latency in Latency.allCases {
            guard let histogram = latencies[latency.rawValue] else { continue }
            object.append("latency_" + latency.name, histogram.json)
        }
        if !reasons.isEmpty {
            object.append("reasons", .object(JSONObject(reasons.map { ($0.name, .int($0.count)) })))
        }
        return .object(object)
    }

    /// Nil for what ``json`` does not write.
    public init?(_ json: JSON) {
        guard let object = json.objectValue else { return nil }
        self.init()
        for (key, value) in object.entries {
            if let counter = Counter(name: key) {
                guard let count = value.uint64 else { return nil }
                self[counter] = count
            } else if let level = Level(name: key) {
                guard let number = value.double else { return nil }
                self[level] = number
            } else if key == "reasons" {
                for (name, count) in value.objectValue?.entries ?? [] {
                    refused(name, count: count.uint64 ?? 0)
                }
            } else if key.hasPrefix("latency_") {
                guard let latency = Latency(name: String(key.dropFirst(8))),
                    let histogram = LatencyHistogram(value)
                else { return nil }
                latencies[latency.rawValue] = histogram
            } else {
                return nil
            }
        }
    }
}
