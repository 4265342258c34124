import SansIO

/// What a driver of chips asks of the serial line that they hang on. Carried out in order.
public enum LineOrder: Equatable, Sendable {
    case write([UInt8])
    /// The host's side of the line, in bits per second; 8N1 stays.
    case setBaud(UInt32)
    /// True holds the chips in reset. Nothing where the line has no such wire.
    case setReset(Bool)
    /// Throw away what came and was not read.
    case purge
    /// To the device's own controller, where it has one on a line of its own.
    case writeAside([UInt8])
    /// The chips do not answer any more: reset the device on its bus and open it anew.
    case restart
}

/// What a driver must know of the device whose chips it drives.
public struct ChainSetup: Sendable, Equatable {
    public var family: ChipFamily
    /// Chips that the device should have, 1 to 255.
    public var chips: Int
    /// The line's speed after the chips are configured; nil stays at ``baudAtReset``.
    public var baud: UInt32?
    /// Reported nonces have at most this difficulty, however hard the work is, so that a healthy stick is heard often
    /// and a dead one is missed soon. Rounded down to a power of two, at least 1.
    public var ticketMax: UInt64
    /// The clock that chips hash at before the first ``HashboardCommand/setFrequency(_:)``, and for ever where the
    /// family has none to set.
    public var initialClock: Megahertz
    /// Megahertz per step of ``rampInterval`` that the clock moves by; zero jumps.
    public var rampStep = 6.25
    public var rampInterval = Interval.milliseconds(100)
    /// Without a valid nonce for so many times the expected wait the device counts as dead.
    public var deadAfter: Double
    /// Zero bits that every reported nonce has: 32 on every chip that was ever sold. A simulated chain that hashes on
    /// a processor may ask for fewer.
    public var zeroBits = 32
    /// Hashes per clock cycle of one chip, where the device has others than its family behind the same front.
    public var unitsPerChip: Int
    /// Antminer U1 and U2 count their clock in steps of 25 MHz; BM1384 and its like in 50.
    public var clockReference = Megahertz(50)
    /// A Compac A1's or A2's controller measures, and answers by ``ChainDriver/receivedAside(_:)``.
    public var hasMeter = false

    public static let baudAtReset: UInt32 = 115_200

    public init(
        family: ChipFamily, chips: Int, baud: UInt32? = nil, ticketMax: UInt64 = 64,
        initialClock: Megahertz? = nil
    ) {
        self.family = family
        self.chips = max(1, min(255, chips))
        self.baud = baud
        self.ticketMax = max(1, ticketMax)
        // Block Erupter: 336 MH/s with one hash per cycle.
        self.initialClock = initialClock ?? Megahertz(family.framing == .icarus ? 336 : 50)
        unitsPerChip = family.units
        if family == .antminerU { rampStep = 0 }
        // cgminer: 30 whole nonce ranges for Icarus, 20 expected intervals for the gekko sticks.
        deadAfter = family.framing == .icarus ? 30 : 20
    }
}

/// What a driver counts over its life.
public struct ChainStatistics: Equatable, Sendable {
    /// Jobs sent to the chips.
    public var jobs: UInt64 = 0
    /// Nonces whose hash is as good as the chips promise.
    public var validNonces: UInt64 = 0
    /// Nonces whose hash is not.
    public var invalidNonces: UInt64 = 0
    /// Nonces of a job that no slot holds.
    public var unmatched: UInt64 = 0
    /// Nonces of the jobs that only open a BM1387's cores.
    public var busyWork: UInt64 = 0
    /// Bytes that were no reply.
    public var garbage = 0
    /// Hashes that the valid nonces prove on average.
    public var provenHashes = 0.0
    /// Times the device was found dead.
    public var restarts: UInt64 = 0

    public init() {}
}

/// The clock word of BM1384 and its like: (50 MHz) x (m + 1) / ((n + 1) x 2^od), m in bits 13:7, n in 6:2, od in 1:0.
public enum ClockCode {
    /// The code nearest to a frequency; its oscillator runs at 800 MHz to 1.6 GHz, as in the makers' table.
    public static func nearest(to wanted: Megahertz) -> UInt16 {
        let goal = max(6.25, min(500, wanted.megahertz.isFinite ? wanted.megahertz : 6.25))
        var divider = 0
        while divider < 3, goal * Double(1 << divider) < 800 { divider += 1 }
        let vco = goal * Double(1 << divider)
        let whole = (vco / 50).rounded()
        // The second divider only where the first misses.
        let isExact = abs(whole * 50 - vco) < 1e-6
        let reference = isExact ? 0 : 1
        let feedback = max(1, min(128, isExact ? whole : (vco / 25).rounded()))
        return UInt16(feedback - 1) << 7 | UInt16(reference) << 2 | UInt16(divider)
    }

    /// The code of Antminer U1 and U2 (BM1380): (25 MHz) x (m + 1) / ((n + 1) x 2^od) with m below 64 and n below 16,
    /// and a bit that says where the oscillator runs. The first that is nearest in cgminer's order
    /// (`anu_find_freqhex`).
    public static func antminer(nearest wanted: Megahertz) -> UInt16 {
        let goal = max(6.25, min(500, wanted.megahertz.isFinite ? wanted.megahertz : 6.25))
        var best: (distance: Double, code: UInt16) = (.infinity, 0)
        for exponent in 0..<4 {
            for reference in 0..<16 {
                for feedback in 0..<64 {
                    let oscillator = 25 * Double(feedback + 1) / Double(reference + 1)
                    let distance = abs(oscillator / Double(1 << exponent) - goal)
                    guard distance < best.distance else { continue }
                    let band: UInt16 = (500...1_000).contains(oscillator) ? 1 << 14 : 0
                    let code = band | UInt16(feedback) << 7 | UInt16(reference) << 2 | UInt16(exponent)
                    best = (distance, code)
                }
            }
        }
        return best.code
    }

    public static func frequency(_ code: UInt16) -> Megahertz {
        let reference = Double(code >> 2 & 0x1f) + 1
        return Megahertz(50 * (Double(code >> 7 & 0x7f) + 1) / (reference * Double(1 << Int(code & 3))))
    }
}
