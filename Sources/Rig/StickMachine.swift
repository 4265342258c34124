import Bitcoin
import Firmware
import Hardware
import SansIO
import Stratum

/// One real stick as a machine: the very firmware of the simulated rigs, wired to a driver of chips in place of
/// simulated ones. No physics and no chance: what the chips say comes as commands, what they are told goes out as
/// observations, which the driver of the machine hands to a serial line.
///
/// ```
///    driver ⇄ StickMachine
///               ├─ MinerFirmware ── HashboardCommand ──► ChainDriver ── .line(orders) ──► the serial line
///               │        ▲                                   │
///               │        └────────── HashboardEvent ─────────┘ ◄── .lineReceived(bytes)
/// ```
///
/// Plugging in is its power switch: with the line it boots, without it is off.
public struct StickMachine: Machine {
    public enum Observation: Sendable, Equatable {
        case miner(MinerObservation)
        /// To be carried out in order.
        case line([LineOrder])
    }

    public enum Command: Sendable, Equatable {
        /// A line at 115,200 baud stands.
        case lineOpened
        case lineReceived([UInt8])
        /// From the device's own controller.
        case asideReceived([UInt8])
        /// Unplugged, failed or reset.
        case lineClosed(String)
        /// As its owner does, by web page or API.
        case operate(OperatorCommand)
        case setWallClock(WallClock)
    }

    private let configuration: StickConfiguration
    private var firmware: MinerFirmware
    private var driver: ChainDriver
    private var isAttached = false
    private var lastFault: String?
    /// When the present line was opened, and the hashes proven until then.
    private var openedAt = Instant.start
    private var hashesBefore = 0.0
    private var latest = Instant.start

    public init(_ configuration: StickConfiguration) {
        self.configuration = configuration
        var seed: UInt64 = 0
        for byte in configuration.secretSeed.prefix(8) { seed = seed << 8 | UInt64(byte) }
        firmware = MinerFirmware(
            settings: configuration.firmwareSettings, wallClock: configuration.wallClock,
            secrets: SecretGenerator(seed: configuration.secretSeed), seed: PRNG(seed: seed, stream: 0))
        driver = ChainDriver(configuration.setup)
    }

    // MARK: Machine

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        var inner = EffectBuffer<MinerObservation>()
        firmware.connectionOpened(id, origin: origin, at: now, into: &inner, commands: &commands)
        carryOut(&commands, &inner, at: now, into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        var inner = EffectBuffer<MinerObservation>()
        firmware.bytesReceived(bytes, on: id, at: now, into: &inner, commands: &commands)
        carryOut(&commands, &inner, at: now, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        var inner = EffectBuffer<MinerObservation>()
        firmware.connectionClosed(id, reason: reason, at: now, into: &inner, commands: &commands)
        carryOut(&commands, &inner, at: now, into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        var inner = EffectBuffer<MinerObservation>()
        firmware.dialFailed(dial, reason: reason, at: now, into: &inner, commands: &commands)
        carryOut(&commands, &inner, at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        var inner = EffectBuffer<MinerObservation>()
        var output = ChainDriver.Output()
        switch command {
        case .lineOpened:
            guard !isAttached else { break }
            isAttached = true
            lastFault = nil
            openedAt = now
            hashesBefore = driver.statistics.provenHashes
            firmware.powerOn(at: now, into: &inner, commands: &commands)
        case .lineReceived(let bytes):
            guard isAttached else { break }
            driver.received(bytes, at: now, into: &output)
        case .asideReceived(let bytes):
            if isAttached { driver.receivedAside(bytes) }
        case .lineClosed(let reason):
            lastFault = reason
            guard isAttached else { break }
            isAttached = false
            driver.lineLost()
            firmware.powerOff(at: now, into: &inner, commands: &commands)
            // There is nobody left to be told.
            commands.removeAll()
        case .operate(let command):
            if let refusal = firmware.operate(command, at: now, into: &inner, commands: &commands) {
                inner.observe(.refused(refusal))
            }
        case .setWallClock(let clock): firmware.wallClock = clock
        }
        deliver(output, &inner, at: now, into: &effects, commands: &commands)
        carryOut(&commands, &inner, at: now, into: &effects)
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        var commands: [HashboardCommand] = []
        var inner = EffectBuffer<MinerObservation>()
        if let due = driver.nextDeadline, due <= now {
            var output = ChainDriver.Output()
            driver.deadlineReached(at: now, into: &output)
            deliver(output, &inner, at: now, into: &effects, commands: &commands)
            carryOut(&commands, &inner, at: now, into: &effects)
        }
        if let due = firmware.nextDeadline, due <= now {
            firmware.deadlineReached(at: now, into: &inner, commands: &commands)
            carryOut(&commands, &inner, at: now, into: &effects)
        }
    }

    public var nextDeadline: Instant? {
        let earliest = min(driver.nextDeadline ?? .distantFuture, firmware.nextDeadline ?? .distantFuture)
        return earliest == .distantFuture ? nil : earliest
    }

    // MARK: Between firmware, driver and line

    private mutating func carryOut(
        _ commands: inout [HashboardCommand], _ inner: inout EffectBuffer<MinerObservation>, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        latest = now
        var rounds = 0
        while !commands.isEmpty {
            rounds += 1
            precondition(
                rounds <= Limits.commandRoundsMax, "firmware and hardware command each other in circles")
            var batch: [HashboardCommand] = []
            swap(&batch, &commands)
            for command in batch {
                var output = ChainDriver.Output()
                driver.command(command, at: now, into: &output)
                deliver(output, &inner, at: now, into: &effects, commands: &commands)
            }
        }
        Self.pass(&inner, to: &effects)
    }

    /// Orders to the line, events to the firmware.
    private mutating func deliver(
        _ output: ChainDriver.Output, _ inner: inout EffectBuffer<MinerObservation>, at now: Instant,
        into effects: inout EffectBuffer<Observation>,
        commands: inout [HashboardCommand]
    ) {
        if !output.orders.isEmpty { effects.observe(.line(output.orders)) }
        for event in output.events {
            firmware.hardware(event, at: now, into: &inner, commands: &commands)
        }
    }

    /// The firmware speaks to its pool by the same effects as any other; its observations are wrapped on the way.
    private static func pass(
        _ inner: inout EffectBuffer<MinerObservation>, to effects: inout EffectBuffer<Observation>
    ) {
        for index in 0..<inner.count {
            switch inner[index] {
            case .observe(let observation): effects.observe(.miner(observation))
            case .send(let id, let range):
                effects.send(on: id) { writer in inner.withBytes(range) { writer.write($0) } }
            case .close(let id, let reason): effects.close(id, reason)
            case .dial(let dial, let endpoint): effects.emit(.dial(dial, endpoint))
            case .pauseReads(let id, let pause): effects.emit(.pauseReads(id, pause))
            case .store, .restart: preconditionFailure("firmware keeps nothing on a disk")
            }
        }
        inner.reset()
    }

    // MARK: Snapshot

    public var snapshot: StickSnapshot {
        let seconds = (latest - openedAt).seconds
        let hashes = driver.statistics.provenHashes - hashesBefore
        return StickSnapshot(
            name: configuration.name, label: configuration.label, isAttached: isAttached,
            lastFault: lastFault, miner: firmware.snapshot, chain: driver.statistics, chips: driver.chips,
            nominalHashRate: isAttached ? driver.nominalHashRate : .zero,
            measuredHashRate: isAttached && seconds >= 60 ? HashRate(hashes / seconds) : nil)
    }
}
