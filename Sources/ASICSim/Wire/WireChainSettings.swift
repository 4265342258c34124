import Hardware
import SansIO

/// How fast a chain really hashes. What its registers claim is always the modelled rate, f x units x chips.
public enum HashPace: Sendable, Equatable {
    /// The modelled rate times this, which must be above zero. At 1 a chain of today's chips wants more than a
    /// processor has: in real time it then does what it can and lets the rest go.
    case modelled(scale: Double)
    /// Hashes per second.
    case rate(HashRate)
    /// As fast as the driver calls.
    case unlimited
}

/// What a chain is made of.
public struct WireChainSettings: Sendable, Equatable {
    public var family: ChipFamily
    /// 1...256.
    public var chips: Int
    public var pace: HashPace
    /// Hashes per cycle and chip, where it is not the family's: an Antminer U3's four chips as one, for example.
    public var unitsPerChip: Double?
    /// Voltage domains, which only matter to ``ChipFault/Kind/stuckDomain(_:)``: chips are dealt to them in order.
    public var domains: Int
    /// A lab setting, 0 for true chips: so many zero bits fewer than 32 and the ticket are asked of a hash, so that a
    /// chain that hashes at a laboratory's rate reports as often as a real one. A driver that checks nonces by the real
    /// rule will count them as errors.
    public var difficultyShift: Int
    /// Nonces per core and batch are this times HCN x f / 25 MHz. Captures of an S21 Pro and ESP-Miner's own formula
    /// say 2, the hash rate says 1: only coverage depends on it.
    public var sweepFactor: Double
    /// How long the cores go on with the old job after a new one has come.
    public var switchDelay: Interval
    /// How long a PLL takes to its new frequency. An estimate.
    public var lockTime: Interval
    public var faults: [ChipFault]
    public var seed: UInt64

    public init(
        family: ChipFamily, chips: Int, pace: HashPace = .unlimited, unitsPerChip: Double? = nil,
        domains: Int = 1,
        difficultyShift: Int = 0, sweepFactor: Double = 2, switchDelay: Interval = .microseconds(500),
        lockTime: Interval = .milliseconds(1), faults: [ChipFault] = [], seed: UInt64 = 1
    ) {
        self.family = family
        self.chips = chips
        self.pace = pace
        self.unitsPerChip = unitsPerChip
        self.domains = max(1, domains)
        self.difficultyShift = difficultyShift
        self.sweepFactor = sweepFactor
        self.switchDelay = switchDelay
        self.lockTime = lockTime
        self.faults = faults
        self.seed = seed
    }
}

/// Counts since the beginning; a reset of the chips does not clear them.
public struct WireChainStatistics: Sendable, Equatable {
    public var bytesIn: UInt64 = 0
    public var bytesOut: UInt64 = 0
    public var commands: UInt64 = 0
    public var jobs: UInt64 = 0
    /// Pieces between frames that were none.
    public var malformed: UInt64 = 0
    /// Nonces put on the line, duplicates and wrong ones included.
    public var nonces: UInt64 = 0
    /// Replies that found no room on the line.
    public var lost: UInt64 = 0
    /// Headers really hashed.
    public var hashes: UInt64 = 0
}
