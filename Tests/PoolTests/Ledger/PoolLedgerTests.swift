import Bitcoin
import Ledger
import SansIO
import Stratum
import Testing

@testable import Pool

/// What the pool writes into its books, and when.
@Suite struct PoolLedgerTests {
    private static func configuration(_ start: LedgerStart = LedgerStart()) -> PoolConfiguration {
        var configuration = PoolWorld.configuration()
        configuration.ledger = start
        configuration.shareBatchSize = 3
        configuration.isVardiffEnabled = false
        return configuration
    }

    /// Takes the records of both segments in the order of their numbers.
    private static func fold(_ world: PoolWorld, into storage: MemoryStorage) throws -> LedgerBook {
        var book = try LedgerBook(storage)
        let records = [StoreID.ledgerEven, .ledgerOdd].flatMap { world.stored[$0] ?? [] }
        let ordered = records.sorted {
            LedgerRecord.sequence(of: $0.span.bytes) ?? 0 < LedgerRecord.sequence(of: $1.span.bytes) ?? 0
        }
        for record in ordered { try book.take(record.span.bytes) }
        try book.commit()
        return book
    }

    private static func shares(_ book: LedgerBook) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        book.eachWorker { _, row in result[book.name(of: row.user) + "." + row.name] = row.shares }
        return result
    }

    @Test(
        "a batch is in the books with its exact work, by user, worker and channel", arguments: [false, true])
    func batch(extended: Bool) throws {
        let world = try PoolWorld.ready(Self.configuration())
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: extended, identity: "alice.rig.1")
        for start in 0..<4 { try miner.mine(from: UInt32(start) << 24) }
        try world.pump()
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount) == [3])
        var book = try Self.fold(world, into: MemoryStorage())
        let (_, account) = try #require(book.accounts(limit: 2).first)
        #expect(account.shares == 3)
        #expect(account.work == 3 * miner.target.shareWork)
        #expect(account.lastSequenceNumber == 3)
        #expect(account.isExtended == extended)
        try world.advance(by: .seconds(6))
        book = try Self.fold(world, into: MemoryStorage())
        #expect(Self.shares(book) == ["alice.rig.1": 4])
        #expect(book.users(at: book.time).first?.work == 4 * miner.target.shareWork)
    }

    @Test("no identity that never proved any work is in the books")
    func lazy() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true, identity: "ghost")
        let work = try miner.work()
        var nonce: UInt32 = 0
        for _ in 0..<10 {
            nonce = try miner.nonce(work, meeting: .max, not: miner.target, from: nonce)
            miner.submit(work, nonce: nonce)
            nonce += 1
        }
        try world.advance(by: .seconds(10))
        #expect(try Self.fold(world, into: MemoryStorage()).accounts(limit: 9).isEmpty)
    }

    @Test("refused shares are counted by their error code")
    func rejects() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        let (work, nonce) = try miner.mine()
        miner.submit(work, nonce: nonce)
        miner.submit(work, nonce: nonce)
        var invented = work
        invented.jobID = 4_711
        miner.submit(invented, nonce: 0)
        try world.advance(by: .seconds(6))
        miner.submit(work, nonce: nonce)
        try world.advance(by: .seconds(6))
        let rejects = try Self.fold(world, into: MemoryStorage()).rejects()
        #expect(rejects.map(\.code) == ["duplicate-share", "invalid-job-id"])
        #expect(rejects.map(\.count) == [3, 1])
    }

    @Test("extension 0x0002 gives each share to the worker that it names")
    func namedWorkers() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let (_, peer) = try world.miner()
        peer.send(
            ExtensionsNegotiation.RequestExtensions(
                requestID: 1, requestedExtensions: [V2Extension.workerHashrateTracking]))
        try world.pump()
        var miner = try TestMiner.open(world, peer, extended: true, identity: "farm.proxy")
        for (index, name) in ["a", "b", "a", "a", "b", ""].enumerated() {
            let work = try miner.work()
            let nonce = try miner.nonce(work, meeting: miner.target)
            peer.send(
                Mining.SubmitSharesExtended(
                    channelID: miner.channelID, sequenceNumber: UInt32(index + 1), jobID: work.jobID,
                    nonce: nonce, nTime: work.nTime, version: work.version, extranonce: work.extranonce,
                    tlvs: name.isEmpty ? [] : [.userIdentity(name)]))
        }
        try world.pump()
        let book = try Self.fold(world, into: MemoryStorage())
        #expect(Self.shares(book) == ["farm.a": 3, "farm.b": 2, "farm.proxy": 1])
        #expect(try miner.acknowledgements().map(\.newSubmitsAcceptedCount) == [3, 3])
        #expect(book.users(at: book.time).count == 1)
    }

    @Test("what was accepted and not yet acknowledged is credited when the miner leaves or the pool stops")
    func endings() throws {
        let world = try PoolWorld.ready(Self.configuration())
        let (id, first) = try world.miner()
        var leaver = try TestMiner.open(world, first, extended: true, identity: "leaver")
        try leaver.mine()
        let (_, second) = try world.miner()
        var stayer = try TestMiner.open(world, second, extended: false, identity: "stayer")
        try stayer.mine()
        try world.pump()
        try world.closeByPeer(id)
        world.machine.handle(.settle, at: world.now, into: &world.effects)
        try world.pump()
        let book = try Self.fold(world, into: MemoryStorage())
        #expect(Self.shares(book) == ["leaver.": 1, "stayer.": 1])
        let closed = book.accounts(limit: 9).map { $0.1.closed > 0 }
        #expect(closed == [true, false])
        #expect(try stayer.acknowledgements().count == 1)
    }

    @Test("a block is in the books before its solution leaves, and its fate follows the provider's tips")
    func blocks() throws {
        let world = try PoolWorld.ready(Self.configuration(), networkTarget: Target(difficulty: 1e-8))
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true, identity: "finder.x")
        let (work, nonce) = try miner.mine(target: world.provider.networkTarget)
        try world.pump()
        let hash = miner.header(work, nonce: nonce).hash
        var book = try Self.fold(world, into: MemoryStorage())
        let block = try #require(book.latestBlocks(limit: 1).first?.row)
        #expect(block.hash == hash && block.height == 224 && block.fate == .found)
        #expect(block.reward == 2_500_000_001)
        #expect(block.networkWork == world.provider.networkTarget.shareWork)
        #expect(book.name(of: block.user) == "finder")
        // The provider builds on it.
        var next = world.provider.template(future: true)
        next.coinbasePrefix = [0x02, 0xe1, 0x00]
        world.provider.peer?.send(next)
        world.provider.peer?.send(
            TemplateDistribution.SetNewPrevHash(
                templateID: next.templateID, prevHash: hash, headerTimestamp: world.provider.headerTime,
                nBits: world.provider.bits, target: world.provider.networkTarget))
        try world.pump()
        book = try Self.fold(world, into: MemoryStorage())
        #expect(book.latestBlocks(limit: 1).first?.row.fate == .accepted)
        #expect(book.undecidedBlocks().map(\.hash) == [hash])
    }

    @Test("the journal's segments take turns, and what is folded is begun anew")
    func segments() throws {
        var configuration = Self.configuration()
        configuration.limits.ledgerSegmentBytes = 100
        let world = try PoolWorld.ready(configuration)
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true)
        var storage = MemoryStorage()
        var largest = 0
        for round in 0..<40 {
            for _ in 0..<3 { try miner.mine() }
            try world.pump()
            if round % 4 == 3 {
                let book = try Self.fold(world, into: storage)
                storage = storage.recovered()
                world.machine.handle(
                    .ledgerFolded(through: book.sequence), at: world.now, into: &world.effects)
                try world.pump()
            }
            largest = max(largest, world.stored.values.map(\.count).max() ?? 0)
        }
        let book = try Self.fold(world, into: storage)
        #expect(Self.shares(book) == ["alice.w1": 120])
        #expect(largest < 30)
    }

    /// The process is killed after any effect: what it stored is there, what it had sent has left, the rest is gone.
    /// Then the book's storage may lose its power while the journal is folded, and the pool starts again.
    @Test("killed at any moment, the books hold every acknowledged share once", arguments: 0..<12)
    func kills(seed: UInt64) throws {
        var random = PRNG(seed: seed)
        let storage = MemoryStorage()
        var acknowledged: [String: UInt64] = [:]
        var accepted: [String: UInt64] = [:]
        var start = LedgerStart()
        var kept: [[UInt8]] = []
        for life in 0..<4 {
            let world = try PoolWorld.ready(Self.configuration(start))
            var miners: [(String, TestMiner)] = []
            for index in 0..<3 {
                let (_, peer) = try world.miner()
                let name = "m\(index).w\(random.below(2))"
                miners.append(
                    (name, try TestMiner.open(world, peer, extended: index != 1, identity: name)))
            }
            world.effectsLeft = Int(random.below(60)) + 1
            var step: UInt32 = 0
            while !world.isKilled {
                let index = Int(random.below(3))
                step += 1
                try miners[index].1.mine(from: (UInt32(life) << 28) + step << 16)
                if random.chance(1, in: 6) { try world.advance(by: .seconds(6)) } else { try world.pump() }
                if random.chance(1, in: 30) { world.provider.newTip() }
            }
            for (name, miner) in miners {
                for one in try miner.acknowledgements() {
                    acknowledged[name, default: 0] += UInt64(one.newSubmitsAcceptedCount)
                }
            }
            for channel in world.machine.snapshot(at: world.now).channels {
                accepted[channel.identity, default: 0] += channel.sharesAccepted
            }
            kept += [StoreID.ledgerEven, .ledgerOdd].flatMap { world.stored[$0] ?? [] }
            start = LedgerStart(try Self.foldSurviving(kept, into: storage, &random))
        }
        let books = Self.shares(try LedgerBook(storage.recovered()))
        for (name, count) in acknowledged {
            #expect(books[name] ?? 0 >= count, "\(name): \(books[name] ?? 0) of \(count)")
        }
        for (name, count) in books { #expect(count <= accepted[name] ?? 0, "\(name)") }
        #expect(acknowledged.values.reduce(0, +) > 0)
    }

    /// Folds all records from the first, with commits and crashes by chance, until it is done.
    private static func foldSurviving(
        _ records: [[UInt8]], into storage: MemoryStorage, _ random: inout PRNG
    ) throws -> LedgerBook {
        for _ in 0..<3 {
            // A fold that is cut off leaves what it committed; the book that dies with it is not used again.
            guard var book = try? LedgerBook(storage) else { continue }
            for record in records {
                guard random.chance(9, in: 10) else { break }
                try book.take(record.span.bytes)
                if random.chance(1, in: 3) { try book.commit() }
            }
            try book.commit()
        }
        var book = try LedgerBook(storage)
        for record in records { try book.take(record.span.bytes) }
        try book.commit()
        return book
    }

    @Test(
        "identities that are begun by the reference implementation's pattern and wrong are refused",
        arguments: ["sri/worker.1", "sri/solo/nonsense/w", "sri/donate/0/x/w"], [false, true])
    func wrongIdentity(identity: String, extended: Bool) throws {
        let world = try PoolWorld.ready(Self.configuration())
        let (_, peer) = try world.miner()
        if extended {
            peer.send(
                Mining.OpenExtendedMiningChannel(
                    requestID: 5, userIdentity: identity, nominalHashRate: 1, maxTarget: .max,
                    minExtranonceSize: 4))
        } else {
            peer.send(
                Mining.OpenStandardMiningChannel(
                    requestID: 5, userIdentity: identity, nominalHashRate: 1, maxTarget: .max))
        }
        try world.pump()
        let error = try #require(try peer.last(Mining.OpenMiningChannelError.self))
        #expect(error.errorCode == "invalid-user-identity" && error.requestID == 5)
    }
}
