import Hardware
import SansIO

/// A chip's PLL: what the register says, and what comes out while it locks.
///
/// After a write the output moves in a straight line from the old frequency to the new one; the lock bit (bit 31, as
/// BM1387 and the reset value of BM1397 have it) reads 0 until it is there.
public struct ChipClock: Sendable, Equatable {
    public private(set) var word: UInt32
    public private(set) var target: Megahertz
    private var from: Megahertz
    private var since: Instant
    private let lockTime: Interval

    static let lockBit: UInt32 = 1 << 31
    static let enableBit: UInt32 = 1 << 30

    init(word: UInt32, family: ChipFamily, lockTime: Interval, at now: Instant) {
        self.word = word & ~Self.lockBit
        self.lockTime = lockTime
        target = Self.frequency(word: word, family: family)
        from = target
        since = Instant(nanoseconds: now.nanoseconds - min(now.nanoseconds, lockTime.nanoseconds))
    }

    mutating func write(_ word: UInt32, frequency: Megahertz, at now: Instant) {
        from = self.frequency(at: now)
        since = now
        target = frequency
        self.word = word & ~Self.lockBit
    }

    public func isLocked(at now: Instant) -> Bool { now >= since + lockTime && target > .zero }

    /// What a read answers.
    public func readBack(at now: Instant) -> UInt32 { isLocked(at: now) ? word | Self.lockBit : word }

    public func frequency(at now: Instant) -> Megahertz {
        let ramp = lockTime.seconds
        let passed = (now - since).seconds
        guard ramp > 0, passed < ramp else { return target }
        return Megahertz(
            from.megahertz + (target.megahertz - from.megahertz) * passed / ramp)
    }

    /// Clock cycles between two instants; exact, as the output is a straight line and then a constant.
    func cycles(from start: Instant, to end: Instant) -> Double {
        guard end > start else { return 0 }
        let locked = since + lockTime
        let ramp = min(end, locked)
        var cycles = 0.0
        if start < ramp {
            let mean = (frequency(at: start).megahertz + frequency(at: ramp).megahertz) / 2
            cycles += mean * 1e6 * (ramp - start).seconds
        }
        return cycles + target.megahertz * 1e6 * (end - max(start, ramp)).seconds
    }

    /// Any word that a driver may write; without the enable bit the later chips stand still.
    static func frequency(word: UInt32, family: ChipFamily) -> Megahertz {
        if family.framing == .preamble, word & enableBit == 0 { return .zero }
        return PLLSetting(word: word, for: family).frequency
    }

    /// BM1384 and Antminer U: (50 MHz) x (m + 1) / ((n + 1) x 2^od) with m in bits 13:7, n in 6:2 and od in 1:0.
    static func frequency(code: UInt16) -> Megahertz {
        let m = Double(code >> 7 & 0x7f)
        let n = Double(code >> 2 & 0x1f)
        return Megahertz(50 * (m + 1) / ((n + 1) * Double(UInt32(1) << UInt32(code & 3))))
    }
}
