import ArgumentParser
import DeviceModel
import Experiments
import Firmware
import Foundation
import Hardware
import JSONText
import NIOCore
import NIOPosix
import Rig
import Runtime
import SansIO
import Stratum
import USB

struct USBMineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mine",
        abstract: "Mines with every real stick that is, or will be, plugged in.",
        discussion: """
            The firmware is that of the simulated devices; figures of a real stick are measured, never modelled. A stick \
            that is pulled out mines on when it comes back. With --twin a simulated device of the profile mines beside \
            them, marked as simulated.

            Examples:
              lab usb mine --pool stratum+tcp://127.0.0.1:34255
              lab usb mine --profile compac-f --clock 300 --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab usb mine --twin compac-f --pool stratum+tcp://127.0.0.1:34255
            """)

    @Option(help: "Pools in order of preference; may be given several times.") var pool: [PoolURL]
    @Option(help: "Only sticks of this kind; takes an unknown one of the same numbers for it.") var profile:
        String?
    @Option(help: "Clock of the chips in MHz; without one, the kind's own.") var clock: Double?
    @Option(help: "The account at the pool.") var identity = "lab.usb"
    @Option(help: "A device profile whose simulation mines beside the sticks.") var twin: String?
    @Option(help: "Hashrate scale of the twin.") var scale = 1e-10
    @OptionGroup var logging: LogOptions
    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    func validate() throws {
        guard !pool.isEmpty else { throw ValidationError("--pool URL is needed: see lab usb mine --help") }
        guard scale > 0, scale <= 1 else { throw ValidationError("--scale must be above 0 and at most 1") }
        let kind = try USBCommand.kind(profile)
        if let clock {
            guard clock.isFinite, clock > 0 else { throw ValidationError("--clock must be above 0 MHz") }
            if let kind, !kind.clockRange.contains(Megahertz(clock)) {
                throw ValidationError(
                    "--clock of \(kind.profile) must be \(kind.clockRange.lowerBound.megahertz) to "
                        + "\(kind.clockRange.upperBound.megahertz) MHz")
            }
        }
    }

    func run() async throws {
        let bus = try USBCommand.bus()
        let runtime = LabRuntime(threads: 1)
        let stop = StopSignal()
        let log = try logging.log("usb")
        let observatory = Observatory(log: log)
        let sticks = StickService(
            bus: bus,
            wishes: StickService.Wishes(
                pools: pool, identity: identity, kind: try USBCommand.kind(profile),
                clock: clock.map { Megahertz($0) }),
            runtime: runtime, log: log
        ) { name, observation in
            Self.tell(name + " (real)", observation, log, observatory)
        }
        var rigs: RigService?
        if let twin { rigs = try await startTwin(twin, runtime: runtime, log: log, observatory: observatory) }
        log.note(
            "started",
            "real sticks as \(identity, as: "user") for \(pool[0], as: "pool"); waiting for what is plugged in"
        )
        sticks.start()
        let reporter = Task { [rigs] in await report(sticks, rigs, log: log) }
        _ = await stop.wait()
        reporter.cancel()
        await sticks.stop()
        await rigs?.stop()
    }

    private func startTwin(
        _ name: String, runtime: LabRuntime, log: EventLog, observatory: Observatory
    ) async throws -> RigService {
        var rig = RigConfiguration(
            profile: try Self.twinProfile(name), pools: pool, userIdentity: identity + ".twin",
            seed: 1, stream: 1, wallClock: runtime.world.wallClock)
        rig.hashrateScale = scale
        rig.secretSeed = LiveWorld.entropy(32)
        return try await RigService.start([rig], runtime: runtime, loops: [runtime.group.next()]) {
            _, observation, _ in
            Self.tell(name + " (simulated)", observation, log, observatory)
        }
    }

    /// A device profile; a stick may be named as `--profile` names it.
    private static func twinProfile(_ name: String) throws -> DeviceProfile {
        let library = ProfileCommand.library
        let other = ["gekko-\(name)", "\(name)-usb"].first { library.names.contains($0) }
        return try library.load(library.names.contains(name) ? name : other ?? name)
    }

    private static func tell(
        _ name: String, _ observation: MinerObservation, _ log: EventLog, _ observatory: Observatory
    ) {
        if case .sharesAccepted(let count, _) = observation {
            return log.note(
                observation, "\(name): \(count) accepted", with: ["device": .string(name)], as: "device")
        }
        observatory.rig(name, observation)
    }

    /// A line of figures for each device every ten seconds.
    private func report(_ sticks: StickService, _ rigs: RigService?, log: EventLog) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(10))
            guard !Task.isCancelled else { return }
            for stick in await sticks.snapshots() {
                log.note("progress", "\(stick.label, as: "device", shown: "")\(Self.line(stick))")
            }
            guard let (member, rig) = await rigs?.snapshots(first: 1).first else { continue }
            let rate = Figures.hashRate(rig.provenHashRate.hashesPerSecond)
            log.note(
                "progress",
                "\(member.model, as: "device") (simulated): \(rig.phase, as: "phase", shown: rig.phase.rawValue), "
                    + "\(rig.provenHashRate, as: "hash_rate", shown: rate), "
                    + "\(rig.accepted, as: "accepted") accepted, \(rig.rejected, as: "rejected") rejected")
        }
    }

    /// What the stick itself measures; most have nothing to measure with.
    private static func measurements(_ stick: StickSnapshot) -> String {
        var text = stick.chipTemperature.map { ", \(Figures.decimal($0.degrees, 0)) °C" } ?? ""
        text += stick.inputPower.map { ", \(Figures.decimal($0.watts, 1)) W" } ?? ""
        return text
    }

    static func line(_ stick: StickSnapshot) -> String {
        guard stick.isAttached else {
            return "\(stick.label) (real): not attached: \(stick.lastFault ?? "not plugged in")"
        }
        let measured = stick.measuredHashRate.map { Figures.hashRate($0.hashesPerSecond) + " measured" }
        return "\(stick.label) (real): \(stick.phase.rawValue), \(stick.chips) chips at "
            + "\(Figures.decimal(stick.miner.frequency.megahertz, 1)) MHz, "
            + "\(measured ?? Figures.hashRate(stick.nominalHashRate.hashesPerSecond) + " nominal"), "
            + "\(stick.accepted) accepted, \(stick.rejected) rejected, "
            + "\(stick.chain.validNonces) nonces, \(stick.chain.invalidNonces) wrong, "
            + "\(stick.chain.garbage) bytes of garbage" + measurements(stick)
    }
}

struct USBProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Opens every stick, wakes its chips and counts them.",
        discussion: """
            The exit status is 1 when a stick does not answer with all of its chips.

            Examples:
              lab usb probe
              lab usb probe --profile icarus
            """)

    @Option(help: "Only sticks of this kind; takes an unknown one of the same numbers for it.") var profile:
        String?

    func validate() throws { _ = try USBCommand.kind(profile) }

    func run() throws {
        let wished = try USBCommand.kind(profile)
        let bus = try USBCommand.bus()
        var isWhole = true
        var count = 0
        for sighting in bus.sticks() {
            guard let kind = wished ?? sighting.kind, kind.vendor == sighting.vendor,
                kind.product == sighting.product
            else { continue }
            count += 1
            let result = StickProbe(kind, sighting, on: bus).run()
            isWhole = isWhole && result.isWhole
            Output.line("\(sighting.port)  \(kind.name): \(result.text)")
        }
        bus.stop()
        if count == 0 { Output.line("no mining stick is plugged in") }
        if !isWhole { throw ExitCode(1) }
    }
}

/// Opens one stick, counts its chips, and lets it go. Waits on the caller's thread.
private final class StickProbe: @unchecked Sendable {
    private let kind: StickKind
    private let sighting: StickSighting
    private let bus: USBBus
    private let condition = NSCondition()
    private var events: [StickLine.Event] = []

    init(_ kind: StickKind, _ sighting: StickSighting, on bus: USBBus) {
        self.kind = kind
        self.sighting = sighting
        self.bus = bus
    }

    func run() -> (text: String, isWhole: Bool) {
        let world = LiveWorld()
        let began = world.now
        var driver = ChainDriver(kind.setup)
        let line = StickLine(sighting, bridge: kind.bridge, on: bus) { [self] event in
            condition.withLock {
                events.append(event)
                condition.signal()
            }
        }
        var verdict: (text: String, isWhole: Bool)?
        var isClosed = false
        while !isClosed {
            let wait = verdict == nil ? driver.nextDeadline.map { max(0.001, ($0 - world.now).seconds) } : nil
            let event = next(within: min(1, wait ?? 1))
            var output = ChainDriver.Output()
            switch event {
            case .opened:
                driver.command(.setPower(true), at: world.now, into: &output)
                driver.command(.enumerate, at: world.now, into: &output)
            case .received(let bytes): driver.received(bytes, at: world.now, into: &output)
            case .receivedAside(let bytes): driver.receivedAside(bytes)
            case .closed(let reason):
                isClosed = true
                verdict = verdict ?? (reason, false)
            case nil:
                if let due = driver.nextDeadline, due <= world.now {
                    driver.deadlineReached(at: world.now, into: &output)
                }
            }
            line.perform(output.orders)
            for case .enumerated(let chips) in output.events where verdict == nil {
                let family = kind.setup.family.rawValue
                let seconds = Figures.decimal((world.now - began).seconds, 1)
                let garbage = driver.statistics.garbage
                verdict = (
                    "\(chips) of \(kind.setup.chips) chips answer (\(family)) after \(seconds) s"
                        + (garbage > 0 ? ", \(garbage) bytes of garbage" : ""),
                    chips == kind.setup.chips
                )
                line.close("probed")
            }
            if verdict == nil, (world.now - began).seconds > 60 {
                verdict = ("no answer within a minute", false)
                line.close("no answer")
            }
        }
        return verdict ?? ("closed", false)
    }

    private func next(within seconds: Double) -> StickLine.Event? {
        condition.withLock {
            if events.isEmpty { _ = condition.wait(until: Foundation.Date(timeIntervalSinceNow: seconds)) }
            return events.isEmpty ? nil : events.removeFirst()
        }
    }
}
