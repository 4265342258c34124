import Bitcoin
import JSONText
import SansIO
import Stratum
import Testing

@testable import Chain

/// What the reference provider was recorded to do, asked of ours.
@Suite(
    .enabled(
        if: Vectors.exists("golden/sv2tp_edge.json"),
        "needs golden/; set LAB_SHARED to the folder with golden/"))
struct CaptureReplayTests {
    /// What a client meets after it did something odd.
    private enum Outcome: Equatable {
        case closed
        case silent
        case answered([String])
    }

    private static func name(_ frame: V2Frame) throws -> String {
        switch frame.messageType {
        case Common.SetupConnectionSuccess.messageType:
            return "SetupConnection.Success \(try Common.SetupConnectionSuccess(frame: frame).usedVersion)"
        case Common.SetupConnectionError.messageType:
            return "SetupConnection.Error \(try Common.SetupConnectionError(frame: frame).errorCode)"
        default:
            switch try TemplateDistribution.Message(frame: frame) {
            case .newTemplate(let message): return "NewTemplate \(message.futureTemplate)"
            case .setNewPrevHash: return "SetNewPrevHash"
            case .requestTransactionDataError(let message):
                return "RequestTransactionData.Error \(message.errorCode)"
            default: return "another"
            }
        }
    }

    /// The recording's word for the same.
    private static func recorded(_ result: JSON) -> Outcome {
        if let text = result.stringValue { return text.hasPrefix("disconnected") ? .closed : .silent }
        return .answered(
            (result.arrayValue ?? []).map { message in
                let name = message["msg"]?.stringValue ?? ""
                switch name {
                case "SetupConnection.Success": return "\(name) \(message["used_version"]?.int64 ?? 0)"
                case "NewTemplate": return "\(name) \(message["future"]?.boolValue ?? false)"
                case "SetNewPrevHash": return name
                default: return "\(name) \(message["error"]?.stringValue ?? "")"
                }
            })
    }

    @Test("Every odd thing that a client was recorded to do ends as it ended with the reference provider")
    func edges() throws {
        let records = try Vectors.json("golden/sv2tp_edge.json").arrayValue ?? []
        var count = 0
        for record in records {
            let what = try #require(record["msg"]?.stringValue)
            // The reference accepts constraints that can never be met and then is silent for ever; we close.
            guard what != "constraints 3,999,000 bytes" else { continue }
            let outcome = try Self.outcome(of: what)
            let golden = Self.recorded(try #require(record["result"]))
            if case .answered(let first) = golden, case .answered(let all) = outcome {
                // The recorder took one message and hung up.
                #expect(all.starts(with: first) && !first.isEmpty, "\(what): \(all)")
            } else {
                #expect(outcome == golden, "\(what)")
            }
            count += 1
        }
        #expect(count == 15)
    }

    private static func outcome(of what: String) throws -> Outcome {
        var node = NodeUnderTest()
        var client = try TemplateClient(&node)
        func constraints(_ size: UInt32) -> TemplateDistribution.CoinbaseOutputConstraints {
            TemplateDistribution.CoinbaseOutputConstraints(
                coinbaseOutputMaxAdditionalSize: size, coinbaseOutputMaxAdditionalSigops: 0)
        }
        func frame(_ type: UInt8, _ payload: [UInt8]) -> V2Frame {
            V2Frame(extensionType: 0, messageType: type, payload: payload)
        }
        switch what {
        case "wrong protocol 0 (mining)": try client.send(TemplateClient.setup(.mining), to: &node)
        case "wrong protocol 1 (job decl)":
            try client.send(TemplateClient.setup(.jobDeclaration), to: &node)
        case "version 3..4": try client.send(TemplateClient.setup(versions: 3...4), to: &node)
        case "version 1..1": try client.send(TemplateClient.setup(versions: 1...1), to: &node)
        case "version 1..5": try client.send(TemplateClient.setup(versions: 1...5), to: &node)
        case "flags set": try client.send(TemplateClient.setup(flags: .max), to: &node)
        case "CoinbaseOutputConstraints before SetupConnection":
            try client.send(constraints(100), to: &node)
        case "truncated SetupConnection":
            try client.send(frame: frame(Common.SetupConnection.messageType, [2, 2, 0]), to: &node)
        default:
            try client.send(TemplateClient.setup(), to: &node)
            _ = client.take()
            switch what {
            case "second SetupConnection": try client.send(TemplateClient.setup(), to: &node)
            case "impossible constraints 5,000,000": try client.send(constraints(5_000_000), to: &node)
            case "constraints 0": try client.send(constraints(0), to: &node)
            case "constraints without sigops field":
                try client.send(
                    frame: frame(
                        TemplateDistribution.CoinbaseOutputConstraints.messageType, [100, 0, 0, 0]),
                    to: &node)
            case "unknown message 0x7f": try client.send(frame: frame(0x7f, []), to: &node)
            case "RequestTransactionData unknown id":
                try client.send(
                    TemplateDistribution.RequestTransactionData(templateID: 1 << 60), to: &node)
            case "SubmitSolution unknown id":
                try client.send(
                    TemplateDistribution.SubmitSolution(
                        templateID: 1 << 60, version: 0, headerTimestamp: 0, headerNonce: 0,
                        coinbaseTx: [0]), to: &node)
            default: Issue.record("an edge that this test does not know: \(what)")
            }
        }
        let names = try client.take().map(Self.name)
        if !names.isEmpty { return .answered(names) }
        return node.closed[client.id.raw] == nil ? .silent : .closed
    }

    @Test("Fees rise, a block is taken back and another comes: templates in the recorded order")
    func feesAndReorganisation() throws {
        let all = try Vectors.json("golden/sv2tp_feebump_reorg.json").arrayValue ?? []
        var wanted = all.filter { $0["template_id"] != nil }[...]
        var world = try PoolWorld(coins: 3)
        world.node.handle(
            .generate(count: 326 - world.node.machine.chain.height, script: .anyone, maxTries: 100_000))
        var client = try TemplateClient(&world.node)
        try client.setUp(&world.node)
        func compare(_ messages: [TemplateDistribution.Message], fees: UInt64) throws {
            for message in messages {
                let next = wanted.popFirst()
                let record = try #require(next)
                switch message {
                case .newTemplate(let template):
                    #expect(record["msg"] == "NewTemplate")
                    #expect(record["future"]?.boolValue == template.futureTemplate)
                    #expect(record["cb_prefix"]?.stringValue == template.coinbasePrefix.hex)
                    #expect(record["locktime"]?.int64 == Int64(template.coinbaseTxLocktime))
                    let path = record["merkle_path"]?.arrayValue
                    if !template.futureTemplate { #expect(path?.isEmpty == template.merklePath.isEmpty) }
                    #expect(template.coinbaseTxValueRemaining == 1_250_000_000 + fees)
                case .setNewPrevHash: #expect(record["msg"] == "SetNewPrevHash")
                default: Issue.record("\(message.name)")
                }
            }
        }
        try compare(try client.messages(&world.node), fees: 0)
        try world.send(PoolWorld.spend([world.coin()], fee: 900))
        world.node.wait(.seconds(6))
        #expect(try client.messages(&world.node).isEmpty, "too little to be worth a template")
        try world.send(PoolWorld.spend([world.coin()], fee: 13_200))
        world.node.wait(.seconds(6))
        try compare(try client.messages(&world.node), fees: 14_100)
        world.node.handle(.invalidateBlock(world.node.machine.chain.tip.hash))
        try compare(try client.messages(&world.node), fees: 14_100)
        world.node.wait(.seconds(4))
        // The new block takes the two transactions along.
        world.node.handle(.generate(count: 1, script: Script(bytes: [0x52]), maxTries: 100_000))
        try compare(try client.messages(&world.node), fees: 0)
        #expect(wanted.isEmpty)
    }
}
