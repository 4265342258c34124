/// Bounds of the live world, each with its reason.
public enum RuntimeLimits {
    /// Bytes that may wait for one peer that does not read. A whole block to a node's peer is 4 MB; a pool's burst
    /// of jobs is under 10 KB. A peer that is further behind is closed as a slow consumer.
    public static let outboundBytes = 8 << 20
    /// Connections closed in one turn of the event loop at shutdown, so that no turn frees unbounded memory.
    public static let closesPerTurn = 256
    /// How long a shutdown waits for the last bytes to leave, in milliseconds: the whole stop must end within 3 s.
    public static let flushGraceMilliseconds: Int64 = 1_000
    /// How long a connection attempt may take, in seconds.
    public static let dialTimeoutSeconds: Int64 = 10
    /// Waiting connections per listener: what this kernel's somaxconn allows, so that a reconnect storm is not
    /// answered with SYN retries.
    public static let backlog: Int32 = 4_096
    /// Bytes of one log file; bitcoind's block files have the same bound.
    public static let logFileBytes = 128 << 20
    /// Log files that are open at the same time, so that a long chain does not use up the process's descriptors.
    static let openLogFiles = 16
    /// Bytes of a journal that its reader holds at a time: many records of a ledger, which have some hundred bytes.
    static let tailBytes = 1 << 20
    /// SQLite's page cache, in KiB: a node at rest must stay under 120 MiB.
    static let databaseCacheKibibytes = 8_192
    /// How long a reader waits for a writer that begins the write-ahead log anew.
    static let databaseBusyMilliseconds: Int32 = 2_000
    /// Findings of damage that wait for the machine; more say nothing new.
    static let notedDamage = 16
    /// The largest record of a journal: a block with its undo data, with room.
    public static let recordBytes = 32 << 20
    /// Read from a line at once: a slow line keeps the rest in its sender's memory, as a port without flow control has
    /// it in the program.
    static let lineReadBytes = 4096
    /// Written to a line's peer and not read by it.
    static let lineUnreadBytes = 1 << 20
}
