import SansIO

/// The bounds of the chip engines.
enum Limits {
    /// A share harder than this is not searched: 2^26 hashes are some seconds of a processor core, so a fleet whose
    /// hashrate is not scaled down would stand still in real time. The engine waits for easier work instead.
    static let solverHashesMax = 0x1p26
    /// Nonces searched in one call: about ten milliseconds of a core, so that a driver stays responsive.
    static let sliceHashesMax: UInt64 = 1 << 18
    /// No device reports faster than this: a UART at 3 Mbaud carries one 11-byte reply in 35 microseconds, and a
    /// pool that sets an absurdly easy target must not drown the driver.
    static let reportIntervalMin = Interval.milliseconds(1)
    /// How often a hashing engine takes its turn.
    static let sliceInterval = Interval.milliseconds(10)
    /// The pause between two turns of an engine without a rate: the driver's other work comes first.
    static let freeRunningPause = Interval.microseconds(50)
    /// A hashing engine that was not called in time makes up for at most this.
    static let backlog = Interval.milliseconds(200)
    /// The longest wait that is drawn; the draw is repeated then, which changes nothing (memorylessness).
    static let waitMax = Interval.hours(24 * 365)
    /// Draws of a chip until one is found that fits. With one chip in a hundred left it is missed once in a million.
    static let chipDrawsMax = 1_400
}
