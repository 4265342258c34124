public import Bitcoin
import SansIO

/// What a book answers. Each reads what was taken so far, after ``LedgerBook/commit()``.
extension LedgerBook {
    /// A user with the sums of its workers.
    public struct UserSummary: Sendable, Equatable {
        public var id: UserID
        public var name: String
        public var workers: Int
        public var shares: UInt64
        public var work: UInt128
        public var rejected: UInt64
        public var blocks: UInt64
        public var lastSeen: UInt32
        /// Hashes per second, by ``WorkWindows/Window/rawValue``.
        public var hashRates: [Double]
    }

    /// The ledger's latest time, Unix seconds.
    public var time: UInt32 { facts.time }

    public func name(of user: UserID) -> String {
        storage.value(LedgerTable.users, LedgerTable.key(user.raw)).map {
            String(decoding: $0, as: UTF8.self)
        }
            ?? ""
    }

    /// Every worker, ascending by id.
    public func eachWorker(_ body: (WorkerID, WorkerRow) -> Void) {
        storage.scan(LedgerTable.workers) { key, value in
            if let row = WorkerRow(value) { body(WorkerID(UInt32(Self.number(key))), row) }
            return true
        }
    }

    /// Every user that has a worker, ascending by id, with rates at `unixTime`.
    public func users(at unixTime: UInt32) -> [UserSummary] {
        var places: [UserID: Int] = [:]
        var users: [UserSummary] = []
        eachWorker { _, row in
            let place: Int
            if let known = places[row.user] {
                place = known
            } else {
                place = users.count
                places[row.user] = place
                users.append(
                    UserSummary(
                        id: row.user, name: "", workers: 0, shares: 0, work: 0, rejected: 0, blocks: 0,
                        lastSeen: 0, hashRates: WorkWindows.Window.allCases.map { _ in 0 }))
            }
            users[place].add(row, at: unixTime)
        }
        for place in users.indices { users[place].name = name(of: users[place].id) }
        return users.sorted { $0.id < $1.id }
    }

    /// Refused shares by error code: of one worker, or of all.
    public func rejects(of worker: WorkerID? = nil) -> [(code: String, count: UInt64)] {
        var sums: [String: UInt64] = [:]
        storage.scan(LedgerTable.rejects, prefix: worker.map { LedgerTable.key($0.raw) } ?? []) {
            key, value in
            let code = key.withUnsafeBytes { String(decoding: $0.dropFirst(4), as: UTF8.self) }
            sums[code, default: 0] += Self.number(value)
            return true
        }
        return sums.keys.sorted().map { ($0, sums[$0] ?? 0) }
    }

    /// Accounts from `first` on, at most `limit`.
    public func accounts(from first: AccountID = AccountID(1), limit: Int) -> [(AccountID, AccountRow)] {
        var result: [(AccountID, AccountRow)] = []
        storage.scan(LedgerTable.accounts, from: LedgerTable.key(first.raw)) { key, value in
            guard result.count < limit else { return false }
            if let row = AccountRow(value) { result.append((AccountID(Self.number(key)), row)) }
            return true
        }
        return result
    }

    public func account(_ id: AccountID) -> AccountRow? {
        LedgerTable.row(storage, LedgerTable.accounts, LedgerTable.key(id.raw), AccountRow.init)
    }

    /// The latest slices, newest first.
    public func latestSlices(limit: Int) -> [(index: UInt64, row: SliceRow)] {
        var result: [(UInt64, SliceRow)] = []
        storage.scan(LedgerTable.slices, from: [], to: nil, backwards: true) { key, value in
            guard result.count < limit else { return false }
            if let row = SliceRow(value) { result.append((Self.number(key), row)) }
            return true
        }
        return result
    }

    /// The latest blocks, newest first.
    public func latestBlocks(limit: Int) -> [(number: UInt64, row: BlockRow)] {
        var result: [(UInt64, BlockRow)] = []
        storage.scan(LedgerTable.blocks, from: [], to: nil, backwards: true) { key, value in
            guard result.count < limit else { return false }
            if let row = BlockRow(value) { result.append((Self.number(key), row)) }
            return true
        }
        return result
    }

    /// Blocks whose fate a restarted pool goes on watching, oldest first.
    public func undecidedBlocks() -> [(hash: Hash256, height: UInt32, fate: BlockFate)] {
        latestBlocks(limit: LedgerLimits.undecidedBlocks).reversed().compactMap { _, row in
            row.fate == .found || row.fate == .accepted ? (row.hash, row.height, row.fate) : nil
        }
    }

    static func number(_ bytes: RawSpan) -> UInt64 { bytes.withUnsafeBytes { LedgerTable.number($0) } }
}

extension LedgerBook.UserSummary {
    fileprivate mutating func add(_ row: WorkerRow, at unixTime: UInt32) {
        workers += 1
        shares += row.shares
        work.addSaturating(row.work)
        rejected += row.rejected
        blocks += UInt64(row.blocks)
        lastSeen = max(lastSeen, row.lastSeen)
        for window in WorkWindows.Window.allCases {
            hashRates[window.rawValue] += row.windows.hashRate(window, at: unixTime)
        }
    }
}
