import SansIO

/// Who may connect, how often, and who may not: bounds of one pool towards the addresses that it serves. By default
/// only the ban list works; loopback is never counted, because a laboratory's whole fleet comes from there.
public struct AdmissionRules: Sendable, Hashable {
    /// Live connections from one address; nil for no bound (a farm comes through one address).
    public var connectionsPerAddress: Int?
    /// New connections a second from one address, and how many may come at once; nil for no bound.
    public var arrivalsPerSecond: Double?
    public var arrivalBurst = 32
    /// Frames a second on one connection, and how many may come at once. A proxy with 4,096 channels at 60 shares a
    /// minute sends 4,096 a second.
    public var framesPerSecond = 10_000.0
    public var frameBurst = 20_000
    /// Addresses that are remembered after their last connection closed, so that coming back does not clear their
    /// record.
    public var rememberedAddresses = 16_384
    /// Addresses that never get in, without ports. Bounded by whoever writes the list.
    public var refusedAddresses: [String] = []
    /// Addresses on the ban list; the oldest makes room.
    public var bans = 4_096

    public init() {}
}

/// The records that ``AdmissionRules`` need. Bounded: by live connections, and by two queues.
struct AdmissionControl: Sendable {
    private struct Record: Sendable {
        var connections = 0
        /// When the arrivals that came would have been spread out evenly (GCRA's theoretical arrival time).
        var arrivals = Instant.start
    }

    enum Verdict: Equatable, Sendable {
        case admitted
        case refused(String)
    }

    private var rules: AdmissionRules
    /// Looked up, never walked.
    private var records: [String: Record] = [:]
    /// Addresses without connections whose record still says something, in the order in which they left.
    private var leaving: [String] = []
    private var bans: [(address: String, until: Instant)] = []

    init(_ rules: AdmissionRules) { self.rules = rules }

    /// Counts an arrival. One that is refused is not counted as a connection.
    mutating func arrive(from address: String, at now: Instant) -> Verdict {
        if rules.refusedAddresses.contains(address) { return .refused("banned") }
        if let ban = bans.first(where: { $0.address == address }) {
            if ban.until > now { return .refused("banned") }
            lift(address)
        }
        guard isCounted(address) else { return .admitted }
        var record = records[address] ?? Record()
        if let most = rules.connectionsPerAddress, record.connections >= most {
            return .refused("\(most) connections from one address")
        }
        if let rate = rules.arrivalsPerSecond {
            let step = Interval.nanoseconds(UInt64(1e9 / rate))
            let due = max(record.arrivals, now)
            guard due - now <= step * UInt64(max(0, rules.arrivalBurst - 1)) else {
                return .refused("more than \(rate) connections a second from one address")
            }
            record.arrivals = due + step
        }
        record.connections += 1
        records[address] = record
        return .admitted
    }

    /// The end of a connection that was admitted.
    mutating func leave(_ address: String, at now: Instant) {
        guard var record = records[address] else { return }
        record.connections -= 1
        guard record.connections <= 0 else {
            records[address] = record
            return
        }
        guard record.arrivals > now, rules.rememberedAddresses > 0 else {
            records[address] = nil
            return
        }
        records[address] = record
        leaving.append(address)
        if leaving.count > rules.rememberedAddresses {
            let oldest = leaving.removeFirst()
            if records[oldest]?.connections == 0 { records[oldest] = nil }
        }
    }

    /// Other rules from here on; `connected` are the addresses of the live connections, which were not counted if no
    /// rule asked for it.
    mutating func change(_ rules: AdmissionRules, connected: [String]) {
        self.rules = rules
        while bans.count > max(0, rules.bans) { bans.removeFirst() }
        let old = records
        records = [:]
        for address in connected where isCounted(address) {
            var record = records[address] ?? Record(arrivals: old[address]?.arrivals ?? .start)
            record.connections += 1
            records[address] = record
        }
        for address in leaving where records[address] == nil && isCounted(address) {
            records[address] = old[address]
        }
        leaving.removeAll { records[$0] == nil }
    }

    mutating func ban(_ address: String, until: Instant) {
        lift(address)
        if bans.count >= rules.bans { bans.removeFirst() }
        bans.append((address, until))
    }

    mutating func lift(_ address: String) { bans.removeAll { $0.address == address } }

    func banned(at now: Instant) -> [(address: String, until: Instant)] { bans.filter { $0.until > now } }

    private func isCounted(_ address: String) -> Bool {
        (rules.connectionsPerAddress != nil || rules.arrivalsPerSecond != nil)
            && !address.hasPrefix("127.") && address != "::1"
    }
}

/// One connection's allowance of frames, as a single instant.
struct FrameAllowance: Sendable {
    private var spentUntil = Instant.start

    /// False when the connection sent more than it may.
    mutating func spend(at now: Instant, rules: AdmissionRules) -> Bool {
        let step = Interval.nanoseconds(UInt64(1e9 / rules.framesPerSecond))
        let due = max(spentUntil, now)
        guard due - now <= step * UInt64(rules.frameBurst) else { return false }
        spentUntil = due + step
        return true
    }
}
