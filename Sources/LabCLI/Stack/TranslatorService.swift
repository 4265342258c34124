import NIOPosix
import Runtime
import SansIO
import Stratum
import Translator

/// A translator in the live world.
struct TranslatorService: Sendable {
    let host: MachineHost<TranslatorMachine>
    let stratumV1: Endpoint

    /// `change` sets what an operator decided.
    static func start(
        upstreams: [TranslatorUpstream], listen: Endpoint, runtime: LabRuntime,
        change: (inout TranslatorConfiguration) -> Void = { _ in },
        observer: @escaping @Sendable (TranslatorObservation, Instant) -> Void
    ) async throws -> TranslatorService {
        var configuration = TranslatorConfiguration(
            upstreams: upstreams, clock: runtime.world.wallClock, secretSeed: LiveWorld.entropy(32))
        change(&configuration)
        let host = MachineHost(
            TranslatorMachine(configuration), loop: runtime.group.next(), world: runtime.world,
            observer: observer)
        let bound = try await host.listen(.stratumV1, on: listen)
        host.start()
        return TranslatorService(host: host, stratumV1: bound)
    }

    func stop() async { await host.stop() }
}
