import ArgumentParser
import Experiments
import Foundation

struct ExperimentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Lists, shows and checks experiment files.",
        discussion: """
            Examples:
              lab experiment list
              lab experiment show stale-rate
              lab experiment check my-experiment.toml
            """,
        subcommands: [List.self, Show.self, Check.self, Keys.self, Schema.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the experiments: devices, length, runs, and what each shows.",
            discussion: "Example: lab experiment list")

        func run() throws {
            for name in ExperimentLibraryFiles.names {
                let points = try ExperimentLibraryFiles.file(named: name).experiments()
                guard let first = points.first?.experiment else { continue }
                let runs = points.count * first.repetitions
                let length = DurationText.text(first.duration)
                Output.line(
                    "\(StyledText.pad(name, 24)) \(StyledText.pad("\(Figures.grouped(first.deviceCount)) devices", 15)) "
                        + "\(StyledText.pad(length, 14)) \(StyledText.pad(runs == 1 ? "1 run" : "\(runs) runs", 8)) "
                        + first.summary)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints an experiment's file: what it shows and how to read it.",
            discussion: "Example: lab experiment show stale-rate")

        @Argument(help: "A name from `lab experiment list`, or a path that ends in .toml.") var name: String

        func run() throws { Output.text(try ExperimentLibraryFiles.file(named: name).text) }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks experiment files; names every fault and exits with 65 if there is one.",
            discussion: """
                Keys, values, measures, fleets and phases that thresholds name, and the device and link profiles.
                Example: lab experiment check my-experiment.toml
                """)

        @Argument(help: "Paths of TOML files, or names from `lab experiment list`.") var names: [String]

        func run() throws {
            var isFaulty = false
            for name in names {
                do {
                    let file = try ExperimentLibraryFiles.file(named: name)
                    let library = ExperimentLibrary(
                        devices: ProfileCommand.library, links: ProfileCommand.links)
                    let faults = file.faults(in: library)
                    for fault in faults { Output.fault(fault.description) }
                    isFaulty = isFaulty || !faults.isEmpty
                    if faults.isEmpty { Output.line("\(file.path): \(try file.experiment().summary)") }
                } catch let error as FileError {
                    Output.fault(error.description)
                    isFaulty = true
                }
            }
            if isFaulty { throw ExitCode(65) }
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists every key that an experiment may have, and the measures of thresholds.",
            discussion: "Example: lab experiment keys")

        func run() {
            for key in Experiment.schema {
                let need = key.isRequired ? "required" : "optional"
                Output.line(
                    "\(StyledText.pad(key.path, 36)) \(need)  \(key.expectation): \(key.documentation)")
            }
            Output.line("measures: \(Measure.names.joined(separator: ", "))")
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the experiments' JSON Schema (draft 2020-12).",
            discussion: "Example: lab experiment schema > Profiles/schema/experiment.schema.json")

        func run() { Output.text(ExperimentSchema.text) }
    }
}
