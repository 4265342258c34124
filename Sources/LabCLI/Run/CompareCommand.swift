import ArgumentParser
import JSONText
import Reports

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares two kept runs, measure by measure.",
        discussion: """
            Means over each run's repetitions, their difference with its 95 % confidence interval (Welch), and whether \
            that differs, shows no difference at 5 %, or rests on too few runs to say. Two repetitions each are the \
            least; ten say much more. Points of a sweep are compared with their like.

            Examples:
              lab compare before-20261123 after-20261124
              lab compare vardiff-2026 last --output comparison.html
              lab compare A B --json
            """)

    @OptionGroup var options: RunStoreOptions
    @Argument(help: "A run's name, the beginning of it, or last.") var first: String
    @Argument(help: "The other.") var second: String
    @Option(help: ArgumentHelp("Writes an HTML file instead of text.", valueName: "file")) var output: String?
    @Flag(help: "One JSON object instead of text.") var json = false

    func run() throws {
        let comparison = RunComparison(try options.run(first), try options.run(second))
        if let output { return try ReportFile.write(comparison.html, to: output) }
        if json { return Output.line(comparison.json.text) }
        comparison.text.forEach(Output.line)
    }
}
