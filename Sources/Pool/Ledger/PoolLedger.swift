public import Ledger
public import SansIO

extension StoreID {
    /// The ledger's journal has two segments: one is written while the other is folded and begun anew.
    public static let ledgerEven = StoreID(1)
    public static let ledgerOdd = StoreID(2)
}

/// Where a pool's ledger goes on: what a ``LedgerBook`` knows after it took all of the journal.
public struct LedgerStart: Sendable {
    /// The last record that was taken.
    public var sequence: UInt64 = 0
    public var lastAccount = AccountID(0)
    /// The pool's blocks whose fate is open.
    public var watch = BlockWatch()

    public init() {}

    public init(_ book: LedgerBook) {
        sequence = book.sequence
        lastAccount = book.lastAccount
        watch = BlockWatch(book.undecidedBlocks())
    }
}

/// The pool's end of the ledger: writes records, and knows which segment of the journal they go to.
struct PoolLedger: Sendable {
    var record = LedgerRecordWriter()
    var watch: BlockWatch
    /// The wall clock at the present event.
    var unixTime: UInt32 = 0
    private var sequence: UInt64
    private var lastAccount: AccountID
    private var segments = [Segment(store: .ledgerEven), Segment(store: .ledgerOdd)]
    private var active = 0

    private struct Segment: Sendable {
        let store: StoreID
        var bytes = 0
        /// 0 while it is empty.
        var lastSequence: UInt64 = 0
    }

    init(_ start: LedgerStart) {
        sequence = start.sequence
        lastAccount = start.lastAccount
        watch = start.watch
    }

    mutating func takeAccount() -> AccountID {
        lastAccount.raw += 1
        return lastAccount
    }

    /// Stores what was written as one record. A full segment is left for the other one when that is empty; until
    /// then it grows, because what was acknowledged must be somewhere.
    mutating func store<Observation>(
        segmentBytes: Int, into effects: inout EffectBuffer<Observation>
    ) {
        if segments[active].bytes >= segmentBytes, segments[1 - active].lastSequence == 0 {
            active = 1 - active
        }
        sequence += 1
        segments[active].bytes += record.entries.count + LedgerRecordWriter.headerBytes
        segments[active].lastSequence = sequence
        effects.store(in: segments[active].store) {
            record.finish(sequence: sequence, unixTime: unixTime, into: &$0)
        }
    }

    /// A record that was read back. The book took it before, so only the segment is of interest.
    mutating func restore(_ bytes: RawSpan, from store: StoreID) {
        guard let place = segments.firstIndex(where: { $0.store == store }),
            let read = LedgerRecord.sequence(of: bytes)
        else { return }
        segments[place].bytes += bytes.byteCount
        segments[place].lastSequence = max(segments[place].lastSequence, read)
        sequence = max(sequence, read)
        // The newer segment goes on.
        active = segments[0].lastSequence >= segments[1].lastSequence ? 0 : 1
    }

    /// Everything up to a record is in the book: a segment that is not written any more begins anew.
    mutating func folded<Observation>(through last: UInt64, into effects: inout EffectBuffer<Observation>) {
        let idle = 1 - active
        guard segments[idle].lastSequence > 0, segments[idle].lastSequence <= last else { return }
        effects.emit(.restart(segments[idle].store))
        segments[idle].bytes = 0
        segments[idle].lastSequence = 0
    }
}
