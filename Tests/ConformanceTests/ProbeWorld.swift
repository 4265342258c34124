import Bitcoin
import Chain
import Pool
import SansIO
import Simulation
import Stratum
import Tap
import Translator

@testable import Conformance

/// The suite against servers in virtual time: our own, the same behind a tap that makes them wrong, or a fake.
final class ProbeWorld {
    static let clock = WallClock(unixSecondsAtStart: 1_795_000_000)
    static let templates = Endpoint(host: "node", port: 8_442)
    static let mining = Endpoint(host: "pool", port: 34_254)
    static let miners = Endpoint(host: "translator", port: 34_255)
    static let tapped = Endpoint(host: "tap", port: 1)
    static let fake = Endpoint(host: "fake", port: 2)

    let world = VirtualWorld(seed: 11)
    private var secrets = SecretGenerator(seed: [3, 1, 4])
    private let results = Results()
    private(set) var poolAuthority: AuthorityPublicKey!

    private final class Results {
        var all: [CheckResult] = []
        var isDone = false
    }

    /// A node and a pool on it. On the network that is taken without another no share is a block.
    init(network: NetworkParameters = .labnet(target: Target(UInt256(clamping: 0x1p256 / 1e15)))) {
        _ = world.add(
            NodeMachine(
                NodeConfiguration(
                    network: network, clock: Self.clock, secretSeed: [UInt8](repeating: 1, count: 32))),
            listening: [(.templateProvider, Self.templates)]
        ) { _, _ in }
        let authority = AuthoritySecretKey(secrets.secretKey())
        poolAuthority = authority.publicKey
        let pool = PoolConfiguration(
            authority: authority, staticKey: secrets.secretKey(), clock: Self.clock,
            secretSeed: secrets.bytes(32), templateProvider: Self.templates,
            payout: .p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!))
        _ = world.add(PoolMachine(pool), listening: [(.mining, Self.mining)]) { _, _ in }
    }

    func addTranslator() {
        let url = PoolURL(scheme: .stratumV2(authority: poolAuthority), endpoint: Self.mining)
        _ = world.add(
            TranslatorMachine(
                TranslatorConfiguration(
                    upstreams: [TranslatorUpstream(url: url)], clock: Self.clock,
                    secretSeed: secrets.bytes(32))),
            listening: [(.stratumV1, Self.miners)]
        ) { _, _ in }
    }

    /// Puts a tap with these rules in front of `upstream`; answers the key that it shows.
    func addTap(
        before upstream: Endpoint, rules: [TapRule], change: (inout TapConfiguration) -> Void = { _ in }
    ) -> AuthorityPublicKey {
        let authority = AuthoritySecretKey(secrets.secretKey())
        var configuration = TapConfiguration(
            upstream: upstream, authority: authority, staticKey: secrets.secretKey(), clock: Self.clock,
            secretSeed: secrets.bytes(32))
        configuration.rules = rules
        change(&configuration)
        _ = world.add(TapMachine(configuration), listening: [(.tap, Self.tapped)]) { _, _ in }
        return authority.publicKey
    }

    func addFake(_ server: FakeServer) {
        _ = world.add(server, listening: [(FakeServer.listener, Self.fake)]) { _, _ in }
    }

    /// Plays the checks to the end.
    func probe(
        _ target: Endpoint, _ role: ConformanceRole, only: [String] = [],
        authority: AuthorityPublicKey? = nil,
        change: (inout ProbeSettings) -> Void = { _ in }
    ) -> [CheckResult] {
        world.run(until: world.now + .seconds(5))
        var settings = ProbeSettings(
            target: target, role: role, clock: Self.clock, secretSeed: secrets.bytes(32))
        settings.authority = authority
        change(&settings)
        let checks = ConformanceSuite.checks.filter { check in
            only.isEmpty || only.contains { check.id.hasPrefix($0) }
        }
        let results = results
        (results.all, results.isDone) = ([], false)
        _ = world.add(ProberMachine(settings, checks: checks)) { observation, _ in
            switch observation {
            case .started: break
            case .finished(let result): results.all.append(result)
            case .done: results.isDone = true
            }
        }
        world.run(until: world.now + .hours(2)) { results.isDone }
        return results.all
    }
}

extension [CheckResult] {
    /// What is wrong, for a test's message.
    var complaints: [String] {
        filter { $0.verdict.word == "fail" || $0.verdict.word == "unknown" }
            .map { "\($0.id) \($0.verdict.word): \($0.verdict.reason)" }
    }

    func verdict(_ id: String) -> String? { first { $0.id == id }?.verdict.word }
}
