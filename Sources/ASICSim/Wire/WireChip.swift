import Hardware
import SansIO

/// One chip as its registers show it. What it hashes is the chain's, which knows the job.
public struct WireChip: Sendable {
    public let family: ChipFamily
    public internal(set) var address: UInt8 = 0
    /// Whether it took an address since the chain was last set inactive.
    public internal(set) var isAddressed = false
    public internal(set) var clock: ChipClock
    /// As written; some read back otherwise, see ``read(_:at:isHashing:)``.
    var registers: [UInt32]
    /// Values of the cores' own registers, by number, as last written to all cores.
    var coreRegisters = [UInt8](repeating: 0, count: 32)
    /// A write to register A4 makes the full-header chips answer with eleven bytes.
    public private(set) var hasLongReplies: Bool
    /// BM1384: the ticket mask came with the job.
    var jobTicket: UInt8?

    /// Modelled hashes up to `countedAt`, and those that went wrong.
    private(set) var hashes = 0.0
    private(set) var wrongHashes = 0.0
    private var countedAt: Instant

    /// Where it is in the present job.
    var tick: UInt64 = 0
    var batch: UInt64 = 0
    var ticksPerBatch: UInt64 = 1
    var origin: UInt64 = 0
    /// Turns that it is owed against the fastest chip of its chain.
    var credit = 0.0
    /// Rounds through the whole of a job after which it only repeats itself.
    public internal(set) var sweeps: UInt64 = 0

    let map: RegisterMap
    private let units: Double

    init(_ family: ChipFamily, units: Double, lockTime: Interval, at now: Instant) {
        self.family = family
        self.units = units
        map = RegisterMap(family: family)
        registers = map.valuesAtReset()
        clock = ChipClock(word: map.clockAtReset, family: family, lockTime: lockTime, at: now)
        hasLongReplies = family == .bm1397
        countedAt = now
        if family.framing == .short || family.framing == .icarus {
            let code = RegisterMap.clockCodeAtReset
            clock.write(UInt32(code), frequency: ChipClock.frequency(code: code), at: .start)
        }
    }

    /// Hashes per second that the clock and the cores make.
    public func rate(at now: Instant) -> Double { clock.frequency(at: now).megahertz * 1e6 * units }

    /// What the clock and the cores make in a time, the PLL's ramp included.
    func modelledHashes(from start: Instant, to end: Instant) -> Double {
        clock.cycles(from: start, to: end) * units
    }

    /// Zero bits that a hash needs to be reported.
    public var ticketBits: Int {
        if let jobTicket { return TicketMask.bits(UInt32(jobTicket)) }
        return TicketMask.bits(registers[Int(map.ticketMask)])
    }

    /// Sweep length of zero stops the full-header chips.
    var isHalted: Bool { family.takesWholeHeader && registers[Int(RegisterMap.hashCount)] == 0 }

    /// Bits 31 to 28 of the misc register let the cores of one quarter each report; cores are counted in groups of 32.
    func reports(core: Int?) -> Bool {
        guard family.takesWholeHeader, let core else { return true }
        return registers[Int(map.misc)] >> (28 + UInt32(core / 32)) & 1 == 1
    }

    /// Version bits that it may count in; zero without rolling.
    var versionMask: UInt16 {
        let value = registers[Int(RegisterMap.midstateConfiguration)]
        return value >> 31 == 1 ? UInt16(truncatingIfNeeded: value) : 0
    }

    /// Brings the counters up to now. Called before whatever changes the rate.
    mutating func count(isHashing: Bool, errorRate: Double, at now: Instant) {
        guard now > countedAt else { return }
        if isHashing, !isHalted {
            let more = modelledHashes(from: countedAt, to: now)
            hashes += more
            wrongHashes += more * errorRate
        }
        countedAt = now
    }

    // MARK: Registers

    mutating func write(_ register: UInt8, _ value: UInt32, at now: Instant) {
        switch register {
        case RegisterMap.chipID, RegisterMap.hashCounter, RegisterMap.errorCount:
            return
        case map.clock where family.framing != .short && family.framing != .icarus:
            clock.write(value, frequency: ChipClock.frequency(word: value, family: family), at: now)
        case RegisterMap.midstateConfiguration where family.takesWholeHeader:
            hasLongReplies = true
        case RegisterMap.coreMailbox where family.framing == .preamble:
            useMailbox(value)
            return
        default: break
        }
        registers[Int(register)] = value
    }

    /// Bit 15 writes a core's register, else its value is fetched for register 40; bit 14 says that it is there.
    private mutating func useMailbox(_ value: UInt32) {
        let number = Int(value >> 8 & 0x1f)
        if value >> 15 & 1 == 1 {
            coreRegisters[number] = UInt8(truncatingIfNeeded: value)
            registers[Int(RegisterMap.coreMailbox)] = value
        } else {
            registers[Int(RegisterMap.coreValue)] = value & 0x00ff_0000 | UInt32(coreRegisters[number])
            registers[Int(RegisterMap.coreMailbox)] = value | 1 << 14
        }
    }

    /// What a read answers; registers that nothing is known of hold what was written.
    func read(_ register: UInt8, die: Celsius, at now: Instant) -> UInt32 {
        let unit = 0x1p-32
        switch register {
        case RegisterMap.chipID:
            // The last byte is the address; BM1384 is not known to say it.
            return family == .bm1384 ? family.chipID : family.chipID | UInt32(address)
        case map.clock: return clock.readBack(at: now)
        case RegisterMap.errorCount where family.framing == .preamble:
            return Self.counter(wrongHashes * unit)
        case RegisterMap.hashCounter where family.takesWholeHeader: return Self.counter(hashes * unit)
        case RegisterMap.domainCounters where family.takesWholeHeader: return Self.counter(hashes * unit / 4)
        case RegisterMap.temperature where family == .bm1368:
            let code = ((die.degrees + 299.5144) / 0.171342).rounded()
            return 1 << 31 | UInt32(max(0, min(65_535, code)))
        case RegisterMap.converter where family.takesWholeHeader: return registers[Int(register)] | 1 << 31
        default:
            if let hashRate = map.hashRate, register == hashRate {
                return UInt32(min(rate(at: now) / map.hashRateShift, 0x7fff_fffe))
            }
            return registers[Int(register)]
        }
    }

    /// Free running in 32 bits.
    private static func counter(_ value: Double) -> UInt32 {
        UInt32(truncatingIfNeeded: UInt64(min(max(value, 0), 0x1p62)))
    }

    /// BM1384 and Antminer U take their clock by a command of its own.
    mutating func setClock(_ code: UInt16, at now: Instant) {
        clock.write(UInt32(code), frequency: ChipClock.frequency(code: code), at: now)
        registers[Int(map.clock)] = UInt32(code)
    }
}
