import ArgumentParser
import Coordination
import Experiments
import Foundation
import JSONText
import Measurement
import NIOPosix
import Runtime
import SansIO
import Stratum

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Runs a shard of an experiment's devices for a coordinator.",
        discussion: """
            It is told everything by its environment: LAB_COORDINATOR (HOST:PORT), LAB_RUN_ID, LAB_TOKEN, and \
            LAB_SHARD_INDEX and LAB_SHARD_COUNT, for which JOB_COMPLETION_INDEX, SLURM_PROCID and SLURM_NTASKS stand in; \
            without an index it takes any shard that is free. It dials the coordinator, refuses a slice that it cannot \
            hold, waits until all are ready, and sends what it measures each second.

            Examples:
              LAB_COORDINATOR=10.0.0.5:7000 LAB_RUN_ID=storm LAB_TOKEN=secret lab worker
            """)

    func run() async throws {
        try await RunCommand.reporting { try await work() }
    }

    private func work() async throws {
        // A terminal's Ctrl-C is for the coordinator, which ends its workers in order.
        if isatty(STDIN_FILENO) == 0 { signal(SIGINT, SIG_IGN) }
        let environment = ProcessInfo.processInfo.environment
        func required(_ name: String) throws -> String {
            guard let value = environment[name], !value.isEmpty else {
                throw EnvironmentFault("\(name) is not set: see lab worker --help")
            }
            return value
        }
        func number(_ names: String...) throws -> Int? {
            for name in names {
                guard let text = environment[name], !text.isEmpty else { continue }
                guard let value = Int(text), value >= 0 else {
                    throw EnvironmentFault("\(name)=\"\(text)\" is no number")
                }
                return value
            }
            return nil
        }
        let address = try required("LAB_COORDINATOR")
        guard let coordinator = Endpoint(argument: address) else {
            throw EnvironmentFault("LAB_COORDINATOR=\"\(address)\" is no HOST:PORT")
        }
        let greeting = WorkerGreeting(
            run: try required("LAB_RUN_ID"), token: try required("LAB_TOKEN"),
            index: try number("LAB_SHARD_INDEX", "JOB_COMPLETION_INDEX", "SLURM_PROCID"),
            descriptors: Descriptors.raise(), cores: GeneratorMeter.cores)
        try await Worker(
            WorkerConfiguration(coordinator: coordinator, greeting: greeting),
            expectedCount: try number("LAB_SHARD_COUNT", "SLURM_NTASKS")
        ).run()
    }
}

/// A worker's side of a run.
final class Worker {
    private let runtime = LabRuntime(threads: 1)
    private let host: MachineHost<WorkerMachine>
    private let observations: AsyncStream<WorkerObservation>
    private let expectedCount: Int?
    private var fleet: LiveFleet?

    init(_ configuration: WorkerConfiguration, expectedCount: Int?) {
        self.expectedCount = expectedCount
        let (observations, continuation) = AsyncStream<WorkerObservation>.makeStream()
        self.observations = observations
        host = MachineHost(
            WorkerMachine(configuration), loop: runtime.group.next(), world: runtime.world
        ) { observation, _ in continuation.yield(observation) }
    }

    /// - Throws: why the run ended otherwise than in order.
    func run() async throws {
        host.start()
        for await observation in observations {
            switch observation {
            case .assigned(let index, let count, let plan):
                do {
                    let fleet = try prepare(index, of: count, plan)
                    self.fleet = fleet
                    host.send(.ready(devices: fleet.slice.count))
                } catch { host.send(.refuse("\(error)")) }
            case .begin(let time):
                guard let fleet else { continue }
                fleet.begin(at: time)
                let host = host
                Task {
                    for await second in fleet.seconds {
                        if let fault = fleet.lastFault { host.send(.fault(fault)) }
                        host.send(.second(second))
                    }
                    host.send(.done)
                }
            case .ended(let reason, let isOrderly):
                await fleet?.stop()
                await host.stop()
                if !isOrderly { throw CommandFault("worker: \(reason)") }
                return
            }
        }
    }

    /// - Throws: why this process cannot hold the slice.
    private func prepare(_ index: Int, of count: Int, _ json: JSON) throws -> LiveFleet {
        if let expectedCount, expectedCount != count {
            throw CommandFault(
                "it was started as one of \(expectedCount) shards and the coordinator has \(count)")
        }
        guard let plan = WorkerPlan(json) else { throw CommandFault("it cannot read the coordinator's plan") }
        let experiment = try ExperimentFile(path: plan.path, text: plan.text).experiment(
            changing: plan.changes)
        guard plan.pools.count == experiment.fleets.count else {
            throw CommandFault("the plan does not say where each fleet dials")
        }
        let slice = ShardPlan.slice(index, of: count, devices: experiment.deviceCount)
        let (needed, limit) = (slice.count + Descriptors.reserve, Descriptors.raise())
        guard needed <= limit else {
            throw CommandFault(
                "\(slice.count) devices need \(needed) file descriptors and it may hold \(limit)")
        }
        let isLoopback = plan.pools.allSatisfy { $0.endpoint.host.hasPrefix("127.") }
        return LiveFleet(
            experiment, seed: plan.seed,
            profiles: try FleetProfiles(experiment, library: ProfileCommand.library), pools: plan.pools,
            slice: slice, threads: plan.threads, creditsAcceptance: plan.creditsAcceptance,
            // Each shard has ports of its own.
            sources: isLoopback ? ["127.0.\(index / 250).\(index % 250 + 1)"] : [nil])
    }
}
