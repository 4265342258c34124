import Bitcoin
import Pool
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

@Suite("Job declaration server: solutions and the pool")
struct SolutionTests {
    private func extranonce(_ first: UInt8) -> [UInt8] { [first] + [UInt8](repeating: 0, count: 19) }

    @Test(
        "a pushed solution becomes the node's tip, with the transactions that only the server was told (row 62)"
    )
    func pushed() throws {
        let world = try DeclarationWorld()
        try world.publish(try world.transaction(spending: 1))
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        let secret = try world.transaction(spending: 2)
        work.transactions.append(secret)
        work.value += Coins.fee
        let id = try client.declare(work)
        client.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: id, transactionList: [secret.bytes()]))
        try world.pump()
        try #require(try client.success(id) != nil)
        let height = world.height
        let solved = try work.solve(extranonce(1))
        client.peer.send(work.solution(extranonce(1), nonce: solved.nonce))
        client.peer.send(work.solution(extranonce(1), nonce: solved.nonce))
        try world.pump()
        #expect(world.height == height + 1)
        #expect(world.observations.contains(.blockJudged(solved.hash, refusal: nil)))
        #expect(world.server.snapshot.blocksSubmitted == 1)
    }

    @Test("solutions that are no block, of another length, tip or job are ignored and cost nothing")
    func ignored() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        let work = try world.work()
        let stranger = TestDeclarer(world, try world.client())
        _ = try client.declare(work)
        let height = world.height
        let solved = try work.solve(extranonce(1))
        client.peer.send(work.solution(extranonce(1) + [0], nonce: solved.nonce))
        client.peer.send(work.solution([], nonce: solved.nonce))
        client.peer.send(work.solution(extranonce(1), nonce: solved.nonce &+ 1_000_003))
        var other = work
        other.prevHash = SHA256.hash([1])
        client.peer.send(other.solution(extranonce(1), nonce: solved.nonce))
        other = work
        other.bits = 0x1d00_ffff
        client.peer.send(other.solution(extranonce(1), nonce: solved.nonce))
        // Another connection has declared nothing.
        stranger.peer.send(work.solution(extranonce(1), nonce: solved.nonce))
        try world.pump()
        let submitted = world.server.snapshot.blocksSubmitted
        // A random nonce on regtest is a block half of the time; everything else here never is.
        #expect(submitted <= 1)
        #expect(world.height == height + Int(submitted))
        #expect(client.peer.closed == nil && stranger.peer.closed == nil)
    }

    @Test(
        "the pool takes a declared job without a word with the server, judges its shares, and hands the block over"
    )
    func pool() throws {
        let world = try DeclarationWorld()
        try world.publish(try world.transaction(spending: 1))
        var client = TestDeclarer(world, try world.client())
        let work = try world.work()
        let id = try client.declare(work)
        let token = try #require(try client.success(id)).newMiningJobToken
        let miner = try world.client(of: .pool, flags: 2, protocol: .mining)
        miner.send(
            Mining.OpenExtendedMiningChannel(
                requestID: 1, userIdentity: "alice", nominalHashRate: 0, maxTarget: .max,
                minExtranonceSize: 8))
        try world.pump()
        let channel = try #require(try miner.last(Mining.OpenExtendedMiningChannelSuccess.self))
        miner.send(work.customJob(token, channel: channel.channelID))
        try world.pump()
        #expect(try miner.all(Mining.SetCustomMiningJobError.self) == [])
        let accepted = try #require(try miner.last(Mining.SetCustomMiningJobSuccess.self))
        let rolled = [UInt8](repeating: 9, count: Int(channel.extranonceSize))
        let solved = try work.solve(channel.extranoncePrefix + rolled)
        let height = world.height
        miner.send(
            Mining.SubmitSharesExtended(
                channelID: channel.channelID, sequenceNumber: 1, jobID: accepted.jobID, nonce: solved.nonce,
                nTime: work.minNTime, version: work.version, extranonce: rolled))
        try world.advance(by: .seconds(6))
        #expect(try miner.last(Mining.SubmitSharesSuccess.self)?.newSubmitsAcceptedCount == 1)
        #expect(world.height == height + 1)
        #expect(world.observations.contains(.blockJudged(solved.hash, refusal: nil)))
    }

    @Test("a coinbase-only client mines with its first token, and the pool has nothing to publish")
    func coinbaseOnly() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client(flags: 0))
        let token = try client.token()
        var work = try world.work()
        work.transactions = [try world.transaction(spending: 1)]
        let miner = try world.client(of: .pool, flags: 2, protocol: .mining)
        miner.send(
            Mining.OpenExtendedMiningChannel(
                requestID: 1, userIdentity: "alice", nominalHashRate: 0, maxTarget: .max,
                minExtranonceSize: 8))
        try world.pump()
        let channel = try #require(try miner.last(Mining.OpenExtendedMiningChannelSuccess.self))
        miner.send(work.customJob(token, channel: channel.channelID))
        try world.pump()
        #expect(try miner.last(Mining.SetCustomMiningJobSuccess.self) != nil)
        client.peer.send(work.declaration(try client.token(), requestID: 4))
        try world.pump()
        #expect(try client.refusal(4) == V2ErrorCode.DeclareJob.invalidJob)
    }
}
