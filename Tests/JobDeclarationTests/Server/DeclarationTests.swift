import Bitcoin
import Pool
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

@Suite("Job declaration server: declarations")
struct DeclarationTests {
    typealias Code = V2ErrorCode.DeclareJob

    @Test("a job of transactions that the node's mempool holds is judged and answered without a question")
    func known() throws {
        let world = try DeclarationWorld()
        try world.publish(try world.transaction(spending: 1))
        try world.publish(try world.transaction(spending: 2))
        var client = TestDeclarer(world, try world.client())
        let work = try world.work()
        #expect(work.transactions.count == 2)
        let id = try client.declare(work)
        let success = try #require(try client.success(id))
        #expect(try client.peer.all(JobDeclaration.ProvideMissingTransactions.self).isEmpty)
        let token = try #require(
            MiningJobToken(success.newMiningJobToken, under: DeclarationWorld.tokenSecret))
        guard case .declared(let declared) = token.grant else {
            Issue.record("not a declared job")
            return
        }
        #expect(declared.prevHash == work.prevHash && declared.version == work.version)
        #expect(world.server.snapshot.jobsHeld == 1 && world.server.snapshot.jobBytes > 0)
    }

    @Test("the token's answer names the pool's output, without value")
    func outputs() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        _ = try client.token()
        let answer = try #require(try client.peer.last(JobDeclaration.AllocateMiningJobTokenSuccess.self))
        #expect(
            CoinbasePayout.outputs(answer.coinbaseTxOutputs)
                == [TransactionOutput(value: 0, scriptPubKey: DeclarationWorld.payout)])
    }

    @Test("transactions that nobody knows are asked for, once, and the job stands (row 59)")
    func missing() throws {
        let world = try DeclarationWorld()
        try world.publish(try world.transaction(spending: 1))
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        let secret = try world.transaction(spending: 2)
        work.transactions.append(secret)
        work.value += Coins.fee
        let id = try client.declare(work)
        #expect(
            try client.peer.last(JobDeclaration.ProvideMissingTransactions.self)
                == .init(requestID: id, unknownTxPositionList: [1]))
        client.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: id, transactionList: [secret.bytes()]))
        try world.pump()
        #expect(try client.success(id) != nil)
        // The next declaration of the same need not bring it again, though the mempool was looked through.
        try world.advance(by: .seconds(20))
        let next = try client.declare(work)
        #expect(try client.success(next) != nil)
        #expect(try client.peer.all(JobDeclaration.ProvideMissingTransactions.self).count == 1)
    }

    @Test("malformed, foreign, unallocated and used tokens are refused, and the connection goes on (row 48)")
    func tokens() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var other = TestDeclarer(world, try world.client())
        let work = try world.work()
        let foreign = try other.token()
        let forged = MiningJobToken(
            serial: [UInt8](repeating: 1, count: 16), expires: .max,
            identity: [UInt8](repeating: 1, count: 16), poolOutputs: [UInt8](repeating: 1, count: 16),
            grant: .declaration)
        let unallocated = forged.bytes(under: DeclarationWorld.tokenSecret)
        let wrongSecret = forged.bytes(under: TokenSecret([9]))
        let good = try client.token()
        var cut = good
        cut.removeLast()
        var flipped = good
        flipped[20] ^= 1
        let bad: [[UInt8]] = [
            [], [1], [UInt8](repeating: 0xff, count: 255), foreign, unallocated, wrongSecret, cut, flipped,
        ]
        for (number, token) in bad.enumerated() {
            client.peer.send(work.declaration(token, requestID: UInt32(number)))
        }
        try world.pump()
        #expect(try client.refusals == Array(repeating: Code.invalidMiningJobToken, count: bad.count))
        client.peer.send(work.declaration(good, requestID: 50))
        client.peer.send(work.declaration(good, requestID: 51))
        try world.pump()
        #expect(try client.success(50) != nil)
        #expect(try client.refusal(51) == Code.invalidMiningJobToken)
        // A declared job's token declares nothing.
        let declared = try #require(try client.success(50)).newMiningJobToken
        client.peer.send(work.declaration(declared, requestID: 52))
        try world.pump()
        #expect(try client.refusal(52) == Code.invalidMiningJobToken)
        #expect(client.peer.closed == nil)
    }

    @Test("a token that expired is refused")
    func expiry() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        let token = try client.token()
        try world.advance(by: .minutes(31))
        client.peer.send(try world.work().declaration(token, requestID: 1))
        try world.pump()
        #expect(try client.refusal(1) == Code.invalidMiningJobToken)
    }

    @Test("two identities on one connection are answered in order (row 49)")
    func identities() throws {
        let world = try DeclarationWorld()
        let peer = try world.client()
        for (number, name) in ["alice", "bob", ""].enumerated() {
            peer.send(
                JobDeclaration.AllocateMiningJobToken(userIdentifier: name, requestID: UInt32(number)))
        }
        try world.pump()
        let answers = try peer.all(JobDeclaration.AllocateMiningJobTokenSuccess.self)
        #expect(answers.map(\.requestID) == [0, 1, 2])
        let secret = DeclarationWorld.tokenSecret
        let identities = answers.map { MiningJobToken($0.miningJobToken, under: secret)?.identity }
        #expect(identities == ["alice", "bob", ""].map { secret.digest(.identity, Array($0.utf8)) })
        #expect(Set(answers.map(\.miningJobToken)).count == 3)
    }

    @Test(
        "wrong transactions, a wrong number of them and bytes that are none end the declaration only (row 53)"
    )
    func unexpected() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        let right = try world.transaction(spending: 1)
        let wrong = try world.transaction(spending: 2)
        work.transactions = [right]
        work.value += Coins.fee
        for list in [[wrong.bytes()], [], [right.bytes(), right.bytes()], [[1, 2, 3]], [[]]] {
            let id = try client.declare(work)
            client.peer.send(
                JobDeclaration.ProvideMissingTransactionsSuccess(requestID: id, transactionList: list))
            try world.pump()
            #expect(try client.refusal(id) == Code.missingTransactions)
        }
        // An answer that nobody asked for is no fault of the declaration.
        let id = try client.declare(work)
        client.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(requestID: 9_999, transactionList: [[1]]))
        client.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: id, transactionList: [right.bytes()]))
        try world.pump()
        #expect(try client.success(id) != nil)
        #expect(client.peer.closed == nil)
    }

    @Test("transactions that never come end the declaration in time, and what it held is given back")
    func silence() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        work.transactions = [try world.transaction(spending: 1)]
        let id = try client.declare(work)
        try world.advance(by: .seconds(61))
        #expect(try client.refusal(id) == Code.missingTransactions)
        #expect(world.server.snapshot.declarationsPending == 0 && world.server.snapshot.jobBytes == 0)
    }

    @Test("a solution in place of the missing transactions is survived, and the declaration goes on (row 52)")
    func solutionBetween() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        let transaction = try world.transaction(spending: 1)
        work.transactions = [transaction]
        work.value += Coins.fee
        let id = try client.declare(work)
        client.peer.send(work.solution([UInt8](repeating: 0, count: 20), nonce: 0))
        client.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: id, transactionList: [transaction.bytes()]))
        try world.pump()
        #expect(try client.success(id) != nil)
    }

    @Test("one request id on two connections means two declarations (row 67)")
    func collision() throws {
        let world = try DeclarationWorld()
        var first = TestDeclarer(world, try world.client())
        var second = TestDeclarer(world, try world.client())
        var works = [try world.work(), try world.work()]
        let transactions = [try world.transaction(spending: 1), try world.transaction(spending: 2)]
        for index in 0..<2 {
            works[index].transactions = [transactions[index]]
            works[index].value += Coins.fee
        }
        let tokens = [try first.token(), try second.token()]
        first.peer.send(works[0].declaration(tokens[0], requestID: 5))
        second.peer.send(works[1].declaration(tokens[1], requestID: 5))
        try world.pump()
        second.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: 5, transactionList: [transactions[1].bytes()]))
        try world.pump()
        #expect(try second.success(5) != nil)
        #expect(try first.success(5) == nil)
        #expect(try first.refusal(5) == nil)
        first.peer.send(
            JobDeclaration.ProvideMissingTransactionsSuccess(
                requestID: 5, transactionList: [transactions[0].bytes()]))
        try world.pump()
        #expect(try first.success(5) != nil)
    }
}
