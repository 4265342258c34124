import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Chain

@Suite struct TemplateProviderTests {
    /// The pair that constraints and new tips are answered with.
    static func pair(
        _ messages: [TemplateDistribution.Message]
    ) throws -> (TemplateDistribution.NewTemplate, TemplateDistribution.SetNewPrevHash) {
        guard messages.count == 2, case .newTemplate(let template) = messages[0],
            case .setNewPrevHash(let previous) = messages[1]
        else { throw NoPair(messages: messages.map(\.name)) }
        #expect(template.futureTemplate)
        #expect(previous.templateID == template.templateID)
        return (template, previous)
    }

    struct NoPair: Error { var messages: [String] }

    @Test("Constraints are answered with a future template and its prev hash at once, from height 0 on")
    func pairAfterConstraints() throws {
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        try client.setUp(&node)
        let (template, previous) = try Self.pair(try client.messages(&node))
        #expect(template.templateID == 1)
        #expect(template.coinbasePrefix == [0x51])
        #expect(template.coinbaseTxInputSequence == 0xffff_fffe)
        #expect(template.coinbaseTxLocktime == 0)
        #expect(template.coinbaseTxValueRemaining == 5_000_000_000)
        #expect(template.coinbaseTxOutputsCount == 1)
        #expect(
            template.coinbaseTxOutputs.hex
                == "0000000000000000266a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c"
                + "690689799962b48bebd836974e8cf9"
        )
        #expect(template.merklePath.isEmpty)
        #expect(previous.nBits == 0x207f_ffff)
        #expect(previous.headerTimestamp == 1_700_020_000)
        #expect(previous.prevHash == NetworkParameters.regtest.genesis.hash)
    }

    @Test("A solution becomes a block, and every client gets the next pair at once")
    func solution() throws {
        var node = NodeUnderTest()
        var first = try TemplateClient(&node)
        var second = try TemplateClient(&node)
        try first.setUp(&node)
        try second.setUp(&node)
        let (template, previous) = try Self.pair(try first.messages(&node))
        let (shared, _) = try Self.pair(try second.messages(&node))
        #expect(shared.templateID == template.templateID)
        for height in 1...20 {
            let (template, previous) =
                height == 1 ? (template, previous) : try Self.pair(try first.messages(&node))
            try first.send(try TemplateClient.solve(template, previous), to: &node)
            #expect(node.machine.chain.height == height)
        }
        let (last, _) = try Self.pair(try first.messages(&node))
        #expect(last.coinbasePrefix == [0x01, 21])
        #expect(last.coinbaseTxLocktime == 20)
        #expect(try second.messages(&node).count == 40)
        #expect(node.restarted().machine.chain.height == 20)
    }

    @Test("Two solutions for one template are both judged, and a bad one is told in the observations")
    func twoSolutions() throws {
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        try client.setUp(&node)
        let (template, previous) = try Self.pair(try client.messages(&node))
        try client.send(try TemplateClient.solve(template, previous, extra: [1]), to: &node)
        try client.send(try TemplateClient.solve(template, previous, extra: [2]), to: &node)
        try client.send(
            try TemplateClient.solve(template, previous, extra: [3], value: 5_000_000_001), to: &node)
        let verdicts = node.observations.compactMap { observation -> String? in
            if case .solutionReceived(_, _, _, let verdict) = observation { verdict } else { nil }
        }
        #expect(verdicts == ["accepted", "inconclusive", "inconclusive"])
        let (next, tip) = try Self.pair(try client.messages(&node))
        try client.send(try TemplateClient.solve(next, tip, value: 5_000_000_001), to: &node)
        #expect(
            node.observations.contains {
                if case .blockRejected(_, "bad-cb-amount", _) = $0 { true } else { false }
            })
    }

    @Test("Old templates are answerable for ten seconds after the tip moved, then stale")
    func grace() throws {
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        try client.setUp(&node)
        _ = client.take()
        node.handle(.generate(count: 1, script: .anyone, maxTries: 1000))
        _ = try client.messages(&node)
        try client.send(TemplateDistribution.RequestTransactionData(templateID: 1), to: &node)
        #expect(try client.messages(&node).map(\.name) == ["RequestTransactionData.Success"])
        node.wait(.seconds(11))
        try client.send(TemplateDistribution.RequestTransactionData(templateID: 1), to: &node)
        try client.send(TemplateDistribution.RequestTransactionData(templateID: 99), to: &node)
        let answers = try client.messages(&node)
        #expect(
            answers == [
                .requestTransactionDataError(.init(templateID: 1, errorCode: "stale-template-id")),
                .requestTransactionDataError(.init(templateID: 99, errorCode: "template-id-not-found")),
            ])
        #expect(node.machine.snapshot.templatesKept == 1)
    }

    @Test("Rising fees give a template that is not of the future, once they rise enough")
    func feeRise() throws {
        var node = NodeUnderTest()
        let address = try Self.fund(&node)
        var client = try TemplateClient(&node)
        try client.setUp(&node)
        let (_, _) = try Self.pair(try client.messages(&node))
        let txid = try node.call("sendtoaddress", [.string(address), 1])
        #expect(try client.messages(&node).isEmpty)
        node.wait(.seconds(6))
        let messages = try client.messages(&node)
        guard messages.count == 1, case .newTemplate(let template) = messages[0] else {
            throw NoPair(messages: messages.map(\.name))
        }
        #expect(!template.futureTemplate)
        #expect(template.merklePath.map(\.displayHex) == [txid.stringValue])
        #expect(template.coinbaseTxValueRemaining > 5_000_000_000)
        try client.send(
            TemplateDistribution.RequestTransactionData(templateID: template.templateID), to: &node)
        guard case .requestTransactionDataSuccess(let data)? = try client.messages(&node).first else {
            throw NoPair(messages: [])
        }
        #expect(data.excessData == [UInt8](repeating: 0, count: 32))
        #expect(
            try data.transactionList.map { try Transaction(bytes: $0).txid.displayHex } == [txid.stringValue])
        let previous = TemplateDistribution.SetNewPrevHash(
            templateID: template.templateID, prevHash: node.machine.chain.tip.hash,
            headerTimestamp: 1_700_030_000,
            nBits: 0x207f_ffff, target: Target(UInt256.max >> 1))
        node.handle(.setMockTime(1_700_030_000))
        try client.send(try TemplateClient.solve(template, previous), to: &node)
        #expect(node.machine.snapshot.mempoolCount == 0)
        #expect(node.machine.chain.tip.transactionCount == 2)
    }

    /// A wallet with one mature coinbase; returns an address of it.
    static func fund(_ node: inout NodeUnderTest) throws -> String {
        _ = try node.call("createwallet", ["w"])
        let address = try #require(try node.call("getnewaddress").stringValue)
        _ = try node.call("generatetoaddress", [1, .string(address)])
        node.handle(.generate(count: 100, script: .anyone, maxTries: 10_000))
        return address
    }

    @Test(
        "Wrong setups are refused with the reference provider's codes",
        arguments: [
            (V2Protocol.mining, 2...2 as ClosedRange<UInt16>, "unsupported-protocol"),
            (.jobDeclaration, 2...2, "unsupported-protocol"),
            (.templateDistribution, 3...4, "protocol-version-mismatch"),
            (.templateDistribution, 1...1, "protocol-version-mismatch"),
        ])
    func refusedSetups(kind: V2Protocol, versions: ClosedRange<UInt16>, code: String) throws {
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        try client.send(TemplateClient.setup(kind, versions: versions), to: &node)
        let error = try Common.SetupConnectionError(frame: try #require(client.take().first))
        #expect(error.errorCode == code)
        #expect(node.closed[client.id.raw] != nil)
    }

    @Test("Odd but allowed: a wide version range, unknown flags, setup twice, constraints of four bytes")
    func tolerated() throws {
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        try client.send(TemplateClient.setup(versions: 1...5, flags: 0xff), to: &node)
        try client.send(TemplateClient.setup(), to: &node)
        #expect(client.take().count == 1)
        var out = ByteWriter()
        client.connection.send(
            frame: V2Frame(extensionType: 0, messageType: 0x70, payload: [100, 0, 0, 0]), into: &out)
        node.receive(out.bytes, on: client.id)
        let (template, _) = try Self.pair(try client.messages(&node))
        try client.send(
            TemplateDistribution.CoinbaseOutputConstraints(
                coinbaseOutputMaxAdditionalSize: 100, coinbaseOutputMaxAdditionalSigops: 0), to: &node)
        let (again, _) = try Self.pair(try client.messages(&node))
        #expect(again.templateID > template.templateID)
        #expect(node.closed.isEmpty)
    }

    @Test("Constraints before setup, impossible constraints and unknown messages end the connection")
    func closing() throws {
        let impossible = TemplateDistribution.CoinbaseOutputConstraints(
            coinbaseOutputMaxAdditionalSize: 5_000_000, coinbaseOutputMaxAdditionalSigops: 0)
        for afterSetup in [false, true] {
            var node = NodeUnderTest()
            var client = try TemplateClient(&node)
            if afterSetup { try client.send(TemplateClient.setup(), to: &node) }
            try client.send(impossible, to: &node)
            #expect(node.closed[client.id.raw] != nil)
            #expect(node.machine.snapshot.templateClients == 0)
        }
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        try client.setUp(&node)
        var out = ByteWriter()
        client.connection.send(frame: V2Frame(extensionType: 0, messageType: 0x7f, payload: []), into: &out)
        node.receive(out.bytes, on: client.id)
        #expect(node.closed[client.id.raw] != nil)
    }
}
