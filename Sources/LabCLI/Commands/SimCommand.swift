import ArgumentParser
import Experiments
import Foundation
import Hardware
import SansIO
import Simulation

struct SimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim",
        abstract: "Runs node, pool and devices in virtual time, the same machines as the live commands.",
        discussion: """
            The same arguments with the same seed print the same digest on every run.

            Examples:
              lab sim --devices 1000 --hours 24 --seed 7
              lab sim --devices 100 --hours 1 --shares-per-minute 20 --scale 1e-11
              lab sim --devices 100 --hours 1 --link satellite
            """)

    @Option(help: "How many devices.") var devices = 1_000
    @Option(help: "Virtual hours.") var hours = 24.0
    @Option(help: "Seed of everything that is drawn.") var seed: UInt64 = 1
    @Option(help: "Device profiles, taken in turn; may be given several times.") var profile: [String] = []
    @Option(
        help:
            "Link profile between devices and pool (lab profile list --links): delay, jitter, rate and loss of it."
    )
    var link: String?
    @Option(help: "Hashrate scale: nominal times this is announced and mined.") var scale = 2.5e-12
    @Option(help: "Mean time between blocks with the whole fleet.") var blockInterval = DurationArgument(
        .minutes(10))
    @Option(help: "Shares per minute and device that vardiff aims at.") var sharesPerMinute = 6.0
    @Flag(help: "Only the last table, without progress.") var quiet = false

    func validate() throws {
        guard (1...1_000_000).contains(devices) else {
            throw ValidationError("--devices must be 1 to 1000000")
        }
        guard hours > 0, hours <= 87_600 else {
            throw ValidationError("--hours must be above 0 and at most 87600")
        }
        guard scale > 0, scale <= 1 else { throw ValidationError("--scale must be above 0 and at most 1") }
        guard sharesPerMinute > 0, sharesPerMinute <= 600 else {
            throw ValidationError("--shares-per-minute must be above 0 and at most 600")
        }
    }

    func run() throws {
        let names = profile.isEmpty ? ["bitaxe-gamma"] : profile
        let profiles = try names.map { try ProfileCommand.library.load($0) }
        var configuration = VirtualLabConfiguration(
            seed: seed, deviceCount: devices, profiles: profiles, hashrateScale: scale,
            blockInterval: blockInterval.interval, sharesPerMinute: sharesPerMinute)
        if let link { configuration.link = try ProfileCommand.links.load(link).profile }
        let started = ContinuousClock.now
        let lab = VirtualLab(configuration)
        let showsProgress = !quiet && isatty(STDERR_FILENO) == 1
        lab.run(until: Interval(seconds: hours * 3_600)) { report in
            guard showsProgress else { return }
            let hour = Figures.decimal(report.virtualTime.seconds / 3_600, 0)
            let text =
                "\r\(hour) h of \(Figures.decimal(hours, 0)) h, \(Figures.grouped(report.sharesAccepted)) shares  "
            Output.error(text)
        }
        if showsProgress { Output.error("\r\u{1b}[K") }
        let elapsed = started.duration(to: .now)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        print(lab.report, seconds: seconds)
    }

    private func print(_ report: VirtualLabReport, seconds: Double) {
        let virtual = report.virtualTime.seconds
        let rows: [(String, String)] = [
            (
                "devices",
                "\(Figures.grouped(devices)) (\(Figures.grouped(report.channelsOpened)) channels opened)"
            ),
            ("virtual time", Figures.duration(virtual)),
            ("shares accepted", Figures.grouped(report.sharesAccepted)),
            (
                "shares rejected",
                "\(Figures.grouped(report.sharesRejected)) (\(Figures.grouped(report.sharesStale)) stale)"
            ),
            ("shares discarded by devices", Figures.grouped(report.sharesDiscarded)),
            ("stale rate", "\(Figures.decimal(report.staleRate * 100, 4)) %"),
            ("blocks", "\(Figures.grouped(report.blocksFound)) found, height \(report.height)"),
            ("hardware errors", Figures.grouped(report.hardwareErrors)),
            ("bytes delivered", Figures.grouped(report.deliveredBytes)),
            (
                "events",
                "\(Figures.grouped(report.events)), \(Figures.grouped(Int(Double(report.events) / seconds)))/s"
            ),
            (
                "speed-up",
                "\(Figures.decimal(virtual / seconds, 0)) times real time (\(Figures.decimal(seconds, 1)) s)"
            ),
            ("digest", hex(report.digest)),
        ]
        for (name, value) in rows { Output.line("\(StyledText.pad(name, 28)) \(value)") }
    }

    private func hex(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
