import ArgumentParser
import Foundation
import JSONText
import Vardiff

struct VardiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vardiff",
        abstract: "Compares difficulty controls in a wind tunnel.",
        discussion: """
            Miners with exponentially distributed shares, in virtual time, the same for every control and every run \
            with the same seed. Columns: minutes until the decided rate is within 15 % of the true one for ten \
            minutes (median, 90 % of the trials; - means not before the end), steps detected within five minutes, \
            changes an hour, overshoot (90 % of the trials), dispersion of the share rate (1 is the Poisson law's). \
            The exit status is 1 when ours misses its bar.

            Examples:
              lab vardiff
              lab vardiff --trials 100 --rates 6,60 --scenario cold-high --scenario steady
              lab vardiff --algorithm lab --scenario step-down --json
            """)

    @Option(help: "Trials of each cell.") var trials = 1_000
    @Option(help: "Shares per minute, separated by commas.") var rates = "6,12,30,60"
    @Option(help: "Only these scenarios; may be given several times.") var scenario: [WindTunnelScenario] = []
    @Option(help: "Only these controls; may be given several times.") var algorithm: [VardiffAlgorithm] = []
    @Option(help: "Seed of everything that is drawn.") var seed: UInt64 = 1
    @Flag(help: "One JSON object instead of the table.") var json = false

    private var parsedRates: [Double] { rates.split(separator: ",").compactMap { Double($0) } }

    func validate() throws {
        guard (1...1_000_000).contains(trials) else {
            throw ValidationError("--trials must be 1 to 1000000")
        }
        let parts = rates.split(separator: ",", omittingEmptySubsequences: false)
        guard parsedRates.count == parts.count, parsedRates.allSatisfy({ $0 >= 1 && $0 <= 600 }) else {
            throw ValidationError("--rates must be numbers from 1 to 600, separated by commas: 6,12,30,60")
        }
    }

    func run() throws {
        let scenarios = scenario.isEmpty ? WindTunnelScenario.allCases : scenario
        let algorithms = algorithm.isEmpty ? VardiffAlgorithm.allCases : algorithm
        var cells: [WindTunnelCell] = []
        if !json { Output.line(VardiffTable.header) }
        for scenario in scenarios {
            for rate in parsedRates {
                for algorithm in algorithms {
                    let tunnel = WindTunnel(algorithm, scenario, sharesPerMinute: rate, seed: seed)
                    let cell = WindTunnelCell(
                        algorithm, scenario, sharesPerMinute: rate,
                        trials: VardiffCommand.fly(tunnel, trials: trials))
                    cells.append(cell)
                    if !json { Output.line(VardiffTable.row(cell)) }
                }
            }
        }
        let verdicts = WindTunnelBar.verdicts(of: cells)
        if json {
            Output.text(VardiffTable.json(cells, verdicts, trials: trials, seed: seed).indentedText + "\n")
        } else {
            for verdict in verdicts { Output.line(VardiffTable.line(verdict)) }
        }
        if verdicts.contains(where: { $0.outcome == .missed }) { throw ExitCode(1) }
    }

    /// All trials of a cell on all cores; each draws from its own stream, so the order does not matter.
    private static func fly(_ tunnel: WindTunnel, trials: Int) -> [WindTunnelTrial] {
        let lock = NSLock()
        nonisolated(unsafe) var results = [WindTunnelTrial?](repeating: nil, count: trials)
        DispatchQueue.concurrentPerform(iterations: trials) { index in
            let trial = tunnel.run(trial: index)
            lock.withLock { results[index] = trial }
        }
        return results.compactMap { $0 }
    }
}

extension WindTunnelScenario: ExpressibleByArgument {}

/// The wind tunnel's figures as text and JSON.
enum VardiffTable {
    private static let widths = [11, 9, 6, 8, 8, 10, 11, 11, 11]

    static let header = columns([
        "scenario", "control", "/min", "settle50", "settle90", "detected", "changes/h", "overshoot",
        "dispersion",
    ])

    static func row(_ cell: WindTunnelCell) -> String {
        let isStep = cell.scenario == .stepDown || cell.scenario == .stepUp
        let overshoot = cell.overshootP90 * 100
        return columns([
            cell.scenario.rawValue, cell.algorithm.rawValue, Figures.decimal(cell.sharesPerMinute, 0),
            minutes(cell.settledMedian), minutes(cell.settledP90),
            isStep ? "\(Figures.decimal(cell.detected * 100, 1)) %" : "",
            Figures.decimal(cell.changesPerHour, 4),
            overshoot < 1_000
                ? "\(Figures.decimal(overshoot, 0)) %" : "x \(Figures.difficulty(cell.overshootP90 + 1))",
            Figures.decimal(cell.dispersion, 2),
        ])
    }

    static func line(_ verdict: WindTunnelVerdict) -> String {
        let outcome =
            switch verdict.outcome {
            case .met: "ok"
            case .missed: "MISSED"
            case .impossible: "impossible"
            }
        return StyledText.pad(outcome, 11) + verdict.text
    }

    private static func columns(_ texts: [String]) -> String {
        zip(texts, widths).map { StyledText.pad($0, $1) }.joined(separator: " ")
    }

    private static func minutes(_ seconds: Double?) -> String {
        seconds.map { Figures.decimal($0 / 60, 1) } ?? "-"
    }

    static func json(
        _ cells: [WindTunnelCell], _ verdicts: [WindTunnelVerdict], trials: Int, seed: UInt64
    ) -> JSON {
        let cells = cells.map { cell -> JSON in
            .object([
                "scenario": .string(cell.scenario.rawValue), "algorithm": .string(cell.algorithm.rawValue),
                "shares_per_minute": .double(cell.sharesPerMinute),
                "settled_seconds_p50": cell.settledMedian.map { .double($0) } ?? .null,
                "settled_seconds_p90": cell.settledP90.map { .double($0) } ?? .null,
                "settled_for_good_seconds_p90": cell.settledForGoodP90.map { .double($0) } ?? .null,
                "detected_within_300_seconds": .double(cell.detected),
                "changes_per_hour": .double(cell.changesPerHour), "overshoot_p90": .double(cell.overshootP90),
                "dispersion": .double(cell.dispersion),
            ])
        }
        let bars = verdicts.map { verdict -> JSON in
            .object(["outcome": .string(verdict.outcome.rawValue), "text": .string(verdict.text)])
        }
        return .object([
            "trials": .int(trials), "seed": .int(seed), "cells": .array(cells), "bars": .array(bars),
        ])
    }
}
