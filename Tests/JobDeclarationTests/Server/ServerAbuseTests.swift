import Bitcoin
import Pool
import SansIO
import Stratum
import Testing

@testable import JobDeclaration

@Suite("Job declaration server: setup and bad input")
struct ServerAbuseTests {
    @Test(
        "SetupConnection that does not fit is answered with its code and the connection ends (rows 43 to 47)",
        arguments: [
            (V2Protocol.mining, UInt16(2), UInt32(1), "unsupported-protocol", UInt32(0)),
            (.templateDistribution, 2, 0, "unsupported-protocol", 0),
            (.jobDeclaration, 3, 1, "protocol-version-mismatch", 0),
            (.jobDeclaration, 1, 1, "protocol-version-mismatch", 0),
            (.jobDeclaration, 2, 0xffff_ffff, "unsupported-feature-flags", 0xffff_fffe),
            (.jobDeclaration, 2, 0, "missing-declare-tx-data-flag", 0),
        ])
    func setup(wanted: V2Protocol, version: UInt16, flags: UInt32, code: String, unsupported: UInt32) throws {
        var configuration = DeclarationWorld.configuration()
        configuration.modes = .fullTemplate
        let world = try DeclarationWorld(configuration)
        let peer = try world.client(flags: flags, protocol: wanted, version: version)
        #expect(
            try peer.last(Common.SetupConnectionError.self) == .init(flags: unsupported, errorCode: code))
        #expect(peer.closed == .closed("setup refused: \(code)"))
        #expect(world.server.snapshot.connections == 0)
    }

    @Test("without a node whole templates are refused by their flag, and coinbase-only clients are served")
    func withoutNode() throws {
        var configuration = DeclarationWorld.configuration()
        configuration.node = nil
        let world = try DeclarationWorld(configuration)
        let refused = try world.client(flags: 1)
        #expect(
            try refused.last(Common.SetupConnectionError.self)
                == .init(flags: 1, errorCode: "unsupported-feature-flags"))
        var served = TestDeclarer(world, try world.client(flags: 0))
        #expect(try !served.token().isEmpty)
    }

    @Test("a client that hoards tokens loses the oldest; one that asks without end is closed with the reason")
    func quotas() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        let first = try client.token()
        for _ in 0..<15 { _ = try client.token() }
        let work = try world.work()
        client.peer.send(work.declaration(first, requestID: 1))
        try world.pump()
        #expect(try client.success(1) != nil, "sixteen tokens are kept")
        let second = try client.token()
        for _ in 0..<16 { _ = try client.token() }
        client.peer.send(work.declaration(second, requestID: 2))
        try world.pump()
        #expect(try client.refusal(2) == "invalid-mining-job-token")
        for number in 0..<600 {
            client.peer.send(
                JobDeclaration.AllocateMiningJobToken(userIdentifier: "a", requestID: UInt32(number)))
        }
        try world.pump()
        #expect(client.peer.closed == .closed("more than 600 tokens in a minute"))
        #expect(world.server.snapshot.connections == 0)
    }

    @Test("declared jobs, pending declarations and what they hold are bounded for each connection")
    func bounds() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        var work = try world.work()
        let tokens = try (0..<6).map { _ in try client.token() }
        var missing = work
        missing.transactions = [try world.transaction(spending: 1)]
        missing.value += Coins.fee
        for (number, token) in tokens.enumerated() {
            client.peer.send(missing.declaration(token, requestID: UInt32(number)))
        }
        try world.pump()
        #expect(world.server.snapshot.declarationsPending == 4)
        #expect(try client.refusals == ["invalid-job", "invalid-job"])
        try world.closeByPeer(client.peer)
        #expect(world.server.snapshot.declarationsPending == 0 && world.server.snapshot.jobBytes == 0)
        var next = TestDeclarer(world, try world.client())
        for number in 0..<7 {
            work.tag = [0x01, UInt8(number)]
            let id = try next.declare(work)
            #expect(try next.success(id) != nil)
        }
        #expect(world.server.snapshot.jobsHeld == 4)
        #expect(world.server.snapshot.jobsDeclared == 7)
    }

    @Test("lists longer than a block or with one transaction twice are refused")
    func lists() throws {
        let world = try DeclarationWorld()
        var client = TestDeclarer(world, try world.client())
        let work = try world.work()
        var long = work.declaration(try client.token(), requestID: 1)
        long.wtxidList = (0..<16_667).map { SHA256.hash([UInt8($0 & 255), UInt8($0 >> 8)]) }
        client.peer.send(long)
        try world.pump()
        #expect(try client.refusals == ["invalid-job"])
        var again = TestDeclarer(world, try world.client())
        var twice = work.declaration(try again.token(), requestID: 2)
        twice.wtxidList = [SHA256.hash([1]), SHA256.hash([1])]
        again.peer.send(twice)
        try world.pump()
        #expect(try again.refusal(2) == "invalid-job")
    }

    @Test(
        "every message in every state ends in an answer, in silence or in a close with a reason, never in a trap"
    )
    func wrongStates() throws {
        let world = try DeclarationWorld()
        let work = try world.work()
        let messages: [any V2Message] = [
            JobDeclaration.AllocateMiningJobToken(userIdentifier: "", requestID: 0),
            JobDeclaration.AllocateMiningJobTokenSuccess(
                requestID: 0, miningJobToken: [], coinbaseTxOutputs: []),
            JobDeclaration.ProvideMissingTransactions(requestID: 0, unknownTxPositionList: []),
            JobDeclaration.ProvideMissingTransactionsSuccess(requestID: 0, transactionList: []),
            work.declaration([], requestID: 0),
            JobDeclaration.DeclareMiningJobSuccess(requestID: 0, newMiningJobToken: []),
            JobDeclaration.DeclareMiningJobError(requestID: 0, errorCode: "", errorDetails: []),
            work.solution([], nonce: 0),
            Common.SetupConnectionSuccess(usedVersion: 2, flags: 0),
            Common.SetupConnection(
                protocol: .jobDeclaration, minVersion: 2, maxVersion: 2, flags: 1, endpointHost: "",
                endpointPort: 0, vendor: "", hardwareVersion: "", firmware: "", deviceID: ""),
            Mining.CloseChannel(channelID: 1, reasonCode: ""),
            ExtensionsNegotiation.RequestExtensions(requestID: 1, requestedExtensions: [2]),
        ]
        for message in messages {
            let early = try world.connect(to: .server)
            early.send(message)
            try world.pump()
            #expect(early.closed != nil || message is Common.SetupConnection)
            for flags: UInt32 in [0, 1] {
                let ready = try world.client(flags: flags)
                ready.send(message)
                ready.send(message)
                try world.pump()
                #expect(ready.closed == nil, "\(type(of: message)) with flags \(flags)")
                // Every length of it, in frames that say what they are.
                for length in 0..<min(message.payload.count, 64) {
                    let cut = try world.client(flags: flags)
                    cut.link.send(
                        frame: V2Frame(
                            extensionType: 0, messageType: type(of: message).messageType,
                            payload: Array(message.payload[..<length])), into: &cut.outgoing)
                    try world.pump()
                    if let closed = cut.closed { #expect("\(closed)".contains("malformed")) }
                }
            }
        }
        var after = TestDeclarer(world, try world.client())
        let id = try after.declare(work)
        #expect(try after.success(id) != nil)
    }

    @Test("frames of unknown types spend a budget, and frames beyond any bound close at their header")
    func budget() throws {
        let world = try DeclarationWorld()
        let peer = try world.client()
        for _ in 0..<300 {
            peer.link.send(
                frame: V2Frame(extensionType: 0, messageType: 0xee, payload: []), into: &peer.outgoing)
        }
        try world.pump()
        #expect("\(try #require(peer.closed))".contains("refused or unknown messages"))
        let large = try world.client()
        large.link.send(
            frame: V2Frame(
                extensionType: 0, messageType: 0x56, payload: [UInt8](repeating: 0, count: 3_000_000)),
            into: &large.outgoing)
        try world.pump()
        #expect("\(try #require(large.closed))".contains("a frame of 3000000 bytes"))
    }

    @Test("peers that stay silent are closed by their deadline")
    func silence() throws {
        let world = try DeclarationWorld()
        let early = try world.connect(to: .server)
        try world.advance(by: .seconds(11))
        #expect(early.closed == .closed("setup deadline"))
        let idle = try world.client()
        try world.advance(by: .minutes(61))
        #expect(idle.closed == .closed("no word for too long"))
    }
}
