/// Every bound of the ledger, with its reason.
public enum LedgerLimits {
    /// Bytes of a user's or worker's name: the wire's own bound of an identity.
    public static let nameBytes = 255
    /// Bytes of a reject reason: the wire's bound of an error code.
    public static let reasonBytes = 255
    /// Entries of one record. One event of the pool makes a few; a record with more is damaged.
    public static let entriesPerRecord = 1 << 20
    /// Rows that a book keeps in memory between two commits before it commits by itself: about 64 MiB.
    public static let dirtyRows = 100_000
    /// Blocks that wait for their fate. A pool that finds more within one maturity lives on a test network; the
    /// oldest then keep the fate that they have.
    public static let undecidedBlocks = 4_096
    /// Reasons kept for each worker; there are about a dozen.
    public static let reasonsPerWorker = 64
    /// Confirmations after which a coinbase may be spent: consensus.
    public static let coinbaseMaturity: UInt32 = 100
    /// Seconds after which a new slice begins: what payout windows are cut by.
    public static let sliceSeconds: UInt32 = 60
}
