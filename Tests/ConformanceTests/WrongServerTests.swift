import Bitcoin
import Chain
import SansIO
import Stratum
import Tap
import Testing

@testable import Conformance

/// Each family of checks against servers that are wrong on purpose: a check that cannot fail says nothing.
@Suite("Conformance: wrong servers are found out")
struct WrongServerTests {
    /// A message of one type, changed on its way from the server.
    private static func change<M: V2Message>(
        _ name: String, _ type: M.Type, _ body: @escaping @Sendable (inout M) -> Void
    ) -> TapRule {
        TapRule(
            ExpectedMessage(name, .down),
            .rewrite { frame in
                guard var message = try? M(frame: frame) else { return [frame] }
                body(&message)
                return [V2Frame(message)]
            })
    }

    private static func bytes(
        _ name: String, _ body: @escaping @Sendable (inout V2Frame) -> Void
    ) -> TapRule {
        TapRule(
            ExpectedMessage(name, .down),
            .rewrite { frame in
                var frame = frame
                body(&frame)
                return [frame]
            })
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var id: String
        var rule: TapRule
        var testDescription: String { id }
    }

    static let poolCases: [Case] = [
        Case(id: "SV2-3.6.1-02", rule: TapRule("down SetupConnection.Success", .drop)),
        Case(
            id: "SV2-3.6.2-01",
            rule: change("SetupConnection.Success", Common.SetupConnectionSuccess.self) { $0.usedVersion = 3 }
        ),
        Case(id: "SV2-3.6.4-02", rule: TapRule("up ChannelEndpointChanged", .drop)),
        Case(
            id: "SV2-3.6.3-01",
            rule: change("SetupConnection.Error", Common.SetupConnectionError.self) { $0.flags = 1 }),
        Case(
            id: "SV2-3.6.3-02",
            rule: change("SetupConnection.Error", Common.SetupConnectionError.self) {
                // One unsupported flag is not named as long as there are others to name.
                $0.flags = $0.flags & ~0x100 == 0 ? $0.flags : $0.flags & ~0x100
            }),
        Case(
            id: "SV2-3.5-01",
            rule: change("SetupConnection.Error", Common.SetupConnectionError.self) {
                $0.errorCode = "no\u{7}"
            }),
        Case(
            id: "SV2-3.5-02",
            rule: change("SetupConnection.Error", Common.SetupConnectionError.self) { $0.errorCode = "né" }),
        Case(id: "SV2-3.1-01", rule: bytes("SetupConnection.Success") { $0.payload.append(0) }),
        Case(id: "SV2-3.4.1-03", rule: bytes("SetupConnection.*") { $0.extensionType = 0x4001 }),
        Case(id: "SV2-3.2.1-01", rule: bytes("NewMiningJob") { $0.extensionType = 0 }),
        Case(id: "SV2-8-01", rule: bytes("SetNewPrevHash") { $0.messageType = 0x3f }),
        Case(id: "SV2-8-02", rule: bytes("SetNewPrevHash") { $0.messageType = 0x16 }),
        Case(
            id: "SV2-5.2-01",
            rule: change("OpenExtended*", Mining.OpenExtendedMiningChannelSuccess.self) {
                $0.channelID = $0.groupChannelID
            }),
        Case(
            id: "SV2-5.2.3-01",
            rule: change("OpenExtended*", Mining.OpenExtendedMiningChannelSuccess.self) {
                $0.extranonceSize -= 1
            }),
        Case(
            id: "SV2-5.1-01",
            rule: change("OpenExtended*", Mining.OpenExtendedMiningChannelSuccess.self) {
                $0.extranoncePrefix = [1, 2]
            }),
        Case(
            id: "SV2-5.3.2-01",
            rule: change("OpenStandard*", Mining.OpenStandardMiningChannelSuccess.self) { $0.target = .max }),
        Case(id: "SV2-5.3.7-01", rule: TapRule("down SetTarget", .drop)),
        Case(
            id: "SV2-5.3.8-01",
            rule: change("UpdateChannel.Error", Mining.UpdateChannelError.self) { $0.channelID = 1 }),
        Case(
            id: "SV2-5.3.15-01",
            rule: change("NewMiningJob", Mining.NewMiningJob.self) { $0.minNTime = 1_795_000_000 }),
        Case(
            id: "SV2-5.3.17-02",
            rule: change("SetNewPrevHash", Mining.SetNewPrevHash.self) { $0.jobID += 1_000 }),
        Case(
            id: "SV2-5.3.16-02",
            rule: change("NewExtendedMiningJob", Mining.NewExtendedMiningJob.self) {
                $0.coinbaseTxPrefix.insert(contentsOf: [0, 1], at: 4)
            }),
        Case(
            id: "SV2-5.3.13-01",
            rule: change("SubmitShares.Success", Mining.SubmitSharesSuccess.self) {
                $0.newSubmitsAcceptedCount += 1
            }),
        Case(
            id: "SV2-5.3.13-03",
            rule: change("SubmitShares.Success", Mining.SubmitSharesSuccess.self) { $0.newSharesSum += 99 }),
        Case(
            id: "SV2-5.3.14-01",
            rule: change("SubmitShares.Error", Mining.SubmitSharesError.self) { $0.sequenceNumber += 1 }),
        Case(
            id: "EXT1-4-01",
            rule: change("RequestExtensions.Error", ExtensionsNegotiation.RequestExtensionsError.self) {
                $0.requestID += 1
            }),
        Case(
            id: "SV2-5.3.20-01",
            rule: change("SetCustomMiningJob.Error", Mining.SetCustomMiningJobError.self) { $0.requestID = 0 }
        ),
    ]

    @Test("a mining server's mistake fails its check", arguments: poolCases)
    func pool(_ one: Case) {
        let world = ProbeWorld()
        let key = world.addTap(before: ProbeWorld.mining, rules: [one.rule])
        // The surveys judge what other checks make the server say.
        let others = ["SV2-3.6", "SV2-5.3.15-01", "SV2-5.3.17-01"]
        let results = world.probe(ProbeWorld.tapped, .pool, only: [one.id] + others, authority: key)
        #expect(
            results.verdict(one.id) == "fail", "\(results.first { $0.id == one.id }?.verdict.reason ?? "")")
    }

    static let providerCases: [Case] = [
        Case(id: "SV2-7-01", rule: TapRule("down NewTemplate", .drop)),
        Case(
            id: "SV2-7.2-02",
            rule: change("NewTemplate", TemplateDistribution.NewTemplate.self) {
                $0.coinbasePrefix = [UInt8](repeating: 1, count: 9)
            }),
        Case(
            id: "SV2-7.2-03",
            rule: change("NewTemplate", TemplateDistribution.NewTemplate.self) {
                $0.coinbaseTxOutputs.insert(1, at: 0)
            }),
        Case(
            id: "SV2-7.3-01",
            rule: change("NewTemplate", TemplateDistribution.NewTemplate.self) { $0.futureTemplate = false }),
        Case(
            id: "SV2-7.3-02",
            rule: change("SetNewPrevHash", TemplateDistribution.SetNewPrevHash.self) { $0.target = .max }),
        Case(
            id: "SV2-7.6-01",
            rule: change(
                "RequestTransactionData.Error", TemplateDistribution.RequestTransactionDataError.self
            ) { $0.templateID = 3 }),
        Case(
            id: "SV2-7.5-02",
            rule: change("NewTemplate", TemplateDistribution.NewTemplate.self) { $0.merklePath = [.zero] }),
    ]

    @Test("a template provider's mistake fails its check", arguments: providerCases)
    func provider(_ one: Case) {
        let world = ProbeWorld()
        let key = world.addTap(before: ProbeWorld.templates, rules: [one.rule])
        let results = world.probe(ProbeWorld.tapped, .tp, only: [one.id], authority: key)
        #expect(results.verdict(one.id) == "fail", "\(results.first?.verdict.reason ?? "")")
    }

    @Test("a certificate that is over fails its check, and one of another authority")
    func certificates() {
        let world = ProbeWorld()
        let key = world.addTap(before: ProbeWorld.mining, rules: []) { $0.certificateBegins = -7 * 86_400 }
        let late = world.probe(ProbeWorld.tapped, .pool, only: ["SV2-4.5-04"], authority: key)
        #expect(late.verdict("SV2-4.5-04") == "fail")
        let other = ProbeWorld()
        _ = other.addTap(before: ProbeWorld.mining, rules: []) { _ in }
        let foreign = other.probe(
            ProbeWorld.tapped, .pool, only: ["SV2-4.5-04"], authority: other.poolAuthority)
        let reason = foreign.first?.verdict.reason ?? ""
        #expect(reason.contains("not signed by the authority key"), "\(reason)")
        let unnamed = world.probe(ProbeWorld.tapped, .pool, only: ["SV2-4.5-04"])
        #expect(unnamed.verdict("SV2-4.5-04") == "skip")
    }

    static let wires: [(FakeServer.Kind, String)] = [
        (.silent, "SV2-4.5-01"), (.silent, "SV2-4.5-02"), (.silent, "SV2-4.3-01"), (.silent, "SV2-4.3-02"),
        (.constant, "SV2-4.5-01"), (.constant, "SV2-4.5-03"), (.deaf, "SV2-4.4-01"), (.deaf, "SV2-4.6-01"),
        (.deaf, "SV2-3.6.1-02"), (.deaf, "SV2-3.6.3-03"),
    ]

    @Test("a server that cannot do the handshake, or hears nothing after it, fails", arguments: wires)
    func handshakes(kind: FakeServer.Kind, id: String) {
        let world = ProbeWorld()
        world.addFake(FakeServer(kind, unixTime: 1_795_000_000))
        #expect(world.probe(ProbeWorld.fake, .pool, only: [id]).verdict(id) == "fail")
    }

    static let declaratorCases: [(FakeServer.Fault, String)] = [
        (.sameToken, "SV2-6.4.2-02"), (.paidOutput, "SV2-6.4.3-01"), (.acceptsAll, "SV2-6.4.6-01"),
        (.acceptsAll, "SV2-6.3.1-01"), (.wrongRequest, "SV2-6.4.6-01"),
    ]

    @Test("a job declaration server's mistake fails its check", arguments: declaratorCases)
    func declarators(fault: FakeServer.Fault, id: String) {
        let world = ProbeWorld()
        world.addFake(FakeServer(.declarator(fault), unixTime: 1_795_000_000))
        #expect(world.probe(ProbeWorld.fake, .jds, only: [id]).verdict(id) == "fail")
    }

    @Test("a server of nonsense lines fails the checks of V1")
    func lines() {
        let world = ProbeWorld()
        world.addFake(FakeServer(.lines(#"{"id":1,"result":true,"error":null}"#), unixTime: 0))
        let results = world.probe(ProbeWorld.fake, .translator, only: ["V1-01", "V1-02", "V1-09"])
        #expect(results.map(\.verdict.word) == ["fail", "fail", "fail"])
    }

    @Test("a peer that cannot be reached leaves everything unknown")
    func unreachable() {
        let results = ProbeWorld().probe(Endpoint(host: "nowhere", port: 9), .pool, only: ["SV2-3.6"])
        #expect(!results.isEmpty)
        #expect(results.allSatisfy { $0.verdict.word == "unknown" })
    }
}
