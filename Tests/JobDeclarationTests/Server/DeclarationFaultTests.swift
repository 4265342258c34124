import Bitcoin
import JSONText
import Pool
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

@Suite("Job declaration server: what a node would not take")
struct DeclarationFaultTests {
    typealias Code = V2ErrorCode.DeclareJob

    private func refusal(
        _ change: (inout TestDeclarer.Work, DeclarationWorld) throws -> Void
    ) throws -> String? {
        let world = try DeclarationWorld()
        try world.publish(try world.transaction(spending: 1))
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        try change(&work, world)
        let id = try client.declare(work)
        if let question = try client.peer.last(JobDeclaration.ProvideMissingTransactions.self) {
            client.peer.send(
                JobDeclaration.ProvideMissingTransactionsSuccess(
                    requestID: id,
                    transactionList: question.unknownTxPositionList.map {
                        work.transactions[Int($0)].bytes()
                    }))
            try world.pump()
        }
        #expect(client.peer.closed == nil)
        return try client.refusal(id)
    }

    @Test("what a block may not hold is found by the node and answered with its code")
    func blocks() throws {
        #expect(try refusal { _, _ in } == nil)
        #expect(try refusal { work, _ in work.value += 1 } == Code.invalidCoinbaseTx)
        #expect(
            try refusal { work, world in
                // Spent twice in one block.
                work.transactions.append(try world.transaction(spending: 1, fee: 2_000))
            } == Code.invalidJob)
        #expect(
            try refusal { work, world in
                // A coinbase that is not mature.
                work.transactions.append(try world.transaction(spending: 100))
            } == Code.invalidJob)
        #expect(try refusal { work, _ in work.version = 1 } == Code.invalidJob)
    }

    @Test("a coinbase that pays somebody else, too little or a share to others is refused")
    func payouts() throws {
        #expect(try refusal { work, _ in work.payout = Coins.script } == Code.invalidCoinbaseTx)
        #expect(try refusal { work, _ in work.value = 1 } == Code.invalidCoinbaseTx)
        #expect(
            try refusal { work, _ in
                work.value -= 1_000
                work.outputs = [TransactionOutput(value: 1_000, scriptPubKey: Coins.script)]
            } == Code.invalidCoinbaseTx)
        #expect(
            try refusal { work, _ in
                work.outputs = [TransactionOutput(value: 0, scriptPubKey: Script([0x6a, 0x01, 0x07]))]
            } == nil)
    }

    @Test("a height that was is stale, whatever else is right (row 73)")
    func heights() throws {
        #expect(try refusal { work, _ in work.height -= 1 } == Code.staleChainTip)
        #expect(try refusal { work, _ in work.height += 7 } == Code.staleChainTip)
    }

    @Test("halves that are no coinbase are refused by what is wrong with them")
    func halves() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        let work = try world.work()
        let (prefix, suffix) = work.halves
        var spending = prefix
        spending[10] = 1
        var twoInputs = prefix
        twoInputs[6] = 2
        var long = prefix
        long[43] = 101
        var far = prefix
        far[43] = 100
        let cases: [([UInt8], [UInt8], String)] = [
            ([], suffix, Code.invalidCoinbaseTx), (prefix, [], Code.invalidCoinbaseTx),
            (Array(prefix.prefix(20)), suffix, Code.invalidCoinbaseTx),
            (prefix, suffix + [0], Code.invalidCoinbaseTx),
            (prefix, Array(suffix.dropLast()), Code.invalidCoinbaseTx),
            (spending, suffix, Code.invalidCoinbaseTxInput), (twoInputs, suffix, Code.invalidCoinbaseTxInput),
            (long, suffix, Code.invalidCoinbaseTxInput), (far, suffix, Code.invalidCoinbaseTxInput),
            (suffix, prefix, Code.invalidCoinbaseTx),
        ]
        for (number, (first, second, code)) in cases.enumerated() {
            var message = work.declaration(try client.token(), requestID: UInt32(number))
            message.coinbaseTxPrefix = first
            message.coinbaseTxSuffix = second
            client.peer.send(message)
            try world.pump()
            let given = try #require(try client.refusal(UInt32(number)))
            #expect(
                given == code || (number == 9 && given.hasPrefix("invalid-coinbase-tx")), "case \(number)")
        }
        #expect(client.peer.closed == nil)
    }

    @Test("a declaration on the block that the server's node is about to hear of waits for it")
    func ahead() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var early = try world.work()
        early.height += 1
        let id = try client.declare(early)
        #expect(try client.refusal(id) == nil)
        #expect(try client.success(id) == nil)
        try world.advance(by: .seconds(4))
        #expect(try client.refusal(id) == Code.staleChainTip)
        // The same, and the block comes: mined by the node behind the server's back.
        let token = try client.token()
        let before = try world.work()
        let solved = try before.solve([UInt8](repeating: 3, count: 20))
        var block = Block(
            header: BlockHeader(
                version: before.version, previousBlockHash: before.prevHash, merkleRoot: .zero,
                time: before.minNTime, bits: CompactTarget(bits: before.bits), nonce: solved.nonce),
            transactions: [before.coinbase([UInt8](repeating: 3, count: 20))])
        block.header.merkleRoot = block.merkleRoot().root
        var next = before
        next.height += 1
        client.peer.send(next.declaration(token, requestID: 900))
        try world.pump()
        #expect(try client.refusal(900) == nil)
        #expect(try client.success(900) == nil)
        _ = try world.call("submitblock", [.string(block.bytes().hex)])
        try world.advance(by: .seconds(1))
        #expect(try client.success(900) != nil)
    }

    @Test("a tip that moves ends declarations that wait for transactions, and their token is good again")
    func tipMoved() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        work.transactions = [try world.transaction(spending: 1)]
        let token = try client.token()
        client.peer.send(work.declaration(token, requestID: 1))
        try world.pump()
        _ = try world.call("generatetodescriptor", [1, .string("raw(\(Coins.script.bytes.hex))")])
        try world.advance(by: .seconds(1))
        #expect(try client.refusal(1) == Code.staleChainTip)
        client.peer.send(try world.work().declaration(token, requestID: 2))
        try world.pump()
        #expect(try client.success(2) != nil)
    }

    @Test("a node that takes the credentials no more is told of once, and taken again with others")
    func credentials() throws {
        var configuration = DeclarationWorld.configuration()
        configuration.node?.credentials = "user:old"
        let world = try DeclarationWorld(configuration)
        try world.advance(by: .seconds(20))
        #expect(world.server.snapshot.isNodeReady == false)
        #expect(world.observations.filter { $0 == .node(.lost("status 401")) }.count == 1)
        try world.order(.setNodeCredentials(DeclarationWorld.credentials))
        try world.advance(by: .seconds(40))
        #expect(world.server.snapshot.isNodeReady)
    }

    @Test("late solutions, however many, cost a client nothing")
    func lateSolutions() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        let work = try world.work()
        let id = try client.declare(work)
        try #require(try client.success(id) != nil)
        for number in 0..<300 {
            var late = work
            late.prevHash = SHA256.hash([UInt8(number & 255)])
            client.peer.send(late.solution([UInt8](repeating: 0, count: 20), nonce: 0))
        }
        try world.pump()
        #expect(client.peer.closed == nil)
    }

    @Test(
        "without its node the server says so, keeps the token good, and tokens wait for the node's first word"
    )
    func nodeAway() throws {
        let world = try DeclarationWorld(nodeIsUp: false)
        let peer = try world.client()
        peer.send(JobDeclaration.AllocateMiningJobToken(userIdentifier: "a", requestID: 1))
        try world.advance(by: .seconds(2))
        #expect(try peer.last(JobDeclaration.AllocateMiningJobTokenSuccess.self) == nil)
        #expect(world.server.snapshot.isNodeReady == false)
        world.nodeIsUp = true
        try world.advance(by: .seconds(40))
        #expect(try peer.last(JobDeclaration.AllocateMiningJobTokenSuccess.self)?.requestID == 1)
        #expect(world.server.snapshot.isNodeReady)
    }
}
