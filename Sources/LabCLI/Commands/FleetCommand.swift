import ArgumentParser
import DeviceModel
import Experiments
import Firmware
import Foundation
import Hardware
import JSONText
import NIOCore
import NIOPosix
import Rig
import Runtime
import SansIO
import Stratum
import Synchronization

struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Runs many simulated devices, each on its own connection, against any pool.",
        discussion: """
            Every share is valid: it was found in the device's own nonce space. The scale decides what a share costs \
            here; a pool that takes only whole difficulties needs a scale near 1 and cannot be served by a CPU.

            Examples:
              lab fleet --profile bitaxe-gamma --count 100 --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab fleet --count 5000 --ramp 30s --duration 5m --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab fleet --count 50 --pool stratum+tcp://127.0.0.1:34255 --scale 1e-10
              lab fleet --count 20 --profile antminer-s19j-pro --profile bitaxe-gamma --manage --pool URL
            """)

    @Option(help: "Pools in order of preference; may be given several times.") var pool: [PoolURL]
    @Option(help: "Device profiles, taken in turn; may be given several times.") var profile: [String] = []
    @Option(help: "How many devices.") var count = 100
    @Option(help: "Identities are PREFIX.0, PREFIX.1, …") var identity = "fleet"
    @Option(help: "Hashrate scale: nominal times this is announced and mined.") var scale = 1e-11
    @Option(help: "The devices are switched on evenly over this time.") var ramp = DurationArgument(
        .seconds(10))
    @Option(help: "End by itself after this time; without one, with Ctrl-C.") var duration: DurationArgument?
    @Option(help: "Seed of everything that is drawn.") var seed: UInt64 = 1
    @Option(help: "Temperature of the room, °C.") var ambient = 25.0
    @Flag(help: "Devices boot as real ones do, which takes 10 seconds to minutes.") var boot = false
    @Option(help: "Event loops (threads).") var threads = 2
    @OptionGroup var management: ManagementOptions
    @OptionGroup var logging: LogOptions
    @Option(help: "Local addresses 127.0.0.1 … to dial from: 1 for each 25,000 devices.") var sources: Int?
    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    func validate() throws {
        guard !pool.isEmpty else { throw ValidationError("--pool URL is needed: see lab fleet --help") }
        guard (1...100_000).contains(count) else { throw ValidationError("--count must be 1 to 100000") }
        guard scale > 0, scale <= 1 else { throw ValidationError("--scale must be above 0 and at most 1") }
        guard (1...64).contains(threads) else { throw ValidationError("--threads must be 1 to 64") }
        _ = try management.addresses(for: count)
    }

    func run() async throws {
        try checkDescriptors()
        let names = profile.isEmpty ? ["bitaxe-gamma"] : profile
        let profiles = try names.map { try ProfileCommand.library.load($0) }
        let stop = StopSignal()
        let runtime = LabRuntime(threads: threads)
        let loops: [any EventLoop] = (0..<threads).map { _ in runtime.group.next() }
        let log = try logging.log("fleet", stamp: { "" })
        let tally = FleetTally(count: count, log: log, identity: identity)
        let entropy = LiveWorld.entropy(32)
        let configurations = (0..<count).map { index in
            configuration(index, profile: profiles[index % profiles.count], secret: entropy, runtime: runtime)
        }
        log.note("started", "\(count, as: "devices") devices for \(pool[0], as: "pool")")
        let addresses = try management.addresses(for: count)
        let rigs = try await RigService.start(
            configurations, runtime: runtime, loops: loops, sources: dialSources, management: addresses
        ) { index, observation, _ in tally.note(index, observation) }
        if let addresses {
            log.note(
                "interfaces",
                "interfaces: \(addresses.address(0), as: "first") to \(addresses.address(count - 1), as: "last")"
            )
        }
        let reporter = Task { await tally.report() }
        if let duration {
            Task {
                try? await Task.sleep(for: .nanoseconds(Int64(duration.interval.nanoseconds)))
                stop.request("the time is over")
            }
        }
        _ = await stop.wait()
        reporter.cancel()
        tally.sum()
        await rigs.stop()
        if tally.isEmpty {
            throw CommandFault("no share was accepted: \(tally.lastFault ?? "see the lines above")")
        }
    }

    private func configuration(
        _ index: Int, profile: DeviceProfile, secret: [UInt8], runtime: LabRuntime
    ) -> RigConfiguration {
        var rig = RigConfiguration(
            profile: profile, pools: pool, userIdentity: "\(identity).\(index)", seed: seed,
            stream: UInt64(index),
            wallClock: runtime.world.wallClock)
        rig.hashrateScale = scale
        rig.ambient = Celsius(ambient)
        rig.instantBoot = !boot
        rig.startDelay = .nanoseconds(ramp.interval.nanoseconds / UInt64(count) * UInt64(index))
        rig.secretSeed = secret
        rig.telemetryMax = .seconds(30)
        return rig
    }

    private var dialSources: [String?] {
        let needed = sources ?? (count + 24_999) / 25_000
        guard needed > 1 else { return [nil] }
        return (1...min(250, needed)).map { "127.0.0.\($0)" }
    }

    /// A process may hold so many connections; more devices need more processes.
    private func checkDescriptors() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        // A managed device has up to three listeners, and somebody reads it.
        let needed = (management.manage ? count * 6 : count) + 64
        guard needed <= Int(clamping: limit.rlim_cur) else {
            throw CommandFault(
                "\(count) devices need \(needed) file descriptors and this process may hold \(limit.rlim_cur); "
                    + "start several fleets with --identity and --seed of their own")
        }
    }
}

/// What a fleet's devices observed, counted.
final class FleetTally: Sendable {
    private struct State {
        var mining = 0
        var phases: [MinerPhase]
        var found: UInt64 = 0
        var accepted: UInt64 = 0
        var rejected: UInt64 = 0
        var discarded: UInt64 = 0
        var disconnected: UInt64 = 0
        var reasons: [String: UInt64] = [:]
        /// Acknowledgement latencies in microseconds, the newest of each batch; a bounded sample.
        var latencies: [UInt32] = []
        var lastFault: String?
    }

    /// Latencies kept for the percentiles.
    private static let sample = 200_000
    /// Different reasons kept: a pool's words are its own.
    private static let reasonsKept = 64
    private let state: Mutex<State>
    private let count: Int
    private let log: EventLog
    private let identity: String
    private let started = ContinuousClock.now

    init(count: Int, log: EventLog, identity: String) {
        self.log = log
        self.identity = identity
        self.count = count
        state = Mutex(State(phases: Array(repeating: .off, count: count)))
    }

    var isEmpty: Bool { state.withLock { $0.accepted == 0 } }
    var lastFault: String? { state.withLock { $0.lastFault } }

    func note(_ index: Int, _ observation: MinerObservation) {
        log.debug(observation, with: ["device": .string("\(identity).\(index)")], as: "device")
        switch observation {
        case .phaseChanged(let phase):
            state.withLock { state in
                if state.phases[index] == .mining { state.mining -= 1 }
                if phase == .mining { state.mining += 1 }
                state.phases[index] = phase
            }
        case .shareFound: state.withLock { $0.found += 1 }
        case .sharesAccepted(let count, let latency):
            state.withLock { state in
                state.accepted += UInt64(count)
                if state.latencies.count < Self.sample {
                    state.latencies.append(UInt32(clamping: latency.nanoseconds / 1_000))
                }
            }
        case .shareRejected(_, let reason):
            state.withLock { state in
                state.rejected += 1
                let name = reason.name
                if state.reasons[name] != nil || state.reasons.count < Self.reasonsKept {
                    state.reasons[name, default: 0] += 1
                }
            }
        case .shareDiscarded: state.withLock { $0.discarded += 1 }
        case .disconnected(_, let reason):
            state.withLock {
                $0.disconnected += 1
                $0.lastFault = reason
            }
        case .shareTooHard(let hashes):
            state.withLock {
                $0.lastFault =
                    "the pool's shares need \(Figures.difficulty(hashes)) hashes each, too many for a CPU"
            }
        default: break
        }
    }

    /// A line every second on a terminal, every ten otherwise.
    func report() async {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var previous: UInt64 = 0
        let period = isTerminal ? 1 : 10
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(period))
            guard !Task.isCancelled else { return }
            let (mining, accepted, rejected, discarded, lost, fault) = state.withLock {
                ($0.mining, $0.accepted, $0.rejected, $0.discarded, $0.disconnected, $0.lastFault)
            }
            let rate = Double(accepted - previous) / Double(period)
            previous = accepted
            let trouble: LogSentence =
                lost > 0
                ? ", \(lost, as: "disconnections") disconnections (last: \(fault ?? "unknown", as: "last_fault"))"
                : ""
            log.note(
                "progress",
                "\(seconds, as: "seconds", shown: Figures.duration(seconds))  \(mining, as: "mining")/\(count, as: "devices") mining  "
                    + "\(rate, as: "shares_per_second", shown: Figures.decimal(rate, 1)) shares/s  "
                    + "\(accepted, as: "accepted", shown: Figures.grouped(accepted)) accepted  "
                    + "\(rejected, as: "rejected") rejected  \(discarded, as: "discarded") discarded"
                    + trouble)
        }
    }

    /// The last lines: everything since the beginning.
    func sum() {
        let end = state.withLock { $0 }
        let latencies = end.latencies.sorted()
        func percentile(_ share: Double) -> Double? {
            guard !latencies.isEmpty else { return nil }
            let index = min(latencies.count - 1, Int(Double(latencies.count) * share))
            return Double(latencies[index]) / 1_000
        }
        func milliseconds(_ value: Double?) -> String { value.map { "\(Figures.decimal($0, 2)) ms" } ?? "–" }
        let (half, most) = (percentile(0.5), percentile(0.99))
        let rate = Double(end.accepted) / max(1, seconds)
        log.note(
            "totals",
            "accepted    \(end.accepted, as: "accepted", shown: Figures.grouped(end.accepted))"
                + " (\(rate, as: "shares_per_second", shown: Figures.decimal(rate, 1)) shares/s over "
                + "\(seconds, as: "seconds", shown: Figures.duration(seconds)))\n"
                + "rejected    \(end.rejected, as: "rejected", shown: Figures.grouped(end.rejected))\n"
                + "discarded   \(end.discarded, as: "discarded", shown: Figures.grouped(end.discarded)) "
                + "(found for replaced work)\n"
                + "disconnects \(end.disconnected, as: "disconnections", shown: Figures.grouped(end.disconnected))\n"
                + "acknowledged after p50 \(half, as: "acknowledged_p50_ms", shown: milliseconds(half)), "
                + "p99 \(most, as: "acknowledged_p99_ms", shown: milliseconds(most)) (the newest share of each batch)"
        )
        for reason in end.reasons.keys.sorted() {
            let count = end.reasons[reason] ?? 0
            log.note(
                "rejected",
                "  rejected as \(reason, as: "reason"): \(count, as: "count", shown: Figures.grouped(count))")
        }
    }

    private var seconds: Double {
        let elapsed = started.duration(to: .now)
        return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    }
}
