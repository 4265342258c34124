import DeviceModel
import Firmware
import Hardware
import Management
import NIOCore
import Rig
import Runtime
import SansIO
import Stratum

/// One or many simulated miners in the live world, each with its own connection, and each with its management
/// interfaces on an address of its own when they are asked for.
struct RigService: Sendable {
    struct Member: Sendable {
        let name: String
        let model: String
        let via: String
        let isScaled: Bool
        let host: RigHost
    }

    let members: [Member]

    /// - Parameter observer: called with the member's index.
    /// - Parameter management: nil runs plain rigs.
    static func start(
        _ configurations: [RigConfiguration], runtime: LabRuntime, loops: [any EventLoop],
        sources: [String?] = [nil], management: ManagementAddresses? = nil,
        observer: @escaping @Sendable (Int, MinerObservation, Instant) -> Void
    ) async throws -> RigService {
        let now = runtime.world.now
        var members: [Member] = []
        for (index, configuration) in configurations.enumerated() {
            let (loop, source) = (loops[index % loops.count], sources[index % sources.count])
            let host: RigHost
            if let management {
                let rig = ManagedRig(configuration, management: management.settings(index), at: now)
                let machine = MachineHost(rig, loop: loop, world: runtime.world, dialFrom: source) {
                    observer(index, $0, $1)
                }
                try await management.listen(machine, as: rig.labels)
                host = .managed(machine)
            } else {
                let machine = MachineHost(
                    RigMachine(configuration, at: now), loop: loop, world: runtime.world, dialFrom: source
                ) { observer(index, $0, $1) }
                host = .plain(machine)
            }
            members.append(
                Member(
                    name: configuration.userIdentity, model: configuration.profile.name,
                    via: configuration.pools.first?.isV2 == true ? "SV2" : "SV1",
                    isScaled: configuration.hashrateScale != 1, host: host))
        }
        for member in members { member.host.start() }
        return RigService(members: members)
    }

    func snapshots(first count: Int) async -> [(Member, RigSnapshot)] {
        var result: [(Member, RigSnapshot)] = []
        for member in members.prefix(count) {
            if let snapshot = await member.host.snapshot() { result.append((member, snapshot)) }
        }
        return result
    }

    func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for member in members { group.addTask { await member.host.stop() } }
        }
    }
}

/// A rig's host, with interfaces or without.
enum RigHost: Sendable {
    case plain(MachineHost<RigMachine>)
    case managed(MachineHost<ManagedRig>)

    func start() {
        switch self {
        case .plain(let host): host.start()
        case .managed(let host): host.start()
        }
    }

    func stop() async {
        switch self {
        case .plain(let host): await host.stop()
        case .managed(let host): await host.stop()
        }
    }

    func snapshot() async -> RigSnapshot? {
        switch self {
        case .plain(let host): try? await host.query { $0.snapshot }
        case .managed(let host): try? await host.query { $0.snapshot }
        }
    }
}
