import ArgumentParser
import Experiments
import Foundation
import SansIO
import Synchronization

struct SwarmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm",
        abstract: "Lets links and processes of a whole stack fail at random, seed after seed, on all cores.",
        discussion: """
            Two nodes, a pool with its books, job declaration, a translator and five devices in virtual time; links are \
            reset, severed, stalled and partitioned, processes killed in the midst of an event, hosts lose their \
            power, blocks are reorganised. While faults last nothing acknowledged may be lost and nothing paid twice; \
            after them everything must work again. A failing seed is named with the command that repeats it; the exit \
            status is then 1.

            Examples:
              lab swarm --minutes 5
              lab swarm --seed 7 --trace
              lab swarm --minutes 60 --first 100000 --options lite
            """)

    @Option(help: "How long to go on.") var minutes = 1.0
    @Option(help: "This seed alone.") var seed: UInt64?
    @Option(help: "The first seed.") var first: UInt64 = 0
    @Option(help: "How much goes wrong: lite, swarm.") var options = CampaignOptions.swarm
    @Option(help: "Threads; without it, one for each core.") var threads: Int?
    @Flag(help: "With --seed: everything that roles and devices said.") var trace = false

    func validate() throws {
        guard minutes.isFinite, minutes > 0 else { throw ValidationError("--minutes must be above 0") }
        guard (1...1_024).contains(threads ?? 1) else { throw ValidationError("--threads must be 1 to 1024") }
        guard !trace || seed != nil else { throw ValidationError("--trace needs --seed") }
    }

    func run() throws {
        if let seed { return try repeatOne(seed) }
        let count = threads ?? ProcessInfo.processInfo.activeProcessorCount
        let end = ContinuousClock.now + .seconds(minutes * 60)
        let tally = Mutex(Tally(next: first))
        let workers = (0..<count).map { _ in
            let done = DispatchSemaphore(value: 0)
            let thread = Thread { [options] in
                while ContinuousClock.now < end, let seed = tally.withLock({ $0.take() }) {
                    let failure = Self.failure(of: seed, options)
                    tally.withLock { $0.finish(seed, failure) }
                }
                done.signal()
            }
            // A stack of its own size: validation of a block goes deep in debug builds.
            thread.stackSize = 8 << 20
            thread.start()
            return done
        }
        for worker in workers { worker.wait() }
        let (seeds, failures) = tally.withLock { ($0.done, $0.failures) }
        for (seed, faults) in failures.sorted(by: { $0.seed < $1.seed }) {
            Output.line("seed \(seed) failed: \(faults.first ?? "")")
            Output.line("  again with: lab swarm --seed \(seed) --options \(options.rawValue) --trace")
        }
        Output.line("\(Figures.grouped(seeds)) seeds from \(first), \(failures.count) failed")
        if !failures.isEmpty { throw ExitCode(1) }
    }

    private struct Tally {
        var next: UInt64
        var done = 0
        var failures: [(seed: UInt64, faults: [String])] = []

        /// Stops for good after so many failures: one is enough to work on.
        static let failuresMax = 20

        mutating func take() -> UInt64? {
            guard failures.count < Self.failuresMax else { return nil }
            defer { next += 1 }
            return next
        }

        mutating func finish(_ seed: UInt64, _ faults: [String]) {
            done += 1
            if !faults.isEmpty { failures.append((seed, faults)) }
        }
    }

    private static func failure(of seed: UInt64, _ options: CampaignOptions) -> [String] {
        do {
            return try Campaign(seed: seed, library: ProfileCommand.library, options: options).run().faults
        } catch { return ["\(error)"] }
    }

    private func repeatOne(_ seed: UInt64) throws {
        let campaign = try Campaign(seed: seed, library: ProfileCommand.library, options: options)
        campaign.tally.isTracing = trace
        let outcome = try campaign.run()
        for line in campaign.tally.trace { Output.line(line) }
        for fault in campaign.plan.faults { Output.line("fault  \(fault)") }
        for fault in outcome.faults { Output.line("BROKEN \(fault)") }
        Output.line(
            "seed \(seed): \(Figures.grouped(outcome.shares)) shares, \(outcome.blocks) blocks, "
                + "\(outcome.reorganisations) undone, "
                + (outcome.recovery.map {
                    "all back \(Figures.decimal($0.seconds, 0)) s after the last fault"
                }
                    ?? "not back") + ", digest \(RunSummary.hex(outcome.digest))")
        if !outcome.faults.isEmpty { throw ExitCode(1) }
    }
}

extension CampaignOptions: ExpressibleByArgument {}
