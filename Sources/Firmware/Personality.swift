import Hardware
import SansIO

/// The families of firmware that devices run, by what a profile calls them.
public enum Personality: String, Sendable, Hashable, CaseIterable {
    /// Bitmain's own.
    case antminer
    /// BraiinsOS and its like.
    case braiins
    /// Bitaxe and its relatives.
    case espMiner = "esp-miner"
    /// cgminer with a stick, as GekkoScience's are driven.
    case cgminerGekko = "cgminer-gekko"
    case whatsminer
    case avalon
    /// A program on a computer.
    case cpuMiner = "cpu-miner"

    public var habits: Habits {
        var habits = Habits()
        switch self {
        case .antminer:
            habits.lostFanStops = true
            habits.returnsToPreferredPool = .minutes(1)
            habits.chipTemperatureOffset = 15
            habits.waitsForSharesTimes = 60
        case .braiins:
            habits.enumerationAttempts = 10
            habits.enumerationWait = .seconds(10)
            habits.acceptsFewerChipsAfter = 5
            habits.autotunes = true
            habits.lostFanStops = true
            habits.returnsToPreferredPool = .minutes(1)
            habits.chipTemperatureOffset = 15
        case .espMiner:
            habits.connectAttempts = 3
            habits.returnsToPreferredPool = .minutes(1)
            habits.needsAllChips = true
            habits.followsReconnect = false
            habits.filtersDuplicates = false
        case .cgminerGekko:
            habits.returnsToPreferredPool = .minutes(1)
            habits.waitsForSharesTimes = 20
            habits.enumerationAttempts = 5
            habits.enumerationWait = .seconds(5)
            habits.needsAllChips = true
        case .whatsminer:
            habits.lostFanStops = true
            habits.returnsToPreferredPool = .minutes(2)
        case .avalon:
            habits.returnsToPreferredPool = .minutes(1)
        case .cpuMiner: break
        }
        habits.v1 = V1Dialect(self)
        return habits
    }
}

/// In what firmwares differ. Sources: ESP-Miner (`protocol_coordinator.c`, `stratum_v2_task.c`), cgminer's gekko driver,
/// open BraiinsOS; the makers' own are estimates.
public struct Habits: Sendable, Equatable {
    /// Failed attempts at one pool before the next one gets its turn.
    public var connectAttempts = 1
    /// While another pool is mined on, the first is tried so often by a connection of its own; nil stays where it is.
    public var returnsToPreferredPool: Interval?
    /// How often chips are counted before the device goes on or gives up.
    public var enumerationAttempts = 1
    public var enumerationWait = Interval.seconds(10)
    /// After so many counts, fewer chips than expected will do.
    public var acceptsFewerChipsAfter = 1
    /// Without all of its chips the device does not mine at all.
    public var needsAllChips = false
    /// A fan that is told to turn and turns slower is lost.
    public var fanLostBelow = RPM(300)
    /// For so long, until it counts.
    public var fanLossPatience = Interval.seconds(10)
    /// It stops the hashing; otherwise it is told of and no more.
    public var lostFanStops = false
    /// V1 `client.reconnect` and V2 Reconnect are followed.
    public var followsReconnect = true
    /// A nonce that was reported before counts as a hardware error and is not submitted.
    public var filtersDuplicates = true
    /// The boards are started anew when no share came for so many times its expected time; nil never does that.
    public var waitsForSharesTimes: Double?
    /// Finds each chip's own clock after the start.
    public var autotunes = false
    public var v1 = V1Dialect()
    /// What the status pages add to the board's sensor and call the chip's temperature.
    public var chipTemperatureOffset = 0.0
}

/// In what one model's firmware differs from its family's; what is nil does not.
public struct HabitDepartures: Sendable, Equatable {
    public var connectAttempts: Int?
    public var returnsToPreferredPool: Interval?
    public var enumerationAttempts: Int?
    /// Every chip must answer. False: after half of the attempts fewer do.
    public var needsAllChips: Bool?
    /// Zero: fans are not watched.
    public var fanLostBelow: RPM?
    public var fanLossPatience: Interval?
    public init() {}

    func apply(to habits: inout Habits) {
        if let connectAttempts { habits.connectAttempts = connectAttempts }
        if let returnsToPreferredPool { habits.returnsToPreferredPool = returnsToPreferredPool }
        if let enumerationAttempts { habits.enumerationAttempts = enumerationAttempts }
        if let needsAllChips {
            habits.needsAllChips = needsAllChips
            habits.acceptsFewerChipsAfter = max(1, habits.enumerationAttempts / 2)
        }
        if let fanLossPatience { habits.fanLossPatience = fanLossPatience }
        guard let fanLostBelow else { return }
        habits.fanLostBelow = fanLostBelow
        habits.lostFanStops = true
    }
}
