import Bitcoin
import Testing

@testable import Ledger

@Suite struct MinerIdentityTests {
    static let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    static let script = Address(address, network: .regtest)!.scriptPubKey

    struct Case: Sendable, CustomTestStringConvertible {
        var text: String
        var user: String
        var worker: String
        var reward: MinerIdentity.Reward
        var testDescription: String { text.isEmpty ? "nothing" : text }
    }

    static let cases: [Case] = [
        Case(text: "", user: "", worker: "", reward: .pool),
        Case(text: "alice", user: "alice", worker: "", reward: .pool),
        Case(text: "alice.rig.7", user: "alice", worker: "rig.7", reward: .pool),
        Case(text: "other/donate/worker", user: "other/donate/worker", worker: "", reward: .pool),
        Case(
            text: address, user: address, worker: "",
            reward: .miner(script, poolPercent: 0, isExplicit: false)),
        Case(
            text: "\(address).w1.sub", user: address, worker: "w1.sub",
            reward: .miner(script, poolPercent: 0, isExplicit: false)),
        Case(text: "invalid_address.worker", user: "invalid_address", worker: "worker", reward: .pool),
        Case(
            text: "sri/solo/\(address)", user: address, worker: "",
            reward: .miner(script, poolPercent: 0, isExplicit: true)),
        Case(
            text: "sri/solo/\(address)/worker/sub", user: address, worker: "worker/sub",
            reward: .miner(script, poolPercent: 0, isExplicit: true)),
        Case(text: "sri/donate", user: "", worker: "", reward: .donated),
        Case(text: "sri/donate/worker", user: "", worker: "worker", reward: .donated),
        Case(
            text: "sri/donate/5/\(address)", user: address, worker: "",
            reward: .miner(script, poolPercent: 5, isExplicit: true)),
        Case(
            text: "sri/donate/99/\(address)/w", user: address, worker: "w",
            reward: .miner(script, poolPercent: 99, isExplicit: true)),
    ]

    @Test("the reference implementation's patterns say who is paid", arguments: cases)
    func patterns(one: Case) throws {
        let identity = try #require(MinerIdentity(one.text, network: .regtest))
        #expect(identity.user == one.user)
        #expect(identity.worker == one.worker)
        #expect(identity.reward == one.reward)
    }

    @Test(
        "patterns that are begun and wrong are refused",
        arguments: [
            "sri/", "sri/worker.1", "sri/invalid/worker", "sri/solo", "sri/solo/", "sri/solo/nonsense/worker",
            "sri/donate/0/\(address)/w", "sri/donate/100/\(address)/w", "sri/donate/101/\(address)/w",
            "sri/donate/abc/\(address)/w", "sri/donate/5/nonsense/w",
            "sri/solo/bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4/w",
        ])
    func refused(text: String) {
        #expect(MinerIdentity(text, network: .regtest) == nil)
    }

    @Test("a bare address is a payee where there is a scheme, and a solo miner where there is none")
    func bareAddress() throws {
        let bare = try #require(MinerIdentity(Self.address, network: .regtest))
        #expect(bare.isSolo(under: .solo))
        #expect(!bare.isSolo(under: .pplns))
        let explicit = try #require(MinerIdentity("sri/solo/\(Self.address)", network: .regtest))
        #expect(explicit.isSolo(under: .fpps))
        let named = try #require(MinerIdentity("alice.w", network: .regtest))
        #expect(!named.isSolo(under: .solo))
    }
}
