import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

@Suite("Translator")
struct TranslatorTests {
    @Test("a V1 miner's share is credited by the V2 pool")
    func wholePath() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miner = try world.miner()
        #expect(miner.jobs.count == 1 && miner.jobs[0].notify.cleanJobs)
        #expect(miner.difficulty != nil)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
        try world.advance(by: .seconds(6))
        #expect(world.machine.snapshot.totals.sharesCredited == 1)
        #expect(world.pool.machine.snapshot(at: world.now).channels.map(\.identity) == ["alice.rig1"])
    }

    @Test("the subscription's answer is the first line, even when a job waits")
    func subscribeFirst() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miner = try world.connect()
        miner.call(.authorize(V1.Authorize(user: "bob")))
        try world.pump()
        #expect(miner.messages.count == 1)
        miner.call(.subscribe(V1.Subscribe(userAgent: "late")))
        try world.pump()
        guard case .response(let second)? = miner.messages.dropFirst().first else {
            Issue.record("no answer to the subscription")
            return
        }
        #expect(second.id == 2)
        #expect(miner.jobs.count == 1)
    }

    @Test("several miners work on the group's jobs and each sees the new tip")
    func group() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miners = try (0..<5).map { try world.miner("alice.rig\($0)") }
        for round in 0..<3 {
            if round == 1 {
                world.pool.provider.sendTemplate(future: false)
                try world.pump()
            }
            if round == 2 {
                world.pool.provider.newTip()
                try world.pump()
            }
            for miner in miners {
                #expect(miner.jobs.count == round + 1)
                #expect(miner.jobs.last?.notify.cleanJobs == (round != 1))
                miner.call(.submit(try miner.solve()))
            }
            try world.pump()
        }
        let snapshot = world.pool.machine.snapshot(at: world.now)
        #expect(snapshot.channels.map(\.sharesAccepted) == [3, 3, 3, 3, 3])
        #expect(snapshot.totals.sharesRejected == 0)
        #expect(Set(miners.map(\.extranonce1)).count == 5)
    }

    @Test("refused shares say why and do not reach the pool")
    func refusals() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let stranger = try world.connect()
        stranger.call(
            .submit(V1.Submit(worker: "x", jobID: "1", extranonce2: [0, 0, 0, 0], nTime: 0, nonce: 0)))
        try world.pump()
        #expect(stranger.responses.last?.error?.code == 25)
        let miner = try world.miner()
        let good = try miner.solve()
        func code(_ share: V1.Submit) throws -> Int? {
            miner.call(.submit(share))
            try world.pump()
            return miner.responses.last?.error?.code
        }
        var share = good
        #expect(try code(share) == nil)
        #expect(try code(share) == 22)
        share.jobID = "ffff"
        #expect(try code(share) == 21)
        share = good
        share.extranonce2.append(0)
        #expect(try code(share) == 20)
        share = good
        share.nTime -= 1000
        #expect(try code(share) == 20)
        share = good
        share.versionBits = 0x2000
        #expect(try code(share) == 20)
        share = good
        share.nonce &+= 1
        #expect(try code(share) == 23)
        #expect(miner.responses.contains { $0.error == .jobNotFound })
        world.pool.provider.newTip()
        try world.pump()
        #expect(try code(good) == 21)
        #expect(miner.responses.last?.error == .stale)
        #expect(world.machine.snapshot.totals.sharesForwarded == 1)
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesRejected == 0)
    }

    @Test("version rolling is granted inside BIP323's mask, and rolled shares count")
    func versionRolling() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miner = try world.miner(mask: 0xffff_e000)
        #expect(world.machine.snapshot.miners.first?.versionMask == 0x1fff_e000)
        let share = try miner.solve(versionBits: 0x0aaa_a000, mask: 0x1fff_e000)
        miner.call(.submit(share))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("a new target arrives with the job that it belongs to")
    func target() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miner = try world.miner()
        let before = try #require(miner.difficulty)
        miner.call(.suggestDifficulty(before * 4))
        try world.pump()
        #expect(miner.difficulty == before)
        world.pool.provider.sendTemplate(future: false)
        try world.pump()
        let after = try #require(miner.difficulty)
        #expect(abs(after / before - 4) < 0.01)
        // A share of the old job still counts by the old target.
        miner.call(.submit(try miner.solve(0)))
        miner.call(.submit(try miner.solve(1)))
        try world.pump()
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 2)
    }

    @Test("a lost pool is dialled again, and miners go on with their connections")
    func poolLost() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miner = try world.miner()
        let old = try miner.solve()
        world.poolIsUp = false
        try world.losePool()
        miner.call(.submit(old))
        try world.pump()
        #expect(miner.responses.last?.error?.text == "No connection to the pool")
        world.poolIsUp = true
        try world.advance(by: .seconds(40))
        #expect(miner.closed == nil)
        #expect(miner.jobs.count >= 2)
        #expect(Set(miner.jobs.map(\.notify.jobID)).count == miner.jobs.count)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        #expect(world.pool.machine.snapshot(at: world.now).totals.sharesAccepted == 1)
    }

    @Test("without a pool miners are let go in the end")
    func hold() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        world.poolIsUp = false
        try world.advance(by: .zero)
        let miner = try world.miner()
        #expect(miner.responses.count == 2)
        try world.advance(by: .seconds(30))
        #expect(miner.closed == nil)
        try world.advance(by: .seconds(60))
        #expect(miner.closed == .closed("no connection to the pool"))
        #expect(world.dialed.count > 3)
    }

    @Test("the next pool is tried when one cannot be reached, and when the operator asks")
    func failover() throws {
        let pool = try PoolWorld.ready()
        let world = TranslatorWorld(pool: pool) {
            $0.upstreams.append(
                TranslatorUpstream(
                    url: PoolURL(
                        scheme: .stratumV2(authority: pool.machine.authorityPublicKey),
                        endpoint: Endpoint(host: "backup", port: 1))))
        }
        world.poolIsUp = false
        try world.advance(by: .zero)
        world.poolIsUp = true
        try world.advance(by: .seconds(2))
        #expect(world.dialed.map(\.host) == ["pool", "backup"])
        #expect(world.machine.snapshot.isUpstreamReady)
        world.machine.handle(.nextUpstream, at: world.now, into: &world.effects)
        try world.advance(by: .seconds(2))
        #expect(world.dialed.map(\.host) == ["pool", "backup", "pool"])
    }

    @Test("a miner that leaves closes its channel")
    func leaving() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let miner = try world.miner()
        #expect(world.pool.machine.snapshot(at: world.now).channels.count == 1)
        world.machine.connectionClosed(miner.id, reason: .peerClosed, at: world.now, into: &world.effects)
        world.miners[miner.id] = nil
        try world.pump()
        #expect(world.pool.machine.snapshot(at: world.now).channels.isEmpty)
        #expect(world.machine.snapshot.miners.isEmpty)
    }

    @Test("the account of the configuration comes before the miner's own name")
    func identity() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready()) { $0.userIdentity = "farm" }
        try world.advance(by: .zero)
        _ = try world.miner("bc1q.garage")
        _ = try world.miner("plain")
        #expect(
            world.pool.machine.snapshot(at: world.now).channels.map(\.identity) == [
                "farm.garage", "farm.miner2",
            ])
    }

    @Test("garbage, endless lines and silence end a miner's connection and nobody else's")
    func badInput() throws {
        let world = TranslatorWorld(pool: try PoolWorld.ready())
        try world.advance(by: .zero)
        let good = try world.miner()
        let scanner = try world.connect()
        scanner.outgoing.write(utf8: "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\nE: f\r\n\r\n")
        let endless = try world.connect()
        endless.outgoing.write(repeating: 0x41, count: 20_000)
        let binary = try world.connect()
        var random = PRNG(seed: 4)
        for _ in 0..<4_000 { binary.outgoing.write(u64: random.next()) }
        let silent = try world.connect()
        try world.pump()
        #expect(scanner.closed != nil && endless.closed != nil && binary.closed != nil)
        try world.advance(by: .seconds(61))
        #expect(silent.closed == .closed("not authorized in time"))
        #expect(good.closed == nil)
        good.call(.ping)
        try world.pump()
        #expect(good.responses.last?.result == "pong")
    }
}
