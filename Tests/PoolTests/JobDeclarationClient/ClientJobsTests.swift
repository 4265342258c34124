import Bitcoin
import JobDeclaration
import Pool
import SansIO
import Stratum
import Testing

@Suite("Job declaration client: jobs on their way to the pool")
struct ClientJobsTests {
    static let transactions: [[UInt8]] = (0..<3).map { n in
        Transaction(
            inputs: [
                TransactionInput(
                    previousOutput: OutPoint(txid: SHA256.hash([UInt8(n)]), index: 0),
                    witness: [[UInt8](repeating: UInt8(n), count: 64)])
            ], outputs: [TransactionOutput(value: 1_000, scriptPubKey: ClientWorld.soloScript)]
        ).bytes()
    }

    /// A world with one device whose job the pool knows.
    static func mining(
        _ configuration: JobDeclarationClientConfiguration = ClientWorld.configuration(),
        networkTarget: Target = Target(difficulty: 1), extended: Bool = true,
        _ prepare: (ClientWorld) -> Void = { _ in }
    ) throws -> (ClientWorld, TestMiner) {
        let world = try ClientWorld.ready(configuration, networkTarget: networkTarget) {
            $0.provider.transactions = transactions
            prepare($0)
        }
        let (_, peer) = try world.device()
        let miner = try TestMiner.open(world, peer, extended: extended)
        return (world, miner)
    }

    @Test(
        "a template becomes a token, a declaration with its wtxids, a custom job and shares that the pool credits"
    )
    func fullTemplate() throws {
        var (world, miner) = try ClientJobsTests.mining()
        let upstream = world.upstream
        #expect(
            upstream.setups.map(\.protocol).sorted { $0.rawValue < $1.rawValue } == [
                .mining, .jobDeclaration,
            ])
        #expect(
            upstream.setups.first { $0.protocol == .mining }?.flags == Mining.SetupFlags.requiresWorkSelection
        )
        #expect(upstream.setups.first { $0.protocol == .jobDeclaration }?.flags == 1)
        let declared = try #require(upstream.declared.first)
        #expect(declared.wtxidList == ClientJobsTests.transactions.map { try! Transaction(bytes: $0).wtxid })
        let job = try #require(upstream.customJobs.first)
        #expect(job.miningJobToken == [0xd0] + declared.miningJobToken)
        #expect(job.prevHash == world.provider.prevHash && job.minNTime == world.provider.headerTime)
        #expect(job.merklePath == world.provider.merklePath)
        // What was declared and what is set are one coinbase, with and without its witness.
        let extranonce = [UInt8](repeating: 7, count: 20)
        let whole = try Transaction(
            bytes: declared.coinbaseTxPrefix + extranonce + declared.coinbaseTxSuffix)
        #expect(whole.bytes(witness: false) == MockUpstream.coinbase(job, extranonce: extranonce))
        #expect(whole.inputs[0].witness == [[UInt8](repeating: 0, count: 32)])
        #expect(whole.outputs[0].scriptPubKey == upstream.outputs[0].scriptPubKey)
        #expect(whole.outputs[0].value == 2_500_000_001)

        for _ in 0..<5 { try miner.mine() }
        try world.pump()
        #expect(upstream.shares.count == 5 && upstream.areSharesGood)
        #expect(Set(upstream.shares.map(\.jobID)) == [501])
        #expect(world.snapshot.totals.sharesCredited == 5)
        #expect(try miner.errors().isEmpty)
    }

    @Test("transactions are asked for only when the pool's channel is open")
    func order() throws {
        let world = try ClientWorld.ready { $0.upstream.opening = .nothing }
        let (_, peer) = try world.device()
        peer.send(
            Mining.OpenExtendedMiningChannel(
                requestID: 1, userIdentity: "a", nominalHashRate: 20, maxTarget: .max, minExtranonceSize: 4))
        try world.pump()
        world.provider.sendTemplate(future: false)
        try world.pump()
        #expect(world.upstream.opens.count == 1 && world.upstream.tokenRequests.count == 2)
        #expect(world.provider.transactionRequests.isEmpty && world.upstream.declared.isEmpty)
        let open = try #require(world.upstream.opens.first)
        world.upstream.pool?.peer.send(
            Mining.OpenExtendedMiningChannelSuccess(
                requestID: open.requestID, channelID: 9, target: world.upstream.target, extranonceSize: 16,
                extranoncePrefix: [1, 2, 3, 4], groupChannelID: 1))
        try world.pump()
        #expect(world.provider.transactionRequests.last == 2)
        #expect(world.upstream.declared.count == 1)
        #expect(try peer.all(Mining.OpenExtendedMiningChannelSuccess.self).count == 1)
    }

    @Test("shares found before the pool knows the job wait and go up with the pool's id of it")
    func cachedShares() throws {
        var (world, miner) = try ClientJobsTests.mining { $0.upstream.setting = .nothing }
        for _ in 0..<4 { try miner.mine() }
        try world.pump()
        let upstream = world.upstream
        #expect(upstream.shares.isEmpty)
        #expect(world.snapshot.totals.sharesCached == 4)
        #expect(try miner.errors().isEmpty)
        upstream.answer(try #require(upstream.customJobs.first), with: .success)
        try world.pump()
        #expect(upstream.shares.map(\.jobID) == [501, 501, 501, 501])
        #expect(upstream.shares.map(\.sequenceNumber) == [1, 2, 3, 4])
        #expect(upstream.areSharesGood)
        #expect(world.observations.contains(.declaration(job: 1, .acknowledged(501, cached: 4))))
    }

    @Test("a job that never reaches the pool before the next tip loses its cached shares and nothing else")
    func cachedSharesOfAnOldTip() throws {
        var (world, miner) = try ClientJobsTests.mining { $0.upstream.setting = .nothing }
        try miner.mine()
        try world.pump()
        let late = try #require(world.upstream.customJobs.first)
        world.upstream.setting = .success
        world.provider.newTip()
        try world.pump()
        world.upstream.answer(late, with: .success)
        try world.pump()
        #expect(world.upstream.shares.isEmpty)
        #expect(world.snapshot.totals.sharesLost == 1)
        try miner.mine()
        try world.pump()
        #expect(world.upstream.shares.count == 1 && world.upstream.areSharesGood)
    }

    @Test("coinbase-only mode spends tokens on custom jobs and neither declares nor asks for transactions")
    func coinbaseOnly() throws {
        var (world, miner) = try ClientJobsTests.mining(ClientWorld.configuration(.coinbaseOnly))
        let upstream = world.upstream
        #expect(upstream.setups.first { $0.protocol == .jobDeclaration }?.flags == 0)
        #expect(upstream.customJobs.map(\.miningJobToken) == [[0xa0, 1]])
        world.provider.sendTemplate(future: false)
        try world.pump()
        #expect(upstream.customJobs.map(\.miningJobToken) == [[0xa0, 1], [0xa0, 2]])
        #expect(upstream.declared.isEmpty && world.provider.transactionRequests.isEmpty)
        try miner.mine()
        try world.pump()
        #expect(upstream.shares.map(\.jobID) == [502] && upstream.areSharesGood)
        #expect(upstream.opens.count == 1)
    }

    @Test("many devices of every kind share one channel and one custom job for each template")
    func manyDevices() throws {
        let world = try ClientWorld.ready()
        let upstream = world.upstream
        var miners: [TestMiner] = []
        for flags in [UInt32(0), 0, 1] {
            let (_, peer) = try world.device(flags: flags)
            for _ in 0..<3 {
                miners.append(
                    try TestMiner.open(world, peer, extended: flags == 0 && miners.count % 2 == 0))
            }
        }
        #expect(upstream.opens.count == 1 && upstream.customJobs.count == 1)
        for index in miners.indices { try miners[index].mine() }
        try world.pump()
        #expect(upstream.shares.count == 9 && upstream.areSharesGood)
        #expect(Set(upstream.shares.map(\.extranonce)).count == 9)
        world.provider.newTip()
        try world.pump()
        #expect(upstream.customJobs.count == 2)
        for index in miners.indices { try miners[index].mine() }
        try world.pump()
        #expect(upstream.shares.count == 18 && upstream.areSharesGood)
    }

    @Test("missing transactions are given in the order asked")
    func missing() throws {
        let (world, _) = try ClientJobsTests.mining { $0.upstream.missing = [2, 0] }
        let provided = try #require(world.upstream.provided.first)
        #expect(
            provided.transactionList == [
                ClientJobsTests.transactions[2], ClientJobsTests.transactions[0],
            ])
        #expect(world.upstream.customJobs.count == 1)
    }

    @Test("a server that asks for transactions nobody declared is left")
    func missingOutOfRange() throws {
        let (world, _) = try ClientJobsTests.mining { $0.upstream.missing = [3] }
        #expect(world.upstream.provided.isEmpty)
        #expect(world.snapshot.isSolo)
    }

    @Test("a template that the provider has forgotten is replaced by a fresh one")
    func forgottenTemplate() throws {
        let (world, _) = try ClientJobsTests.mining { $0.provider.transactionError = "stale-template-id" }
        // It is as forgetful of the next ones: they are asked for, but not in a hot loop.
        try world.advance(by: .seconds(19))
        #expect((3...6).contains(world.provider.constraints.count))
        #expect(world.upstream.customJobs.isEmpty)
        world.provider.transactionError = nil
        try world.advance(by: .seconds(6))
        #expect(world.upstream.customJobs.last?.prevHash == world.provider.prevHash)
    }

    @Test("a block goes to the node with its whole coinbase and to the server that knows the job")
    func block() throws {
        var (world, miner) = try ClientJobsTests.mining(networkTarget: Target(difficulty: 1e-9))
        try miner.mine()
        try world.pump()
        let solution = try #require(world.provider.solutions.first)
        let share = try #require(world.upstream.shares.first)
        #expect(solution.headerNonce == share.nonce && solution.templateID == 1)
        let coinbase = try Transaction(bytes: solution.coinbaseTx)
        #expect(coinbase.outputs[0].scriptPubKey == world.upstream.outputs[0].scriptPubKey)
        let pushed = try #require(world.upstream.solutions.first)
        #expect(pushed.extranonce == world.upstream.prefix + share.extranonce)
        #expect(pushed.prevHash == world.provider.prevHash && pushed.nonce == share.nonce)
        let job = try #require(world.upstream.customJobs.first)
        #expect(MockUpstream.coinbase(job, extranonce: pushed.extranonce) == coinbase.bytes(witness: false))
    }

    @Test("a block on a job that the server does not know yet goes to the node alone, at once")
    func earlyBlock() throws {
        var (world, miner) = try ClientJobsTests.mining(networkTarget: Target(difficulty: 1e-9)) {
            $0.upstream.declaring = .nothing
        }
        try miner.mine()
        try world.pump()
        #expect(world.provider.solutions.count == 1)
        #expect(world.upstream.solutions.isEmpty && world.upstream.shares.isEmpty)
    }

    @Test("the pool hears of a growing and shrinking fleet, at most once a second")
    func updates() throws {
        let world = try ClientWorld.ready()
        let (first, peer) = try world.device()
        _ = try TestMiner.open(world, peer, extended: true, hashRate: 100)
        #expect(world.upstream.opens.map(\.nominalHashRate) == [100])
        let (second, other) = try world.device()
        for _ in 0..<10 { _ = try TestMiner.open(world, other, extended: false, hashRate: 50) }
        #expect(world.upstream.updates.isEmpty)
        try world.advance(by: .seconds(2))
        #expect(world.upstream.updates.map(\.nominalHashRate) == [600])
        try world.close(second)
        try world.advance(by: .seconds(2))
        // The first device's announced rate, or less: it was silent all the while.
        #expect(world.upstream.updates.count == 2)
        #expect(try #require(world.upstream.updates.last).nominalHashRate <= 100)
        #expect(first != second)
    }

    @Test("no device gets a harder target than the pool's, and a new target of the pool makes a new job")
    func targets() throws {
        let world = try ClientWorld.ready()
        let (_, peer) = try world.device()
        let miner = try TestMiner.open(world, peer, extended: true, hashRate: 1e6)
        #expect(miner.target == world.upstream.target)
        let harder = Target(difficulty: 1e-7)
        world.upstream.target = harder
        world.upstream.pool?.peer.send(
            Mining.SetTarget(channelID: MockUpstream.channelID, maximumTarget: harder))
        try world.advance(by: .seconds(2))
        #expect(try peer.last(Mining.SetTarget.self)?.maximumTarget == harder)
        #expect(world.upstream.customJobs.count == 2)
    }

    @Test("a new prefix of the pool holds for jobs after it; late shares on older jobs keep theirs")
    func prefix() throws {
        var (world, miner) = try ClientJobsTests.mining()
        let upstream = world.upstream
        upstream.prefix = [9, 9, 9, 9]
        upstream.pool?.peer.send(
            Mining.SetExtranoncePrefix(channelID: MockUpstream.channelID, extranoncePrefix: [9, 9, 9, 9]))
        try world.pump()
        #expect(upstream.customJobs.count == 2)
        try miner.mine()
        try world.pump()
        #expect(upstream.shares.map(\.jobID) == [502] && upstream.areSharesGood)
        upstream.prefix = [1, 2, 3, 4]
        try miner.mine(jobID: 1)
        try world.pump()
        let late = try #require(upstream.shares.last)
        #expect(late.jobID == 501)
        #expect(upstream.hash(of: late).map { upstream.target.isMet(by: $0) } == true)
        #expect(try miner.errors().isEmpty)
    }
}
