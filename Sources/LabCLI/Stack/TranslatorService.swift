import NIOPosix
import Pool
import Runtime
import SansIO
import Stratum

/// A translator in the live world.
struct TranslatorService: Sendable {
    let host: MachineHost<TranslatorMachine>
    let stratumV1: Endpoint

    static func start(
        upstreams: [PoolURL], listen: Endpoint, identity: String, hashRate: Double, sharesPerMinute: Double,
        runtime: LabRuntime, observer: @escaping @Sendable (TranslatorObservation, Instant) -> Void
    ) async throws -> TranslatorService {
        var configuration = TranslatorConfiguration(
            upstreams: upstreams, clock: runtime.world.wallClock, secretSeed: LiveWorld.entropy(32))
        configuration.userIdentity = identity
        configuration.nominalHashRate = hashRate
        configuration.sharesPerMinute = sharesPerMinute
        let host = MachineHost(
            TranslatorMachine(configuration), loop: runtime.group.next(), world: runtime.world,
            observer: observer)
        let bound = try await host.listen(.stratumV1, on: listen)
        host.start()
        return TranslatorService(host: host, stratumV1: bound)
    }

    func stop() async { await host.stop() }
}
