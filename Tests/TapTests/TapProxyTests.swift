import Bitcoin
import Pool
import SansIO
import Stratum
import Testing

@testable import Tap

@Suite("Tap: the proxy")
struct TapProxyTests {
    static let beginning: [ExpectedMessage] = [
        "up SetupConnection", "down SetupConnection.Success", "up CoinbaseOutputConstraints",
        "down NewTemplate", "down SetNewPrevHash",
    ]

    @Test("a pool gets its templates through the tap, and every message is recorded in order")
    func recordsInOrder() throws {
        let world = TapWorld()
        world.run(seconds: 5)
        #expect(world.providerStates.last == .ready)
        try world.transcript.expectExactly(Self.beginning)
        #expect(world.transcript.records.allSatisfy { $0.session == 1 })
        let times = world.transcript.records.map(\.unixNanoseconds)
        #expect(times == times.sorted())
        #expect(times.first ?? 0 >= TapWorld.clock.unixNanosecondsAtStart)
    }

    @Test("an order that did not happen is named with what came instead")
    func mismatchSaysWhatCame() throws {
        let world = TapWorld()
        world.run(seconds: 5)
        let wrong: [ExpectedMessage] = [
            "up SetupConnection", "down NewTemplate", "down SetupConnection.Success",
        ]
        let mismatch = #expect(throws: OrderMismatch.self) { try world.transcript.expect(wrong) }
        #expect(mismatch?.place == 2)
        #expect(mismatch?.heard.first == "down SetNewPrevHash")
        #expect(throws: OrderMismatch.self) {
            try world.transcript.expectExactly(["up SetupConnection", "up CoinbaseOutputConstraints"])
        }
    }

    @Test("a held message and what follows it arrive in order when they are released")
    func holdAndRelease() throws {
        let world = TapWorld(rules: [TapRule("down NewTemplate", times: 1, .hold(until: nil))])
        world.run(seconds: 5)
        #expect(world.transcript.delivered.map(\.name).contains("NewTemplate") == false)
        #expect(world.transcript.delivered.map(\.name).contains("SetNewPrevHash") == false)
        world.send(.release(session: nil))
        world.run(seconds: 1)
        try world.transcript.expectExactly(Self.beginning)
        #expect(world.transcript.delivered.last?.handling == .injected)
    }

    @Test("a held message follows the one that it waits for")
    func holdUntil() throws {
        let world = TapWorld(rules: [
            TapRule("down NewTemplate", times: 1, .hold(until: "up RequestTransactionData"))
        ])
        world.run(seconds: 5)
        #expect(!world.transcript.delivered.contains { $0.name == "NewTemplate" })
        let frame = V2Frame(TemplateDistribution.RequestTransactionData(templateID: 1))
        world.send(.inject(frame, .up, session: 1))
        world.run(seconds: 1)
        // What the tap itself says releases nothing; what a peer says does.
        #expect(!world.transcript.delivered.contains { $0.name == "NewTemplate" })
    }

    @Test("a dropped message never arrives, as often as the rule says")
    func drop() throws {
        let world = TapWorld(rules: [TapRule("up CoinbaseOutputConstraints", times: 1, .drop)])
        world.run(seconds: 3)
        #expect(world.transcript.records.contains { $0.handling == .dropped })
        #expect(!world.transcript.delivered.contains { $0.name == "NewTemplate" })
    }

    @Test("a replaced answer is what the client believes")
    func replace() throws {
        let refusal = Common.SetupConnectionError(flags: 0, errorCode: "unsupported-protocol")
        let world = TapWorld(rules: [
            TapRule("down SetupConnection.Success", times: 1, .replace([V2Frame(refusal)]))
        ])
        world.run(seconds: 1)
        #expect(!world.providerStates.contains(.ready))
        try world.transcript.expectExactly(["up SetupConnection", "down SetupConnection.Error"], session: 1)
    }

    @Test("a rewritten message carries what the rule made of it")
    func rewrite() throws {
        let world = TapWorld(rules: [
            TapRule(
                "up CoinbaseOutputConstraints",
                .rewrite { frame in
                    guard var message = try? TemplateDistribution.CoinbaseOutputConstraints(frame: frame)
                    else { return [frame] }
                    message.coinbaseOutputMaxAdditionalSize = 777
                    return [V2Frame(message)]
                })
        ])
        world.run(seconds: 5)
        let sent = try #require(
            world.transcript.records.first {
                $0.name == "CoinbaseOutputConstraints" && $0.handling == .injected
            }?.frame)
        #expect(MessageText(sent)["coinbase_output_max_additional_size"] == .number("777"))
        try world.transcript.expect(Self.beginning)
    }

    @Test("taking a message forgets what came before it, as the reference's sniffer does")
    func take() throws {
        let world = TapWorld()
        world.run(seconds: 5)
        #expect(world.transcript.take("NewTemplate") != nil)
        #expect(world.transcript.take("SetupConnection") == nil)
        #expect(world.transcript.take("SetNewPrevHash") != nil)
        #expect(world.transcript.take("SetNewPrevHash") == nil)
    }

    @Test("an upstream with another authority's certificate ends the session with the reason")
    func wrongUpstreamAuthority() throws {
        let world = TapWorld { configuration in
            var other = SecretGenerator(seed: [0xee])
            configuration.upstreamAuthority = AuthoritySecretKey(other.secretKey()).publicKey
        }
        world.run(seconds: 1)
        guard case .closed(let reason) = try #require(world.transcript.records.last).content else {
            Issue.record("the session did not end")
            return
        }
        #expect(reason.contains("not signed by the authority key"))
    }

    @Test("a certificate that the tap shows too late is refused by the client")
    func expiredCertificate() throws {
        let world = TapWorld { $0.certificateBegins = -7 * 86_400 }
        world.run(seconds: 2)
        #expect(world.transcript.delivered.isEmpty)
        #expect(!world.providerStates.contains(.ready))
    }
}
