import Hardware
import SansIO
import Stratum

/// One pool of a device's list, and who the device is there.
public struct PoolAccount: Sendable, Equatable {
    public var url: PoolURL
    /// `account.worker`
    public var user: String
    /// V1 only.
    public var password: String

    public init(url: PoolURL, user: String, password: String = "x") {
        self.url = url
        self.user = user
        self.password = password
    }
}

/// What an owner tells a device by its web page or its API.
public enum OperatorCommand: Sendable, Equatable {
    /// One to eight, in order of preference. The present connection ends unless it is to the first of them as the
    /// same user.
    case setPools([PoolAccount])
    /// Mine on this one of the list now.
    case switchPool(Int)
    case setFrequency(Megahertz)
    case setVoltage(Volts)
    /// Nil lets the firmware drive the fan.
    case setFan(FanDuty?)
    case setTargetTemperature(Celsius)
    /// True stops hashing and leaves the pool; the network stays up.
    case setSleep(Bool)
    /// As if the plug were pulled and put in again.
    case restart
    /// The lamp by which a device is found in a shelf.
    case identify(Bool)
    /// Counters go to zero, as cgminer's `zero`.
    case resetCounters
}

/// Why a device would not do what it was told.
public enum OperatorRefusal: Error, Equatable, Sendable {
    case noPools
    case tooManyPools(Int)
    case noSuchPool(Int)
    case frequencyOutOfRange
    case voltageOutOfRange
    case switchedOff
}

extension MinerFirmware {
    /// Does what the owner says, or says why not.
    public mutating func operate(
        _ command: OperatorCommand, at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) -> OperatorRefusal? {
        if boards == .off {
            switch command {
            case .setPools, .identify, .resetCounters: break
            default: return .switchedOff
            }
        }
        defer { announcePhase(into: &effects) }
        switch command {
        case .setPools(let accounts): return setPools(accounts, at: now, into: &effects, commands: &commands)
        case .switchPool(let index):
            guard settings.accounts.indices.contains(index) else { return .noSuchPool(index) }
            go(to: index, at: now, into: &effects, commands: &commands)
        case .setFrequency(let frequency):
            guard frequency.megahertz.isFinite, settings.frequencyRange.contains(frequency) else {
                return .frequencyOutOfRange
            }
            settings.frequency = frequency
            governor.allow(frequency)
            if boards == .running { commands.append(.setFrequency(governor.frequency)) }
            forgetTuning(at: now, commands: &commands)
        case .setVoltage(let voltage):
            guard voltage.volts.isFinite, settings.voltageRange.contains(voltage) else {
                return .voltageOutOfRange
            }
            settings.voltage = voltage
            governor.allow(voltage)
            if boards == .running { commands.append(.setVoltage(voltage)) }
            forgetTuning(at: now, commands: &commands)
        case .setFan(let duty):
            settings.manualFan = duty
            if let duty { setFan(duty, commands: &commands) }
        case .setTargetTemperature(let target):
            settings.governor.target = target
            fan.setTarget(target)
        case .setSleep(let sleeps):
            if sleeps {
                fallAsleep(at: now, into: &effects, commands: &commands)
            } else {
                wake(at: now, into: &effects, commands: &commands)
            }
        case .restart:
            powerOff(at: now, into: &effects, commands: &commands)
            powerOn(at: now, into: &effects, commands: &commands)
        case .identify(let on): isIdentifying = on
        case .resetCounters:
            counters = MinerCounters()
            poolCounters = poolCounters.map { _ in PoolCounters() }
            bestDifficulty = 0
        }
        return nil
    }

    private mutating func setPools(
        _ accounts: [PoolAccount], at now: Instant, into effects: inout Effects,
        commands: inout [HashboardCommand]
    ) -> OperatorRefusal? {
        guard let first = accounts.first else { return .noPools }
        guard accounts.count <= Limits.poolsMax else { return .tooManyPools(accounts.count) }
        let present = settings.accounts[pool]
        let before = zip(settings.accounts, poolCounters).map { ($0, $1) }
        settings.accounts = accounts
        poolCounters = accounts.map { account in before.first { $0.0 == account }?.1 ?? PoolCounters() }
        guard boards != .off else {
            pool = 0
            return nil
        }
        if present == first, session != nil, detour == nil {
            pool = 0
        } else {
            go(to: 0, at: now, into: &effects, commands: &commands)
        }
        return nil
    }

    // MARK: Sleep

    private mutating func fallAsleep(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard boards != .sleeping, boards != .off else { return }
        disconnect("asleep", into: &effects)
        stopWork(commands: &commands)
        boards = .sleeping
        link = .down
        timers.stop(.link)
        timers.stop(.boards)
        timers.stop(.probe)
        commands.append(.idle)
        commands.append(.setPower(false))
        setFan(settings.governor.fanIdle, commands: &commands)
    }

    private mutating func wake(
        at now: Instant, into effects: inout Effects, commands: inout [HashboardCommand]
    ) {
        guard boards == .sleeping else { return }
        powerUpBoards(at: now, commands: &commands)
        pool = 0
        link = .starting
        timers.set(.link, now)
    }
}
