import ASICSim
import Bitcoin
import DeviceModel
import Firmware
import Hardware
import SansIO

/// One simulated miner: firmware wired to chips wired to physics.
///
/// The firmware commands the hardware as it would a real one; the rig carries the commands out on the chip engine and
/// the physics, and brings their answers back. Heat and power are computed only when the firmware looks or acts, so
/// a settled rig costs one event per share and one per ten seconds.
///
/// Switched on by its first deadline, after the configured delay.
public struct RigMachine: Machine {
    public typealias Observation = MinerObservation

    /// What an operator or an experiment does to a rig.
    public enum Command: Sendable, Equatable {
        case powerOn
        case powerOff
        case setAmbient(Celsius)
        /// False stops the fans, whatever they are told.
        case setFansWork(Bool)
        case setWallClock(WallClock)
        /// As its owner does, by web page or API.
        case operate(OperatorCommand)
        /// The room over time, counted from the device's plugging-in.
        case setAmbientCurve(AmbientCurve)
        /// Something begins to go wrong; its onset counts from now.
        case addFault(DeviceFault)
        /// Ends every fault of this name.
        case removeFaults(named: String)
    }

    private var firmware: MinerFirmware
    private var chips: HashEngine
    private var physics: DevicePhysics
    private let workSwitch: Interval
    private let scale: Double
    private let engine: RigConfiguration.Engine
    /// When the plug goes in; nil once it did.
    private var startsAt: Instant?
    private var reportedTooHard = false
    private var reportedRate = 0.0
    private var reportedCelsius = -Double.infinity

    public init(_ configuration: RigConfiguration, at now: Instant = .start) {
        let profile = configuration.profile
        func stream(_ index: UInt64) -> PRNG {
            PRNG(seed: configuration.seed, stream: configuration.stream &* 4 &+ index)
        }
        firmware = MinerFirmware(
            settings: configuration.firmwareSettings, wallClock: configuration.wallClock,
            secrets: configuration.secrets, seed: stream(0))
        chips = HashEngine(
            boards: profile.boards.count, chipsPerBoard: profile.boards.chipsPerBoard,
            mode: configuration.engineMode, scale: configuration.hashrateScale, seed: stream(1))
        physics = DevicePhysics(
            profile: profile, ambient: configuration.ambient, seed: stream(2), at: now)
        chips.set(
            silicon: physics.silicon, perE: profile.errors.undervoltVoltsPerE / profile.chip.nominalVolts)
        chips.set(faults: physics.chipFaults)
        workSwitch = Interval(seconds: profile.firmware.workSwitchSeconds)
        scale = configuration.hashrateScale
        engine = configuration.engine
        startsAt = now + configuration.startDelay
    }

    // MARK: Machine

    public mutating func connectionOpened(
        _ id: ConnectionID, origin: ConnectionOrigin, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.connectionOpened(id, origin: origin, at: now, into: &effects, commands: &commands)
        carryOut(&commands, at: now, into: &effects)
    }

    public mutating func bytesReceived(
        _ bytes: RawSpan, on id: ConnectionID, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.bytesReceived(bytes, on: id, at: now, into: &effects, commands: &commands)
        carryOut(&commands, at: now, into: &effects)
    }

    public mutating func connectionClosed(
        _ id: ConnectionID, reason: CloseReason, at now: Instant,
        into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.connectionClosed(id, reason: reason, at: now, into: &effects, commands: &commands)
        carryOut(&commands, at: now, into: &effects)
    }

    public mutating func dialFailed(
        _ dial: DialID, reason: CloseReason, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        firmware.dialFailed(dial, reason: reason, at: now, into: &effects, commands: &commands)
        carryOut(&commands, at: now, into: &effects)
    }

    public mutating func handle(
        _ command: consuming Command, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var commands: [HashboardCommand] = []
        switch command {
        case .powerOn:
            startsAt = nil
            firmware.powerOn(at: now, into: &effects, commands: &commands)
        case .powerOff:
            startsAt = nil
            firmware.powerOff(at: now, into: &effects, commands: &commands)
        case .setAmbient(let ambient): physics.setAmbient(ambient, at: now)
        case .setFansWork(let work): physics.setFansWork(work, at: now)
        case .setWallClock(let clock): firmware.wallClock = clock
        case .operate(let command):
            _ = operate(command, at: now, into: &effects)
            return
        case .setAmbientCurve(let curve): physics.setAmbient(curve, at: now)
        case .addFault(let fault):
            physics.add(fault, at: now)
            updateRate(at: now)
        case .removeFaults(let name):
            physics.removeFaults(named: name, at: now)
            updateRate(at: now)
        }
        carryOut(&commands, at: now, into: &effects)
    }

    /// Does what the owner says, or says why not.
    public mutating func operate(
        _ command: OperatorCommand, at now: Instant, into effects: inout EffectBuffer<Observation>
    ) -> OperatorRefusal? {
        var commands: [HashboardCommand] = []
        let refusal = firmware.operate(command, at: now, into: &effects, commands: &commands)
        if let refusal { effects.observe(.refused(refusal)) }
        carryOut(&commands, at: now, into: &effects)
        return refusal
    }

    public mutating func deadlineReached(at now: Instant, into effects: inout EffectBuffer<Observation>) {
        var commands: [HashboardCommand] = []
        if let startsAt, startsAt <= now {
            self.startsAt = nil
            firmware.powerOn(at: now, into: &effects, commands: &commands)
            carryOut(&commands, at: now, into: &effects)
        }
        if let due = physics.nextFaultChange, due <= now {
            physics.advance(to: now)
            updateRate(at: now)
        }
        if let due = chips.nextDeadline, due <= now, let event = chips.deadlineReached(at: now) {
            firmware.hardware(event, at: now, into: &effects, commands: &commands)
            carryOut(&commands, at: now, into: &effects)
        }
        if let due = firmware.nextDeadline, due <= now {
            firmware.deadlineReached(at: now, into: &effects, commands: &commands)
            carryOut(&commands, at: now, into: &effects)
        }
    }

    public var nextDeadline: Instant? {
        var earliest = startsAt ?? .distantFuture
        if let due = chips.nextDeadline, due < earliest { earliest = due }
        if let due = firmware.nextDeadline, due < earliest { earliest = due }
        if let due = physics.nextFaultChange, due < earliest { earliest = due }
        return earliest == .distantFuture ? nil : earliest
    }

    // MARK: Hardware

    /// Carries out what the firmware commands, and what it commands in answer to the hardware's answers.
    private mutating func carryOut(
        _ commands: inout [HashboardCommand], at now: Instant, into effects: inout EffectBuffer<Observation>
    ) {
        var rounds = 0
        while !commands.isEmpty {
            rounds += 1
            precondition(
                rounds <= Limits.commandRoundsMax, "firmware and hardware command each other in circles")
            var batch: [HashboardCommand] = []
            swap(&batch, &commands)
            for command in batch {
                guard let answer = carryOut(command, at: now) else { continue }
                firmware.hardware(answer, at: now, into: &effects, commands: &commands)
            }
            physics.setHashing(chips.isHashing, at: now)
            noteTooHard(into: &effects)
            noteRate(into: &effects)
        }
    }

    private mutating func carryOut(_ command: HashboardCommand, at now: Instant) -> HashboardEvent? {
        switch command {
        case .setPower(let on):
            physics.setPower(on, at: now)
            chips.count(to: now)
            if !on {
                chips.idle()
                chips.set(clocks: .uniform, base: .zero, exponentPerStep: 0)
            }
            updateRate(at: now)
        case .enumerate: return .enumerated(chips: physics.isOn ? physics.chipFaults.answeringChips : 0)
        case .setVoltage(let voltage):
            physics.setVoltage(voltage, at: now)
            updateRate(at: now)
        case .setFrequency(let frequency):
            physics.setFrequency(frequency, at: now)
            updateRate(at: now)
        case .load(let work):
            guard physics.isOn else { return nil }
            chips.load(work, delay: workSwitch, at: now)
        case .setChipClocks(let clocks):
            physics.setChipClocks(clocks, at: now)
            chips.set(
                clocks: clocks, base: physics.frequency, exponentPerStep: physics.errorExponentPerStep)
            updateRate(at: now)
        case .readChipCounters: return .chipCounters(chips.readCounters(at: now))
        case .idle:
            chips.count(to: now)
            chips.idle()
        case .setFan(let duty): physics.setFan(duty, at: now)
        case .readTelemetry:
            let reading = physics.read(at: now)
            updateRate(at: now)
            return .telemetry(reading)
        }
        return nil
    }

    private mutating func updateRate(at now: Instant) {
        chips.set(faults: physics.chipFaults)
        chips.set(rate: physics.hashRate, errorRate: physics.errorRate, at: now)
    }

    private mutating func noteTooHard(into effects: inout EffectBuffer<Observation>) {
        guard let expected = chips.excessiveHashes else {
            reportedTooHard = false
            return
        }
        guard !reportedTooHard else { return }
        reportedTooHard = true
        effects.observe(.shareTooHard(expectedHashes: expected))
    }

    /// Says what the physics has when that changed.
    private mutating func noteRate(into effects: inout EffectBuffer<Observation>) {
        let rate = chips.isHashing ? physics.hashRate.hashesPerSecond * (1 - physics.errorRate) * scale : 0
        let chip = physics.chipTemperature
        // What only drifts is told in steps that a plot shows.
        let isHeatNews = abs(chip.degrees - reportedCelsius) >= 1
        guard rate != reportedRate || isHeatNews else { return }
        reportedRate = rate
        reportedCelsius = chip.degrees
        effects.observe(
            .measured(HashRate(rate), chip: chip, power: physics.inputPower))
    }

    // MARK: Snapshot

    public var snapshot: RigSnapshot {
        let miner = firmware.snapshot
        let hashing = chips.isHashing && (miner.phase == .mining || miner.phase == .throttled)
        let modelled = hashing ? physics.hashRate.hashesPerSecond * (1 - physics.errorRate) : 0
        let proven: Double
        switch engine {
        case .model: proven = modelled * scale
        case .hash(let maxRate): proven = hashing ? maxRate?.hashesPerSecond ?? modelled * scale : 0
        }
        return RigSnapshot(
            miner: miner, hashRate: HashRate(modelled), provenHashRate: HashRate(proven),
            chipTemperature: physics.chipTemperature, boardTemperatures: physics.boardTemperatures,
            ambient: physics.ambient, inputPower: physics.inputPower, consumedEnergy: physics.consumedEnergy,
            fanDuty: physics.duty, fanSpeed: physics.fanSpeed, hashes: chips.hashes)
    }
}
