import ArgumentParser
import Experiments
import Foundation
import JSONText
import Reports

/// Where `lab run` keeps its runs.
struct RunStoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The directory of the kept runs.", valueName: "dir"))
    var data = RunKeeper.directory

    /// - Throws: a fault in one line; ``CommandFault`` where nothing was kept yet.
    func store() throws -> RunStore {
        try Self.inOneLine {
            guard let store = try RunStore.existing(directory: data) else {
                throw CommandFault("no runs are kept in \(data) yet: `lab run` keeps them")
            }
            return store
        }
    }

    /// `last`, a name, the beginning of one; `:2` behind it takes one record of several.
    func run(_ word: String) throws -> StoredRun {
        try Self.inOneLine {
            let store = try store()
            let parts = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            var run = try store.load(try store.name(for: String(parts[0])))
            guard parts.count == 2 else { return run }
            guard let number = Int(parts[1]), run.records.indices.contains(number - 1) else {
                throw UsageFault("\(word): \(run.name) has records 1 to \(run.records.count)")
            }
            run.records = [run.records[number - 1]]
            run.name += ":\(number)"
            return run
        }
    }

    static func inOneLine<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let fault as RunStoreFault { throw CommandFault("\(fault)") }
    }
}

struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs",
        abstract: "The runs that were kept: lists and deletes them.",
        discussion: """
            A run is one `lab run`: a record for each point of its sweep and each repetition. Other commands take a \
            run by its name, the beginning of it, or the word last.

            Examples:
              lab runs
              lab runs --json
              lab runs delete stale-rate-20261123-121530
            """,
        subcommands: [List.self, Delete.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A line for each run, the newest first.")

        @OptionGroup var options: RunStoreOptions
        @Flag(help: "One JSON object for each run instead of a table.") var json = false

        func run() throws {
            let runs = try RunStoreOptions.inOneLine {
                try RunStore.existing(directory: options.data)?.runs() ?? []
            }
            if json { return runs.forEach { Output.line(Self.json($0).text) } }
            if runs.isEmpty { return Output.line("no runs are kept in \(options.data) yet") }
            let width = max(3, runs.map(\.name.count).max() ?? 0)
            Output.line(
                "\(StyledText.pad("run", width))  \(StyledText.pad("begun", 20))  records  seconds  outcome")
            for run in runs {
                let begun = Date(timeIntervalSince1970: Double(run.startedAt)).formatted(.iso8601)
                let records = StyledText.right(Figures.grouped(run.records), 7)
                let seconds = StyledText.right(Figures.grouped(run.seconds), 7)
                Output.line(
                    "\(StyledText.pad(run.name, width))  \(StyledText.pad(begun, 20))  \(records)  \(seconds)  "
                        + (run.outcome?.text ?? "no end (it runs, or was killed)"))
            }
        }

        private static func json(_ run: RunListing) -> JSON {
            .object([
                "name": .string(run.name), "started_at": .int(run.startedAt), "records": .int(run.records),
                "seconds": .int(run.seconds), "outcome": run.outcome.map { .string($0.text) } ?? .null,
            ])
        }
    }

    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a run and all that was recorded.",
            discussion: "Example: lab runs delete stale-rate-20261123-121530")

        @OptionGroup var options: RunStoreOptions
        @Argument(help: ArgumentHelp("The run's name, or the beginning of it.", valueName: "run")) var word:
            String

        func run() throws {
            try RunStoreOptions.inOneLine {
                let store = try options.store()
                let name = try store.name(for: word)
                try store.delete(name)
                Output.line("deleted \(name)")
            }
        }
    }
}
