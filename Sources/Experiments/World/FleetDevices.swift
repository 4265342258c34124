import DeviceModel
import Firmware
import Hardware
import Rig
import SansIO
import Simulation
import Stratum

/// The profiles of an experiment's devices, each read once.
public struct FleetProfiles: Sendable {
    private let profiles: [String: DeviceProfile]
    private let fleets: [FleetPlan]

    /// - Throws: ``FileError`` for a profile that is not there.
    public init(_ experiment: Experiment, library: ProfileLibrary) throws {
        var profiles: [String: DeviceProfile] = [:]
        for part in experiment.fleets.flatMap(\.parts) where profiles[part.profile] == nil {
            profiles[part.profile] = try library.load(part.profile)
        }
        self.profiles = profiles
        fleets = experiment.fleets
    }

    /// - Parameter device: its place in the fleet.
    public subscript(fleet: Int, device: Int) -> DeviceProfile {
        let name = fleets[fleet].profile(of: device)
        guard let profile = profiles[name] else { preconditionFailure("profile \(name) was read") }
        return profile
    }

    /// Nominal clocks in MHz by profile.
    public var clocks: [String: Double] { profiles.mapValues(\.chip.nominalMegahertz) }

    /// Of all devices together, scaled, in hashes a second.
    public var hashRate: Double {
        fleets.reduce(0) { sum, fleet in
            guard fleet.totalWeight > 0 else { return sum }
            return sum
                + (0..<fleet.count).reduce(0) { part, device in
                    part + (profiles[fleet.profile(of: device)]?.nominalHashRate.hashesPerSecond ?? 0)
                } * fleet.hashrateScale
        }
    }
}

extension RigConfiguration {
    /// A device of a fleet. What is drawn for it depends on the seed and its number alone, however many processes
    /// run the experiment.
    ///
    /// - Parameters:
    ///   - place: in its fleet; decides when it is switched on.
    ///   - number: of all devices of the experiment.
    public init(
        _ fleet: FleetPlan, profile: DeviceProfile, place: Int, number: Int, pools: [PoolURL], seed: UInt64,
        clock: WallClock
    ) {
        self.init(
            profile: profile, pools: pools, userIdentity: "\(fleet.name).\(place)", seed: seed,
            stream: UInt64(number), wallClock: clock)
        hashrateScale = fleet.hashrateScale
        ambient = Celsius(fleet.ambient)
        instantBoot = !fleet.boots
        startDelay =
            fleet.start + .nanoseconds(fleet.ramp.nanoseconds / UInt64(max(1, fleet.count)) * UInt64(place))
        switch fleet.speech {
        case .v2Standard: channel = .standard
        case .v2Extended: channel = .extended
        case .v1, .v2: break
        }
        if let initial = fleet.backoff {
            backoff.initial = initial
            backoff.maximum = max(backoff.maximum, initial)
        }
    }
}

extension LinkDescription {
    /// A fleet's path: its link profile with what the fleet says of it.
    public init(of fleet: FleetPlan, in library: LinkLibrary) throws {
        self = try library.load(fleet.link)
        if let delay = fleet.delay { profile.delay = delay }
        if let jitter = fleet.jitter { profile.jitterMean = jitter }
    }
}
