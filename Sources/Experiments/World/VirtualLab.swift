import Bitcoin
import Chain
import DeviceModel
import Firmware
import Hardware
import Pool
import Rig
import SansIO
import Simulation
import Stratum

/// What a virtual laboratory is made of.
public struct VirtualLabConfiguration: Sendable {
    public var seed: UInt64
    public var deviceCount: Int
    /// Devices take these in turn.
    public var profiles: [DeviceProfile]
    /// Nominal hashrate times this is what a device announces and finds shares at.
    public var hashrateScale: Double
    /// Mean time between blocks at the fleet's full rate; sets the labnet's difficulty.
    public var blockInterval: Interval
    public var sharesPerMinute: Double
    /// The path between each device and the pool.
    public var link: LinkProfile
    /// Devices are switched on evenly over this time.
    public var ramp: Interval
    public var ambient = Celsius(25)
    /// What the calendar says when the world begins.
    public var wallClock = WallClock(unixSecondsAtStart: 1_767_225_600)

    public init(
        seed: UInt64, deviceCount: Int, profiles: [DeviceProfile], hashrateScale: Double = 2.5e-12,
        blockInterval: Interval = .minutes(10), sharesPerMinute: Double = 6, link: LinkProfile = .fibre,
        ramp: Interval = .seconds(60)
    ) {
        precondition(deviceCount > 0 && !profiles.isEmpty && hashrateScale > 0)
        self.seed = seed
        self.deviceCount = deviceCount
        self.profiles = profiles
        self.hashrateScale = hashrateScale
        self.blockInterval = blockInterval
        self.sharesPerMinute = sharesPerMinute
        self.link = link
        self.ramp = ramp
    }

    /// The announced hashrate of the whole fleet, scaled, in hashes a second.
    public var fleetHashRate: Double {
        (0..<deviceCount).reduce(0) { sum, index in
            sum + profiles[index % profiles.count].nominalHashRate.hashesPerSecond * hashrateScale
        }
    }
}

/// What happened in a virtual laboratory, counted from the machines' observations.
public struct VirtualLabReport: Sendable, Equatable {
    public var sharesAccepted: UInt64 = 0
    public var sharesRejected: UInt64 = 0
    public var sharesStale: UInt64 = 0
    /// Shares that devices found for replaced work and did not submit.
    public var sharesDiscarded: UInt64 = 0
    /// Shares found by devices: accepted, refused, discarded, or still on their way.
    public var sharesFound: UInt64 = 0
    public var blocksFound: Int = 0
    public var height = 0
    public var channelsOpened: Int = 0
    public var disconnections: Int = 0
    public var targetChanges: UInt64 = 0
    public var hardwareErrors: UInt64 = 0
    public var events: UInt64 = 0
    public var deliveredBytes: UInt64 = 0
    public var virtualTime = Interval.zero
    public var digest: UInt64 = 0

    /// Share of work lost because a block had come: stale at the pool or discarded at the device.
    public var staleRate: Double {
        let all = sharesAccepted + sharesRejected + sharesDiscarded
        return all == 0 ? 0 : Double(sharesStale + sharesDiscarded) / Double(all)
    }
}

/// Node, pool and devices in the virtual world: the machines that the live commands run, on virtual links.
public final class VirtualLab {
    private static let templates = Endpoint(host: "node", port: 8_442)
    private static let pool = Endpoint(host: "pool", port: 34_254)

    public let configuration: VirtualLabConfiguration
    public let world: VirtualWorld
    public private(set) var report = VirtualLabReport()
    public let node: NodeID
    public let poolNode: NodeID
    public private(set) var devices: [NodeID] = []
    private let counter: Counter

    /// Counts what machines observe; a reference that the observers share.
    private final class Counter {
        var report = VirtualLabReport()
    }

    public init(_ configuration: VirtualLabConfiguration) {
        self.configuration = configuration
        let world = VirtualWorld(seed: configuration.seed)
        let counter = Counter()
        self.world = world
        self.counter = counter
        let clock = configuration.wallClock

        let hashesPerBlock = max(2, configuration.fleetHashRate * configuration.blockInterval.seconds)
        let network = NetworkParameters.labnet(target: Target(UInt256(clamping: 0x1p256 / hashesPerBlock)))
        node = world.add(
            NodeMachine(
                NodeConfiguration(
                    network: network, clock: clock, secretSeed: VirtualLab.secret("node", configuration.seed))
            ),
            listening: [(.templateProvider, Self.templates)]
        ) { observation, _ in
            if case .tipChanged(let height, _) = observation { counter.report.height = height }
        }

        var secrets = SecretGenerator(seed: VirtualLab.secret("pool", configuration.seed))
        let authority = AuthoritySecretKey(secrets.secretKey())
        var pool = PoolConfiguration(
            authority: authority, staticKey: secrets.secretKey(), clock: clock, secretSeed: secrets.bytes(32),
            templateProvider: Self.templates, payout: .p2wpkh(hash160(secrets.secretKey().publicKey.bytes)))
        pool.sharesPerMinute = configuration.sharesPerMinute
        // As the reference does: an acknowledgement for ten shares, and not one for each because a batch grew old.
        pool.shareBatchAge = .minutes(2)
        poolNode = world.add(
            PoolMachine(pool), listening: [(.mining, Self.pool)]
        ) { observation, _ in VirtualLab.count(observation, in: counter) }

        let url = PoolURL(scheme: .stratumV2(authority: authority.publicKey), endpoint: Self.pool)
        for index in 0..<configuration.deviceCount {
            var rig = RigConfiguration(
                profile: configuration.profiles[index % configuration.profiles.count], pools: [url],
                userIdentity: "device.\(index)", seed: configuration.seed, stream: UInt64(index),
                wallClock: clock)
            rig.hashrateScale = configuration.hashrateScale
            rig.ambient = configuration.ambient
            // Steady sensors are read once a minute; physics integrates over the time between.
            rig.telemetryMax = .minutes(1)
            let share = configuration.ramp.nanoseconds / UInt64(configuration.deviceCount)
            rig.startDelay = .nanoseconds(share * UInt64(index))
            let id = world.add(RigMachine(rig), link: configuration.link) { observation, _ in
                VirtualLab.count(observation, in: counter)
            }
            devices.append(id)
        }
    }

    /// Runs until `time` since the world began; `progress` is told after each virtual hour.
    public func run(until time: Interval, progress: (VirtualLabReport) -> Void = { _ in }) {
        let end = Instant.start + time
        while world.now < end {
            world.run(until: min(end, world.now + .hours(1)))
            update()
            progress(report)
        }
    }

    private func update() {
        report = counter.report
        report.events = world.eventCount
        report.deliveredBytes = world.deliveredBytes
        report.virtualTime = world.now - .start
        report.digest = world.digest
    }

    private static func count(_ observation: PoolObservation, in counter: Counter) {
        switch observation {
        case .shareAccepted: counter.report.sharesAccepted += 1
        case .shareRejected(_, let rejection):
            counter.report.sharesRejected += 1
            if rejection == .stale { counter.report.sharesStale += 1 }
        case .blockFound: counter.report.blocksFound += 1
        case .channelOpened: counter.report.channelsOpened += 1
        case .targetChanged: counter.report.targetChanges += 1
        default: break
        }
    }

    private static func count(_ observation: MinerObservation, in counter: Counter) {
        switch observation {
        case .shareFound: counter.report.sharesFound += 1
        case .shareDiscarded: counter.report.sharesDiscarded += 1
        case .hardwareError: counter.report.hardwareErrors += 1
        case .disconnected: counter.report.disconnections += 1
        default: break
        }
    }

    private static func secret(_ purpose: String, _ seed: UInt64) -> [UInt8] {
        var generator = SecretGenerator(seed: Array("virtual \(purpose) \(seed)".utf8))
        return generator.bytes(32)
    }
}
