import ArgumentParser
import DeviceModel
import Experiments
import Firmware
import Hardware
import NIOCore
import NIOPosix
import Rig
import Runtime
import SansIO
import Stratum

struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device",
        abstract: "Runs one simulated mining device: firmware, chips, heat.",
        discussion: """
            Examples:
              lab device --pool stratum2+tcp://127.0.0.1:34254/KEY
              lab device --profile antminer-s19j-pro --scale 1e-12 --pool stratum+tcp://127.0.0.1:34255
              lab device --profile antminer-s19j-pro --manage --pool stratum+tcp://127.0.0.1:34255
            """)

    @Option(help: "Pools in order of preference; may be given several times.") var pool: [PoolURL]
    @Option(help: "A name from `lab profile list`, or the path of a TOML file.") var profile = "bitaxe-gamma"
    @Option(help: "The account at the pool.") var identity = "lab.device"
    @Option(help: "Hashrate scale: nominal times this is announced and mined.") var scale = 1e-10
    @Option(help: "Temperature of the room, °C.") var ambient = 25.0
    @Option(help: "Seed of everything that is drawn.") var seed: UInt64 = 1
    @Flag(help: "Skip the boot.") var instantBoot = false
    @OptionGroup var management: ManagementOptions
    @OptionGroup var logging: LogOptions
    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    func validate() throws {
        guard !pool.isEmpty else { throw ValidationError("--pool URL is needed: see lab device --help") }
        guard scale > 0, scale <= 1 else { throw ValidationError("--scale must be above 0 and at most 1") }
        _ = try management.addresses(for: 1)
    }

    func run() async throws {
        let runtime = LabRuntime(threads: 1)
        var rig = RigConfiguration(
            profile: try ProfileCommand.library.load(profile), pools: pool, userIdentity: identity,
            seed: seed,
            stream: 0, wallClock: runtime.world.wallClock)
        rig.hashrateScale = scale
        rig.ambient = Celsius(ambient)
        rig.instantBoot = instantBoot
        rig.secretSeed = LiveWorld.entropy(32)
        try await DeviceRunner.run(
            rig, runtime: runtime, management: try management.addresses(for: 1),
            log: try logging.log("device"))
    }
}

enum DeviceRunner {
    static func cpuMiner(
        pools: [PoolURL], identity: String, hashRate: Double?, runtime: LabRuntime
    ) -> RigConfiguration {
        var rig = RigConfiguration(
            profile: .cpuMiner, pools: pools, userIdentity: identity,
            seed: runtime.world.wallClock.unixNanosecondsAtStart,
            stream: 0, wallClock: runtime.world.wallClock)
        rig.engine = .hash(maxRate: hashRate.map { HashRate($0) })
        rig.secretSeed = LiveWorld.entropy(32)
        return rig
    }

    static func run(
        _ configuration: RigConfiguration, runtime: LabRuntime, management: ManagementAddresses? = nil,
        log: EventLog
    ) async throws {
        let stop = StopSignal()
        let observatory = Observatory(log: log)
        let name = configuration.userIdentity
        let rigs = try await RigService.start(
            [configuration], runtime: runtime, loops: [runtime.group.next()], management: management
        ) { _, observation, _ in observatory.rig(name, observation) }
        if let management { log.note("interfaces", "interfaces: \(management.address(0), as: "address")") }
        log.note(
            "started",
            "\(configuration.profile.name, as: "profile") as \(name, as: "device") for \(configuration.pools[0], as: "pool")"
        )
        let reporter = Task { await report(rigs, log: log) }
        _ = await stop.wait()
        reporter.cancel()
        await rigs.stop()
    }

    /// A line of figures every ten seconds.
    private static func report(_ rigs: RigService, log: EventLog) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(10))
            guard !Task.isCancelled, let (_, snapshot) = await rigs.snapshots(first: 1).first else { return }
            let rate = Figures.hashRate(snapshot.provenHashRate.hashesPerSecond)
            let celsius = snapshot.chipTemperature.degrees
            let watts = snapshot.inputPower.watts
            log.note(
                "progress",
                "\(snapshot.phase, as: "phase", shown: snapshot.phase.rawValue): "
                    + "\(snapshot.provenHashRate, as: "hash_rate", shown: rate), "
                    + "\(snapshot.accepted, as: "accepted") accepted, \(snapshot.rejected, as: "rejected") rejected, "
                    + "difficulty \(snapshot.difficulty, as: "difficulty", shown: Figures.difficulty(snapshot.difficulty)), "
                    + "\(celsius, as: "chip_celsius", shown: Figures.decimal(celsius, 1)) °C, "
                    + "\(watts, as: "watts", shown: Figures.decimal(watts, 1)) W")
        }
    }
}
