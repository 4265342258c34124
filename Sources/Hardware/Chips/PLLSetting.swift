/// The clock word of register 08 (BM1397 and later) and 0C (BM1387): f = 25 MHz x feedback / reference / p1 / p2.
public struct PLLSetting: Hashable, Sendable {
    public var feedback: UInt8
    public var reference: UInt8
    public var post1: UInt8
    public var post2: UInt8

    public init(feedback: UInt8, reference: UInt8, post1: UInt8, post2: UInt8) {
        self.feedback = feedback
        self.reference = reference
        self.post1 = post1
        self.post2 = post2
    }

    /// The crystal of every board, in megahertz.
    public static let crystal = 25.0

    /// Before the post dividers.
    public var vco: Megahertz {
        Megahertz(reference == 0 ? 0 : Self.crystal * Double(feedback) / Double(reference))
    }

    public var frequency: Megahertz {
        let divider = Double(post1) * Double(post2)
        return Megahertz(divider == 0 ? 0 : vco.megahertz / divider)
    }

    /// The register's value. BM1362 and later count post dividers from zero and mark a fast oscillator.
    public func word(for family: ChipFamily) -> UInt32 {
        let post: UInt32
        let head: UInt32
        switch family {
        case .bm1387, .bm1384, .icarus, .antminerU:
            post = UInt32(post1 & 0xf) << 4 | UInt32(post2 & 0xf)
            head = 0
        case .bm1397:
            post = UInt32(post1 & 0xf) << 4 | UInt32(post2 & 0xf)
            head = 0x40
        case .bm1362, .bm1366, .bm1368, .bm1370:
            post = UInt32((post1 &- 1) & 0xf) << 4 | UInt32((post2 &- 1) & 0xf)
            head = vco.megahertz >= 2_400 ? 0x50 : 0x40
        }
        return head << 24 | UInt32(feedback) << 16 | UInt32(reference) << 8 | post
    }

    /// Any word that a driver may write, not only those that ``init(nearest:for:)`` finds.
    public init(word: UInt32, for family: ChipFamily) {
        let first = UInt8(word >> 4 & 0xf)
        let second = UInt8(word & 0xf)
        let isFromZero = family.takesWholeHeader
        self.init(
            feedback: UInt8(word >> 16 & 0xff), reference: UInt8(word >> 8 & 0xff),
            post1: isFromZero ? first + 1 : first, post2: isFromZero ? second + 1 : second)
    }

    /// The setting nearest to a frequency: least error, then the slowest oscillator, then the smallest divider, with
    /// p1 > p2 as ESP-Miner's solver has it. Nil where the family has no such register.
    public init?(nearest wanted: Megahertz, for family: ChipFamily) {
        guard let range = Self.feedbackRange(family), wanted.megahertz > 0, wanted.megahertz.isFinite else {
            return nil
        }
        var best: (setting: PLLSetting, error: Double)?
        for reference in UInt8(1)...2 {
            for post1 in UInt8(1)...7 {
                for post2 in UInt8(1)...7 where post1 > post2 || (post1 == 1 && post2 == 1) {
                    let divider = Double(reference) * Double(post1) * Double(post2)
                    let exact = (wanted.megahertz * divider / Self.crystal).rounded()
                    guard exact >= Double(range.lowerBound), exact <= Double(range.upperBound) else {
                        continue
                    }
                    let setting = PLLSetting(
                        feedback: UInt8(exact), reference: reference, post1: post1, post2: post2)
                    let error = abs(setting.frequency.megahertz - wanted.megahertz)
                    if let best, !setting.isBetter(error, than: best) { continue }
                    best = (setting, error)
                }
            }
        }
        guard let best else { return nil }
        self = best.setting
    }

    private func isBetter(_ error: Double, than other: (setting: PLLSetting, error: Double)) -> Bool {
        if abs(error - other.error) > 1e-9 { return error < other.error }
        if vco != other.setting.vco { return vco < other.setting.vco }
        return Int(post1) * Int(post2) < Int(other.setting.post1) * Int(other.setting.post2)
    }

    private static func feedbackRange(_ family: ChipFamily) -> ClosedRange<UInt8>? {
        switch family {
        case .bm1387: 0x10...0xfa
        case .bm1397: 60...200
        case .bm1362: 0x10...0xfa
        case .bm1366, .bm1368: 144...235
        case .bm1370: 160...239
        case .bm1384, .icarus, .antminerU: nil
        }
    }
}

/// The ticket mask: how many zero bits beyond 32 a hash needs to be reported.
public enum TicketMask {
    /// Bits of each byte are the other way round: 256 is 000000FF, 1024 is 0000C0FF.
    ///
    /// - Parameter difficulty: rounded down to a power of two, 1 to 2^32.
    public static func word(difficulty: UInt64) -> UInt32 {
        let bits = max(0, min(32, 63 - max(1, difficulty).leadingZeroBitCount))
        let mask = bits == 32 ? UInt32.max : (UInt32(1) << UInt32(bits)) - 1
        return UInt32(bigEndianBytes: mask.bigEndianBytes.map(reversed))
    }

    /// Zero bits that a register's value asks for: one for each bit set.
    public static func bits(_ word: UInt32) -> Int { word.nonzeroBitCount }

    private static func reversed(_ byte: UInt8) -> UInt8 {
        (0..<8).reduce(0) { $0 << 1 | byte >> UInt8($1) & 1 }
    }
}
