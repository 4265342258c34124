import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import Hardware
import SansIO
import Simulation

/// Device and link profiles: what there is, whether a file is right, a new one to fill in.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Lists, shows, checks and begins device profiles.",
        discussion: """
            Examples:
              lab profile list
              lab profile new my-s21 --inherits antminer-s21 --output my-s21.toml
              lab profile check my-s21.toml
            """,
        subcommands: [List.self, Show.self, Check.self, New.self, Keys.self, Schema.self])

    static var library: ProfileLibrary { ProfileLibrary(directory: LabRuntime.folder("Profiles/devices")) }
    static var links: LinkLibrary { LinkLibrary(directory: LabRuntime.folder("Profiles/links")) }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the device profiles, or the link profiles.",
            discussion: """
                Rate, power and efficiency are the model's own, in the steady state of a room of 25 °C.
                Examples:
                  lab profile list
                  lab profile list --links
                """)

        @Flag(help: "List the link profiles.") var links = false

        func run() throws {
            if links {
                for name in ProfileCommand.links.names {
                    Output.line(ProfileCommand.summary(name, try ProfileCommand.links.load(name)))
                }
            } else {
                for name in ProfileCommand.library.names {
                    Output.line(ProfileCommand.summary(name, try ProfileCommand.library.load(name)))
                }
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a profile's file with its sources.",
            discussion: """
                Examples:
                  lab profile show bitaxe-gamma
                  lab profile show --resolved antminer-t21
                  lab profile show --link tor
                """)

        @Argument(help: "A name from `lab profile list`, or a path.") var name: String
        @Flag(help: "Print every value that the device has, with the file and line that it comes from.")
        var resolved = false
        @Flag(help: "The name is that of a link profile.") var link = false

        func validate() throws {
            if resolved, link {
                throw ValidationError("Link profiles do not inherit: --resolved has no use with --link.")
            }
        }

        func run() throws {
            if link {
                _ = try ProfileCommand.links.load(name)
                let isPath = name.hasSuffix(".toml") || name.contains("/")
                let path = isPath ? name : "\(ProfileCommand.links.directory)/\(name).toml"
                Output.text(try String(contentsOfFile: path, encoding: .utf8))
                return
            }
            _ = try ProfileCommand.library.load(name)
            let path = try ProfileCommand.library.path(of: name)
            guard resolved else {
                Output.text(try String(contentsOfFile: path, encoding: .utf8))
                return
            }
            let values = try InheritedValues(
                SettingsFile(path: path, takesTables: true), library: ProfileCommand.library)
            for key in values.keys {
                guard let origin = values.origin(of: key) else { continue }
                let file = URL(fileURLWithPath: origin.path).lastPathComponent
                let place = origin.line.map { "\(file):\($0)" } ?? file
                let value = StyledText.pad("\(key) = \(origin.value.description)", 58)
                Output.line("\(value) # \(place)")
            }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks profile files; names every fault and exits with 65 if there is one.",
            discussion: """
                Files with a `delay_ms` are checked as links, others as devices.
                Example: lab profile check my-miner.toml
                """)

        @Argument(help: "Paths of TOML files.") var paths: [String]

        func run() throws {
            var isFaulty = false
            for path in paths {
                do {
                    let faults = try check(path)
                    for fault in faults { Output.fault(fault.description) }
                    isFaulty = isFaulty || !faults.isEmpty
                } catch let error as FileError {
                    Output.fault(error.description)
                    isFaulty = true
                }
            }
            if isFaulty { throw ExitCode(65) }
        }

        private func check(_ path: String) throws -> [FileError] {
            let file = try SettingsFile(path: path, takesTables: true)
            if file["delay_ms"] != nil {
                let faults = LinkLibrary.faults(in: file)
                if faults.isEmpty {
                    Output.line(ProfileCommand.summary(path, try LinkLibrary.link(from: file)))
                }
                return faults
            }
            let faults = try ProfileCommand.library.faults(in: file)
            if faults.isEmpty {
                Output.line(ProfileCommand.summary(path, try ProfileCommand.library.profile(from: file)))
            }
            return faults
        }
    }

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a profile to fill in: every key with its unit, range and meaning.",
            discussion: """
                Examples:
                  lab profile new my-s21 --inherits antminer-s21 --output my-s21.toml
                  lab profile new my-miner > my-miner.toml
                """)

        @Argument(help: "What the device is called.") var name: String
        @Option(help: "A profile whose values stand where the new one says nothing.") var inherits: String?
        @Option(help: "The file to write; it must not exist. Without it the text goes to standard output.")
        var output: String?

        func run() throws {
            var text = ""
            if let parent = inherits {
                _ = try ProfileCommand.library.load(parent)
                let file = try SettingsFile(path: ProfileCommand.library.path(of: parent), takesTables: true)
                let values = try InheritedValues(file, library: ProfileCommand.library)
                text = ProfileTemplate.text(name: name, inheriting: parent) { values[$0] }
            } else {
                text = ProfileTemplate.text(name: name, inheriting: nil) { _ in nil }
            }
            guard let output else {
                Output.text(text)
                return
            }
            guard !FileManager.default.fileExists(atPath: output) else {
                throw FileError(path: output, line: nil, message: "is there already; choose another name")
            }
            guard FileManager.default.createFile(atPath: output, contents: Data(text.utf8)) else {
                throw FileError(path: output, line: nil, message: "cannot be written")
            }
            Output.line("Wrote \(output). Check it with: lab profile check \(output)")
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists every key that a profile may have.",
            discussion: """
                Examples:
                  lab profile keys
                  lab profile keys --links
                """)

        @Flag(help: "The keys of link profiles.") var links = false

        func run() {
            guard !links else {
                for key in LinkDescription.schema {
                    line(key.path, isRequired: key.isRequired, key.expectation, key.documentation)
                }
                return
            }
            for key in DeviceProfile.schema {
                line(key.path, isRequired: key.isRequired, key.expectation, key.documentation)
            }
            for list in DeviceProfile.lists {
                for field in list.fields {
                    let path = "\(list.path)[].\(field.path)"
                    line(path, isRequired: field.isRequired, field.expectation, field.documentation)
                }
            }
        }

        private func line(_ path: String, isRequired: Bool, _ expectation: String, _ documentation: String) {
            let need = isRequired ? "required" : "optional"
            Output.line("\(StyledText.pad(path, 46)) \(need)  \(expectation): \(documentation)")
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints the device profiles' JSON Schema (draft 2020-12).",
            discussion: "Example: lab profile schema > Profiles/schema/device.schema.json")

        func run() { Output.text(ProfileSchema.text) }
    }

    static func summary(_ name: String, _ profile: DeviceProfile) -> String {
        let chips = "\(profile.boards.count) x \(profile.boards.chipsPerBoard) \(profile.chip.family)"
        let point = profile.regulatedPoint(ambient: Celsius(25))
        let rate = StyledText.pad(Figures.hashRate(point.hashRate.hashesPerSecond), 11)
        let digits = point.inputPower.watts < 100 ? 1 : 0
        let watts = StyledText.pad(Figures.decimal(point.inputPower.watts, digits) + " W", 8)
        return
            "\(StyledText.pad(name, 20)) \(StyledText.pad(profile.name, 22)) \(StyledText.pad(chips, 15)) "
            + "\(rate) \(watts) \(Figures.decimal(point.joulesPerTerahash, 1)) J/TH"
    }

    static func summary(_ name: String, _ link: LinkDescription) -> String {
        let delay = Figures.decimal(link.profile.delay.seconds * 1_000, 1) + " ms"
        let loss = Figures.decimal(Double(link.profile.lossPerMillion) / 10_000, 3) + " % lost"
        return
            "\(StyledText.pad(name, 12)) \(StyledText.pad(delay, 10)) \(StyledText.pad(loss, 13)) \(link.summary)"
    }
}
