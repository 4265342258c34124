import SansIO

/// One thing that a driver does when the things before it are done.
enum ChainStep: Equatable, Sendable {
    case frame(ChipCommand)
    case bytes([UInt8])
    case wait(Interval)
    case baud(UInt32)
    case reset(Bool)
    case purge
    /// Wait for the answers of chips, and go on with the configuration of those that were found.
    case count
    /// Tell the firmware how many chips stand ready.
    case announce
}

/// The order in which the firmwares of the field wake a chain, by family. Sources: `REFERENCE.md`, initialisation.
struct ChainProgram {
    let setup: ChainSetup
    private var family: ChipFamily { setup.family }

    // MARK: Waking and counting

    /// Reset, and the question to all chips who is there.
    var counting: [ChainStep] {
        var steps: [ChainStep] = [.baud(ChainSetup.baudAtReset)]
        if family.framing != .icarus {
            let low: Interval = family == .bm1397 ? .seconds(1) : .milliseconds(family == .bm1387 ? 30 : 100)
            steps += [.reset(true), .wait(low), .reset(false), .wait(.milliseconds(200))]
        }
        steps.append(.purge)
        switch family {
        case .icarus, .antminerU: steps.append(.bytes(Self.detectionJob))
        case .bm1384, .bm1387, .bm1397: steps.append(.frame(.read(register: 0, of: .all)))
        case .bm1362, .bm1366, .bm1368, .bm1370:
            // Thrice, as ESP-Miner does: a chip that wakes late must have heard it, or it answers with 9 bytes.
            for _ in 0..<3 { steps += [write(0xa4, 0x9000_ffff), .wait(.milliseconds(2))] }
            steps.append(.frame(.read(register: 0, of: .all)))
        }
        return steps + [.count]
    }

    /// The job that cgminer and bfgminer know an Icarus by: its nonce is ``detectionNonce``.
    static let detectionJob: [UInt8] = {
        let state: [UInt32] = [
            0x4679_ba4e, 0xc998_76bf, 0x4bfe_0860, 0x82b4_0025, 0x4df6_c356, 0x4514_7113, 0x9a3a_fa71,
            0xe48f_544a,
        ]
        let tail: [UInt32] = [0x0000_0000, 0x8732_0b1a, 0x1426_674f, 0x2fa7_22ce]
        return state.flatMap(\.bigEndianBytes) + [UInt8](repeating: 0, count: 16)
            + tail.flatMap(\.bigEndianBytes)
    }()
    static let detectionNonce: UInt32 = 0x0001_87a2

    // MARK: Configuration

    /// Addresses, registers, speed of the line; then the announcement.
    func configuration(chips: Int, ticket: UInt64) -> [ChainStep] {
        let body: [ChainStep] =
            switch family {
            case .icarus, .antminerU: []
            case .bm1384: addresses(chips, inactive: 1, pause: .milliseconds(5))
            case .bm1387: bm1387(chips, ticket: ticket)
            case .bm1397: bm1397(chips, ticket: ticket)
            case .bm1362: bm1362(chips, ticket: ticket)
            case .bm1366: bm1366(chips, ticket: ticket)
            case .bm1368: bm1368(chips, ticket: ticket)
            case .bm1370: bm1370(chips, ticket: ticket)
            }
        return body + [.announce]
    }

    /// The distance between two addresses of a chain.
    static func stride(chips: Int) -> Int { 256 / max(1, chips) }

    private func addresses(_ chips: Int, inactive: Int, pause: Interval) -> [ChainStep] {
        var steps: [ChainStep] = []
        for _ in 0..<inactive { steps += [.frame(.chainInactive), .wait(pause)] }
        for chip in 0..<chips {
            steps += [.frame(.setAddress(address(chip, chips))), .wait(pause)]
        }
        return steps
    }

    private func address(_ chip: Int, _ chips: Int) -> UInt8 { UInt8(chip * Self.stride(chips: chips)) }

    /// cgminer's gekko driver, NewPac and R606.
    private func bm1387(_ chips: Int, ticket: UInt64) -> [ChainStep] {
        var steps = addresses(chips, inactive: 3, pause: .milliseconds(5))
        if let baud = setup.baud {
            // Divider 1 is 1.5625 M.
            steps += [write(0x1c, 0x0020_0100), .wait(.milliseconds(10)), .baud(baud)]
        }
        let divider: UInt32 = setup.baud == nil ? 0x1a : 1
        steps += [.wait(.milliseconds(10)), write(0x1c, 0x4020_0080 | (0x80 | divider) << 8)]
        steps += [.wait(.milliseconds(10)), ticketWrite(ticket), .wait(.milliseconds(10))]
        // One empty work opens one core.
        for core in 0..<family.cores {
            steps += [.bytes(Self.emptyJob(id: UInt8(core & 0x7f))), .wait(.milliseconds(10))]
        }
        return steps
    }

    static func emptyJob(id: UInt8) -> [UInt8] {
        let bytes: [UInt8] = [0x21, 0x36, id, 1] + [UInt8](repeating: 0, count: 48)
        let crc = CRC16.of(bytes)
        return bytes + [UInt8(crc >> 8), UInt8(crc & 0xff)]
    }

    /// Nonces that the empty jobs are known to give.
    static let busyNonces: [UInt32] = [0x7203_ea83, 0xe16b_f809]

    /// cgminer's gekko driver, Compac F and R909.
    private func bm1397(_ chips: Int, ticket: UInt64) -> [ChainStep] {
        var steps = addresses(chips, inactive: 3, pause: .milliseconds(10))
        steps += [write(0x80, 0), .wait(.milliseconds(10)), write(0x84, 0), .wait(.milliseconds(100))]
        steps += [write(0x20, 1), .wait(.milliseconds(50)), write(0x3c, 0x8000_8074)]
        steps += [.wait(.milliseconds(100)), ticketWrite(ticket), .wait(.milliseconds(10))]
        for _ in 0..<2 { steps += [write(0x68, 0xc070_0111), .wait(.milliseconds(50))] }
        steps += [write(0x28, 0x0600_000f), .wait(.milliseconds(100))]
        if let baud = setup.baud {
            steps += [write(0x18, 0x0000_6131), .wait(.milliseconds(10)), .baud(baud)]
        } else {
            steps.append(write(0x18, 0x0000_7a31))
        }
        return steps + [.wait(.milliseconds(10))]
    }

    /// cgminer's gekko driver, Compac A1.
    private func bm1362(_ chips: Int, ticket: UInt64) -> [ChainStep] {
        var steps = addresses(chips, inactive: 1, pause: .milliseconds(10))
        steps += [write(0x3c, 0x8000_8540), .wait(.milliseconds(10)), write(0x3c, 0x8000_8008)]
        steps += [.wait(.milliseconds(100)), ticketWrite(ticket), write(0x54, 3), .wait(.milliseconds(50))]
        steps += [write(0x58, 0x0001_1111), .wait(.milliseconds(100))]
        steps += perChip(chips) {
            [($0, 0xa8, 0x0000_0002), ($0, 0x18, 0xb000_c100), ($0, 0x3c, 0x8000_8540)]
        }
        steps += perChip(chips) { [($0, 0x3c, 0x8000_8008), ($0, 0x3c, 0x8000_82aa)] }
        return steps + [write(0x10, 0x0000_12c9), write(0xa4, 0x9000_ffff)] + speed
    }

    /// ESP-Miner, Bitaxe Ultra.
    private func bm1366(_ chips: Int, ticket: UInt64) -> [ChainStep] {
        var steps = [write(0xa8, 0x0007_0000), write(0x18, 0xff0f_c100)]
        steps += addresses(chips, inactive: 1, pause: .milliseconds(5))
        steps += [write(0x3c, 0x8000_8540), write(0x3c, 0x8000_8020), ticketWrite(ticket), write(0x54, 3)]
        steps += [write(0x58, 0x0211_1111), write(0x2c, 0x007c_0003, to: .one(0))]
        steps += perChip(chips) {
            [
                ($0, 0xa8, 0x0007_01f0), ($0, 0x18, 0xf000_c100), ($0, 0x3c, 0x8000_8540),
                ($0, 0x3c, 0x8000_8020), ($0, 0x3c, 0x8000_82aa),
            ]
        }
        return steps + [hashCount(chips), write(0xa4, 0x9000_ffff)] + speed
    }

    /// ESP-Miner, Bitaxe Supra.
    private func bm1368(_ chips: Int, ticket: UInt64) -> [ChainStep] {
        var steps: [ChainStep] = [.frame(.chainInactive), write(0xa8, 0x0007_0000), write(0x18, 0xff0f_c100)]
        steps += [write(0x3c, 0x8000_8b00), write(0x3c, 0x8000_8018), ticketWrite(1), write(0x54, 3)]
        steps.append(write(0x58, 0x0211_1111))
        steps += addresses(chips, inactive: 0, pause: .milliseconds(5))
        for chip in 0..<chips {
            let to = ChipAddress.one(address(chip, chips))
            steps += [write(0xa8, 0x0007_01f0, to: to), write(0x18, 0xf000_c100, to: to)]
            steps += [write(0x3c, 0x8000_8b00, to: to), write(0x3c, 0x8000_8018, to: to)]
            steps += [write(0x3c, 0x8000_82aa, to: to), .wait(.milliseconds(500))]
        }
        return steps + [ticketWrite(ticket), hashCount(chips), write(0xa4, 0x9000_ffff)] + speed
    }

    /// ESP-Miner, Bitaxe Gamma. cgminer's order for the Compac A2 has a malformed frame and writes for one chip only.
    private func bm1370(_ chips: Int, ticket: UInt64) -> [ChainStep] {
        var steps = [write(0xa4, 0x9000_ffff), write(0xa8, 0x0007_0000), write(0x18, 0xf000_c100)]
        steps += addresses(chips, inactive: 1, pause: .milliseconds(5))
        steps += [write(0x3c, 0x8000_8b00), write(0x3c, 0x8000_800c), ticketWrite(ticket)]
        steps.append(write(0x58, 0x0001_1111))
        steps += perChip(chips) {
            [
                ($0, 0xa8, 0x0007_01f0), ($0, 0x18, 0xf000_c100), ($0, 0x3c, 0x8000_8b00),
                ($0, 0x3c, 0x8000_800c), ($0, 0x3c, 0x8000_82aa),
            ]
        }
        steps += [write(0xb9, 0x0000_4480), write(0x54, 2), write(0xb9, 0x0000_4480)]
        return steps + [write(0x3c, 0x8000_8dee), hashCount(chips)] + speed
    }

    /// 1.0417 M, which hosts drive at a million.
    private var speed: [ChainStep] {
        guard let baud = setup.baud else { return [] }
        return [write(0x28, 0x1130_0200), .wait(.milliseconds(10)), .baud(baud), .wait(.milliseconds(10))]
    }

    /// The sweep's length for a full cover of the nonce space, ESP-Miner's formula at the nominal clock.
    private func hashCount(_ chips: Int) -> ChainStep {
        let nominal: Double = family == .bm1370 ? 525 : family == .bm1368 ? 490 : 485
        let cores = Self.powerOfTwo(family.cores)
        let ticks = 0x1p32 / Double(cores) / Double(Self.powerOfTwo(chips)) * 25 / nominal * 0.5
        return write(0x10, UInt32(ticks) - (family == .bm1370 ? 268 : 0))
    }

    private static func powerOfTwo(_ count: Int) -> Int {
        var power = 1
        while power < count { power *= 2 }
        return power
    }

    // MARK: Frames

    func ticketWrite(_ difficulty: UInt64) -> ChainStep {
        write(family == .bm1387 ? 0x18 : 0x14, TicketMask.word(difficulty: difficulty))
    }

    private func write(_ register: UInt8, _ value: UInt32, to: ChipAddress = .all) -> ChainStep {
        .frame(.write(register: register, value: value, to: to))
    }

    private func perChip(_ chips: Int, _ writes: (Int) -> [(Int, UInt8, UInt32)]) -> [ChainStep] {
        (0..<chips).flatMap { chip -> [ChainStep] in
            writes(chip).map { write($0.1, $0.2, to: .one(address($0.0, chips))) } + [
                .wait(.milliseconds(10))
            ]
        }
    }

    /// The frames of one step of the clock's ramp.
    func clock(_ frequency: Megahertz) -> [ChainStep] {
        switch family {
        case .icarus: return []
        case .antminerU:
            let isFirst = setup.clockReference == Megahertz(25)
            let code = isFirst ? ClockCode.antminer(nearest: frequency) : ClockCode.nearest(to: frequency)
            // BM1384's command, though nothing else here is framed.
            let frame = ChipCommand.setClock(code, to: .all).frame(for: .bm1384) ?? []
            return [.bytes(frame), .wait(.milliseconds(100))]
        case .bm1384: return [.frame(.setClock(ClockCode.nearest(to: frequency), to: .all))]
        case .bm1387, .bm1397, .bm1362, .bm1366, .bm1368, .bm1370: break
        }
        guard let pll = PLLSetting(nearest: frequency, for: family) else { return [] }
        let word = pll.word(for: family)
        switch family {
        case .bm1387: return [write(0x0c, word)]
        case .bm1397:
            return [
                write(0x70, 0x0f0f_0f00), write(0x70, 0x0f0f_0f00), write(0x08, word),
                .wait(.milliseconds(10)),
                write(0x08, word),
            ]
        default: return [write(0x08, word)]
        }
    }

    /// The register that says which version bits the chips count in, and that replies have 11 bytes.
    func versionMask(_ mask: UInt32) -> ChainStep {
        write(0xa4, 0x9000_0000 | mask >> ChipFamily.versionShift & 0xffff)
    }
}
