import DeviceModel
import Firmware
import Hardware
import NIOCore
import Rig
import Runtime
import SansIO
import Stratum

/// One or many simulated miners in the live world, each with its own connection.
struct RigService: Sendable {
    struct Member: Sendable {
        let name: String
        let model: String
        let via: String
        let isScaled: Bool
        let host: MachineHost<RigMachine>
    }

    let members: [Member]

    /// - Parameter observer: called with the member's index.
    static func start(
        _ configurations: [RigConfiguration], runtime: LabRuntime, loops: [any EventLoop],
        sources: [String?] = [nil],
        observer: @escaping @Sendable (Int, MinerObservation, Instant) -> Void
    ) -> RigService {
        let now = runtime.world.now
        let members = configurations.enumerated().map { index, configuration in
            let host = MachineHost(
                RigMachine(configuration, at: now), loop: loops[index % loops.count], world: runtime.world,
                dialFrom: sources[index % sources.count]
            ) { observation, instant in observer(index, observation, instant) }
            return Member(
                name: configuration.userIdentity, model: configuration.profile.name,
                via: configuration.pools.first?.isV2 == true ? "SV2" : "SV1",
                isScaled: configuration.hashrateScale != 1, host: host)
        }
        for member in members { member.host.start() }
        return RigService(members: members)
    }

    func snapshots(first count: Int) async -> [(Member, RigSnapshot)] {
        var result: [(Member, RigSnapshot)] = []
        for member in members.prefix(count) {
            if let snapshot = try? await member.host.query({ $0.snapshot }) {
                result.append((member, snapshot))
            }
        }
        return result
    }

    func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for member in members { group.addTask { await member.host.stop() } }
        }
    }
}
