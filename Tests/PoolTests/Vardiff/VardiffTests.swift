import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool

@Suite("Vardiff")
struct VardiffTests {
    /// A device of `trueRate` under the ladder, with exponentially distributed shares; returns the rate that the
    /// control believes after each tick.
    static func run(start: Double, trueRate: (Double) -> Double, minutes: Int, seed: UInt64) -> [Double] {
        var random = PRNG(seed: seed)
        var vardiff = Vardiff(hashRate: start, at: .start)
        var now = Instant.start
        var history: [Double] = []
        let end = Instant.start + .minutes(UInt64(minutes))
        var work = StratumMath.target(hashRate: start, sharesPerMinute: 6).expectedHashes
        while now < end {
            // The wait has no memory, so it may be drawn anew after every tick.
            let wait = random.exponential(mean: Interval(seconds: work / trueRate((now - .start).seconds)))
            let isTick = vardiff.nextDeadline <= now + wait
            now = isTick ? vardiff.nextDeadline : now + wait
            let looks = isTick || vardiff.shareAccepted(work: work, at: now)
            if looks, let rate = vardiff.decide(at: now, minimumHashRate: 1) {
                work = StratumMath.target(hashRate: rate, sharesPerMinute: 6).expectedHashes
            }
            if isTick { history.append(vardiff.hashRate) }
        }
        return history
    }

    @Test(
        "a device announced a thousand times too low or too high settles", arguments: [1e9, 1e12, 1e15], 0..<5
    )
    func convergence(start: Double, seed: Int) {
        let history = Self.run(start: start, trueRate: { _ in 1e12 }, minutes: 60, seed: UInt64(seed))
        let late = history.suffix(20)
        let mean = late.reduce(0, +) / Double(late.count)
        #expect(mean > 0.6e12 && mean < 1.6e12)
    }

    @Test("half of a device failing is noticed within a quarter of an hour", arguments: 0..<8)
    func decline(seed: Int) {
        let history = Self.run(
            start: 1e12, trueRate: { $0 < 3_600 ? 1e12 : 0.4e12 }, minutes: 85, seed: UInt64(seed))
        #expect(history.last! < 0.75e12)
    }

    @Test("the ladder believes large deviations early and small ones late")
    func ladder() {
        func decides(_ factor: Double, after seconds: UInt64) -> Bool {
            var vardiff = Vardiff(hashRate: 100, at: .start)
            _ = vardiff.shareAccepted(work: 100 * factor * Double(seconds), at: .start)
            return vardiff.decide(at: .start + .seconds(seconds), minimumHashRate: 1) != nil
        }
        #expect(!decides(3, after: 15) && decides(3, after: 16))
        #expect(!decides(1.7, after: 59) && decides(1.7, after: 60))
        #expect(!decides(1.55, after: 119) && decides(1.55, after: 120))
        #expect(!decides(1.47, after: 179) && decides(1.47, after: 180))
        #expect(!decides(1.35, after: 239) && decides(1.35, after: 240))
        #expect(!decides(1.2, after: 299) && decides(1.2, after: 300))
        #expect(!decides(1.1, after: 1_200))
    }

    @Test("no share lowers, a flood raises, both in bounded steps, and never below the floor")
    func steps() {
        var silent = Vardiff(hashRate: 90, at: .start)
        #expect(silent.decide(at: .start + .seconds(60), minimumHashRate: 1) == 30)
        var floor = Vardiff(hashRate: 90, at: .start)
        #expect(floor.decide(at: .start + .seconds(60), minimumHashRate: 50) == 50)
        var flood = Vardiff(hashRate: 1, at: .start)
        _ = flood.shareAccepted(work: 1e9, at: .start)
        #expect(flood.decide(at: .start + .seconds(20), minimumHashRate: 1) == 10)
    }

    @Test("in the pool a busy channel gets SetTarget, and its next job counts by it")
    func inThePool() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: true, hashRate: 2)
        let before = miner.target
        for _ in 0..<80 {
            try miner.mine()
            try world.advance(by: .milliseconds(300))
        }
        let setTarget = try #require(try peer.last(Mining.SetTarget.self))
        #expect(setTarget.channelID == miner.channelID && setTarget.maximumTarget < before)
        let easy = try miner.work()
        miner.submit(easy, nonce: try miner.nonce(easy, meeting: before, not: setTarget.maximumTarget))
        try world.pump()
        #expect(try miner.errors() == [])
        world.provider.sendTemplate(future: false)
        try world.pump()
        let latest = try #require(try peer.last(Mining.SetTarget.self)).maximumTarget
        let hard = try miner.work()
        miner.submit(hard, nonce: try miner.nonce(hard, meeting: before, not: latest))
        miner.target = latest
        try miner.mine()
        try world.pump()
        #expect(try miner.errors() == ["difficulty-too-low"])
    }

    @Test("a quiet template is refreshed every minute, so that the target takes effect")
    func refresh() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        var miner = try TestMiner.open(world, peer, extended: false)
        peer.frames.removeAll { $0.messageType == 0x15 }
        try world.advance(by: .seconds(61))
        let job = try #require(try peer.last(Mining.NewExtendedMiningJob.self))
        #expect(job.minNTime == world.provider.headerTime)
        #expect(job.channelID == 1)
        // Without any share the control has also lowered the target.
        miner.target = try #require(try peer.last(Mining.SetTarget.self)).maximumTarget
        world.provider.sendTemplate(future: false)
        try world.pump()
        try mineStandard(&miner, world)
        #expect(try miner.errors() == [])
    }

    /// A standard channel works on the group's extended job with its prefix as the whole extranonce.
    private func mineStandard(_ miner: inout TestMiner, _ world: PoolWorld) throws {
        try miner.mine()
        try world.pump()
        #expect(world.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("UpdateChannel follows the announced rate and honours a harder target")
    func updateChannel() throws {
        let world = try PoolWorld.ready()
        let (_, peer) = try world.miner()
        let miner = try TestMiner.open(world, peer, extended: false)
        peer.send(
            Mining.UpdateChannel(channelID: miner.channelID, nominalHashRate: 2_000, maximumTarget: .max))
        try world.pump()
        let harder = try #require(try peer.last(Mining.SetTarget.self)).maximumTarget
        #expect(abs(harder.difficulty / miner.target.difficulty - 100) < 1)
        let wanted = Target(harder.value >> 4)
        peer.send(
            Mining.UpdateChannel(channelID: miner.channelID, nominalHashRate: 2_000, maximumTarget: wanted))
        peer.send(Mining.UpdateChannel(channelID: 99, nominalHashRate: 1, maximumTarget: .max))
        peer.send(
            Mining.UpdateChannel(channelID: miner.channelID, nominalHashRate: .nan, maximumTarget: .max))
        try world.pump()
        #expect(try peer.last(Mining.SetTarget.self)?.maximumTarget == wanted)
        #expect(
            try peer.all(Mining.UpdateChannelError.self).map(\.errorCode)
                == ["invalid-channel-id", "invalid-nominal-hashrate"])
    }
}
