/// What the lab shows the explorer about itself: a snapshot, taken whenever the explorer asks (about once a
/// second). Everything is optional in spirit: an explorer beside a plain Bitcoin node gets an empty feed and
/// leaves the device pages out of its way.
public struct LabFeed: Sendable, Equatable {
    /// What runs, in one line, for example "regtest lab, 12 devices"; empty when unknown.
    public var title: String
    public var roles: [RoleRow]
    public var devices: [DeviceRow]
    /// Nil when no pool belongs to this lab.
    public var pool: PoolTotals?
    /// Who found a block, by the block's hash in display order (as RPC prints it).
    public var foundBy: [String: BlockFinder]

    public init(
        title: String = "", roles: [RoleRow] = [], devices: [DeviceRow] = [], pool: PoolTotals? = nil,
        foundBy: [String: BlockFinder] = [:]
    ) {
        self.title = title
        self.roles = roles
        self.devices = devices
        self.pool = pool
        self.foundBy = foundBy
    }

    public static let empty = LabFeed()

    public var isEmpty: Bool { self == .empty }
}

/// One role of the lab: node, template provider, pool, translator, job declarator.
public struct RoleRow: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        case running
        case starting
        case degraded
        case stopped
        case failed
    }

    public var name: String
    public var state: State
    /// Where it listens, as a person would type it; empty when it does not listen.
    public var address: String
    /// One line on what it does now, or why it does not.
    public var detail: String

    public init(name: String, state: State, address: String = "", detail: String = "") {
        self.name = name
        self.state = state
        self.address = address
        self.detail = detail
    }
}

/// One mining device, simulated or real.
public struct DeviceRow: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        case hashing
        case starting
        case throttled
        case idle
        case offline
        case failed
    }

    public var name: String
    public var model: String
    /// The language it speaks to its pool, for example "SV2", "SV1" or "SV1 via translator".
    public var transport: String
    public var state: State
    /// Hashes per second, as the device's model says.
    public var hashRate: Double
    /// True when an experiment's hashrate scale is already in `hashRate` (design: "How honest hashing
    /// scales").
    public var isScaled: Bool
    /// Hottest sensor, degrees Celsius.
    public var temperature: Double?
    /// Watts at the wall.
    public var power: Double?
    /// Percent of full speed, 0...100.
    public var fan: Double?
    public var accepted: UInt64
    public var rejected: UInt64
    public var stale: UInt64
    /// Current share difficulty.
    public var difficulty: Double?
    /// Highest difficulty of any share so far.
    public var bestDifficulty: Double?
    /// Seconds since the last accepted share.
    public var lastShareAge: Double?

    public init(
        name: String, model: String, transport: String, state: State, hashRate: Double,
        isScaled: Bool = false,
        temperature: Double? = nil, power: Double? = nil, fan: Double? = nil, accepted: UInt64 = 0,
        rejected: UInt64 = 0, stale: UInt64 = 0, difficulty: Double? = nil, bestDifficulty: Double? = nil,
        lastShareAge: Double? = nil
    ) {
        self.name = name
        self.model = model
        self.transport = transport
        self.state = state
        self.hashRate = hashRate
        self.isScaled = isScaled
        self.temperature = temperature
        self.power = power
        self.fan = fan
        self.accepted = accepted
        self.rejected = rejected
        self.stale = stale
        self.difficulty = difficulty
        self.bestDifficulty = bestDifficulty
        self.lastShareAge = lastShareAge
    }
}

/// The pool as a whole.
public struct PoolTotals: Sendable, Equatable {
    public var name: String
    public var sharesPerSecond: Double
    public var connections: Int
    public var channels: Int
    /// Hashes per second, estimated from accepted shares.
    public var hashRate: Double
    public var accepted: UInt64
    public var rejected: UInt64
    public var stale: UInt64
    public var blocksFound: Int

    public init(
        name: String = "pool", sharesPerSecond: Double = 0, connections: Int = 0, channels: Int = 0,
        hashRate: Double = 0, accepted: UInt64 = 0, rejected: UInt64 = 0, stale: UInt64 = 0,
        blocksFound: Int = 0
    ) {
        self.name = name
        self.sharesPerSecond = sharesPerSecond
        self.connections = connections
        self.channels = channels
        self.hashRate = hashRate
        self.accepted = accepted
        self.rejected = rejected
        self.stale = stale
        self.blocksFound = blocksFound
    }
}

/// Who found a block, as far as the pool knows.
public struct BlockFinder: Sendable, Equatable {
    public var device: String
    public var worker: String?
    public var channelID: UInt32?
    public var templateID: UInt64?
    public var jobID: UInt32?
    /// Hex of the extranonce that the device rolled.
    public var extranonce: String?
    /// Difficulty that the winning share met.
    public var shareDifficulty: Double?

    public init(
        device: String, worker: String? = nil, channelID: UInt32? = nil, templateID: UInt64? = nil,
        jobID: UInt32? = nil, extranonce: String? = nil, shareDifficulty: Double? = nil
    ) {
        self.device = device
        self.worker = worker
        self.channelID = channelID
        self.templateID = templateID
        self.jobID = jobID
        self.extranonce = extranonce
        self.shareDifficulty = shareDifficulty
    }
}
