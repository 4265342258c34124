import DeviceModel
import SansIO
import Simulation

/// An experiment as its file describes it; the same value runs in the live and in the virtual world.
public struct Experiment: Sendable, Equatable {
    public var name = ""
    public var summary = ""
    /// Of everything that is drawn. A device's own chance is H(seed, device), for any number of shards.
    public var seed: UInt64 = 1
    /// Runs with the seeds `seed`, `seed + 1`, …
    public var repetitions = 1
    public var network = NetworkPlan()
    public var stack = StackPlan()
    public var fleets: [FleetPlan] = []
    /// One after the other; their sum is the run.
    public var phases: [PhasePlan] = []
    public var actions: [ActionPlan] = []
    public var thresholds: [Threshold] = []
    /// One key that takes several values, a run for each.
    public var sweep: SweepPlan?
    /// What others measured or a closed form says, beside which the run's figures are put.
    public var references: [ReferencePlan] = []

    public var duration: Interval { phases.reduce(.zero) { $0 + $1.duration } }
    public var deviceCount: Int { fleets.reduce(0) { $0 + $1.count } }

    /// The seconds of a phase; nil when there is none of that name.
    public func window(of phase: String) -> Range<Int>? {
        var start = Interval.zero
        for one in phases {
            let end = start + one.duration
            if one.name == phase { return Int(start.seconds)..<Int(end.seconds.rounded(.up)) }
            start = end
        }
        return nil
    }

    /// The phase at a time; nil when all are over.
    public func phase(at time: Interval) -> (index: Int, plan: PhasePlan, since: Interval)? {
        var start = Interval.zero
        for (index, one) in phases.enumerated() {
            if time < start + one.duration { return (index, one, start) }
            start = start + one.duration
        }
        return nil
    }

    /// The first device of a fleet in the numbering of all devices.
    public func firstDevice(of fleet: Int) -> Int { fleets.prefix(fleet).reduce(0) { $0 + $1.count } }
}

public struct NetworkPlan: Sendable, Equatable {
    public enum Chain: String, Sendable, CaseIterable {
        /// The lab's own chain with a block difficulty to choose.
        case labnet
        /// Bitcoin Core's: every share is a block.
        case regtest
    }

    /// Where blocks come from.
    public enum BlockSource: String, Sendable, CaseIterable {
        /// The fleet finds them: the difficulty is set for the interval at the fleet's full rate.
        case fleet
        /// The node makes one after each interval, whatever the fleet does.
        case clock
        /// The node makes them at random, in the mean after each interval.
        case chance
    }

    public var chain = Chain.labnet
    public var blockInterval = Interval.minutes(10)
    public var blockSource = BlockSource.fleet
    public var transactionsPerSecond = 0.0
    public var reorganisationsPerHour = 0.0
}

public struct StackPlan: Sendable, Equatable {
    /// Pools by URL; empty for the lab's own stack. Two are compared by the same fleet.
    public var targets: [String] = []
    public var sharesPerMinute = 6.0
    /// `classic`, `ckpool`, `lab`.
    public var vardiff = "lab"
    public var isVardiffEnabled = true
    /// A job on the present tip at least so often.
    public var jobInterval = Interval.seconds(60)
    /// Shares that one acknowledgement may stand for; 1 measures each share's way and back.
    public var shareBatch: UInt32 = 1
    /// How long an acknowledgement may wait for its batch.
    public var shareBatchAge = Interval.seconds(5)
    /// Devices that the translator puts on one upstream channel; 1 for a channel of its own each.
    public var aggregation = 1
    /// Waiting transactions from which on the node tells a new tip with an empty template first.
    public var speculativePool = 2_000
    /// Weight up to which the node fills blocks.
    public var blockWeight = 4_000_000
    /// The job declaration client's template mode.
    public var declaration = "full-template"
}

public struct FleetPlan: Sendable, Equatable {
    public enum Speech: String, Sendable, CaseIterable {
        /// Stratum V2 with the channel of the device's profile.
        case v2
        case v2Standard = "v2-standard"
        case v2Extended = "v2-extended"
        case v1
    }

    /// What the devices dial.
    public enum Via: String, Sendable, CaseIterable {
        case pool
        case translator
        case jdc
        /// The experiment's target.
        case target
    }

    public struct Part: Sendable, Equatable {
        public var profile: String
        public var weight: Int
    }

    public var name = ""
    public var count = 0
    /// By weight; a device's part depends on its number alone.
    public var parts: [Part] = []
    public var speech = Speech.v2
    public var via = Via.pool
    /// A link profile's name.
    public var link = "fibre"
    /// Instead of the link profile's, when set.
    public var delay: Interval?
    public var jitter: Interval?
    /// Announced and mined is nominal times this.
    public var hashrateScale = 1e-11
    /// Devices are switched on evenly over this time.
    public var ramp = Interval.seconds(60)
    public var start = Interval.zero
    /// °C.
    public var ambient = 25.0
    /// Boots as real devices do; otherwise a device mines at once.
    public var boots = false
    /// Reconnects after this, doubled each time; nil for the firmware's own.
    public var backoff: Interval?

    public var totalWeight: Int { parts.reduce(0) { $0 + $1.weight } }

    /// The profile of the device with this number in its fleet: the parts are spread evenly.
    public func profile(of device: Int) -> String {
        var place = device % max(1, totalWeight)
        for part in parts {
            if place < part.weight { return part.profile }
            place -= part.weight
        }
        return parts.first?.profile ?? ""
    }
}

public struct PhasePlan: Sendable, Equatable {
    public var name = ""
    public var duration = Interval.zero
}

/// Something that is done at a time.
public struct ActionPlan: Sendable, Equatable {
    public enum What: String, Sendable, CaseIterable {
        /// Devices' clocks go to `value` times their own.
        case hashrate
        /// The same, evenly over `duration`.
        case ramp
        /// Between 1 and `value` times their clocks with the period `duration`, until the run's end.
        case oscillate
        /// Every connection of the fleet is reset at once.
        case storm
        /// The plug is pulled; after `duration` it is back. Without one it stays out.
        case powerCut = "power-cut"
        /// The room's temperature goes to `value` °C over `duration`.
        case ambient
        /// Nothing arrives, in either direction, for `duration`.
        case partition
        /// The link's one-way delay is `value` ms from here on.
        case latency
        /// The role's process dies at once; after `duration` it is started again.
        case kill
        /// The pool sends its miners away in order and takes none for `duration`.
        case drain
        /// The node makes a block.
        case block
        /// The last `value` blocks are replaced by one more.
        case reorganisation
        /// A fault of the devices' hardware, named by `fault`.
        case fault
    }

    public var at = Interval.zero
    public var what = What.block
    /// The fleet's number; nil for all.
    public var fleet: Int?
    /// The first so many per cent of the fleet's devices.
    public var percent = 100.0
    public var value = 1.0
    public var duration = Interval.zero
    /// For `kill`: pool, node, jds, jdc, translator.
    public var role = ""
    /// For `fault`: a name of the profile dictionary's faults.
    public var fault = ""
}

public struct SweepPlan: Sendable, Equatable {
    /// A key of the file, as `fleets.0.delay_ms`.
    public var key = ""
    public var values: [ProfileValue] = []
    /// Values that only long runs take as well.
    public var long: [ProfileValue] = []

    public var all: [ProfileValue] { values + long }
}

/// A figure that a run is held against.
public struct ReferencePlan: Sendable, Equatable {
    /// A measure as in thresholds, without a comparison.
    public var measure = ""
    /// The sweep's value for which it holds; nil for all.
    public var sweep: ProfileValue?
    public var expected = 0.0
    /// The pass band.
    public var low = -Double.infinity
    public var high = Double.infinity
    /// Who says so.
    public var source = ""
}
