import JSONText
import SansIO

/// How the program that makes the load fares itself. A busy generator measures itself and not the pool.
public struct GeneratorHealth: Sendable, Equatable {
    /// Processor time of a second over a second: 2 for two busy cores. Added over the shards of one machine.
    public var processor: Double
    /// The cores that there are.
    public var cores: Double
    /// The longest that a deadline was served late.
    public var loopLag: Interval
    /// Segments that the system sent again, in all.
    public var retransmissions: UInt64
    /// Resident bytes.
    public var memory: UInt64

    public init(
        processor: Double = 0, cores: Double = 1, loopLag: Interval = .zero, retransmissions: UInt64 = 0,
        memory: UInt64 = 0
    ) {
        self.processor = processor
        self.cores = cores
        self.loopLag = loopLag
        self.retransmissions = retransmissions
        self.memory = memory
    }

    /// Why measurements of this second should not be trusted; nil when they may.
    public var doubt: String? {
        if loopLag > Limits.loopLagMax {
            return "deadlines were served \(Self.milliseconds(loopLag)) ms late"
        }
        if processor > cores * Limits.processorMax { return "the processors are busy" }
        return nil
    }

    private static func milliseconds(_ interval: Interval) -> UInt64 { interval.nanoseconds / 1_000_000 }

    public mutating func add(_ other: GeneratorHealth) {
        processor += other.processor
        cores = max(cores, other.cores)
        loopLag = max(loopLag, other.loopLag)
        retransmissions = max(retransmissions, other.retransmissions)
        memory += other.memory
    }

    public var json: JSON {
        .object([
            "processor": .double(processor), "cores": .double(cores),
            "loop_lag_ns": .int(loopLag.nanoseconds),
            "retransmissions": .int(retransmissions), "memory": .int(memory),
        ])
    }

    public init?(_ json: JSON) {
        guard let processor = json["processor"]?.double, let cores = json["cores"]?.double,
            let lag = json["loop_lag_ns"]?.uint64, let retransmissions = json["retransmissions"]?.uint64,
            let memory = json["memory"]?.uint64
        else { return nil }
        self.init(
            processor: processor, cores: cores, loopLag: .nanoseconds(lag), retransmissions: retransmissions,
            memory: memory)
    }
}
