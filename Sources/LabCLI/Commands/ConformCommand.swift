import ArgumentParser
import Bitcoin
import Conformance
import Foundation
import JSONText
import NIOPosix
import Runtime
import SansIO
import Stratum
import Synchronization

extension ConformanceRole: ExpressibleByArgument {}

struct ConformCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conform",
        abstract: "Tests a pool, JDS, translator or template provider against the specification.",
        discussion: """
            Runs every clause of the Stratum V2 specification that can be tested from outside as a numbered check, and \
            reports what was seen. Checks open channels and submit shares: ask before you probe what is not yours.

            Examples:
              lab conform stratum2+tcp://127.0.0.1:34254/KEY
              lab conform stratum2+tcp://127.0.0.1:8442/KEY --role tp --mine-blocks
              lab conform stratum+tcp://127.0.0.1:34255
              lab conform stratum2+tcp://pool.example:3333/KEY --json report.json --html report.html
              lab conform --list

            Exit status: 0 when nothing failed, 1 when a check failed, 3 for a wrong command line, 4 when the peer \
            cannot be reached.
            """)

    @Argument(help: ArgumentHelp("Where the peer listens.", valueName: "url")) var url: String?
    @Option(help: "What the peer is; asked for by SetupConnection when not given.") var role: ConformanceRole?
    @Option(help: "The user identity of channels and tokens.") var identity = "conformance.probe"
    @Option(help: ArgumentHelp("Only checks whose number begins so.", valueName: "prefix"))
    var only: [String] = []
    @Option(help: ArgumentHelp("How long an answer may take.", valueName: "seconds")) var patience = 5.0
    @Option(help: "Checks at the same time.") var lanes = 4
    @Flag(help: "Checks that take minutes, too.") var slow = false
    @Flag(help: "Find and submit a real block, where the difficulty lets it.") var mineBlocks = false
    @Option(help: ArgumentHelp("Write the report as JSON.", valueName: "file")) var json: String?
    @Option(help: ArgumentHelp("Write the report as one HTML page.", valueName: "file")) var html: String?
    @Flag(help: "List the clauses, and why some cannot be tested.") var list = false

    func run() async throws {
        if list { return Output.text(ConformCommand.listing) }
        guard let url, let address = PoolURL(url) else {
            throw Misuse.end(
                url.map { "\($0) is no address: stratum2+tcp://host:port/KEY or stratum+tcp://host:port" }
                    ?? "an address is needed: stratum2+tcp://host:port/KEY or stratum+tcp://host:port")
        }
        guard patience > 0, patience <= 3_600, (1...64).contains(lanes) else {
            throw Misuse.end("--patience must be above 0, --lanes from 1 to 64")
        }
        if !address.isV2, let role, role != .translator {
            throw Misuse.end("\(url) is Stratum V1; --role \(role.rawValue) needs stratum2+tcp://")
        }
        let runtime = LabRuntime(threads: 1)
        var known = role
        if known == nil { known = try await found(address, runtime) }
        guard let role = known else {
            Output.fault("\(address.endpoint) cannot be reached, or answers no SetupConnection")
            throw ExitCode(4)
        }
        let checks = ConformanceSuite.checks.filter { check in
            only.isEmpty || only.contains { check.id.hasPrefix($0) }
        }
        guard checks.contains(where: { $0.roles.contains(role) }) else {
            throw Misuse.end("--only names no check of a \(role.rawValue); see lab conform --list")
        }
        let results = await probe(address, role, checks, runtime, prints: true)
        let report = ConformanceReport(
            target: url, role: role, unixTime: UInt32(clamping: Int(Date().timeIntervalSince1970)),
            results: results)
        try write(report)
        let isReached = results.contains { !$0.verdict.reason.contains("cannot be reached") }
        if !isReached { throw ExitCode(4) }
        if report.failures > 0 { throw ExitCode(1) }
    }

    /// Asks for each protocol in turn; nil when none is answered.
    private func found(_ address: PoolURL, _ runtime: LabRuntime) async throws -> ConformanceRole? {
        guard address.isV2 else { return .translator }
        for role in [ConformanceRole.pool, .tp, .jds] {
            let checks = ConformanceSuite.checks.filter { $0.id == "SV2-3.6.1-02" }
            let results = await probe(address, role, checks, runtime, prints: false)
            guard case .pass(let answer) = results.first?.verdict else { continue }
            if answer.hasSuffix("Success") { return role }
        }
        return nil
    }

    private func probe(
        _ address: PoolURL, _ role: ConformanceRole, _ checks: [Check], _ runtime: LabRuntime, prints: Bool
    ) async -> [CheckResult] {
        var settings = ProbeSettings(
            target: address.endpoint, role: role, clock: runtime.world.wallClock,
            secretSeed: LiveWorld.entropy(32))
        settings.authority = address.authority
        settings.identity = identity
        settings.patience = Interval(seconds: patience)
        settings.includesSlow = slow
        settings.minesBlocks = mineBlocks
        settings.lanes = lanes
        let titles = Dictionary(checks.map { ($0.id, $0.title) }, uniquingKeysWith: { first, _ in first })
        let (stream, continuation) = AsyncStream.makeStream(of: CheckResult.self)
        let host = MachineHost(
            ProberMachine(settings, checks: checks), loop: runtime.group.next(), world: runtime.world
        ) { observation, _ in
            switch observation {
            case .started: break
            case .finished(let result): continuation.yield(result)
            case .done: continuation.finish()
            }
        }
        host.start()
        var results: [CheckResult] = []
        for await result in stream {
            results.append(result)
            if prints { Output.line(ConformanceReport.line(result, title: titles[result.id] ?? "")) }
        }
        await host.stop()
        return results
    }

    private func write(_ report: ConformanceReport) throws {
        Output.line("")
        for row in report.rows where row.result.verdict.isFailure {
            Output.text(report.evidence(of: row))
        }
        Output.line(report.summary)
        for (path, text) in [(json, report.json.text + "\n"), (html, report.html)] {
            guard let path else { continue }
            guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
                throw StoreFault(message: "\(path) cannot be written")
            }
            Output.line("written to \(path)")
        }
    }

    private static var listing: String {
        Clause.all.map { clause in
            switch clause.test {
            case .checked: "\(clause.id)  \(clause.level.rawValue)  \(clause.text)\n"
            case .notFromOutside(let reason):
                "\(clause.id)  \(clause.level.rawValue)  \(clause.text)  [not tested: \(reason)]\n"
            }
        }.joined()
    }
}

/// A command line that cannot be meant, with the exit status that `conform` promises for it.
private enum Misuse {
    static func end(_ text: String) -> ExitCode {
        Output.fault(text)
        return ExitCode(3)
    }
}
