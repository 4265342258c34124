import Bitcoin
import SansIO
import Stratum
import Testing
import Vardiff

@testable import Pool
@testable import Translator

@Suite("Translator: difficulty of each miner")
struct TranslatorDifficultyTests {
    /// One channel whose target is sixteen times harder than what a miner of 20 hashes a second is given.
    private func shared(change: (inout TranslatorConfiguration) -> Void = { _ in }) throws -> (
        TranslatorWorld, MockPool
    ) {
        let mock = MockPool("pool")
        mock.target = StratumMath.target(hashRate: 20 * 16, sharesPerMinute: 6)
        let world = TranslatorWorld(mocks: [mock]) {
            $0.aggregatesChannels = true
            change(&$0)
        }
        try world.advance(by: .seconds(2))
        return (world, mock)
    }

    private func difficulty(_ hashRate: Double) -> Double {
        V1Difficulty(StratumMath.target(hashRate: hashRate, sharesPerMinute: 6)).value
    }

    @Test(
        "on a shared channel a miner works at its own rate; what the pool counts goes up, the rest counts here"
    )
    func ownRate() throws {
        let (world, mock) = try shared()
        let miner = try world.miner()
        #expect(abs(try #require(miner.difficulty) / difficulty(20) - 1) < 1e-6)
        miner.call(.submit(try miner.solve(not: mock.target)))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        #expect(try mock.all(Mining.SubmitSharesExtended.self).isEmpty)
        #expect(world.machine.snapshot.totals.sharesCountedHere == 1)
        var good = try miner.solve()
        miner.difficulty = V1Difficulty(mock.target).value
        miner.jobs[0].difficulty = V1Difficulty(mock.target).value
        good = try miner.solve()
        miner.call(.submit(good))
        try world.pump()
        #expect(try mock.all(Mining.SubmitSharesExtended.self).map(\.nonce) == [good.nonce])
        #expect(world.machine.snapshot.totals.sharesForwarded == 1)
    }

    @Test("a miner is never asked for more than the pool: no share that it would credit is lost")
    func neverHarder() throws {
        let (world, mock) = try shared { $0.nominalHashRate = 1e9 }
        let miner = try world.miner()
        #expect(miner.difficulty == V1Difficulty(mock.target).value)
    }

    @Test(
        "own control raises a fast miner's difficulty and gives it its job again at once",
        arguments: [VardiffAlgorithm.classic, .lab])
    func control(algorithm: VardiffAlgorithm) throws {
        let (world, _) = try shared { $0.vardiff = algorithm }
        let miner = try world.miner()
        let before = try #require(miner.difficulty)
        for _ in 0..<12 {
            for _ in 0..<10 { miner.call(.submit(try miner.solve())) }
            try world.advance(by: .seconds(10))
            if let now = miner.difficulty, now > before { break }
        }
        let after = try #require(miner.difficulty)
        #expect(after > before * 1.5)
        #expect(miner.jobs.last?.notify.jobID.contains("#") == true)
        #expect(miner.jobs.last?.notify.cleanJobs == false)
        // The old job still counts at the old difficulty.
        miner.call(.submit(try miner.solve(0)))
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.suffix(2).allSatisfy { $0.isAccepted })
    }

    @Test(
        "own control is told the target that the miner really works at: an easier pool's flood is no faster miner"
    )
    func boundByPool() throws {
        let mock = MockPool("pool")
        mock.target = StratumMath.target(hashRate: 20.0 / 16, sharesPerMinute: 6)
        let world = TranslatorWorld(mocks: [mock]) { $0.aggregatesChannels = true }
        try world.advance(by: .seconds(2))
        let miner = try world.miner()
        #expect(abs(try #require(miner.difficulty) / difficulty(20.0 / 16) - 1) < 1e-6)
        // 96 shares a minute on the pool's target are 20 hashes a second, as was announced.
        for _ in 0..<192 {
            miner.call(.submit(try miner.solve()))
            try world.advance(by: .milliseconds(625))
        }
        let rate = try #require(world.machine.snapshot.miners.first?.hashRate)
        #expect(abs(rate / 20 - 1) < 0.1)
    }

    @Test("own control tells the pool the sum of what it found")
    func sum() throws {
        let (world, mock) = try shared()
        _ = try world.miner("a.1")
        _ = try world.miner("a.2")
        try world.advance(by: .seconds(3))
        #expect(try mock.all(Mining.UpdateChannel.self).last?.nominalHashRate == 40)
        let third = try world.miner("a.3")
        try world.advance(by: .seconds(3))
        #expect(try mock.all(Mining.UpdateChannel.self).last?.nominalHashRate == 60)
        try world.lose(third)
        try world.advance(by: .seconds(3))
        #expect(try mock.all(Mining.UpdateChannel.self).last?.nominalHashRate == 40)
    }

    @Test("a miner that suggests again and again makes few messages")
    func debounced() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miner = try world.miner()
        for step in 1...500 {
            miner.call(.suggestDifficulty(Double(step) * 1e-7))
            try world.advance(by: .milliseconds(20))
        }
        try world.advance(by: .seconds(3))
        let updates = try mock.all(Mining.UpdateChannel.self)
        #expect(updates.count <= 7)
        let wanted = StratumMath.hashRate(target: V1Difficulty(500 * 1e-7).target, sharesPerMinute: 6)
        #expect(abs(Double(try #require(updates.last).nominalHashRate) / wanted - 1) < 1e-6)
    }

    @Test(
        "passwords: d= fixes the difficulty, md= bounds it from below, everything else is left alone",
        arguments: [
            ("x", nil, nil), ("d=1024", 1024, nil), ("md=0.5,d=2", 2, 0.5), ("x;mindiff=8", nil, 8),
            ("d=-1", nil, nil), ("d=nan,md=inf", nil, nil), ("d=", nil, nil), ("DIFF=3 y", 3, nil),
        ] as [(String, Double?, Double?)])
    func passwords(text: String, fixed: Double?, least: Double?) {
        let settings = WorkerSettings(password: text)
        #expect(settings.fixedDifficulty == fixed && settings.minimumDifficulty == least)
    }

    @Test("d= holds on a shared channel whatever the rate, and own control leaves it")
    func fixed() throws {
        let (world, _) = try shared()
        let miner = try world.miner(password: "d=1e-8")
        #expect(miner.difficulty == 1e-8)
        for _ in 0..<100 { miner.call(.submit(try miner.solve())) }
        try world.advance(by: .minutes(5))
        #expect(miner.difficulty == 1e-8)
    }

    @Test(
        "on an own channel d= and md= are the channel's maximum target, and bind even if the pool is easier")
    func ownChannel() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let easy = V1Difficulty(mock.target).value
        let hard = try world.miner("a.hard", password: "d=\(easy * 4)")
        let least = try world.miner("a.least", password: "md=\(easy * 2)")
        let soft = try world.miner("a.soft", password: "d=\(easy / 4)")
        let asked = try mock.all(Mining.OpenExtendedMiningChannel.self).map {
            V1Difficulty($0.maxTarget).value
        }
        #expect(abs(asked[0] / (easy * 4) - 1) < 1e-6 && abs(asked[1] / (easy * 2) - 1) < 1e-6)
        #expect(abs(try #require(hard.difficulty) / (easy * 4) - 1) < 1e-6)
        #expect(abs(try #require(least.difficulty) / (easy * 2) - 1) < 1e-6)
        // Easier than the pool's own would be acknowledging what it refuses.
        #expect(soft.difficulty == easy)
    }

    @Test("rounded difficulties are powers of two, never above the exact one")
    func rounded() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock]) { $0.roundsDifficultyAbove = 0 }
        try world.advance(by: .zero)
        let miner = try world.miner()
        let (exact, told) = (V1Difficulty(mock.target).value, try #require(miner.difficulty))
        #expect(told <= exact && told > exact / 2 && told.significand == 1)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
    }

    @Test("BIP310's minimum-difficulty is granted and kept")
    func minimumDifficulty() throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let easy = V1Difficulty(mock.target).value
        let miner = try world.connect()
        miner.call(.configure(V1.Configure(minimumDifficulty: easy * 8)))
        miner.call(.subscribe(V1.Subscribe(userAgent: "x")))
        miner.call(.authorize(V1.Authorize(user: "a.b")))
        try world.pump()
        #expect(miner.lines[0].contains("\"minimum-difficulty\":true"))
        #expect(abs(try #require(miner.difficulty) / (easy * 8) - 1) < 1e-6)
    }

    @Test(
        "a difficulty of nothing, less or no number changes nothing",
        arguments: ["0", "-4", "\"nan\"", "1e999", "null"])
    func nonsense(text: String) throws {
        let mock = MockPool("pool")
        let world = TranslatorWorld(mocks: [mock])
        try world.advance(by: .zero)
        let miner = try world.miner()
        miner.outgoing.write(
            utf8: "{\"id\":9,\"method\":\"mining.suggest_difficulty\",\"params\":[\(text)]}\n")
        miner.call(.suggestTarget(Target(UInt256.zero)))
        miner.call(.suggestTarget(.max))
        try world.advance(by: .seconds(5))
        #expect(miner.closed == nil)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        for update in try mock.all(Mining.UpdateChannel.self) {
            #expect(update.nominalHashRate.isFinite && update.nominalHashRate >= 0)
        }
    }
}
