import Hardware

/// Register numbers that do something, and what registers hold after a reset. Sources: `REFERENCE.md` of Hardware.
struct RegisterMap: Sendable {
    let family: ChipFamily

    static let chipID: UInt8 = 0x00
    static let nonceOffset: UInt8 = 0x0c
    static let hashCount: UInt8 = 0x10
    static let fastUART: UInt8 = 0x28
    static let coreMailbox: UInt8 = 0x3c
    static let coreValue: UInt8 = 0x40
    static let errorCount: UInt8 = 0x4c
    static let overflowCount: UInt8 = 0x50
    static let domainCounters: ClosedRange<UInt8> = 0x88...0x8b
    static let hashCounter: UInt8 = 0x8c
    static let midstateConfiguration: UInt8 = 0xa4
    static let temperature: UInt8 = 0xb4
    static let converter: UInt8 = 0xbd

    var clock: UInt8 { family == .bm1387 ? 0x0c : 0x08 }
    var ticketMask: UInt8 { family == .bm1387 ? 0x18 : 0x14 }
    var misc: UInt8 { family == .bm1387 ? 0x1c : 0x18 }
    /// In units of 2^24 hashes per second on BM1387, 2^20 on BM1397.
    var hashRate: UInt8? {
        switch family {
        case .bm1387: 0x08
        case .bm1397: 0x04
        default: nil
        }
    }
    var hashRateShift: Double { family == .bm1387 ? 0x1p24 : 0x1p20 }

    /// Whether a write changes how fast a chip hashes or what it reports of it.
    func steersHashing(_ register: UInt8) -> Bool {
        register == clock || register == ticketMask || register == misc || register == Self.hashCount
    }

    /// Clock word of a chip that nobody has told one. Only BM1397's is documented; the others run at 50 or 100 MHz, an
    /// estimate from where the firmwares begin their ramps.
    var clockAtReset: UInt32 {
        switch family {
        case .bm1397: 0xc060_0161
        case .bm1387: 0x0020_0241
        case .bm1362, .bm1366, .bm1368, .bm1370: 0x40a8_0265
        case .bm1384, .icarus, .antminerU: 0
        }
    }

    /// Clock code of the BM1384 family at reset: 100 MHz.
    static let clockCodeAtReset: UInt16 = 0x0783

    func valuesAtReset() -> [UInt32] {
        var values = [UInt32](repeating: 0, count: 256)
        let known: [(UInt8, UInt32)] =
            switch family {
            case .bm1397: Self.bm1397
            case .bm1387: [(0x1c, 0x0020_1a80)]
            case .bm1362: [(0x18, 0x0000_c100), (0x28, 0x0130_1a00)]
            case .bm1366, .bm1368, .bm1370:
                [(0x18, 0x0000_c100), (0x28, 0x0130_1a00), (0xa8, 0x0007_0000)]
            case .bm1384, .icarus, .antminerU: []
            }
        for (register, value) in known { values[Int(register)] = value }
        values[Int(Self.chipID)] = family.chipID
        return values
    }

    private static let bm1397: [(UInt8, UInt32)] = [
        (0x18, 0x0000_3a01), (0x20, 0x0000_ffff), (0x28, 0x0600_000f), (0x2c, 0x000f_0000),
        (0x3c, 0x0000_4000), (0x48, 0xff00_0000), (0x58, 0x0211_2111), (0x5c, 0x0000_ffff),
        (0x60, 0x0064_0111), (0x64, 0x0068_0111), (0x68, 0x0070_0111), (0x70, 0x0304_0607),
        (0x74, 0x0304_0506), (0x78, 0x0304_0506), (0x7c, 0x0304_0506), (0x80, 0xd95c_8410),
        (0x84, 0xfb73_ea62), (0x94, 0x0037_6400), (0x98, 0x3030_3030), (0x9c, 0x0000_ffff),
    ]
}

/// The line's speed as a chip's registers set it.
enum ChipBaud {
    static let crystal = 25e6

    /// After a reset: 25 MHz / (8 x 27).
    static let atReset = crystal / (8 * 27)

    /// - Returns: nil where the family's speed cannot be changed.
    static func of(_ registers: [UInt32], family: ChipFamily) -> Double? {
        switch family {
        case .bm1384, .icarus, .antminerU:
            return nil
        case .bm1387:
            return crystal / (8 * Double(registers[0x1c] >> 8 & 0x1f) + 8)
        case .bm1362, .bm1366, .bm1368, .bm1370:
            return crystal / (8 * Double(registers[0x28] >> 8 & 0xff) + 8)
        case .bm1397:
            let misc = registers[0x18]
            let divider = Double((misc >> 24 & 0xf) << 5 | misc >> 8 & 0x1f)
            var source = crystal
            if misc >> 16 & 1 == 1 {
                // BCLK_SEL: the third PLL through the divider of the fast UART register.
                let pll = PLLSetting(word: registers[0x68], for: family).frequency.megahertz * 1e6
                source = pll / Double((registers[0x28] >> 24 & 0xf) + 1)
            }
            return source > 0 ? source / (8 * divider + 8) : nil
        }
    }
}
