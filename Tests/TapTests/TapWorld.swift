import Bitcoin
import Chain
import Pool
import SansIO
import Simulation
import Stratum

@testable import Tap

/// A node, a pool and, on the way between them, a tap: all in virtual time.
final class TapWorld {
    static let templates = Endpoint(host: "node", port: 8_442)
    static let tapped = Endpoint(host: "tap", port: 8_443)
    static let clock = WallClock(unixSecondsAtStart: 1_795_000_000)

    let world = VirtualWorld(seed: 7)
    private(set) var tap: NodeID!
    private let heard = Heard()

    private final class Heard {
        var transcript = TapTranscript()
        var providerStates: [TemplateProviderState] = []
    }

    var transcript: TapTranscript {
        get { heard.transcript }
        set { heard.transcript = newValue }
    }
    var providerStates: [TemplateProviderState] { heard.providerStates }

    init(rules: [TapRule] = [], change: (inout TapConfiguration) -> Void = { _ in }) {
        var secrets = SecretGenerator(seed: [1, 9, 9])
        let heard = heard
        _ = world.add(
            NodeMachine(
                NodeConfiguration(
                    network: .regtest, clock: Self.clock, secretSeed: [UInt8](repeating: 1, count: 32))),
            listening: [(.templateProvider, Self.templates)]
        ) { _, _ in }
        let authority = AuthoritySecretKey(secrets.secretKey())
        var configuration = TapConfiguration(
            upstream: Self.templates, authority: authority, staticKey: secrets.secretKey(),
            clock: Self.clock, secretSeed: [2])
        configuration.rules = rules
        change(&configuration)
        tap = world.add(TapMachine(configuration), listening: [(.tap, Self.tapped)]) { record, _ in
            heard.transcript.append(record)
        }
        var pool = PoolConfiguration(
            authority: AuthoritySecretKey(secrets.secretKey()), staticKey: secrets.secretKey(),
            clock: Self.clock, secretSeed: [3], templateProvider: Self.tapped,
            payout: .p2wpkh(Hash160(bytes: [UInt8](repeating: 0x42, count: 20))!))
        pool.templateProviderAuthority = authority.publicKey
        _ = world.add(PoolMachine(pool), listening: []) { observation, _ in
            if case .templateProvider(let state) = observation { heard.providerStates.append(state) }
        }
    }

    func run(seconds: UInt64) { world.run(until: world.now + .seconds(seconds)) }

    func send(_ command: TapCommand) { world.send(command, to: tap, as: TapMachine.self) }
}
