import Bitcoin
public import SansIO

/// Why a book cannot go on.
public enum LedgerFault: Error, Equatable, Sendable {
    /// Records are missing between the book and its journal.
    case gap(expected: UInt64, found: UInt64)
    case damaged(sequence: UInt64, LedgerRecordError)
    /// An entry names an account that was never opened.
    case unknownAccount(AccountID, sequence: UInt64)
    case storage(StorageFault)
}

extension LedgerFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .gap(let expected, let found):
            "the journal goes on with record \(found) where \(expected) belongs"
        case .damaged(let sequence, let error): "record \(sequence) of the journal is damaged: \(error)"
        case .unknownAccount(let account, let sequence):
            "record \(sequence) of the journal names account \(account.raw), which is not there"
        case .storage(let fault): "\(fault)"
        }
    }
}

/// The ledger itself: what the journal's records say, folded into ordered tables.
///
/// A record is taken once: its sequence number must be the next, and the number of the last one is committed together
/// with what it changed. So a fold that a crash interrupts is taken up again from the journal where the last commit
/// left it. Between commits changed rows stay in memory, so a worker with a thousand batches costs one write.
///
/// For one thread at a time.
public struct LedgerBook: Sendable {
    let storage: any DurableStorage
    var facts: LedgerFacts
    var dirty = DirtyRows()

    /// The tables that ``storage`` must have.
    public static let tables = LedgerTable.all

    /// A book on tables that may be empty.
    public init(_ storage: any DurableStorage) throws(LedgerFault) {
        self.storage = storage
        facts = LedgerFacts(storage.value(LedgerTable.facts, LedgerTable.factsKey)) ?? LedgerFacts()
        if let fault = storage.fault { throw .storage(fault) }
    }

    /// The last record that was taken.
    public var sequence: UInt64 { facts.sequence }
    /// The last account that was opened.
    public var lastAccount: AccountID { facts.lastAccount }
    /// Whether everything taken is in ``storage``.
    public var isCommitted: Bool { dirty.isEmpty }

    /// Takes a record; false, and nothing changes, when it was taken before. After a throw the book is not usable:
    /// make another one on what was committed.
    @discardableResult
    public mutating func take(_ bytes: RawSpan) throws(LedgerFault) -> Bool {
        let next = facts.sequence + 1
        guard let sequence = LedgerRecord.sequence(of: bytes) else {
            throw .damaged(sequence: next, .truncated)
        }
        if sequence <= facts.sequence { return false }
        guard sequence == next else { throw .gap(expected: next, found: sequence) }
        let record: LedgerRecord
        do throws(LedgerRecordError) { record = try LedgerRecord(bytes: bytes) } catch {
            throw .damaged(sequence: next, error)
        }
        // Clocks step; the ledger's time does not go back.
        facts.time = max(facts.time, record.unixTime)
        facts.sequence = sequence
        for entry in record.entries { try take(entry) }
        dirty.hasFacts = true
        if dirty.count >= LedgerLimits.dirtyRows { try commit() }
        return true
    }

    /// Makes everything taken durable.
    public mutating func commit() throws(LedgerFault) {
        guard !dirty.isEmpty else { return }
        for key in dirty.workers.keys.sorted() {
            storage.set(LedgerTable.workers, LedgerTable.key(key.raw), dirty.workers[key]!.bytes)
        }
        for key in dirty.accounts.keys.sorted() {
            storage.set(LedgerTable.accounts, LedgerTable.key(key.raw), dirty.accounts[key]!.bytes)
        }
        for key in dirty.credits.keys.sorted() {
            storage.set(LedgerTable.credits, key.bytes, dirty.credits[key]!.bytes)
        }
        for key in dirty.slices.keys.sorted() {
            storage.set(LedgerTable.slices, LedgerTable.key(key), dirty.slices[key]!.bytes)
        }
        for key in dirty.rejects.keys.sorted() {
            storage.set(LedgerTable.rejects, key.bytes, LedgerTable.count(dirty.rejects[key]!))
        }
        storage.set(LedgerTable.facts, LedgerTable.factsKey, facts.bytes)
        storage.commit()
        if let fault = storage.fault { throw .storage(fault) }
        dirty.removeAll()
    }

    // MARK: entries

    private mutating func take(_ entry: LedgerEntry) throws(LedgerFault) {
        switch entry {
        case .account(let id, let user, let worker, let isExtended, let isSolo, let percent):
            open(id, user: user, worker: worker, isExtended: isExtended, isSolo: isSolo, percent: percent)
        case .shares(let id, let count, let work, let last):
            try credit(id, count: count, work: work, lastSequenceNumber: last)
        case .rejects(let id, let code, let count):
            let account = try openAccount(id)
            let key = RejectKey(worker: account.worker, code: code)
            let total = dirty.rejects[key] ?? LedgerTable.count(storage.value(LedgerTable.rejects, key.bytes))
            dirty.rejects[key] = total + UInt64(count)
            try change(account.worker) { $0.rejected += UInt64(count) }
        case .closed(let id):
            var account = try openAccount(id)
            account.closed = facts.time
            dirty.accounts[id] = account
        case .block(let hash, let height, let id, let reward, let networkWork, let isSubmitted):
            let account = try openAccount(id)
            try change(account.worker) { $0.blocks += 1 }
            let worker = try worker(account.worker)
            let slice = beginSliceIfDue()
            let row = BlockRow(
                hash: hash, height: height, unixTime: facts.time, worker: account.worker, user: worker.user,
                isSolo: worker.isSolo, poolPercent: worker.poolPercent, reward: reward,
                networkWork: networkWork, slice: slice, fate: isSubmitted ? .found : .withheld)
            facts.blocks += 1
            set(row, number: facts.blocks)
            // The next share belongs to the next round. Blocks that were withheld end no round.
            if isSubmitted { facts.isSliceEnded = true }
        case .fate(let hash, let fate):
            guard let number = storage.value(LedgerTable.blockNumbers, hash.bytes).map(LedgerTable.count),
                var row = block(number: number)
            else { return }
            row.fate = fate
            set(row, number: number)
        case .terms(let height, let reward, let networkWork):
            if height != facts.height || networkWork != facts.networkWork { facts.isSliceEnded = true }
            (facts.height, facts.reward, facts.networkWork) = (height, reward, networkWork)
        }
    }

    private mutating func open(
        _ id: AccountID, user: String, worker: String, isExtended: Bool, isSolo: Bool, percent: UInt8
    ) {
        let user = userID(user)
        let key = LedgerTable.workerName(user, isSolo: isSolo, percent: percent, name: worker)
        let workerID: WorkerID
        if let known = storage.value(LedgerTable.workerNames, key) {
            workerID = WorkerID(UInt32(LedgerTable.count(known)))
        } else {
            facts.lastWorker += 1
            workerID = WorkerID(facts.lastWorker)
            storage.set(LedgerTable.workerNames, key, LedgerTable.count(UInt64(workerID.raw)))
            dirty.workers[workerID] = WorkerRow(
                user: user, name: worker, isSolo: isSolo, poolPercent: percent, firstSeen: facts.time,
                lastSeen: facts.time, windows: WorkWindows(since: facts.time))
        }
        facts.lastAccount = max(facts.lastAccount, id)
        dirty.accounts[id] = AccountRow(worker: workerID, isExtended: isExtended, opened: facts.time)
    }

    private mutating func userID(_ name: String) -> UserID {
        let key = Array(name.utf8)
        if let known = storage.value(LedgerTable.userNames, key) {
            return UserID(UInt32(LedgerTable.count(known)))
        }
        facts.lastUser += 1
        storage.set(LedgerTable.userNames, key, LedgerTable.count(UInt64(facts.lastUser)))
        storage.set(LedgerTable.users, LedgerTable.key(facts.lastUser), key)
        return UserID(facts.lastUser)
    }

    private mutating func credit(
        _ id: AccountID, count: UInt32, work: UInt128, lastSequenceNumber: UInt32
    ) throws(LedgerFault) {
        var account = try openAccount(id)
        account.shares += UInt64(count)
        account.work.addSaturating(work)
        account.lastSequenceNumber = lastSequenceNumber
        dirty.accounts[id] = account
        let now = facts.time
        try change(account.worker) { row in
            row.shares += UInt64(count)
            row.work.addSaturating(work)
            row.lastSeen = now
            row.windows.add(work, at: now)
        }
        let index = beginSliceIfDue()
        var slice = slice(index)
        slice.shares += UInt64(count)
        slice.work.addSaturating(work)
        dirty.slices[index] = slice
        let key = CreditKey(slice: index, worker: account.worker)
        var credit = dirty.credits[key] ?? CreditRow(storage.value(LedgerTable.credits, key.bytes))
        credit.shares += UInt64(count)
        credit.work.addSaturating(work)
        dirty.credits[key] = credit
    }

    /// The slice that holds the present.
    private mutating func beginSliceIfDue() -> UInt64 {
        let minute = LedgerLimits.sliceSeconds
        if facts.slice > 0, !facts.isSliceEnded, slice(facts.slice).start / minute == facts.time / minute {
            return facts.slice
        }
        facts.slice += 1
        facts.isSliceEnded = false
        dirty.slices[facts.slice] = SliceRow(
            start: facts.time, height: facts.height, reward: facts.reward, networkWork: facts.networkWork)
        return facts.slice
    }

    // MARK: rows

    private mutating func change(
        _ id: WorkerID, _ body: (inout WorkerRow) -> Void
    ) throws(LedgerFault) {
        if dirty.workers[id] == nil { dirty.workers[id] = try worker(id) }
        body(&dirty.workers[id]!)
    }

    private func openAccount(_ id: AccountID) throws(LedgerFault) -> AccountRow {
        if let row = dirty.accounts[id] { return row }
        if let row = LedgerTable.row(storage, LedgerTable.accounts, LedgerTable.key(id.raw), AccountRow.init)
        {
            return row
        }
        if let fault = storage.fault { throw .storage(fault) }
        throw .unknownAccount(id, sequence: facts.sequence)
    }

    private func worker(_ id: WorkerID) throws(LedgerFault) -> WorkerRow {
        if let row = dirty.workers[id] { return row }
        if let row = LedgerTable.row(storage, LedgerTable.workers, LedgerTable.key(id.raw), WorkerRow.init) {
            return row
        }
        throw .storage(storage.fault ?? StorageFault(.damaged, "ledger", "worker \(id.raw) is not readable"))
    }

    func slice(_ index: UInt64) -> SliceRow {
        dirty.slices[index]
            ?? LedgerTable.row(storage, LedgerTable.slices, LedgerTable.key(index), SliceRow.init)
            ?? SliceRow(start: 0, height: 0, reward: 0, networkWork: 0)
    }

    func block(number: UInt64) -> BlockRow? {
        LedgerTable.row(storage, LedgerTable.blocks, LedgerTable.key(number), BlockRow.init)
    }

    private mutating func set(_ row: BlockRow, number: UInt64) {
        storage.set(LedgerTable.blocks, LedgerTable.key(number), row.bytes)
        storage.set(LedgerTable.blockNumbers, row.hash.bytes, LedgerTable.count(number))
        dirty.hasFacts = true
    }
}

extension UInt128 {
    mutating func addSaturating(_ other: UInt128) {
        let (sum, overflow) = addingReportingOverflow(other)
        self = overflow ? .max : sum
    }
}
