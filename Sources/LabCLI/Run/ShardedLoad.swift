import Coordination
import Experiments
import Foundation
import JSONText
import Measurement
import NIOCore
import NIOPosix
import Runtime
import SansIO
import Synchronization

/// The devices in other processes, which dial this one's coordinator.
final class ShardedLoad: LoadSource {
    private struct State {
        var degradations: [String] = []
        var fault: String?
        /// Of this process, where the stack is: a machine that serves and makes the load has one measure of busy.
        var meter = GeneratorMeter()
        var start: Result<UInt64, CommandFault>?
        var waiting: CheckedContinuation<UInt64, any Error>?
    }

    let seconds: AsyncStream<Second>
    private let continuation: AsyncStream<Second>.Continuation
    private let runtime: LabRuntime
    private let host: MachineHost<CoordinatorMachine>
    private let state: Mutex<State>
    private let children: Mutex<[ChildProcess]>

    /// Listens, and starts the workers unless others do.
    init(_ shards: ShardPlan, count: Int, experiment: Experiment, plan: WorkerPlan) async throws {
        let runtime = LabRuntime(threads: 1)
        self.runtime = runtime
        let (seconds, continuation) = AsyncStream<Second>.makeStream(bufferingPolicy: .unbounded)
        (self.seconds, self.continuation) = (seconds, continuation)
        var (run, token) = (Self.random(), Self.random())
        var listen = Endpoint(host: "127.0.0.1", port: 0)
        var isOurs = true
        if case .expected(_, let endpoint, let given, let secret) = shards {
            (run, token, listen, isOurs) = (given, secret, endpoint, false)
        }
        var configuration = CoordinatorConfiguration(
            run: run, token: token, shardCount: count, plan: plan.json,
            fleetCount: experiment.fleets.count,
            secondCount: Int(experiment.duration.seconds.rounded(.up)), clock: runtime.world.wallClock)
        if !isOurs { configuration.patience = .minutes(30) }
        let heard = ShardEars()
        host = MachineHost(
            CoordinatorMachine(configuration), loop: runtime.group.next(), world: runtime.world
        ) { observation, _ in heard.hear(observation) }
        state = Mutex(State())
        children = Mutex([])
        heard.action = { [weak self] in self?.hear($0) }
        let bound = try await host.listen(.coordination, on: listen)
        host.start()
        guard isOurs else {
            Output.error("lab: \(count) workers are expected at \(bound)\n")
            return
        }
        var environment = ProcessInfo.processInfo.environment
        environment["LAB_COORDINATOR"] = "\(bound)"
        environment["LAB_RUN_ID"] = run
        environment["LAB_TOKEN"] = token
        environment["LAB_SHARD_COUNT"] = "\(count)"
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        for index in 0..<count {
            environment["LAB_SHARD_INDEX"] = "\(index)"
            let child = try ChildProcess(program, ["worker"], environment: environment)
            children.withLock { $0.append(child) }
        }
    }

    private static func random() -> String {
        LiveWorld.entropy(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    var degradations: [String] { state.withLock { $0.degradations } }
    var lastFault: String? { state.withLock { $0.fault } }

    /// Waits at the barrier with the workers.
    func begin() async throws -> UInt64 {
        try await withCheckedThrowingContinuation { waiting in
            let start = state.withLock { state in
                if state.start == nil { state.waiting = waiting }
                return state.start
            }
            if let start { waiting.resume(with: start.mapError { $0 as any Error }) }
        }
    }

    func finish() {
        host.send(.finish)
        settle(.failure(CommandFault("ended before the run began")))
    }

    func stop() async {
        host.send(.finish)
        continuation.finish()
        let patience = ContinuousClock.now + .seconds(20)
        while children.withLock({ $0.contains { $0.isRunning } }), ContinuousClock.now < patience {
            try? await Task.sleep(for: .milliseconds(20))
        }
        for child in children.withLock({ $0 }) { child.signal(SIGKILL) }
        await host.stop()
        try? await runtime.group.shutdownGracefully()
    }

    private func settle(_ start: Result<UInt64, CommandFault>) {
        let waiting = state.withLock { state -> CheckedContinuation<UInt64, any Error>? in
            if state.start == nil { state.start = start }
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(with: start.mapError { $0 as any Error })
    }

    private func hear(_ observation: CoordinatorObservation) {
        switch observation {
        case .began(let time): settle(.success(time))
        case .second(var second):
            let own = state.withLock { $0.meter.read(lag: .zero) }
            if second.health == nil { second.health = own } else { second.health?.add(own) }
            continuation.yield(second)
        case .shardLost(let index, let reason):
            state.withLock { $0.degradations.append("shard \(index) is lost: \(reason)") }
        case .deviceFault(let text): state.withLock { $0.fault = text }
        case .failed(let reason):
            settle(.failure(CommandFault(reason)))
            continuation.finish()
        case .ended: continuation.finish()
        case .shardJoined, .shardReady, .strangerTurnedAway: break
        }
    }
}

/// Between a host that needs its observer and the object that needs its host.
private final class ShardEars: @unchecked Sendable {
    /// Set before the host starts.
    var action: (@Sendable (CoordinatorObservation) -> Void)?

    func hear(_ observation: CoordinatorObservation) { action?(observation) }
}
