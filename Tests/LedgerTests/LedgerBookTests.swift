import Bitcoin
import SansIO
import Testing

@testable import Ledger

/// A pool's records by chance, and what they must add up to.
struct RecordedPool {
    var random: PRNG
    var sequence: UInt64 = 0
    var time: UInt32 = 1_795_000_000
    var accounts: [AccountID] = []
    var records: [[UInt8]] = []
    /// What the books must say, by account.
    var shares: [AccountID: UInt64] = [:]
    var work: [AccountID: UInt128] = [:]
    var rejects: UInt64 = 0
    var blocks = 0

    init(seed: UInt64) {
        random = PRNG(seed: seed)
        append([.terms(height: 100, reward: 5_000_000_000, networkWork: 1 << 40)])
    }

    mutating func append(_ entries: [LedgerEntry]) {
        sequence += 1
        records.append(LedgerRecord(sequence: sequence, unixTime: time, entries: entries).bytes)
    }

    mutating func step() {
        time += UInt32(random.below(20))
        var entries: [LedgerEntry] = []
        if accounts.isEmpty || random.chance(1, in: 10) {
            let id = AccountID(UInt64(accounts.count) + 1)
            let user = "user\(random.below(5))"
            accounts.append(id)
            entries.append(
                .account(
                    id, user: user, worker: "w\(random.below(3))", isExtended: random.chance(1, in: 2),
                    isSolo: false, poolPercent: 0))
        }
        for _ in 0...random.below(4) {
            let id = accounts[Int(random.below(UInt64(accounts.count)))]
            let count = UInt32(random.below(10) + 1)
            let amount = UInt128(random.next() >> 20)
            entries.append(.shares(id, count: count, work: amount, lastSequenceNumber: UInt32(sequence)))
            shares[id, default: 0] += UInt64(count)
            work[id, default: 0] += amount
        }
        if random.chance(1, in: 5) {
            entries.append(.rejects(accounts[0], code: "stale-share", count: 2))
            rejects += 2
        }
        if random.chance(1, in: 25) {
            blocks += 1
            let hash = SHA256.hash(Array("block \(blocks)".utf8))
            let height = UInt32(100 + blocks)
            entries.append(
                .block(
                    hash, height: height, accounts.last!, reward: 5_000_000_000 + random.below(1_000),
                    networkWork: 1 << 40, isSubmitted: true))
            entries.append(.fate(hash, .accepted))
            entries.append(.terms(height: height + 1, reward: 5_000_000_000, networkWork: 1 << 40))
        }
        append(entries)
    }

    static func running(seed: UInt64, steps: Int) -> RecordedPool {
        var pool = RecordedPool(seed: seed)
        for _ in 0..<steps { pool.step() }
        return pool
    }

    /// The books hold exactly what was recorded: by account, worker, user, slice and round.
    func check(_ book: LedgerBook) {
        let accounts = book.accounts(limit: .max)
        #expect(accounts.map(\.0) == self.accounts)
        for (id, row) in accounts {
            #expect(row.shares == shares[id] ?? 0)
            #expect(row.work == work[id] ?? 0)
        }
        let totalShares = shares.values.reduce(0, +)
        let totalWork = work.values.reduce(0, +)
        let users = book.users(at: time)
        #expect(users.reduce(0) { $0 + $1.shares } == totalShares)
        #expect(users.reduce(0) { $0 + $1.work } == totalWork)
        #expect(users.reduce(0) { $0 + $1.rejected } == rejects)
        #expect(book.rejects().reduce(0) { $0 + $1.count } == rejects)
        let slices = book.slices(after: 0, through: book.facts.slice)
        #expect(slices.reduce(0) { $0 + $1.work } == totalWork)
        #expect(book.latestBlocks(limit: .max).count == blocks)
        #expect(book.latestBlocks(limit: .max).allSatisfy { $0.row.fate == .accepted })
    }
}

@Suite struct LedgerBookTests {
    private func book(_ pool: RecordedPool, commitEvery: Int = 7) throws -> LedgerBook {
        var book = try LedgerBook(MemoryStorage())
        for (index, record) in pool.records.enumerated() {
            try book.take(record.span.bytes)
            if index % commitEvery == 0 { try book.commit() }
        }
        try book.commit()
        return book
    }

    @Test("what was recorded is in the books, by account, worker, user and slice", arguments: 0..<8)
    func sums(seed: UInt64) throws {
        let pool = RecordedPool.running(seed: seed, steps: 200)
        pool.check(try book(pool))
    }

    @Test("the books do not depend on when they were committed")
    func commits() throws {
        let pool = RecordedPool.running(seed: 3, steps: 150)
        let often = try book(pool, commitEvery: 1)
        let once = try book(pool, commitEvery: .max)
        #expect(often.users(at: pool.time) == once.users(at: pool.time))
        #expect(often.facts == once.facts)
        #expect(
            often.slices(after: 0, through: often.facts.slice)
                == once.slices(after: 0, through: once.facts.slice))
    }

    @Test("a record that comes again changes nothing, and one that is missing is noticed")
    func sequence() throws {
        let pool = RecordedPool.running(seed: 1, steps: 20)
        var book = try book(pool)
        for record in pool.records { #expect(try !book.take(record.span.bytes)) }
        pool.check(book)
        let later = LedgerRecord(sequence: pool.sequence + 2, unixTime: 0, entries: []).bytes
        #expect(throws: LedgerFault.gap(expected: pool.sequence + 1, found: pool.sequence + 2)) {
            try book.take(later.span.bytes)
        }
    }

    @Test("every record's bytes are read as they were written, and cut ones never trap")
    func bytes() throws {
        for record in RecordedPool.running(seed: 9, steps: 100).records {
            let read = try LedgerRecord(bytes: record.span.bytes)
            #expect(read.bytes == record)
            for end in 0..<record.count {
                _ = try? LedgerRecord(bytes: Array(record[..<end]).span.bytes)
            }
        }
    }

    @Test("damaged bytes are an error, whatever they are", arguments: 0..<20)
    func noise(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        var record = RecordedPool.running(seed: seed, steps: 3).records[1]
        for _ in 0..<200 {
            record[Int(random.below(UInt64(record.count)))] = UInt8(truncatingIfNeeded: random.next())
            var book = try LedgerBook(MemoryStorage())
            _ = try? book.take(record.span.bytes)
        }
    }

    /// The power goes after any operation of the book's storage. The journal, which is on the disk before, is then
    /// read again from its start: nothing is lost and nothing is counted twice.
    @Test(
        "whenever the power goes while the journal is folded, the books come out the same", arguments: 0..<6)
    func crashes(seed: UInt64) throws {
        let pool = RecordedPool.running(seed: seed, steps: 60)
        var random = PRNG(seed: seed, stream: 1)
        var storage = MemoryStorage()
        var crashes = 0
        var patience = 1
        while true {
            storage.crash(afterOperations: Int(random.below(UInt64(40 * patience))))
            do throws(LedgerFault) {
                var book = try LedgerBook(storage)
                for record in pool.records {
                    try book.take(record.span.bytes)
                    if random.chance(1, in: 5) { try book.commit() }
                }
                try book.commit()
                guard storage.fault == nil else { throw .storage(storage.fault!) }
                break
            } catch {
                crashes += 1
                if crashes % 10 == 0 { patience += 1 }
                storage = storage.recovered()
            }
        }
        #expect(crashes > 5)
        pool.check(try LedgerBook(storage.recovered()))
    }

    @Test("proportional rounds partition the shares: each is paid in exactly one")
    func rounds() throws {
        let pool = RecordedPool.running(seed: 5, steps: 400)
        let book = try book(pool)
        let blocks = book.latestBlocks(limit: .max).reversed().map(\.row)
        try #require(blocks.count > 3)
        var counted: UInt128 = 0
        var last: UInt64 = 0
        for block in blocks {
            #expect(book.roundStart(before: block) == last)
            counted += book.slices(after: last, through: block.slice).reduce(0) { $0 + $1.work }
            last = block.slice
            for scheme in PayoutScheme.allCases {
                let paid = book.distribution(of: block, terms: .init(scheme, feeBasisPoints: 150))
                #expect(paid.isConserved && paid.reward == block.reward)
            }
        }
        let open = book.slices(after: last, through: book.facts.slice).reduce(0 as UInt128) { $0 + $1.work }
        #expect(counted + open == pool.work.values.reduce(0, +))
    }

    @Test("a solo miner's work earns nothing in a shared scheme, and its block is its own")
    func soloAside() throws {
        var pool = RecordedPool(seed: 1)
        let hash = SHA256.hash([1])
        pool.append([
            .account(
                AccountID(1), user: "alice", worker: "", isExtended: true, isSolo: false, poolPercent: 0),
            .account(AccountID(2), user: "bob", worker: "", isExtended: true, isSolo: true, poolPercent: 10),
            .account(
                AccountID(3), user: "carol", worker: "", isExtended: true, isSolo: false, poolPercent: 100),
            .shares(AccountID(1), count: 1, work: 100, lastSequenceNumber: 1),
            .shares(AccountID(2), count: 1, work: 1_000_000, lastSequenceNumber: 1),
            .shares(AccountID(3), count: 1, work: 300, lastSequenceNumber: 1),
            .block(hash, height: 1, AccountID(1), reward: 4_000, networkWork: 1 << 20, isSubmitted: true),
            .block(
                SHA256.hash([2]), height: 2, AccountID(2), reward: 1_000, networkWork: 1 << 20,
                isSubmitted: true),
        ])
        let book = try book(pool)
        let blocks = book.latestBlocks(limit: 2)
        let users = book.users(at: 0)
        let shared = book.distribution(of: blocks[1].row, terms: .init(.pplns))
        #expect(shared.payments == [Payment(users[0].id, 1_000)])
        #expect(shared.pool == 3_000)
        let own = book.distribution(of: blocks[0].row, terms: .init(.pplns))
        #expect(own.payments == [Payment(users[1].id, 900)])
    }
}

@Suite struct WorkWindowsTests {
    @Test("a steady miner's rate is right in every window, and falls to nothing when it stops")
    func steady() throws {
        var windows = WorkWindows(since: 1_795_000_000)
        var time: UInt32 = 1_795_000_000
        while time < 1_795_000_000 + 90_000 {
            windows.add(6_000, at: time)
            time += 6
        }
        for window in WorkWindows.Window.allCases {
            #expect(abs(windows.hashRate(window, at: time) / 1_000 - 1) < 0.1)
        }
        #expect(windows.hashRate(.minute, at: time + 66) == 0)
        #expect(windows.hashRate(.hour, at: time + 1_800) < 600)
        #expect(windows.hashRate(.day, at: time + 100_000) == 0)
        var writer = ByteWriter()
        windows.write(into: &writer)
        var reader = ByteReader(writer.bytes.span.bytes)
        #expect(try WorkWindows(from: &reader) == windows)
        #expect(writer.count < 512)
    }

    @Test("a young worker's rate is over its own life")
    func young() {
        var windows = WorkWindows(since: 1_795_000_000)
        for second in 0..<30 { windows.add(500, at: 1_795_000_000 + UInt32(second)) }
        #expect(abs(windows.hashRate(.day, at: 1_795_000_029) - 500) < 1)
    }
}

@Suite struct BlockWatchTests {
    private let hashes = (0..<4).map { SHA256.hash([UInt8($0)]) }

    @Test(
        "a block is accepted when it is built on, orphaned when another takes its place, matured after a hundred"
    )
    func fates() {
        var watch = BlockWatch()
        watch.found(hashes[0], height: 10)
        watch.found(hashes[1], height: 10)
        let first = watch.tip(hashes[0], height: 11)
        #expect(first.map(\.hash) == [hashes[0], hashes[1]])
        #expect(first.map(\.fate) == [.accepted, .orphaned])
        #expect(watch.tip(hashes[2], height: 12).isEmpty)
        #expect(watch.tip(hashes[3], height: 110).map(\.fate) == [.matured])
        #expect(watch.tip(hashes[3], height: 111).isEmpty)
    }

    @Test("a reorganisation takes a block away and may bring it back")
    func reorganisation() {
        var watch = BlockWatch()
        watch.found(hashes[0], height: 10)
        _ = watch.tip(hashes[0], height: 11)
        #expect(watch.tip(hashes[1], height: 11).map(\.fate) == [.orphaned])
        #expect(watch.tip(hashes[0], height: 11).map(\.fate) == [.accepted])
    }
}
