import Firmware
import Foundation
import Hardware
import NIOCore
import NIOPosix
import Rig
import Runtime
import SansIO
import Stratum
import USB

/// Real sticks in the live world: each that is plugged in gets a machine of its own, which lives on when it is pulled
/// out and goes on when it comes back.
final class StickService: @unchecked Sendable {
    struct Wishes: Sendable {
        var pools: [PoolURL]
        var identity: String
        /// Only sticks of this kind; also what an unrecognised one is taken for.
        var kind: StickKind?
        var clock: Megahertz?
    }

    final class Member: @unchecked Sendable {
        let label: String
        let kind: StickKind
        let host: MachineHost<StickMachine>
        /// Under the service's lock.
        fileprivate(set) var line: StickLine?
        fileprivate(set) var sighting: StickSighting?

        init(label: String, kind: StickKind, host: MachineHost<StickMachine>) {
            self.label = label
            self.kind = kind
            self.host = host
        }
    }

    private let bus: USBBus
    private let wishes: Wishes
    private let runtime: LabRuntime
    private let log: EventLog
    private let observer: @Sendable (String, MinerObservation) -> Void
    private let lock = NSLock()
    private var members: [Member] = []
    private var isStopping = false
    /// Lines that have not said that they are closed.
    private var openLines = 0

    init(
        bus: USBBus, wishes: Wishes, runtime: LabRuntime, log: EventLog,
        observer: @escaping @Sendable (String, MinerObservation) -> Void
    ) {
        self.bus = bus
        self.wishes = wishes
        self.runtime = runtime
        self.log = log
        self.observer = observer
    }

    func start() {
        bus.watch { [weak self] arrival in
            switch arrival {
            case .arrived(let sighting): self?.arrived(sighting)
            case .left(let sighting): self?.left(sighting)
            }
        }
    }

    var sticks: [Member] { lock.withLock { members } }

    func snapshots() async -> [StickSnapshot] {
        var result: [StickSnapshot] = []
        for member in sticks {
            if let snapshot = try? await member.host.query({ $0.snapshot }) { result.append(snapshot) }
        }
        return result
    }

    func stop() async {
        let present = lock.withLock { () -> [Member] in
            isStopping = true
            return members
        }
        for member in present {
            member.line?.close("stopping")
            await member.host.stop()
        }
        // Transfers are taken back within a turn of the event thread.
        for _ in 0..<100 where lock.withLock({ openLines }) > 0 {
            try? await Task.sleep(for: .milliseconds(20))
        }
        if lock.withLock({ openLines }) == 0 { bus.stop() }
    }

    // MARK: Who comes and goes

    private func arrived(_ sighting: StickSighting) {
        guard let kind = wishes.kind ?? sighting.kind, sighting.vendor == kind.vendor,
            sighting.product == kind.product,
            sighting.kind == nil || wishes.kind == nil
                || sighting.kind == kind || sighting.kind?.productString == nil
        else { return }
        if let obstacle = sighting.obstacle {
            let remedy = obstacle.remedy.map { "; \($0)" } ?? ""
            return log.note(
                "unusable",
                "\(sighting.port, as: "port") \(kind.name, as: "kind"): \(obstacle.description + remedy, as: "reason")"
            )
        }
        let label = "\(kind.profile)-\(sighting.serial ?? sighting.port)"
        let member = lock.withLock { () -> Member? in
            guard !isStopping else { return nil }
            if let known = members.first(where: { $0.label == label && $0.line == nil }) {
                known.sighting = sighting
                return known
            }
            // Two sticks of one serial number are told apart by their ports.
            let taken = members.contains { $0.label == label }
            let new = make(kind, label: taken ? "\(kind.profile)-\(sighting.port)" : label)
            new.sighting = sighting
            members.append(new)
            return new
        }
        guard let member else { return }
        log.note(
            "arrived",
            "\(member.label, as: "device"): \(kind.name, as: "kind") on \(sighting.port, as: "port"), real")
        open(member, sighting)
    }

    private func left(_ sighting: StickSighting) {
        lock.withLock {
            for member in members where member.sighting?.isSamePlug(as: sighting) == true {
                member.sighting = nil
            }
        }
    }

    private func make(_ kind: StickKind, label: String) -> Member {
        var configuration = StickConfiguration(
            name: kind.name, label: label, setup: kind.setup, clock: wishes.clock ?? kind.clock,
            clockRange: kind.clockRange, voltage: Volts(kind.volts), pools: wishes.pools,
            userIdentity: wishes.identity, wallClock: runtime.world.wallClock,
            secretSeed: LiveWorld.entropy(32))
        configuration.channel = .standard
        let relay = Relay()
        let observer = observer
        let host = MachineHost(
            StickMachine(configuration), loop: runtime.group.next(), world: runtime.world
        ) { observation, _ in
            switch observation {
            case .line(let orders): relay.line?.perform(orders)
            case .miner(let observation): observer(label, observation)
            }
        }
        host.start()
        let member = Member(label: label, kind: kind, host: host)
        relay.member = member
        relay.lock = lock
        return member
    }

    private func open(_ member: Member, _ sighting: StickSighting) {
        lock.withLock {
            openLines += 1
            member.line = StickLine(sighting, bridge: member.kind.bridge, on: bus) { [weak self] event in
                switch event {
                case .opened: member.host.send(.lineOpened)
                case .received(let bytes): member.host.send(.lineReceived(bytes))
                case .receivedAside(let bytes): member.host.send(.asideReceived(bytes))
                case .closed(let reason): self?.closed(member, reason)
                }
            }
        }
    }

    private func closed(_ member: Member, _ reason: String) {
        member.host.send(.lineClosed(reason))
        log.note("line_closed", "\(member.label, as: "device") (real): line closed: \(reason, as: "reason")")
        let again = lock.withLock { () -> StickSighting? in
            openLines -= 1
            member.line = nil
            return isStopping ? nil : member.sighting
        }
        guard again != nil else { return }
        // Still plugged in, as far as the bus knows: a failure or a reset. The pause lets it come back.
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(2)) { [weak self] in
            guard let self else { return }
            let present = lock.withLock { isStopping || member.line != nil ? nil : member.sighting }
            if let present { open(member, present) }
        }
    }

    /// What a machine's orders go to; the line changes with each plugging in.
    private final class Relay: @unchecked Sendable {
        weak var member: Member?
        var lock = NSLock()
        var line: StickLine? { lock.withLock { member?.line } }
    }
}
