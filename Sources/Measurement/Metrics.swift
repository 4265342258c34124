/// What is counted.
public enum Counter: Int, Sendable, CaseIterable {
    case sharesFound
    case sharesSubmitted
    case sharesAccepted
    /// For any reason; each reason is counted beside it.
    case sharesRejected
    case sharesStale
    /// Found for replaced work and not submitted.
    case sharesDiscarded
    case sharesDuplicate
    case hardwareErrors
    case connections
    case channels
    case disconnections
    case jobs
    case targetChanges
    case throttles
    case overheats
    case watchdogs
    case bytesUp
    case bytesDown
    /// By the pool's own count, where it is ours.
    case blocksFound
    /// Hashes that accepted shares prove: their difficulty times 2^32, rounded.
    case workAccepted

    /// As files, thresholds and reports call it.
    public var name: String { Self.facts[rawValue].name }
    public var summary: String { Self.facts[rawValue].summary }

    public init?(name: String) {
        guard let index = Self.facts.firstIndex(where: { $0.name == name }) else { return nil }
        self.init(rawValue: index)
    }

    /// In the order of the cases.
    private static let facts: [(name: String, summary: String)] = [
        ("shares_found", "shares that chips found"),
        ("shares_submitted", "shares sent to a pool"),
        ("shares_accepted", "shares that a pool acknowledged"),
        ("shares_rejected", "shares that a pool refused"),
        ("shares_stale", "shares refused because their block was known"),
        ("shares_discarded", "shares found for replaced work, not sent"),
        ("shares_duplicate", "shares refused as sent before"),
        ("hardware_errors", "nonces that prove nothing"),
        ("connections", "transport connections made"),
        ("channels", "channels or subscriptions opened"),
        ("disconnections", "connections lost"),
        ("jobs", "jobs that went to chips"),
        ("target_changes", "changes of a device's target"),
        ("throttles", "clock reductions for heat"),
        ("overheats", "shut-downs for heat"),
        ("watchdogs", "restarts for want of shares"),
        ("bytes_up", "bytes from devices"),
        ("bytes_down", "bytes to devices"),
        ("blocks_found", "blocks that the pool found"),
        ("work_accepted", "hashes that accepted shares prove"),
    ]
}

/// Lengths of time that are measured.
public enum Latency: Int, Sendable, CaseIterable {
    /// From a share's sending to its acknowledgement.
    case submit
    /// From the instant at which a share was due to its acknowledgement: what a busy generator adds is in it.
    case submitIntended
    /// From dialling to the transport connection.
    case connect
    /// From the transport connection to an open channel or subscription.
    case handshake
    /// From a lost connection to the next work on the chips.
    case reconnect
    /// From the first device's new tip to each device's; see ``FanOut``.
    case prevhash
    /// The same for jobs on the present tip.
    case job
    /// From a new tip's job at the pool to the first job on it that has transactions; zero where the tip's own has.
    case emptyWork

    public var name: String { Self.names[rawValue] }

    public init?(name: String) {
        guard let index = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: index)
    }

    private static let names = [
        "submit", "submit_intended", "connect", "handshake", "reconnect", "prevhash",
        "job", "empty_work",
    ]
}

/// Levels that a device has at the end of a second, summed over a fleet.
public enum Level: Int, Sendable, CaseIterable {
    /// Devices switched on.
    case devices
    case mining
    case throttled
    case connecting
    case backingOff
    case down
    /// Hashes a second that the devices' physics has at present, scaled; what a pool should see.
    case hashrateExpected
    /// Hottest chip of the fleet, °C: the greatest of all shards, not their sum.
    case temperatureMax
    /// Watts at the plugs.
    case power

    var isGreatest: Bool { self == .temperatureMax }

    public var name: String { Self.names[rawValue] }

    public init?(name: String) {
        guard let index = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: index)
    }

    private static let names = [
        "devices", "mining", "throttled", "connecting", "backing_off", "down",
        "hashrate_expected", "temperature_max", "power",
    ]
}
