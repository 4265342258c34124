import Bitcoin
import SansIO
import Stratum
import Testing

@testable import Pool
@testable import Translator

/// Rows 21 to 24, 31, 37 to 39 of the reference implementation's tests, and what those do not cover.
@Suite("Translator: the next pool")
struct TranslatorFallbackTests {
    /// Two pools; the translator is ready with whichever takes it.
    private func world(
        _ first: MockPool, _ second: MockPool, change: (inout TranslatorConfiguration) -> Void = { _ in }
    ) throws -> TranslatorWorld {
        let world = TranslatorWorld(mocks: [first, second], change: change)
        try world.advance(by: .zero)
        return world
    }

    @Test("a refused SetupConnection leads to the next pool, whatever the text of the error")
    func setupError() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        first.setup = .refuse("never-heard-of-you")
        let world = try world(first, second)
        let miner = try world.miner()
        try world.advance(by: .seconds(3))
        #expect(world.dialed.map(\.host) == ["first", "second"])
        #expect(miner.jobs.count == 1)
        #expect(
            world.observations.contains(
                .upstream(.refused(Endpoint(host: "first", port: 3333), code: "never-heard-of-you"))))
    }

    @Test("a refused channel leads to the next pool", arguments: [false, true])
    func openError(aggregates: Bool) throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        first.open = .refuse("who-knows")
        let world = try world(first, second) { $0.aggregatesChannels = aggregates }
        let miner = try world.miner()
        try world.advance(by: .seconds(3))
        #expect(world.dialed.map(\.host) == ["first", "second"])
        #expect(miner.jobs.count == 1 && miner.closed == nil)
    }

    @Test("a pool that serves others keeps them when it refuses one miner more")
    func capacity() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = try world(first, second)
        let served = try world.miner()
        first.open = .refuse("channel-capacity-exhausted")
        let refused = try world.miner("bob")
        #expect(refused.closed == .closed("the pool refused a channel: channel-capacity-exhausted"))
        try world.advance(by: .seconds(3))
        #expect(world.dialed.map(\.host) == ["first"])
        served.call(.submit(try served.solve()))
        try world.pump()
        #expect(served.responses.last?.isAccepted == true)
    }

    @Test("a socket that drops after the setup leads to the next pool, and the miner's connection stays")
    func abruptDisconnect() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = try world(first, second)
        let miner = try world.miner()
        let old = try miner.solve()
        first.hangUp()
        try world.pump()
        miner.call(.submit(old))
        try world.pump()
        #expect(miner.responses.last?.error?.text == "No connection to the pool")
        try world.advance(by: .seconds(3))
        #expect(world.dialed.map(\.host) == ["first", "second"])
        #expect(miner.closed == nil && miner.jobs.last?.notify.cleanJobs == true)
        miner.call(.submit(old))
        try world.pump()
        #expect(miner.responses.last?.error?.code == 21)
        #expect(try second.all(Mining.SubmitSharesExtended.self).isEmpty)
        miner.call(.submit(try miner.solve()))
        try world.pump()
        #expect(try second.all(Mining.SubmitSharesExtended.self).count == 1)
    }

    @Test("CloseChannel of the shared channel leads to the next pool")
    func closedAggregate() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = try world(first, second) { $0.aggregatesChannels = true }
        let miner = try world.miner()
        first.peer.send(Mining.CloseChannel(channelID: first.channels[0], reasonCode: "tired"))
        try world.advance(by: .seconds(3))
        #expect(world.dialed.map(\.host) == ["first", "second"])
        #expect(miner.closed == nil && miner.jobs.count == 2)
        #expect(
            world.observations.contains(
                .upstream(
                    .lost(
                        Endpoint(host: "first", port: 3333), .closed("the pool closed the channel: tired")))))
    }

    @Test("a pool that neither credits nor refuses nor sends anything is left")
    func silentPool() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = try world(first, second)
        let miner = try world.miner()
        miner.call(.submit(try miner.solve()))
        try world.advance(by: .minutes(2))
        #expect(world.dialed.map(\.host) == ["first"])
        try world.advance(by: .minutes(2))
        #expect(world.dialed.map(\.host) == ["first", "second"])
    }

    @Test("Reconnect is followed; where nobody is, the pool's own address is next")
    func reconnect() throws {
        let (first, second, other) = (MockPool("first"), MockPool("second"), MockPool("other"))
        let world = TranslatorWorld(mocks: [first, second, other]) { $0.upstreams.removeLast() }
        try world.advance(by: .zero)
        let miner = try world.miner()
        first.peer.send(Common.Reconnect(newHost: "other", newPort: 7))
        try world.advance(by: .seconds(3))
        #expect(world.dialed.last == Endpoint(host: "other", port: 7))
        #expect(miner.jobs.count == 2)
        other.peer.send(Common.Reconnect(newHost: "nowhere", newPort: 0))
        other.isUp = false
        first.isUp = true
        try world.advance(by: .seconds(6))
        #expect(miner.jobs.count == 3 && miner.closed == nil)
    }

    @Test("each pool knows the account by its own name")
    func identities() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = try world(first, second) {
            $0.userIdentity = "everywhere"
            $0.upstreams[1].userIdentity = "there"
        }
        _ = try world.miner("plain")
        #expect(first.identities == ["everywhere.miner1"])
        first.hangUp()
        try world.advance(by: .seconds(3))
        #expect(second.identities == ["there.miner1"])
    }

    @Test("the shared channel carries the account and not a miner's name")
    func sharedIdentity() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let world = try world(first, second) {
            $0.aggregatesChannels = true
            $0.userIdentity = "farm"
        }
        _ = try world.miner("x.rack7")
        #expect(first.identities == ["farm.translator-proxy"])
    }

    @Test("a pool with fixed versions takes the granted mask back, the next one gives it again")
    func fixedVersions() throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        second.setupFlags = Mining.SetupSuccessFlags.requiresFixedVersion
        let world = try world(first, second)
        let miner = try world.miner(mask: 0x1fff_e000)
        first.hangUp()
        try world.advance(by: .seconds(3))
        #expect(miner.versionMasks == [0])
        second.hangUp()
        try world.advance(by: .seconds(3))
        #expect(miner.versionMasks == [0, 0x1fff_e000])
    }

    static let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

    @Test(
        "a job that pays the identity's address is mined",
        arguments: [
            "\(address)", "\(address).w1", "sri/solo/\(address)/w1", "sri/donate/5/\(address)/w",
            "sri/donate/w", "account",
        ])
    func rightPayout(identity: String) throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        let script = try #require(Address(Self.address, network: .regtest)).scriptPubKey
        first.payout = script
        let world = try world(first, second) {
            $0.userIdentity = identity
            $0.verifiesPayout = true
        }
        let miner = try world.miner()
        miner.call(.submit(try miner.solve()))
        try world.advance(by: .seconds(3))
        #expect(try first.all(Mining.SubmitSharesExtended.self).count == 1)
        #expect(world.dialed.count == 1)
    }

    @Test("a job that pays somebody else is not mined: the next pool", arguments: [false, true])
    func wrongPayout(aggregates: Bool) throws {
        let (first, second) = (MockPool("first"), MockPool("second"))
        second.payout = try #require(Address(Self.address, network: .regtest)).scriptPubKey
        let world = try world(first, second) {
            $0.userIdentity = "sri/solo/\(Self.address)/w"
            $0.verifiesPayout = true
            $0.aggregatesChannels = aggregates
        }
        let miner = try world.miner()
        #expect(miner.jobs.isEmpty)
        try world.advance(by: .seconds(3))
        #expect(world.dialed.map(\.host) == ["first", "second"])
        #expect(try first.all(Mining.SubmitSharesExtended.self).isEmpty)
        #expect(miner.jobs.count == 1)
    }

    @Test("the share of the reward is counted, not only that something is paid")
    func payoutRule() throws {
        let script = try #require(Address(Self.address, network: .regtest)).scriptPubKey
        let other = Script.p2wpkh(Hash160(bytes: [UInt8](repeating: 1, count: 20))!)
        func job(_ values: [(Int64, Script)], scriptSig: Int = 30) -> Mining.NewExtendedMiningJob {
            var head = ByteWriter()
            head.write(u32: 2)
            head.write(compactSize: 1)
            head.write(hash: Hash256.zero)
            head.write(u32: .max)
            head.write(compactSize: UInt64(scriptSig))
            head.write(repeating: 0x51, count: scriptSig - 20)
            var tail = ByteWriter()
            tail.write(u32: .max)
            tail.write(compactSize: UInt64(values.count))
            for (value, script) in values {
                TransactionOutput(value: value, scriptPubKey: script).encode(into: &tail)
            }
            tail.write(u32: 0)
            return Mining.NewExtendedMiningJob(
                channelID: 1, jobID: 1, version: 4, versionRollingAllowed: true, merklePath: [],
                coinbaseTxPrefix: head.bytes, coinbaseTxSuffix: tail.bytes)
        }
        func fault(_ identity: String, _ values: [(Int64, Script)]) throws -> String? {
            try #require(PayoutRule(identity: identity)).fault(in: job(values), extranonceSize: 20)
        }
        #expect(try fault(Self.address, [(90, script), (10, other)]) == nil)
        #expect(try fault(Self.address, [(80_000, script), (20_000, other)]) != nil)
        #expect(try fault("sri/donate/25/\(Self.address)", [(25_000, other), (75_000, script)]) == nil)
        #expect(try fault("sri/donate/25/\(Self.address)", [(30_000, other), (70_000, script)]) != nil)
        #expect(try fault("sri/solo/\(Self.address)", [(99_000, script), (1_000, other)]) != nil)
        #expect(try fault("sri/solo/\(Self.address)", [(0, other), (50_000, script)]) == nil)
        #expect(try fault("sri/solo/\(Self.address)", [(-1, other), (50_000, script)]) != nil)
        #expect(PayoutRule(identity: "sri/donate/0/\(Self.address)") == nil)
        #expect(PayoutRule(identity: "sri/solo/nonsense") == nil)
        let rule = try #require(PayoutRule(identity: Self.address))
        var broken = job([(50, script)])
        broken.coinbaseTxSuffix.removeLast(3)
        #expect(rule.fault(in: broken, extranonceSize: 20) != nil)
    }
}
