import ArgumentParser
import Foundation
import Reports

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Tells a kept run as HTML, JSON, CSV or JUnit.",
        discussion: """
            The HTML is one file that loads nothing and runs no script. JSON holds the whole run, CSV a row for each \
            second and fleet, JUnit thresholds and references as test cases.

            Examples:
              lab report last
              lab report stale-rate-20261123 --output report.html
              lab report last:2 --format csv --output second.csv
              lab report last --format junit > junit.xml
            """)

    @OptionGroup var options: RunStoreOptions
    @Argument(
        help: ArgumentHelp(
            "A run's name, the beginning of it, or last; :N behind it for one record.", valueName: "run"))
    var word: String
    @Option(
        help: ArgumentHelp(
            "Where to; NAME.html by default, other formats to standard output.", valueName: "file"))
    var output: String?
    @Option(help: "\(RunFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format = RunFormat.html

    func run() throws {
        let run = try options.run(word)
        let text = format.text(run)
        let name = run.name.replacing(":", with: "-")
        guard let path = output ?? (format == .html ? "\(name).html" : nil), path != "-" else {
            return Output.text(text)
        }
        try ReportFile.write(text, to: path)
    }
}

extension RunFormat: ExpressibleByArgument {}

enum ReportFile {
    static func write(_ text: String, to path: String) throws {
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            throw CommandFault("\(path): cannot be written: \(error.localizedDescription)")
        }
        Output.line("wrote \(path)")
    }
}
