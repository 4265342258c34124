import ArgumentParser
import DeviceModel
import Experiments
import Foundation
import Hardware

/// Device profiles: what there is, and whether a file is right.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Lists, shows and checks device profiles.",
        subcommands: [List.self, Show.self, Check.self, Keys.self])

    static var library: ProfileLibrary { ProfileLibrary(directory: LabRuntime.folder("Profiles/devices")) }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the device profiles.")

        func run() throws {
            for name in ProfileCommand.library.names {
                let profile = try ProfileCommand.library.load(name)
                Output.line(ProfileCommand.summary(name, profile))
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a profile's file with its sources.",
            discussion: "Example: lab profile show bitaxe-gamma")

        @Argument(help: "A name from `lab profile list`, or a path.") var name: String

        func run() throws {
            _ = try ProfileCommand.library.load(name)
            let isPath = name.hasSuffix(".toml") || name.contains("/")
            let path = isPath ? name : "\(ProfileCommand.library.directory)/\(name).toml"
            Output.text(try String(contentsOfFile: path, encoding: .utf8))
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks profile files; exits with 65 at the first fault.",
            discussion: "Example: lab profile check my-miner.toml")

        @Argument(help: "Paths of TOML files.") var paths: [String]

        func run() throws {
            for path in paths {
                let profile = try ProfileLibrary.profile(at: path)
                Output.line(ProfileCommand.summary(path, profile))
            }
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists every key that a profile may have.")

        func run() {
            for key in DeviceProfile.schema {
                let need = key.isRequired ? "required" : "optional"
                let name = StyledText.pad(key.path, 46)
                Output.line("\(name) \(need)  \(key.expectation): \(key.documentation)")
            }
        }
    }

    static func summary(_ name: String, _ profile: DeviceProfile) -> String {
        let chips = "\(profile.boards.count) x \(profile.boards.chipsPerBoard) \(profile.chip.family)"
        let rate = Figures.hashRate(profile.nominalHashRate.hashesPerSecond)
        return
            "\(StyledText.pad(name, 24)) \(StyledText.pad(profile.name, 24)) \(StyledText.pad(chips, 18)) \(rate)"
    }
}
