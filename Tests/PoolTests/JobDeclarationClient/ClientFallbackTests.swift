import Bitcoin
import JobDeclaration
import Pool
import SansIO
import Stratum
import Testing

@Suite("Job declaration client: from pool to pool, to solo and back")
struct ClientFallbackTests {
    /// Why a pool was left, in order.
    static func reasons(_ world: ClientWorld) -> [String] {
        world.observations.compactMap {
            if case .upstream(.left(_, let reason)) = $0 { reason } else { nil }
        }
    }

    @Test("solo mining asks nobody for transactions, pays the miner, and a block reaches the node")
    func solo() throws {
        var (world, miner) = try ClientJobsTests.mining(
            ClientWorld.configuration(.solo), networkTarget: Target(difficulty: 1e-9))
        try miner.mine()
        try world.pump()
        #expect(world.upstream.setups.isEmpty && world.provider.transactionRequests.isEmpty)
        let solution = try #require(world.provider.solutions.first)
        let coinbase = try Transaction(bytes: solution.coinbaseTx)
        #expect(coinbase.outputs[0].scriptPubKey == ClientWorld.soloScript)
        #expect(world.snapshot.isSolo)
    }

    @Test("without any pool devices get solo work, and the first pool that answers takes them over")
    func toSoloAndBack() throws {
        var (world, miner) = try ClientJobsTests.mining { $0.upstream.isUp = false }
        #expect(world.snapshot.isSolo && world.snapshot.devices.channels.count == 1)
        try miner.mine()
        try world.pump()
        #expect(world.snapshot.devices.totals.sharesAccepted == 1)
        world.upstream.isUp = true
        try world.advance(by: .seconds(40))
        #expect(world.snapshot.pool == Endpoint(host: "pool0", port: 34_254))
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 1 && world.upstream.areSharesGood)
        #expect(try miner.errors().isEmpty)
        // Kill it: devices stay and mine for themselves; it comes back and they work for it again.
        world.upstream.isUp = false
        try world.close(world.upstream.pool?.id)
        #expect(world.snapshot.isSolo && world.snapshot.devices.channels.count == 1)
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 1)
        world.upstream.isUp = true
        try world.advance(by: .seconds(40))
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 2 && world.upstream.areSharesGood)
        #expect(try miner.errors().isEmpty)
        #expect(miner.peer.closed == nil)
    }

    @Test("the next pool of the list takes over under its own identity, on tokens of its own")
    func identity() throws {
        var (world, miner) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 2))
        #expect(world.upstreams[0].opens.map(\.userIdentity) == ["account0"])
        try world.close(world.upstreams[0].server?.id)
        try world.advance(by: .seconds(1))
        #expect(world.upstreams[0].pool?.peer.closed != nil)
        #expect(world.upstreams[1].opens.map(\.userIdentity) == ["account1"])
        #expect(Set(world.upstreams[1].tokenRequests.map(\.userIdentifier)) == ["account1"])
        try miner.mine()
        try world.pump()
        #expect(world.upstreams[1].shares.count == 1 && world.upstreams[1].areSharesGood)
    }

    @Test(
        "whatever a pool or its server refuses or leaves unanswered, the next one is tried",
        arguments: [
            "setup", "server setup", "channel", "channel silence", "token silence", "declaration",
            "declaration silence", "custom job", "custom job silence", "extranonce", "outputs",
            "too many outputs",
            "outputs over the reward",
        ])
    func faults(what: String) throws {
        let world = try ClientWorld.ready(ClientWorld.configuration(upstreams: 2)) {
            let first = $0.upstreams[0]
            switch what {
            case "setup": first.setupError = "no-room-for-you"
            case "server setup": first.serverSetupError = "missing-declare-tx-data-flag"
            case "channel": first.opening = .error("unknown-user")
            case "channel silence": first.opening = .nothing
            case "token silence": first.tokens = .nothing
            case "declaration": first.declaring = .error("invalid-job")
            case "declaration silence": first.declaring = .nothing
            case "custom job": first.setting = .error("invalid-coinbase-tx-outputs")
            case "custom job silence": first.setting = .nothing
            case "outputs": first.outputs[0].value = -1
            case "too many outputs":
                first.outputs = Array(
                    repeating: TransactionOutput(
                        value: 0, scriptPubKey: Script([UInt8](repeating: 1, count: 99))),
                    count: 600)
            case "outputs over the reward":
                first.outputs.append(
                    TransactionOutput(value: 5_000_000_000, scriptPubKey: ClientWorld.soloScript))
            default: first.extranonceSize = 8
            }
        }
        let (_, peer) = try world.device()
        peer.send(
            Mining.OpenExtendedMiningChannel(
                requestID: 1, userIdentity: "a", nominalHashRate: 20, maxTarget: .max, minExtranonceSize: 8))
        try world.advance(by: .seconds(60))
        let answer = try #require(try peer.last(Mining.OpenExtendedMiningChannelSuccess.self))
        var miner = TestMiner(
            peer: peer, channelID: answer.channelID, isExtended: true,
            extranoncePrefix: answer.extranoncePrefix, extranonceSize: Int(answer.extranonceSize),
            target: answer.target)
        #expect(world.snapshot.pool == Endpoint(host: "pool1", port: 34_254))
        try miner.mine()
        try world.pump()
        #expect(world.upstreams[1].shares.count == 1 && world.upstreams[1].areSharesGood)
        #expect(world.upstreams[0].shares.isEmpty)
        #expect(ClientFallbackTests.reasons(world).count == 1)
    }

    @Test("coinbase-only is refused by a server that wants transactions: solo")
    func coinbaseOnlyRefused() throws {
        let (world, _) = try ClientJobsTests.mining(ClientWorld.configuration(.coinbaseOnly)) {
            $0.upstream.serverSetupError = "missing-declare-tx-data-flag"
        }
        #expect(world.snapshot.isSolo)
        #expect(ClientFallbackTests.reasons(world).first?.contains("missing-declare-tx-data-flag") == true)
    }

    @Test(
        "a refusal that a new tip explains is no reason to leave",
        arguments: ["stale-chain-tip", "invalid-job", "something-new"], [true, false])
    func refusalBeforeATip(code: String, atServer: Bool) throws {
        var (world, miner) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 2)) {
            if atServer {
                $0.upstream.declaring = .error(code)
            } else {
                $0.upstream.setting = .error(code)
            }
        }
        (world.upstream.declaring, world.upstream.setting) = (.success, .success)
        try world.advance(by: .seconds(2))
        world.provider.newTip()
        try world.advance(by: .seconds(10))
        #expect(ClientFallbackTests.reasons(world).isEmpty)
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 1 && world.upstream.areSharesGood)
    }

    @Test("a server that is behind is asked again until it has followed, and cached shares are not lost")
    func slowServer() throws {
        var (world, miner) = try ClientJobsTests.mining { $0.upstream.declaring = .error("stale-chain-tip") }
        try miner.mine()
        try world.advance(by: .seconds(20))
        #expect(world.upstream.declared.count > 3)
        #expect(world.upstream.shares.isEmpty)
        world.upstream.declaring = .success
        try world.advance(by: .seconds(5))
        #expect(world.upstream.shares.count == 1 && world.upstream.areSharesGood)
        #expect(ClientFallbackTests.reasons(world).isEmpty)
    }

    @Test("a server that calls our tip stale for a minute is left")
    func hopelessServer() throws {
        let (world, _) = try ClientJobsTests.mining { $0.upstream.declaring = .error("stale-chain-tip") }
        try world.advance(by: .seconds(58))
        #expect(ClientFallbackTests.reasons(world).isEmpty)
        try world.advance(by: .seconds(10))
        #expect(ClientFallbackTests.reasons(world) == ["a job was refused: stale-chain-tip"])
    }

    @Test("a token that expired is replaced once")
    func expiredToken() throws {
        let (world, _) = try ClientJobsTests.mining {
            $0.upstream.declaring = .error("invalid-mining-job-token")
        }
        #expect(world.upstream.declared.count == 2)
        #expect(Set(world.upstream.declared.map(\.miningJobToken)).count == 2)
        try world.advance(by: .seconds(4))
        #expect(ClientFallbackTests.reasons(world) == ["a job was refused: invalid-mining-job-token"])
    }

    @Test("a pool that refuses shares of a job that it took is left; stale ones are no fault")
    func refusedShares() throws {
        var (world, miner) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 2)) {
            $0.upstream.sharing = .error("stale-share")
        }
        for _ in 0..<5 { try miner.mine() }
        try world.advance(by: .seconds(5))
        #expect(ClientFallbackTests.reasons(world).isEmpty)
        world.upstream.sharing = .error("invalid-share")
        for _ in 0..<3 { try miner.mine() }
        try world.advance(by: .seconds(2))
        #expect(ClientFallbackTests.reasons(world).isEmpty)
        try world.advance(by: .seconds(2))
        #expect(
            ClientFallbackTests.reasons(world)
                == ["the pool refused 3 shares in a row of a job that it took"])
        #expect(world.snapshot.pool == Endpoint(host: "pool1", port: 34_254))
    }

    @Test("CloseChannel for the channel or its group sends the client on", arguments: [UInt32(1), 9])
    func closed(channel: UInt32) throws {
        let (world, _) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 2))
        world.upstream.pool?.peer.send(Mining.CloseChannel(channelID: channel, reasonCode: "drained"))
        try world.advance(by: .seconds(1))
        #expect(world.snapshot.pool == Endpoint(host: "pool1", port: 34_254))
        #expect(ClientFallbackTests.reasons(world) == ["the pool closed the channel: drained"])
    }

    @Test(
        "a pool whose extranonces have another size: devices come again, and nobody mines with a wrong prefix"
    )
    func otherSize() throws {
        let (world, miner) = try ClientJobsTests.mining(ClientWorld.configuration(upstreams: 2)) {
            $0.upstreams[1].prefix = [5, 6, 7, 8, 9, 10]
        }
        try world.close(world.upstream.pool?.id)
        try world.advance(by: .seconds(1))
        #expect(miner.peer.closed != nil)
        let (_, peer) = try world.device()
        var again = try TestMiner.open(world, peer, extended: true)
        try again.mine()
        try world.pump()
        #expect(world.upstreams[1].shares.count == 1 && world.upstreams[1].areSharesGood)
    }

    @Test("the template provider goes and comes: devices stay, and its next template is declared")
    func providerReturns() throws {
        var (world, miner) = try ClientJobsTests.mining()
        world.providerIsUp = false
        let old = world.provider.connection
        world.provider.connection = nil
        try world.close(old)
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 1)
        world.providerIsUp = true
        try world.advance(by: .seconds(5))
        #expect(world.snapshot.isTemplateProviderReady)
        #expect(world.upstream.customJobs.count == 2)
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 2 && world.upstream.areSharesGood)
    }
}
