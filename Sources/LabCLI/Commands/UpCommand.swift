import ArgumentParser
import Chain
import Experiments
import Explorer
import Foundation
import Runtime
import SansIO

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Starts the whole lab on loopback and shows it live.",
        discussion: """
            Node with template provider, pool, translator, one Stratum V2 device, one Stratum V1 CPU miner through the \
            translator, and the explorer. `q` or Ctrl-C stops all of it.

            Examples:
              lab up
              lab up --plain
              lab up --manage
              lab up --data /tmp/lab --ready /tmp/lab/ready.json --ports auto
            """)

    @Option(help: "The directory of state, locked while in use.") var data = LabRuntime.defaultData
    @Option(help: "Write where everything serves to this file, as JSON, as soon as it does.") var ready:
        String?
    @Option(help: "default: the field's usual ports; auto: any that are free.") var ports = PortChoice
        .standard
    @OptionGroup var network: NetworkOptions
    @Flag(help: "Build the node's database anew from its block files.") var reindex = false
    @Flag(help: "One line per event instead of the live view, as --log-format json implies.") var plain =
        false
    @Option(help: "The device's profile.") var profile = "bitaxe-gamma"
    @Option(help: "Hashrate scale of the device: nominal times this is announced and mined.") var scale =
        1e-10
    @Option(
        help: "Shares per minute and channel that the pool's vardiff aims at; on regtest each is a block.")
    var sharesPerMinute = 20.0
    @OptionGroup var management: ManagementOptions
    @OptionGroup var logging: LogOptions
    @Option(help: "What the CPU miner hashes at most.") var minerRate = HashRateArgument(1e6)
    @Option(help: ArgumentHelp("Options from a TOML file; the command line wins.", valueName: "file"))
    var config: String?

    func validate() throws {
        guard scale > 0, scale <= 1 else { throw ValidationError("--scale must be above 0 and at most 1") }
        guard sharesPerMinute > 0, sharesPerMinute <= 600 else {
            throw ValidationError("--shares-per-minute must be above 0 and at most 600")
        }
        _ = try management.addresses(for: 2)
    }

    func run() async throws {
        if let ready { try? FileManager.default.removeItem(atPath: ready) }
        let stop = StopSignal()
        let terminal = plain || ready != nil || logging.logFormat == .json ? nil : Terminal()
        let log = try logging.log("up", prints: terminal == nil)
        let parameters = network.parameters
        let directory = try DataDirectory("\(data)/\(parameters.name)")
        let settings = LabStackSettings(
            network: parameters, ports: Ports(ports), profile: try ProfileCommand.library.load(profile),
            profileName: profile.split(separator: "/").last.map(String.init) ?? profile, hashrateScale: scale,
            sharesPerMinute: sharesPerMinute, minerHashRate: minerRate.hashesPerSecond, reindexes: reindex,
            management: try management.addresses(for: 2))
        let stack = try await LabStack.start(settings, directory: directory, log: log) {
            stop.request("stop was called")
        }
        if let ready {
            try ReadyFile.write(stack.ready, to: ready)
            log.note("ready", "ready: \(ready, as: "file")")
        }
        if let terminal { LiveDisplay(terminal: terminal, stack: stack, log: log, stop: stop).run() }
        let why = await stop.wait()
        if terminal == nil { log.note("stopping", "\(why, as: "reason"), stopping") }
        await stack.stop()
        terminal?.leave()
        let counts = stack.observatory.counts
        if logging.logFormat == .json {
            log.note(
                "totals",
                "\(only: counts.height, as: "height")\(only: counts.accepted, as: "accepted")\(only: counts.rejected, as: "rejected")"
            )
            return
        }
        Output.line(
            "height \(counts.height), \(Figures.grouped(counts.accepted)) shares accepted, "
                + "\(Figures.grouped(counts.rejected)) rejected; state in \(directory.root)")
    }
}

/// Redraws the live view until the stop; reads the keys.
struct LiveDisplay: Sendable {
    let terminal: Terminal
    let stack: LabStack
    let log: EventLog
    let stop: StopSignal

    /// Milliseconds between two frames.
    private static let period: Int32 = 250

    /// Starts a thread of its own for the keyboard and a task for the frames.
    func run() {
        terminal.enter()
        let started = ContinuousClock.now
        let frames = Task {
            while !Task.isCancelled {
                let feed = await stack.currentFeed()
                let elapsed = started.duration(to: .now)
                let counts = stack.observatory.counts
                let model = LiveView.Model(
                    feed: feed, network: stack.settings.network.name,
                    upSeconds: Double(elapsed.components.seconds),
                    height: counts.height, blocks: counts.blocksFound, events: log.lines)
                let size = terminal.size
                terminal.draw(LiveView.lines(model, columns: size.columns, rows: size.rows))
                try? await Task.sleep(for: .milliseconds(Int(Self.period)))
            }
        }
        Thread.detachNewThread {
            while true {
                let keys = terminal.keys(within: Self.period)
                if keys.contains(where: { [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3].contains($0) }) {
                    frames.cancel()
                    stop.request("q")
                    return
                }
            }
        }
    }
}
