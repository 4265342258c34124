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

    /// Nonces of a work's first round that are kept to be repeated: what a device finds at the fastest pace of reports in
    /// a sweep of a second, 32 KiB of them. Only works with a sweep keep any.
    static let sweepFindsMax = 1_024
    /// A chip with more wrong nonces than this does not hash at all.
    static let chipErrorsMax = 0.5

    // MARK: Wire fidelity

    /// Hashes of one slice of a chain: some five milliseconds of a core, so that its line stays alive.
    static let wireSliceHashes = 1 << 17
    /// Hashes that a chain owes when a new job comes are made up for to this many; the rest is let go.
    static let wireCatchUpHashes = 1 << 17
    /// Batches of versions whose scanners are kept: chips of one chain are rarely in more than two.
    static let batchesCached = 4
    /// What waits to be sent, in time on the line. A chip has one place for an answer; a host that asks faster than
    /// the line carries loses answers.
    static let replyBacklog = Interval.seconds(1)
    /// After this long without a byte a frame that has begun is forgotten. The chips' own limit is not documented.
    static let frameGap = Interval.milliseconds(200)
    /// Chips on one chain: an address has eight bits.
    static let chipsPerChainMax = 256
    /// Between the last byte of a question and the first of its answer: some bits of the line. Not documented.
    static let turnaround = Interval.microseconds(10)

    // MARK: USB

    /// A usbredir packet: QEMU's bulk transfers are some tens of kibibytes.
    static let usbPacketMax = 1 << 20
    /// Reads that a host may have waiting: the kernel's serial drivers have sixteen.
    static let usbReadsMax = 256
    /// A bridge's memory in either direction: FT230X 512 bytes, CP2102 576.
    static let bridgeMemory = 512
    /// Lines of a log that nobody takes.
    static let usbLogLines = 10_000
}
