import NIOPosix
import Runtime
import SansIO
import Stratum
import Translator

/// A translator in the live world.
struct TranslatorService: Sendable {
    let host: MachineHost<TranslatorMachine>
    let stratumV1: Endpoint
    /// Nil without a TLS listener.
    let stratumV1TLS: Endpoint?

    /// `change` sets what an operator decided.
    static func start(
        upstreams: [TranslatorUpstream], listen: Endpoint, tls: (TLSServer, Endpoint)? = nil,
        runtime: LabRuntime,
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
        var sealed: Endpoint?
        if let (server, endpoint) = tls {
            sealed = try await host.listen(.stratumV1TLS, on: endpoint, tls: server)
        }
        host.start()
        return TranslatorService(host: host, stratumV1: bound, stratumV1TLS: sealed)
    }

    func stop() async { await host.stop() }
}
