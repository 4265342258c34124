import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

@Suite("Translator: back to the pool of its choice")
struct TranslatorPreferenceTests {
    /// Pools of which the first died, with a miner that works for the last one by now.
    private func fallenBack(
        _ pools: [MockPool], seed: UInt8 = 5, aggregates: Bool = false
    ) throws -> (TranslatorWorld, V1TestMiner) {
        let world = TranslatorWorld(mocks: pools) {
            // The machine's own generator draws the pauses.
            $0 = TranslatorConfiguration(upstreams: $0.upstreams, clock: $0.clock, secretSeed: [seed])
            $0.nominalHashRate = 20
            $0.aggregatesChannels = aggregates
        }
        try world.advance(by: .zero)
        let miner = try world.miner()
        for pool in pools.dropLast() { pool.isUp = false }
        pools[0].hangUp()
        try world.advance(by: .seconds(5))
        #expect(pool(of: world) == pools.last?.host)
        return (world, miner)
    }

    /// The host of the pool that was ready last.
    private func pool(of world: TranslatorWorld) -> String? {
        for case .upstream(.ready(let endpoint)) in world.observations.reversed() { return endpoint.host }
        return nil
    }

    /// How often a pool got ready.
    private func readies(_ world: TranslatorWorld) -> Int {
        world.observations.count { if case .upstream(.ready) = $0 { true } else { false } }
    }

    /// How long it takes until this pool is the one again.
    private func returnTime(
        _ world: TranslatorWorld, to host: String = "first", within time: Interval
    ) throws -> Interval? {
        let start = world.now
        while world.now - start < time {
            try world.advance(by: .milliseconds(250))
            if pool(of: world) == host { return world.now - start }
        }
        return nil
    }

    @Test(
        "the miner keeps its connection on the way back, and its shares go to the preferred pool again",
        arguments: [false, true])
    func comesBack(aggregates: Bool) throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let (world, miner) = try fallenBack([first, second], aggregates: aggregates)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(try second.all(Mining.SubmitSharesExtended.self).count == 1)
        first.isUp = true
        let time = try #require(try returnTime(world, within: .minutes(2)))
        #expect(time >= .seconds(17) && time <= .seconds(40), "\(time.seconds) s")
        #expect(
            world.observations.contains(
                .upstream(
                    .lost(
                        Endpoint(host: "second", port: 3333),
                        .closed("a pool of more preference serves again")))))
        #expect(miner.closed == nil && miner.jobs.last?.notify.cleanJobs == true)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
        #expect(try first.all(Mining.SubmitSharesExtended.self).count == 1)
        #expect(try second.all(Mining.SubmitSharesExtended.self).count == 1)
    }

    @Test("while the preferred pool is dead the present one is kept, and attempts get rare")
    func deadPool() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let (world, miner) = try fallenBack([first, second])
        let ready = readies(world)
        let dials = world.dialed.count
        for _ in 0..<60 {
            try world.advance(by: .minutes(1))
            miner.call(.submit(try miner.solve()))
            second.sendTip(to: second.channels[0], for: second.sendJob(to: second.channels[0], future: true))
            try world.pump()
        }
        #expect(readies(world) == ready && miner.closed == nil)
        // 30 s doubling to 10 minutes: about ten in an hour.
        #expect((6...14).contains(world.dialed.count - dials), "\(world.dialed.count - dials)")
        first.isUp = true
        #expect(try returnTime(world, within: .seconds(750)) != nil)
    }

    @Test("a pool that refuses the connection is not moved to")
    func refusing() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let (world, miner) = try fallenBack([first, second])
        (first.isUp, first.setup) = (true, .refuse("not-yet"))
        let jobs = miner.jobs.count
        try world.advance(by: .minutes(2))
        #expect(pool(of: world) == "second" && miner.jobs.count <= jobs + 2)
        first.setup = .silence
        try world.advance(by: .minutes(10))
        #expect(pool(of: world) == "second")
        first.setup = .accept
        #expect(try returnTime(world, within: .minutes(15)) != nil)
    }

    @Test("the second choice is taken when the first one stays away, and the first one later")
    func secondChoice() throws {
        let pools = ["first", "second", "third"].map { MockPool($0) }
        let (world, _) = try fallenBack(pools)
        pools[1].isUp = true
        #expect(try returnTime(world, to: "second", within: .minutes(2)) != nil)
        pools[0].isUp = true
        #expect(try returnTime(world, within: .minutes(10)) != nil)
    }

    @Test("a pool that comes and goes is returned to less and less often")
    func flapping() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let (world, _) = try fallenBack([first, second])
        var times: [Interval] = []
        for _ in 0..<4 {
            first.isUp = true
            times.append(try #require(try returnTime(world, within: .minutes(30))))
            first.isUp = false
            first.hangUp()
            try world.advance(by: .seconds(5))
            #expect(pool(of: world) == "second")
        }
        #expect(times[3] > times[0] * 4, "\(times.map(\.seconds))")
        // Having served for ten minutes it is trusted as before.
        first.isUp = true
        _ = try #require(try returnTime(world, within: .minutes(30)))
        try world.advance(by: .minutes(11))
        first.isUp = false
        first.hangUp()
        try world.advance(by: .seconds(5))
        first.isUp = true
        let time = try #require(try returnTime(world, within: .minutes(30)))
        #expect(time <= .seconds(40), "\(time.seconds) s")
    }

    @Test("a pool that took the connection and no channel is not returned to for ten minutes")
    func faulty() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        first.open = .refuse("no-room")
        let world = TranslatorWorld(mocks: [first, second])
        try world.advance(by: .zero)
        _ = try world.miner()
        try world.advance(by: .seconds(5))
        #expect(pool(of: world) == "second")
        first.open = .accept
        #expect(try returnTime(world, within: .minutes(9)) == nil)
        #expect(try returnTime(world, within: .minutes(15)) != nil)
    }

    @Test("nobody returns from a pool that an operator chose")
    func operatorsChoice() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = TranslatorWorld(mocks: [first, second])
        try world.advance(by: .zero)
        let miner = try world.miner()
        world.machine.handle(.nextUpstream, at: world.now, into: &world.effects)
        try world.advance(by: .seconds(5))
        #expect(pool(of: world) == "second")
        try world.advance(by: .minutes(60))
        #expect(pool(of: world) == "second" && miner.closed == nil)
        #expect(world.dialed.map(\.host) == ["first", "second"])
    }

    @Test(
        "translators of different seeds do not come back at one moment, and one seed does the same each time")
    func spread() throws {
        func time(_ seed: UInt8) throws -> Interval {
            let (first, second) = (MockPool("first"), MockPool("second"))
            let (world, _) = try fallenBack([first, second], seed: seed)
            first.isUp = true
            return try #require(try returnTime(world, within: .minutes(2)))
        }
        let times = try (1...6).map { try time($0) }
        #expect(Set(times).count > 1)
        #expect(try time(1) == times[0])
    }

    @Test("losing the present pool ends the attempt to return, and its late answer is nobody's")
    func lostMeanwhile() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let (world, miner) = try fallenBack([first, second])
        (first.isUp, first.setup) = (true, .silence)
        while first.connections < 2 { try world.advance(by: .seconds(1)) }
        second.hangUp()
        first.setup = .accept
        try world.advance(by: .seconds(5))
        #expect(pool(of: world) == "first" && miner.closed == nil)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(miner.responses.last?.isAccepted == true)
    }
}
