/// The room's bounds.
enum Limits {
    /// Reads that wait at the device at the same time: while one is handed on, the next is there.
    static let reads = 4
    /// Bytes of one read; whole packets of all speeds.
    static let readBytes = 512
    /// Operations that wait for the device. A job each 4 ms fills it in 8 s; a device that far behind is lost.
    static let operationsMax = 2_048
    /// Milliseconds for a control request and for a write; sticks answer within a few.
    static let controlTimeout: UInt32 = 500
    static let writeTimeout: UInt32 = 1_000
    /// Failures in a row (stalls, errors, time-outs) after which the line is given up.
    static let failuresMax = 8
    /// Milliseconds before a failed transfer is tried again: an unplugged device fails until the bus has noticed.
    static let retryMilliseconds = 20
    /// Milliseconds between two looks at the bus where the system does not tell of changes.
    static let rescanMilliseconds = 1_000
    /// Devices listed at most; a bus has 127 addresses and machines a few busses.
    static let devicesMax = 1_024
}
